"""What a fraud team judges a model by: average precision, card precision at k, and money; with
bootstrap intervals.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import ndtri

from fraudops.timeline import DAY


def card_precision_at_k(
    ts: np.ndarray, customer: np.ndarray, y: np.ndarray, p: np.ndarray, k: int
) -> tuple[float, float]:
    """Mean over days of the share of truly defrauded cards among the k cards with the day's highest
    score.

    Follows the Fraud Detection Handbook (chapter 4): a card counts once a day, with its highest
    score.

    Returns
    -------
    The precision and its ceiling: what a perfect ranking of these days would get.
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
    """Area under the precision-recall steps; NaN where there is no fraud."""
    from sklearn.metrics import (
        average_precision_score,
    )  # takes a second, which the review page need not wait for

    return float(average_precision_score(y, p)) if np.any(y) else float("nan")


def compute_confusion(y: np.ndarray, flagged: np.ndarray) -> dict[str, float]:
    """Counts and the rates made of them; a rate over nothing is NaN.

    Returns
    -------
    true_positive, false_positive, false_negative, true_negative, precision, recall, f1
    """
    y, flagged = np.asarray(y, bool), np.asarray(flagged, bool)
    tp, fp = int((y & flagged).sum()), int((~y & flagged).sum())
    fn, tn = int((y & ~flagged).sum()), int((~y & ~flagged).sum())

    def rate(top: int, bottom: int) -> float:
        return top / bottom if bottom else float("nan")

    return {
        "true_positive": tp,
        "false_positive": fp,
        "false_negative": fn,
        "true_negative": tn,
        "precision": rate(tp, tp + fp),
        "recall": rate(tp, tp + fn),
        "f1": rate(2 * tp, 2 * tp + fp + fn),
    }


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float],
    groups: np.ndarray,
    rounds: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a statistic when whole groups (customers, days) are drawn again with
    replacement.

    Rows of one customer are alike, so drawing rows would give intervals that are too narrow.

    Parameters
    ----------
    statistic : takes row numbers (m,) and gives one number
    groups : (n,) the group of each row
    """
    codes, names = pd.factorize(np.asarray(groups))
    order = np.argsort(codes, kind="stable")
    size = np.bincount(codes, minlength=len(names))
    first = np.cumsum(size) - size
    random = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        drawn = random.integers(0, len(names), len(names))
        lengths = size[drawn]
        offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        values.append(statistic(order[np.repeat(first[drawn], lengths) + offset]))
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson_interval(found: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval (1927) of a share; (0, 1) where nothing was looked at.

    Unlike the share plus or minus two standard errors it has a width where nothing, or everything,
    was found.
    """
    if of == 0:
        return 0.0, 1.0
    z2 = (
        float(ndtri((1 + level) / 2)) ** 2
    )  # in closed form: scipy's binomtest works out an exact p-value besides, 15 ms each
    middle, half = found + z2 / 2, (z2 * (found * (of - found) / of + z2 / 4)) ** 0.5
    low, high = (middle - half) / (of + z2), (middle + half) / (of + z2)
    return (0.0 if found == 0 else float(low)), (1.0 if found == of else float(high))
