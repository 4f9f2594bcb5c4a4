"""How well the model decides: counts, rates and money, of a period, by day and by segment.

The review page computes them from flagged transactions and frauds only, because both are few. The
label of a transaction is the one that `store.label_rules` says.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.models import Costs, bootstrap_interval, wilson_interval
from fraudops.timeline import DAY, day_of
from fraudops.workspace import Workspace, read_json

PERIOD_CHOICES_DAYS = (28, 90)  # judged days to look at; besides: all


@dataclass(frozen=True)
class EvaluationPeriod:
    """Judged days from `start` to `end` (excluded). Labels that arrived before `known` count."""

    start: int
    end: int
    known: int


def get_evaluation_period(engine: sa.Engine, days: int | None = None) -> EvaluationPeriod | None:
    """Get the latest judged days of an operation.

    Parameters
    ----------
    engine : Engine
    days : int, optional
        Number of days; None: all.

    Returns
    -------
    EvaluationPeriod or None
        None if no transaction was scored yet.
    """
    ts = store.predictions.c.ts
    with engine.connect() as connection:
        first, last = (
            connection.scalar(sa.select(end(ts))) for end in (sa.func.min, sa.func.max)
        )  # each a look at an index
    if last is None:
        return None
    known = (last // DAY + 1) * DAY
    end, start = store.mature_before(known), first // DAY * DAY
    return EvaluationPeriod(max(start, end - days * DAY) if days else start, max(end, start), known)


def count_predictions_by_day(
    engine: sa.Engine, over: EvaluationPeriod, rows: pd.DataFrame
) -> pd.DataFrame:
    """Count predictions and flagged ones by day.

    Parameters
    ----------
    engine : Engine
    over : EvaluationPeriod
    rows : DataFrame
        See `load_flagged_and_frauds`.

    Returns
    -------
    DataFrame
        ``rows`` and ``flagged`` by the first second of the day.
    """
    count = sa.select(sa.func.count()).select_from(store.predictions)
    days = range(over.start, over.end, DAY)
    with (
        engine.connect() as connection
    ):  # day by day an index is counted, where GROUP BY would sort all of it
        found = [
            connection.scalar(
                count.where(_is_in_period(EvaluationPeriod(day, day + DAY, over.known)))
            )
            for day in days
        ]
    flagged = rows.loc[rows["flagged"], "day"].value_counts().reindex(list(days), fill_value=0)
    per_day = pd.DataFrame(
        {"rows": found, "flagged": flagged.to_numpy()},
        index=pd.Index(days, name="day"),
        dtype="int64",
    )
    return per_day[per_day["rows"] > 0]


def _is_in_period(over: EvaluationPeriod) -> sa.ColumnElement[bool]:
    return sa.and_(store.predictions.c.ts >= over.start, store.predictions.c.ts < over.end)


def load_flagged_and_frauds(engine: sa.Engine, over: EvaluationPeriod) -> pd.DataFrame:
    """Load flagged transactions and known frauds of a period.

    Every figure except the true negatives follows from them.

    Parameters
    ----------
    engine : Engine
    over : EvaluationPeriod

    Returns
    -------
    DataFrame of shape (n, 9)
        ``day, tx_id, amount_cents, category, channel, model_version, probability, flagged`` (bool),
        ``label`` (1 or 0).
    """
    p, t, f = store.predictions, store.transactions, store.labels
    columns = (
        p.c.tx_id,
        p.c.ts,
        t.c.amount_cents,
        t.c.category,
        t.c.channel,
        p.c.model_version,
        p.c.probability,
        p.c.decision,
    )
    query = sa.select(*columns).join(t, t.c.tx_id == p.c.tx_id).where(_is_in_period(over))
    # the condition is on the transaction; the few labels are gone through one by one
    in_period = sa.exists().where(t.c.tx_id == f.c.tx_id, t.c.ts >= over.start, t.c.ts < over.end)
    with engine.connect() as connection:
        label = store.load_counting_labels(connection, over.known, in_period)["is_fraud"]
        flagged = store.read_frame(connection, query.where(p.c.decision.in_(("review", "block"))))
        missing = label.index[label == 1].difference(flagged["tx_id"])
        some = (missing[i : i + 500].tolist() for i in range(0, len(missing), 500))
        parts = [
            flagged,
            *(store.read_frame(connection, query.where(p.c.tx_id.in_(ids))) for ids in some),
        ]
    rows = pd.concat([part for part in parts if len(part)] or [flagged], ignore_index=True)
    rows["label"] = (
        label.reindex(rows["tx_id"]).fillna(0).astype("int64").to_numpy()
    )  # silence counts as genuine by now
    rows["flagged"] = rows.pop("decision") != "approve"
    rows["day"] = (rows["ts"] - rows["ts"] % DAY).astype("int64")
    return rows.drop(columns="ts").sort_values(["day", "tx_id"], ignore_index=True)


def _count_outcomes(rows: pd.DataFrame, groups: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Of each group (size,) of notable rows: flagged, frauds, stopped (frauds that were flagged)
    and stopped_cents.

    Parameters
    ----------
    groups : (n,) the number of each row's group
    """
    fraud, flagged = rows["label"].to_numpy() == 1, rows["flagged"].to_numpy(bool)
    cents = rows["amount_cents"].to_numpy(float)  # exact: sums are far below 2 ** 53
    weights = {
        "flagged": flagged,
        "frauds": fraud,
        "stopped": fraud & flagged,
        "stopped_cents": cents * (fraud & flagged),
    }
    return {
        name: np.bincount(groups, weight, size).astype(np.int64) for name, weight in weights.items()
    }


def _compute_figures(
    counts: dict[str, np.ndarray], total: np.ndarray, costs: Costs
) -> dict[str, np.ndarray]:
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
    saved = counts["stopped_cents"] - costs.review * counts["flagged"]
    return numbers | rates | {"rows": total, "saved_cents": saved}


def compute_performance(
    rows: pd.DataFrame, costs: Costs, n_predictions: int | None = None
) -> dict[str, float]:
    """Compute counts, rates and money of some predictions.

    Parameters
    ----------
    rows : pandas.DataFrame
        Predictions with the columns label (1 or 0), flagged (bool) and amount_cents: all of them,
        or only those of `load_flagged_and_frauds`.
    costs : Costs
    n_predictions : int, optional
        How many predictions there are, if `rows` does not hold all of them.

    Returns
    -------
    dict
        true_positive, false_positive, false_negative, true_negative, precision, recall, f1, rows,
        saved_cents; NaN for a rate over nothing.
    """
    counts = _count_outcomes(rows, np.zeros(len(rows), int), 1)
    total = np.array([len(rows) if n_predictions is None else n_predictions])
    return {name: one.item() for name, one in _compute_figures(counts, total, costs).items()}


def compute_performance_by_day(
    rows: pd.DataFrame, costs: Costs, daily_predictions: pd.Series | None = None
) -> pd.DataFrame:
    """Compute the performance of each day.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `compute_performance`, with the column day, or ts (seconds since 1970).
    costs : Costs
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
    counts = _count_outcomes(rows, places, len(daily_predictions))
    index = [day_of(int(one)) for one in daily_predictions.index]
    return pd.DataFrame(_compute_figures(counts, daily_predictions.to_numpy(), costs), index=index)


def compute_performance_by_segment(
    rows: pd.DataFrame, segment: pd.Series, costs: Costs, max_segments: int = 12, rounds: int = 0
) -> pd.DataFrame:
    """Compute recall, precision and money of each segment, with 95 % intervals.

    Parameters
    ----------
    rows : pandas.DataFrame
        As in `compute_performance`.
    segment : pandas.Series
        (n,) the segment of each row. Beyond the `max_segments` largest they become 'other'.
    costs : Costs
    max_segments : int
    rounds : int
        0 for Wilson's intervals over transactions; otherwise the number of bootstrap rounds over
        customers, which needs all predictions with the column customer_id.

    Returns
    -------
    pandas.DataFrame
        Index segment; columns rows, flagged, frauds, recall and precision each with _low and
        _high, saved (euros).
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
    counts = _count_outcomes(rows, places, len(order))
    figures = _compute_figures(counts, counts["flagged"], costs)
    table = {"rows": np.bincount(places, minlength=len(order))}
    table |= {name: counts[name] for name in ("flagged", "frauds")}
    parts = [rows[places == place] for place in range(len(order))]
    resampled = [bootstrap_performance(part, costs, rounds) for part in parts] if rounds else []
    for figure, of in (("recall", "frauds"), ("precision", "flagged")):
        if rounds:
            sides = [one.loc[figure, ["low", "high"]].tolist() for one in resampled]
        else:
            pairs = zip(counts["stopped"], counts[of], strict=True)
            sides = [wilson_interval(stopped, n) for stopped, n in pairs]
        low, high = np.array(sides, float).reshape(-1, 2).T
        table |= {figure: figures[figure], f"{figure}_low": low, f"{figure}_high": high}
    return pd.DataFrame(table | {"saved": figures["saved_cents"] / 100}, index=order)


AMOUNT_BAND_EDGES_CENTS = (0, 1_000, 5_000, 20_000, 100_000, math.inf)  # cents


def load_champion_costs(workspace: Workspace) -> Costs:
    """Load the costs with which the champion's threshold was chosen.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    Costs
        The defaults if there is no champion yet.
    """
    file = workspace.root / "models" / "champion.json"
    return Costs(review=int(read_json(file)["review_cost_cents"])) if file.is_file() else Costs()


def require_predictions(engine: sa.Engine) -> pd.DataFrame:
    """Load every prediction with its label.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    DataFrame
        See `store.load_predictions_with_labels`.

    Raises
    ------
    UserError
        If no model has decided yet.
    """
    frame = store.load_predictions_with_labels(engine)
    if frame.empty:
        raise UserError(
            "The database holds no predictions. The notebook 3_2_serve makes them: run "
            "`fraudops run --until 3_2_serve`."
        )
    return frame


def select_mature_days(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the predictions of days on which every transaction has a label.

    On younger days only frauds that were reported early have one, and precision looks too good.

    Parameters
    ----------
    frame : DataFrame
        See `store.load_predictions_with_labels`.

    Returns
    -------
    DataFrame
    """
    if frame.empty:
        return frame
    end = store.mature_before((int(frame["ts"].max()) // DAY + 1) * DAY)
    return frame[(frame["ts"] < end) & frame["label"].notna()]


def bootstrap_performance(
    rows: pd.DataFrame, costs: Costs, rounds: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Compute precision, recall, F1 and euros saved with 95 % intervals over customers.

    Parameters
    ----------
    rows : DataFrame
        Predictions with ``label``, ``flagged``, ``amount_cents`` and ``customer_id``.
    costs : Costs
    rounds : int, optional
        Number of resamples.
    seed : int, optional

    Returns
    -------
    DataFrame
        Index ``precision, recall, f1, saved``; columns ``figure, low, high``. NaN for a rate over
        nothing.
    """
    y, flagged = rows["label"].to_numpy(int), rows["flagged"].to_numpy(bool)
    cents = rows["amount_cents"].to_numpy(np.int64)
    saved = (np.where(y == 1, cents, 0) - costs.compute_flag_costs(y, flagged, cents)) / 100
    tp, positive = y * flagged, flagged.astype(int)
    statistics = {
        "precision": (lambda chosen: _rate(tp[chosen].sum(), positive[chosen].sum())),
        "recall": (lambda chosen: _rate(tp[chosen].sum(), y[chosen].sum())),
        "f1": (
            lambda chosen: _rate(2 * tp[chosen].sum(), positive[chosen].sum() + y[chosen].sum())
        ),
        "saved": (lambda chosen: float(saved[chosen].sum())),
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
    """
    pairs = itertools.pairwise(AMOUNT_BAND_EDGES_CENTS)
    names = [
        f"{low // 100:,} or more" if high == math.inf else f"{low // 100:,} to {high // 100:,}"
        for low, high in pairs
    ]
    return pd.cut(rows["amount_cents"], AMOUNT_BAND_EDGES_CENTS, right=False, labels=names)
