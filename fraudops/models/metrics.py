"""Metrics of fraud detection: average precision, card precision at k, and intervals."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import ndtri

from fraudops.timeline import DAY


def card_precision_at_k(
    ts: np.ndarray, customer: np.ndarray, y: np.ndarray, p: np.ndarray, k: int
) -> tuple[float, float]:
    """Compute the mean share of defrauded cards among the k cards with the day's highest scores.

    Follows the Fraud Detection Handbook (chapter 4): a card counts once a day, with its highest
    score.

    Parameters
    ----------
    ts : array of shape (n,)
        Seconds since 1970.
    customer : array of shape (n,)
    y : array of shape (n,)
        1 is a fraud.
    p : array of shape (n,)
        Scores.
    k : int
        Cards per day.

    Returns
    -------
    precision : float
    ceiling : float
        What a perfect ranking of these days gets.

    Examples
    --------
    >>> card_precision_at_k([0, 0, 9], ["a", "b", "c"], [1, 0, 0], [0.9, 0.2, 0.1], k=1)
    (1.0, 1.0)
    """
    frame = pd.DataFrame(
        {"day": np.asarray(ts) // DAY, "customer": np.asarray(customer), "y": y, "p": p}
    )
    cards = frame.groupby(["day", "customer"], sort=False)[["y", "p"]].max().reset_index()
    top = cards.sort_values(["day", "p"], ascending=[True, False]).groupby("day").head(k)
    per_day = top.groupby("day")["y"].sum() / k
    ceiling = cards.groupby("day")["y"].sum().clip(upper=k) / k
    return float(per_day.mean()), float(ceiling.mean())


def average_precision(y: np.ndarray, p: np.ndarray) -> float:
    """Compute the average precision; NaN if there is no fraud.

    Parameters
    ----------
    y : array of shape (n,)
        1 is a fraud.
    p : array of shape (n,)
        Scores.

    Returns
    -------
    float

    Examples
    --------
    >>> average_precision([0, 1, 1], [0.1, 0.8, 0.9])
    1.0
    """
    from sklearn.metrics import average_precision_score  # the import takes a second

    return float(average_precision_score(y, p)) if np.any(y) else float("nan")


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float],
    groups: np.ndarray,
    rounds: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Compute the percentile interval of a statistic by resampling whole groups.

    The rows of one customer resemble each other. To resample rows would give intervals that are too
    narrow.

    Parameters
    ----------
    statistic : callable
        Takes row numbers and returns a number.
    groups : array of shape (n,)
        The customer or day of each row.
    rounds : int, optional
        Number of resamples.
    level : float, optional
    seed : int, optional

    Returns
    -------
    tuple of float
        Lower and upper end.

    Examples
    --------
    >>> bootstrap_interval(lambda rows: float(len(rows)), np.array([1, 2, 3]), rounds=10)
    (3.0, 3.0)
    """
    codes, names = pd.factorize(np.asarray(groups))
    order = np.argsort(codes, kind="stable")
    size = np.bincount(codes, minlength=len(names))
    first = np.cumsum(size) - size
    random = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        resampled = random.integers(0, len(names), len(names))
        lengths = size[resampled]
        offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        values.append(statistic(order[np.repeat(first[resampled], lengths) + offset]))
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson_interval(found: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Compute Wilson's interval (1927) of a share.

    Unlike the share plus or minus two standard errors, it has a width if none or all were found.

    Parameters
    ----------
    found : int
    of : int
        Number of trials. 0 gives the interval (0, 1).
    level : float, optional

    Returns
    -------
    tuple of float
        Lower and upper end.

    Examples
    --------
    >>> low, high = wilson_interval(0, 100)
    >>> low, round(high, 3)
    (0.0, 0.037)
    """
    if of == 0:
        return 0.0, 1.0
    # in closed form, because scipy's binomtest takes 15 ms each
    z2 = float(ndtri((1 + level) / 2)) ** 2
    middle, half = found + z2 / 2, (z2 * (found * (of - found) / of + z2 / 4)) ** 0.5
    low, high = (middle - half) / (of + z2), (middle + half) / (of + z2)
    return (0.0 if found == 0 else float(low)), (1.0 if found == of else float(high))
