"""The dashboard's figures from SQL aggregates: only flagged transactions and frauds are read row by row, and both are few.

The rules are those of `cases.predictions_with_labels` and `audit_views.judged`; a test compares them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import review_rules, store
from fraudops.metrics import Costs, wilson
from fraudops.timeline import DAY, MATURE_DAYS, day_of

LATEST = 5_000  # words of reviewers that their figures are about
WINDOWS = (28, 90)  # judged days to look at; besides: all


@dataclass(frozen=True)
class Period:
    """Judged days: from the first second of the first to that after the last; labels count that arrived before `known`."""

    start: int
    end: int
    known: int


def period(engine: sa.Engine, days: int | None = None) -> Period | None:
    """The latest judged days of an operation, all of them without a number; None where no transaction was scored yet."""
    ts = store.predictions.c.ts
    with engine.connect() as connection:
        first, last = (connection.scalar(sa.select(end(ts))) for end in (sa.func.min, sa.func.max))  # each a look at an index
    if last is None:
        return None
    known = (last // DAY + 1) * DAY
    end, start = known - MATURE_DAYS * DAY, first // DAY * DAY
    return Period(max(start, end - days * DAY) if days else start, max(end, start), known)


def totals(engine: sa.Engine, over: Period, rows: pd.DataFrame) -> pd.DataFrame:
    """Predictions and flagged ones of each day that has any: index the day's first second, columns rows, flagged.

    Parameters
    ----------
    rows : what `notable` gives, which holds every flagged one
    """
    count = sa.select(sa.func.count()).select_from(store.predictions)
    days = range(over.start, over.end, DAY)
    with engine.connect() as connection:  # day by day an index is counted, where GROUP BY would sort all of it
        found = [connection.scalar(count.where(_in(Period(day, day + DAY, over.known)))) for day in days]
    flagged = rows.loc[rows["flagged"], "day"].value_counts().reindex(list(days), fill_value=0)
    per_day = pd.DataFrame({"rows": found, "flagged": flagged.to_numpy()}, index=pd.Index(days, name="day"), dtype="int64")
    return per_day[per_day["rows"] > 0]


def _in(over: Period) -> sa.ColumnElement[bool]:
    return sa.and_(store.predictions.c.ts >= over.start, store.predictions.c.ts < over.end)


def notable(engine: sa.Engine, over: Period) -> pd.DataFrame:
    """Flagged transactions and known frauds of a period: what every figure but the true negatives is made of.

    Returns
    -------
    (n, 9) day, tx_id, amount_cents, category, channel, model_version, probability, flagged (bool), label (1 or 0)
    """
    p, t, f = store.predictions, store.transactions, store.labels
    columns = (p.c.tx_id, p.c.ts, t.c.amount_cents, t.c.category, t.c.channel, p.c.model_version, p.c.probability, p.c.decision)
    query = sa.select(*columns).join(t, t.c.tx_id == p.c.tx_id).where(_in(over))
    inside = (t.c.ts >= over.start, t.c.ts < over.end)  # by the transaction: labels are few, and are gone through one by one
    said = sa.select(f.c.tx_id, f.c.source, f.c.is_fraud).join(t, t.c.tx_id == f.c.tx_id).where(*inside)
    order = (f.c.source, f.c.is_fraud.desc())  # 'chargeback' sorts before 'reviewer'
    with engine.connect() as connection:
        given = store.frame(connection, said.where(f.c.label_ts < over.known).order_by(*order))
        label = given.drop_duplicates("tx_id").set_index("tx_id")["is_fraud"]
        flagged = store.frame(connection, query.where(p.c.decision.in_(("review", "block"))))
        missing = label.index[label == 1].difference(flagged["tx_id"])
        some = (missing[i : i + 500].tolist() for i in range(0, len(missing), 500))
        parts = [flagged, *(store.frame(connection, query.where(p.c.tx_id.in_(ids))) for ids in some)]
    rows = pd.concat([part for part in parts if len(part)] or [flagged], ignore_index=True)
    rows["label"] = label.reindex(rows["tx_id"]).fillna(0).astype("int64").to_numpy()  # silence counts as genuine by now
    rows["flagged"] = rows.pop("decision") != "approve"
    rows["day"] = (rows["ts"] - rows["ts"] % DAY).astype("int64")
    return rows.drop(columns="ts").sort_values(["day", "tx_id"], ignore_index=True)


def _counts(rows: pd.DataFrame, groups: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Of each group (size,) of notable rows: flagged, frauds, stopped (frauds that were flagged) and stopped_cents.

    Parameters
    ----------
    groups : (n,) the number of each row's group
    """
    fraud, flagged = rows["label"].to_numpy() == 1, rows["flagged"].to_numpy(bool)
    cents = rows["amount_cents"].to_numpy(float)  # exact: sums are far below 2 ** 53
    weights = {"flagged": flagged, "frauds": fraud, "stopped": fraud & flagged, "stopped_cents": cents * (fraud & flagged)}
    return {name: np.bincount(groups, weight, size).astype(np.int64) for name, weight in weights.items()}


def _figures(counts: dict[str, np.ndarray], total: np.ndarray, costs: Costs) -> dict[str, np.ndarray]:
    """As `audit_views.summary`, for each group: counts, rates and cents saved; NaN for a rate over nothing."""
    tp = counts["stopped"]
    fp, fn = counts["flagged"] - tp, counts["frauds"] - tp
    with np.errstate(invalid="ignore"):
        rates = {"precision": tp / (tp + fp), "recall": tp / (tp + fn), "f1": 2 * tp / (2 * tp + fp + fn)}
    numbers = {"true_positive": tp, "false_positive": fp, "false_negative": fn, "true_negative": total - tp - fp - fn}
    saved = counts["stopped_cents"] - float(costs.review) * counts["flagged"]
    return numbers | rates | {"rows": total, "saved_cents": saved}


def summary(rows: pd.DataFrame, per_day: pd.DataFrame, costs: Costs) -> dict[str, float]:
    """Counts, rates and money of a period."""
    counts = _counts(rows, np.zeros(len(rows), int), 1)
    return {name: one.item() for name, one in _figures(counts, np.array([per_day["rows"].sum()]), costs).items()}


def by_day(rows: pd.DataFrame, per_day: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """`summary` of each day, in order; the index is the date."""
    counts = _counts(rows, per_day.index.get_indexer(rows["day"]), len(per_day))
    index = [day_of(day) for day in per_day.index]
    return pd.DataFrame(_figures(counts, per_day["rows"].to_numpy(), costs), index=index)


def by_segment(rows: pd.DataFrame, segment: pd.Series, costs: Costs, most: int = 12) -> pd.DataFrame:
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
    counts = _counts(rows, place[codes], len(order))
    figures = _figures(counts, counts["flagged"], costs)
    table = {"flagged": counts["flagged"], "frauds": counts["frauds"]}
    for figure, of in (("recall", counts["frauds"]), ("precision", counts["flagged"])):
        sides = np.array([wilson(tp, n) for tp, n in zip(counts["stopped"], of, strict=True)], float).reshape(-1, 2)
        table |= {figure: figures[figure], f"{figure}_low": sides[:, 0], f"{figure}_high": sides[:, 1]}
    return pd.DataFrame(table | {"saved": figures["saved_cents"] / 100}, index=order)


# --- reviewers ---


def _rate(top: int, bottom: int) -> float:
    return top / bottom if bottom else float("nan")


@dataclass(frozen=True)
class Share:
    """A share of some with Wilson's 95 % interval."""

    found: int
    of: int

    @property
    def value(self) -> float:
        return _rate(self.found, self.of)

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.found, self.of)


@dataclass(frozen=True)
class Reviewing:
    """How reviewing goes.

    Attributes
    ----------
    progress : cases by state: open, second, closed
    agreement : second persons who said what the first had said
    blind, sighted : first words on flagged cases that called them a fraud, with the score hidden and in sight
    overrides : verdicts that went against the model
    minutes : median time with a case; NaN before the first verdict
    missed : frauds among the reviewed random sample of approved transactions
    people : by person: verdicts, overrides, minutes (median)
    """

    progress: dict[str, int]
    agreement: Share
    blind: Share
    sighted: Share
    overrides: Share
    minutes: float
    missed: Share
    people: pd.DataFrame


def reviewing(engine: sa.Engine, latest: int = LATEST) -> Reviewing:
    """Progress of all cases; every other figure on the latest words of reviewers, of cases that were begun among them.

    Parameters
    ----------
    latest : how many words (opinions and verdicts) are looked at
    """
    c, d, before = store.cases, store.decisions, store.decisions.alias("before")
    columns = (d.c.id, d.c.tx_id, d.c.stage, d.c.verdict, d.c.actor, d.c.seconds, d.c.override, c.c.kind, c.c.blind, c.c.state)
    with engine.connect() as connection:
        counts = sa.select(c.c.state, sa.func.count()).group_by(c.c.state)
        progress = dict.fromkeys(("open", "second", "closed"), 0) | {state: n for state, n in connection.execute(counts)}
        border = connection.scalar(sa.select(d.c.id).order_by(d.c.id.desc()).offset(latest).limit(1)) or 0
        query = sa.select(*columns).join(c, c.c.tx_id == d.c.tx_id).order_by(d.c.id)
        begun = sa.exists().where(before.c.tx_id == d.c.tx_id, before.c.id <= border)
        said = store.frame(connection, query.where(d.c.id > border, ~begun) if border else query)
    verdicts = said[(said["stage"] != "opinion") & (said["verdict"] != "unsure")]
    second = verdicts[verdicts["stage"].isin(["confirmation", "objection"])]
    first = said[(said["kind"] == "flagged") & (said["verdict"] != "unsure")].drop_duplicates("tx_id")
    final = verdicts[verdicts["stage"].isin(["decision", "confirmation"])]
    sample = final[(final["kind"] == "sample") & (final["state"] == "closed")]
    by_person = verdicts.groupby("actor")
    people = by_person.agg(verdicts=("id", "size"), overrides=("override", "sum"), minutes=("seconds", "median"))
    return Reviewing(
        progress,
        Share(int((second["stage"] == "confirmation").sum()), len(second)),
        _fraud(first[first["stage"] == "opinion"]),
        _fraud(first[first["blind"] == 0]),
        Share(int(verdicts["override"].sum()), len(verdicts)),
        float(verdicts["seconds"].median() / 60) if len(verdicts) else float("nan"),
        _fraud(sample),
        people.assign(minutes=people["minutes"] / 60),
    )


def _fraud(rows: pd.DataFrame) -> Share:
    return Share(int((rows["verdict"] == "fraud").sum()), len(rows))


SAMPLED = f"one in {round(1 / review_rules.SAMPLE_SHARE)} approved transactions"
