"""The dashboard's figures from SQL aggregates: only flagged transactions and frauds are read row by row, and both are few.

The rules are those of `cases.predictions_with_labels` and `audit_views.judged`; a test compares them.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.models import (
    Costs,
    bootstrap_interval,
    compute_confusion,
    compute_flag_costs,
    compute_savings,
    wilson_interval,
)
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, day_of
from fraudops.workspace import Workspace, read_json

PERIOD_CHOICES_DAYS = (28, 90)  # judged days to look at; besides: all


@dataclass(frozen=True)
class EvaluationPeriod:
    """Judged days: from the first second of the first to that after the last; labels count that arrived before `known`."""

    start: int
    end: int
    known: int


def get_evaluation_period(engine: sa.Engine, days: int | None = None) -> EvaluationPeriod | None:
    """The latest judged days of an operation, all of them without a number; None where no transaction was scored yet."""
    ts = store.predictions.c.ts
    with engine.connect() as connection:
        first, last = (
            connection.scalar(sa.select(end(ts))) for end in (sa.func.min, sa.func.max)
        )  # each a look at an index
    if last is None:
        return None
    known = (last // DAY + 1) * DAY
    end, start = known - LABEL_MATURITY_DAYS * DAY, first // DAY * DAY
    return EvaluationPeriod(max(start, end - days * DAY) if days else start, max(end, start), known)


def count_predictions_by_day(
    engine: sa.Engine, over: EvaluationPeriod, rows: pd.DataFrame
) -> pd.DataFrame:
    """Predictions and flagged ones of each day that has any: index the day's first second, columns rows, flagged.

    Parameters
    ----------
    rows : what `notable` gives, which holds every flagged one
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
    """Flagged transactions and known frauds of a period: what every figure but the true negatives is made of.

    Returns
    -------
    (n, 9) day, tx_id, amount_cents, category, channel, model_version, probability, flagged (bool), label (1 or 0)
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
    """Of each group (size,) of notable rows: flagged, frauds, stopped (frauds that were flagged) and stopped_cents.

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
    """As `audit_views.summary`, for each group: counts, rates and cents saved; NaN for a rate over nothing."""
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
    saved = counts["stopped_cents"] - float(costs.review) * counts["flagged"]
    return numbers | rates | {"rows": total, "saved_cents": saved}


def compute_performance(
    rows: pd.DataFrame, per_day: pd.DataFrame, costs: Costs
) -> dict[str, float]:
    """Counts, rates and money of a period."""
    counts = _count_outcomes(rows, np.zeros(len(rows), int), 1)
    return {
        name: one.item()
        for name, one in _compute_figures(counts, np.array([per_day["rows"].sum()]), costs).items()
    }


def compute_performance_by_day(
    rows: pd.DataFrame, per_day: pd.DataFrame, costs: Costs
) -> pd.DataFrame:
    """`summary` of each day, in order; the index is the date."""
    counts = _count_outcomes(rows, per_day.index.get_indexer(rows["day"]), len(per_day))
    index = [day_of(day) for day in per_day.index]
    return pd.DataFrame(_compute_figures(counts, per_day["rows"].to_numpy(), costs), index=index)


def compute_performance_by_segment(
    rows: pd.DataFrame, segment: pd.Series, costs: Costs, most: int = 12
) -> pd.DataFrame:
    """Recall and precision of each segment with Wilson's intervals.

    Parameters
    ----------
    rows : what `notable` gives
    segment : (n,) the segment of each row; beyond the `most` largest they are taken together as 'other'

    Returns
    -------
    index segment; columns flagged, frauds, recall and precision each with _low and _high, saved (euros)
    """
    codes, names = pd.factorize(segment.astype(str))
    largest = set(np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")[:most])
    names = [name if code in largest else "other" for code, name in enumerate(names)]
    in_order = isinstance(segment.dtype, pd.CategoricalDtype)
    order = [str(one) for one in segment.cat.categories] if in_order else sorted(set(names))
    order = [name for name in dict.fromkeys([*order, "other"]) if name in names]
    place = np.array([order.index(name) for name in names], int)
    counts = _count_outcomes(rows, place[codes], len(order))
    figures = _compute_figures(counts, counts["flagged"], costs)
    table = {"flagged": counts["flagged"], "frauds": counts["frauds"]}
    for figure, of in (("recall", counts["frauds"]), ("precision", counts["flagged"])):
        sides = np.array(
            [wilson_interval(tp, n) for tp, n in zip(counts["stopped"], of, strict=True)], float
        ).reshape(-1, 2)
        table |= {
            figure: figures[figure],
            f"{figure}_low": sides[:, 0],
            f"{figure}_high": sides[:, 1],
        }
    return pd.DataFrame(table | {"saved": figures["saved_cents"] / 100}, index=order)


# --- reviewers ---


def _divide(top: int, bottom: int) -> float:
    return top / bottom if bottom else float("nan")


AMOUNT_BAND_EDGES_CENTS = (0, 1_000, 5_000, 20_000, 100_000, math.inf)  # cents


def load_champion_costs(workspace: Workspace) -> Costs:
    """The costs that the champion's threshold was chosen by; the library's defaults before there is one."""
    file = workspace.root / "models" / "champion.json"
    return Costs(review=int(read_json(file)["review_cost_cents"])) if file.is_file() else Costs()


# --- performance ---


def require_predictions(engine: sa.Engine) -> pd.DataFrame:
    """`cases.predictions_with_labels`, of which there must be some.

    Raises
    ------
    UserError
        If no model has decided on anything yet.
    """
    frame = store.load_predictions_with_labels(engine)
    if frame.empty:
        raise UserError(
            "The database holds no predictions. The notebook 3_2_serve makes them: run `fraudops run --until 3_2_serve`."
        )
    return frame


def select_mature_days(frame: pd.DataFrame) -> pd.DataFrame:
    """The predictions of days old enough that every transaction has a label.

    On younger days only the frauds that were reported early have one, and precision would look better than it is.

    Parameters
    ----------
    frame : what `cases.predictions_with_labels` gives
    """
    if frame.empty:
        return frame
    end = (int(frame["ts"].max()) // DAY + 1 - LABEL_MATURITY_DAYS) * DAY
    return frame[(frame["ts"] < end) & frame["label"].notna()]


def summary(rows: pd.DataFrame, costs: Costs) -> dict[str, float]:
    """Counts, rates and money of judged predictions: `metrics.confusion`, rows, and saved_cents."""
    y, flagged, cents = _arrays(rows)
    return compute_confusion(y, flagged) | {
        "rows": len(rows),
        "saved_cents": compute_savings(y, flagged, cents, costs),
    }


def _arrays(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        rows["label"].to_numpy(int),
        rows["flagged"].to_numpy(bool),
        rows["amount_cents"].to_numpy(np.int64),
    )


def by_day(rows: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """`summary` of each day, in order; the index is the date."""
    days = {
        day_of(int(ts)): summary(part, costs) for ts, part in rows.groupby(rows["ts"] // DAY * DAY)
    }
    return pd.DataFrame.from_dict(days, orient="index")


def bootstrap_performance(
    rows: pd.DataFrame, costs: Costs, rounds: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Precision, recall, F1 and euros saved with 95 % intervals; whole customers are drawn again.

    Returns
    -------
    index precision, recall, f1, saved; columns figure, low, high. NaN where a rate is over nothing.
    """
    y, flagged, cents = _arrays(rows)
    saved = (np.where(y == 1, cents, 0) - compute_flag_costs(y, flagged, cents, costs)) / 100
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
    """The amount band of each row, in words that sort by size."""
    pairs = itertools.pairwise(AMOUNT_BAND_EDGES_CENTS)
    names = [
        f"{low // 100:,} or more" if high == math.inf else f"{low // 100:,} to {high // 100:,}"
        for low, high in pairs
    ]
    return pd.cut(rows["amount_cents"], AMOUNT_BAND_EDGES_CENTS, right=False, labels=names)


def by_segment(
    rows: pd.DataFrame, segment: pd.Series, costs: Costs, most: int = 12, rounds: int = 100
) -> pd.DataFrame:
    """Performance of each segment: rows, frauds, recall and precision with 95 % intervals, euros saved.

    Parameters
    ----------
    segment : (n,) the segment of each row; beyond the `most` largest they are taken together as 'other'
    """
    names = segment.astype(str)
    largest = names.value_counts().index[:most]
    names = names.where(names.isin(largest), "other")
    in_order = isinstance(segment.dtype, pd.CategoricalDtype)
    table = {}
    for name in [str(one) for one in segment.cat.categories] if in_order else sorted(set(names)):
        if not (names == name).any():
            continue
        part = rows[names == name]
        figures = bootstrap_performance(part, costs, rounds)
        table[name] = {"rows": len(part), "frauds": int(part["label"].sum())}
        for figure in ("recall", "precision"):
            table[name] |= {
                figure: figures.loc[figure, "figure"],
                f"{figure}_low": figures.loc[figure, "low"],
            }
            table[name] |= {f"{figure}_high": figures.loc[figure, "high"]}
        table[name]["saved"] = figures.loc["saved", "figure"]
    rates = [
        f"{figure}{end}" for figure in ("recall", "precision") for end in ("", "_low", "_high")
    ]
    return pd.DataFrame.from_dict(
        table, orient="index", columns=None if table else ["rows", "frauds", *rates, "saved"]
    )
