"""How well the model decides: counts, rates and money, of a period, by day and by segment.

The review page computes them from flagged transactions and frauds only, because both are few. The
label of a transaction is the one that `store.label_rules` says.
"""

import itertools
import math
from dataclasses import asdict

import numpy as np
import pandas as pd

from fraudops.models import (
    DecisionPolicy,
    assign_compromises,
    bootstrap_interval,
    compute_compromise_costs,
    summarize_first_catches,
    wilson_interval,
)
from fraudops.timeline import DAY, day_of


def _compute_saved_cents(rows: pd.DataFrame, policy: DecisionPolicy) -> np.ndarray:
    """Compute what each decision has saved against approval of every transaction without a fee."""
    fraud, cents = rows["label"].to_numpy() == 1, rows["amount_cents"].to_numpy(np.int64)
    cost_cents = policy.compute_decision_costs(fraud, rows["decision"].to_numpy(str), cents)
    return np.where(fraud, cents, 0) - cost_cents


def _count_outcomes(
    rows: pd.DataFrame, policy: DecisionPolicy, groups: np.ndarray, size: int
) -> dict[str, np.ndarray]:
    """Of each group (size,) of notable rows: flagged, frauds, stopped (frauds that were flagged)
    and saved_cents.

    Parameters
    ----------
    groups : (n,) the number of each row's group
    """
    fraud, flagged = rows["label"].to_numpy() == 1, rows["decision"].to_numpy() != "approve"
    weights = {
        "flagged": flagged,
        "frauds": fraud,
        "stopped": fraud & flagged,
        # exact: sums are far below 2 ** 53
        "saved_cents": _compute_saved_cents(rows, policy).astype(float),
    }
    return {
        name: np.bincount(groups, weight, size).astype(np.int64) for name, weight in weights.items()
    }


def _compute_figures(counts: dict[str, np.ndarray], total: np.ndarray) -> dict[str, np.ndarray]:
    """Compute counts, rates and cents saved of each group; NaN for a rate over nothing."""
    tp = counts["stopped"]
    fp, fn = counts["flagged"] - tp, counts["frauds"] - tp
    with np.errstate(invalid="ignore"):
        rates = {
            "precision": tp / (tp + fp),
            "recall": tp / (tp + fn),
            "f1": 2 * tp / (2 * tp + fp + fn),
        }
    numbers = {
        "true_positive": tp,
        "false_positive": fp,
        "false_negative": fn,
        "true_negative": total - tp - fp - fn,
    }
    return numbers | rates | {"rows": total, "saved_cents": counts["saved_cents"]}


def compute_performance(
    rows: pd.DataFrame, policy: DecisionPolicy, n_predictions: int | None = None
) -> dict[str, float]:
    """Compute counts, rates and money of some predictions.

    Parameters
    ----------
    rows : pandas.DataFrame
        Predictions with the columns label (1 or 0), decision and amount_cents: all of them, or
        only those of `load_flagged_and_frauds`.
    policy : DecisionPolicy
    n_predictions : int, optional
        How many predictions there are, if `rows` does not hold all of them.

    Returns
    -------
    dict
        true_positive, false_positive, false_negative, true_negative, precision, recall, f1, rows,
        saved_cents; NaN for a rate over nothing.

    Examples
    --------
    >>> columns = {"label": [1, 0], "decision": ["review"] * 2, "amount_cents": [5000, 900]}
    >>> compute_performance(pd.DataFrame(columns), DecisionPolicy(review=300))["saved_cents"]
    4400
    """
    counts = _count_outcomes(rows, policy, np.zeros(len(rows), int), 1)
    total = np.array([len(rows) if n_predictions is None else n_predictions])
    return {name: one.item() for name, one in _compute_figures(counts, total).items()}


def compute_performance_by_compromise(
    rows: pd.DataFrame, policy: DecisionPolicy
) -> dict[str, float]:
    """Compute the money once per compromise, and how early compromises were caught.

    After the first caught fraud of a card its later frauds count as stopped, whatever was decided
    about them: see `fraudops.models.compute_compromise_costs` for what this assumes. Only the
    given rows count: a compromise that began before them begins with its first fraud among them.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `compute_performance`, with the columns customer_id and ts.
    policy : DecisionPolicy

    Returns
    -------
    dict
        saved_cents, and the fields of `fraudops.models.FirstCatches`.

    Examples
    --------
    >>> columns = {"label": [1, 1], "decision": ["review", "approve"], "ts": [1, 2]}
    >>> rows = pd.DataFrame(columns | {"customer_id": ["a", "a"], "amount_cents": [5000, 900]})
    >>> figures = compute_performance_by_compromise(rows, DecisionPolicy(review=300))
    >>> figures["saved_cents"], figures["caught_at_first"]
    (5600, 1.0)
    """
    compromise = _assign_compromises(rows)
    saved = _compute_saved_once(rows, policy, compromise)
    caught = rows["decision"].to_numpy() != "approve"
    cents = rows["amount_cents"].to_numpy(np.int64)
    catches = summarize_first_catches(caught, cents, rows["ts"], compromise)
    return {"saved_cents": int(saved.sum())} | asdict(catches)


def _assign_compromises(rows: pd.DataFrame) -> np.ndarray:
    label, customer = rows["label"].to_numpy(int), rows["customer_id"].to_numpy()
    return assign_compromises(label, customer, rows["ts"].to_numpy())


def _compute_saved_once(
    rows: pd.DataFrame, policy: DecisionPolicy, compromise: np.ndarray
) -> np.ndarray:
    """Compute the cents that each row saves if money is counted once per compromise."""
    label, cents = rows["label"].to_numpy(int), rows["amount_cents"].to_numpy(np.int64)
    decision = rows["decision"].to_numpy(str)
    costs = compute_compromise_costs(policy, label, decision, cents, rows["ts"], compromise)
    return np.where(label == 1, cents, 0) - costs


def compute_performance_by_day(
    rows: pd.DataFrame, policy: DecisionPolicy, daily_predictions: pd.Series | None = None
) -> pd.DataFrame:
    """Compute the performance of each day.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `compute_performance`, with the column day, or ts (seconds since 1970).
    policy : DecisionPolicy
    daily_predictions : pandas.Series, optional
        Number of predictions by the first second of the day, if `rows` does not hold all of them.

    Returns
    -------
    pandas.DataFrame
        Index date, in order; columns as in `compute_performance`.
    """
    day = rows["day"] if "day" in rows else rows["ts"] // DAY * DAY
    if daily_predictions is None:
        daily_predictions = day.value_counts().sort_index()
    places = daily_predictions.index.get_indexer(day)
    counts = _count_outcomes(rows, policy, places, len(daily_predictions))
    index = [day_of(int(one)) for one in daily_predictions.index]
    return pd.DataFrame(_compute_figures(counts, daily_predictions.to_numpy()), index=index)


def compute_performance_by_segment(
    rows: pd.DataFrame,
    segment: pd.Series,
    policy: DecisionPolicy,
    max_segments: int = 12,
    rounds: int = 0,
) -> pd.DataFrame:
    """Compute recall, precision and money of each segment, with 95 % intervals.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `compute_performance`.
    segment : pandas.Series
        (n,) the segment of each row. Beyond the `max_segments` largest they become 'other'.
    policy : DecisionPolicy
    max_segments : int
    rounds : int
        0 for Wilson's intervals over transactions; otherwise the number of bootstrap rounds over
        customers, which needs all predictions with the column customer_id.

    Returns
    -------
    pandas.DataFrame
        Index segment; columns rows, flagged, frauds, recall and precision each with _low and
        _high, saved (euros).

    Examples
    --------
    >>> columns = {"label": [1, 0], "decision": ["review", "approve"], "amount_cents": [5000, 900]}
    >>> rows = pd.DataFrame(columns | {"channel": ["online", "chip"]})
    >>> compute_performance_by_segment(rows, rows["channel"], DecisionPolicy())["recall"].to_dict()
    {'chip': nan, 'online': 1.0}
    """
    codes, names = pd.factorize(segment.astype(str))
    largest = set(
        np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")[:max_segments]
    )
    names = [name if code in largest else "other" for code, name in enumerate(names)]
    in_order = isinstance(segment.dtype, pd.CategoricalDtype)
    order = [str(one) for one in segment.cat.categories] if in_order else []
    order = [name for name in dict.fromkeys([*order, *sorted({*names} - {"other"}), "other"])]
    order = [name for name in order if name in names]
    places = np.array([order.index(name) for name in names], int)[codes]
    counts = _count_outcomes(rows, policy, places, len(order))
    figures = _compute_figures(counts, counts["flagged"])
    table = {"rows": np.bincount(places, minlength=len(order))}
    table |= {name: counts[name] for name in ("flagged", "frauds")}
    parts = [rows[places == place] for place in range(len(order))]
    resampled = [bootstrap_performance(part, policy, rounds) for part in parts] if rounds else []
    for figure, of in (("recall", "frauds"), ("precision", "flagged")):
        if rounds:
            sides = [one.loc[figure, ["low", "high"]].tolist() for one in resampled]
        else:
            pairs = zip(counts["stopped"], counts[of], strict=True)
            sides = [wilson_interval(stopped, n) for stopped, n in pairs]
        low, high = np.array(sides, float).reshape(-1, 2).T
        table |= {figure: figures[figure], f"{figure}_low": low, f"{figure}_high": high}
    return pd.DataFrame(table | {"saved": figures["saved_cents"] / 100}, index=order)


def tabulate_segments(
    rows: pd.DataFrame, policy: DecisionPolicy, rounds: int = 0
) -> dict[str, pd.DataFrame]:
    """Compute the performance by channel, by category and by amount.

    Parameters
    ----------
    rows : DataFrame
        As in `compute_performance`, with the columns ``channel`` and ``category``.
    policy : DecisionPolicy
    rounds : int, optional
        See `compute_performance_by_segment`.

    Returns
    -------
    dict of str to DataFrame
        Tables of `compute_performance_by_segment` by title.
    """
    segments = {
        "channel": rows["channel"],
        "category": rows["category"],
        "amount in euros": assign_amount_bands(rows),
    }
    return {
        title: compute_performance_by_segment(rows, segment, policy, rounds=rounds)
        for title, segment in segments.items()
    }


AMOUNT_BAND_EDGES_CENTS = (0, 1_000, 5_000, 20_000, 100_000, math.inf)  # cents


def bootstrap_performance(
    rows: pd.DataFrame, policy: DecisionPolicy, rounds: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Compute precision, recall, F1 and euros saved with 95 % intervals over customers.

    ``saved`` counts each transaction by its own decision, ``saved_once`` counts each compromise
    once (see `compute_performance_by_compromise`).

    Parameters
    ----------
    rows : DataFrame
        Predictions with ``label``, ``decision``, ``amount_cents``, ``customer_id`` and ``ts``.
    policy : DecisionPolicy
    rounds : int, optional
        Number of resamples.
    seed : int, optional

    Returns
    -------
    DataFrame
        Index ``precision, recall, f1, saved, saved_once``; columns ``figure, low, high``. NaN for a
        rate over nothing.
    """
    y, flagged = rows["label"].to_numpy(int), rows["decision"].to_numpy() != "approve"
    saved = _compute_saved_cents(rows, policy) / 100
    saved_once = _compute_saved_once(rows, policy, _assign_compromises(rows)) / 100
    tp, positive = y * flagged, flagged.astype(int)
    statistics = {
        "precision": (lambda chosen: _rate(tp[chosen].sum(), positive[chosen].sum())),
        "recall": (lambda chosen: _rate(tp[chosen].sum(), y[chosen].sum())),
        "f1": (
            lambda chosen: _rate(2 * tp[chosen].sum(), positive[chosen].sum() + y[chosen].sum())
        ),
        "saved": (lambda chosen: float(saved[chosen].sum())),
        "saved_once": (lambda chosen: float(saved_once[chosen].sum())),
    }
    everything, customers, out = np.arange(len(rows)), rows["customer_id"].to_numpy(), {}
    for name, statistic in statistics.items():
        figure = statistic(everything) if len(rows) else math.nan
        known = not math.isnan(figure)
        out[name] = [
            figure,
            *(
                bootstrap_interval(statistic, customers, rounds, seed=seed)
                if known
                else (math.nan, math.nan)
            ),
        ]
    return pd.DataFrame.from_dict(out, orient="index", columns=["figure", "low", "high"])


def _rate(top: int, bottom: int) -> float:
    return top / bottom if bottom else math.nan


def assign_amount_bands(rows: pd.DataFrame) -> pd.Series:
    """Assign each row to an amount band.

    Parameters
    ----------
    rows : DataFrame
        With ``amount_cents``.

    Returns
    -------
    Series
        Categories in the order of size.

    Examples
    --------
    >>> assign_amount_bands(pd.DataFrame({"amount_cents": [500, 70_000]})).tolist()
    ['0 to 10', '200 to 1,000']
    """
    pairs = itertools.pairwise(AMOUNT_BAND_EDGES_CENTS)
    names = [
        f"{low // 100:,} or more" if high == math.inf else f"{low // 100:,} to {high // 100:,}"
        for low, high in pairs
    ]
    return pd.cut(rows["amount_cents"], AMOUNT_BAND_EDGES_CENTS, right=False, labels=names)
