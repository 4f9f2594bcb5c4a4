"""The dashboard's figures from SQL aggregates: only flagged transactions and frauds are read row by row, and both are few.

The rules are those of `cases.predictions_with_labels` and `audit_views.judged`; a test compares them.
"""

from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from fraudops import review_rules, store
from fraudops.metrics import Costs, wilson
from fraudops.timeline import DAY, MATURE_DAYS, day_of

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
        first, last = connection.execute(sa.select(sa.func.min(ts), sa.func.max(ts))).one()
    if last is None:
        return None
    known = (last // DAY + 1) * DAY
    end, start = known - MATURE_DAYS * DAY, first // DAY * DAY
    return Period(max(start, end - days * DAY) if days else start, max(end, start), known)


def totals(engine: sa.Engine, over: Period) -> pd.DataFrame:
    """Predictions and flagged ones of each day: index the day's first second, columns rows, flagged."""
    p = store.predictions
    flagged = sa.func.sum(sa.case((p.c.decision != "approve", 1), else_=0))
    day = (p.c.ts - p.c.ts % DAY).label("day")
    query = sa.select(day, sa.func.count().label("rows"), flagged.label("flagged")).where(_in(over)).group_by(day).order_by(day)
    with engine.connect() as connection:
        return store.frame(connection, query).astype("int64").set_index("day")


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
    said = sa.select(f.c.tx_id, f.c.source, f.c.is_fraud).join(p, p.c.tx_id == f.c.tx_id).where(_in(over))
    order = (f.c.source, f.c.is_fraud.desc())  # 'chargeback' sorts before 'reviewer'
    with engine.connect() as connection:
        given = store.frame(connection, said.where(f.c.label_ts < over.known).order_by(*order))
        label = given.drop_duplicates("tx_id").set_index("tx_id")["is_fraud"]
        flagged = store.frame(connection, query.where(p.c.decision != "approve"))
        missing = label.index[label == 1].difference(flagged["tx_id"])
        some = (missing[i : i + 500].tolist() for i in range(0, len(missing), 500))
        parts = [flagged, *(store.frame(connection, query.where(p.c.tx_id.in_(ids))) for ids in some)]
    rows = pd.concat([part for part in parts if len(part)] or [flagged], ignore_index=True)
    rows["label"] = label.reindex(rows["tx_id"]).fillna(0).astype("int64").to_numpy()  # silence counts as genuine by now
    rows["flagged"] = rows.pop("decision") != "approve"
    rows["day"] = (rows["ts"] - rows["ts"] % DAY).astype("int64")
    return rows.drop(columns="ts").sort_values(["day", "tx_id"], ignore_index=True)


def _counted(rows: pd.DataFrame, total: int, flagged: int, costs: Costs) -> dict[str, float]:
    """As `audit_views.summary`: counts, rates and cents saved, from the notable rows and two totals."""
    fraud, stopped = rows["label"] == 1, (rows["label"] == 1) & rows["flagged"]
    tp = int(stopped.sum())
    fp, fn = flagged - tp, int(fraud.sum()) - tp
    return {
        "true_positive": tp, "false_positive": fp, "false_negative": fn, "true_negative": total - tp - fp - fn,
        "precision": _rate(tp, tp + fp), "recall": _rate(tp, tp + fn), "f1": _rate(2 * tp, 2 * tp + fp + fn), "rows": total,
        "saved_cents": float(rows.loc[stopped, "amount_cents"].sum() - costs.review * flagged),
    }  # fmt: skip


def _rate(top: int, bottom: int) -> float:
    return top / bottom if bottom else float("nan")


def summary(rows: pd.DataFrame, per_day: pd.DataFrame, costs: Costs) -> dict[str, float]:
    """Counts, rates and money of a period."""
    return _counted(rows, int(per_day["rows"].sum()), int(per_day["flagged"].sum()), costs)


def by_day(rows: pd.DataFrame, per_day: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """`summary` of each day, in order; the index is the date."""
    parts = dict(list(rows.groupby("day")))
    made = {
        day_of(day): _counted(parts.get(day, rows.head(0)), int(total["rows"]), int(total["flagged"]), costs)
        for day, total in per_day.iterrows()
    }
    return pd.DataFrame.from_dict(made, orient="index")


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
    names = segment.astype(str)
    names = names.where(names.isin(names.value_counts().index[:most]), "other")
    in_order = isinstance(segment.dtype, pd.CategoricalDtype)
    order = [str(one) for one in segment.cat.categories] if in_order else sorted(set(names))
    table = {}
    for name in [*order, *(["other"] if "other" not in order else [])]:
        part = rows[(names == name).to_numpy()]
        if part.empty:
            continue
        flagged, frauds = int(part["flagged"].sum()), int(part["label"].sum())
        counted = _counted(part, len(part), flagged, costs)
        row = {"flagged": flagged, "frauds": frauds}
        for figure, of in (("recall", frauds), ("precision", flagged)):
            row[figure] = counted[figure]
            row[f"{figure}_low"], row[f"{figure}_high"] = wilson(counted["true_positive"], of)
        table[name] = row | {"saved": counted["saved_cents"] / 100}
    return pd.DataFrame.from_dict(table, orient="index")


# --- reviewers ---


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


def reviewing(engine: sa.Engine) -> Reviewing:
    """Figures on all reviews of an operation."""
    c, d = store.cases, store.decisions
    columns = (d.c.id, d.c.tx_id, d.c.stage, d.c.verdict, d.c.actor, d.c.seconds, d.c.override, c.c.kind, c.c.blind, c.c.state)
    with engine.connect() as connection:
        counts = sa.select(c.c.state, sa.func.count()).group_by(c.c.state)
        progress = dict.fromkeys(("open", "second", "closed"), 0) | {state: n for state, n in connection.execute(counts)}
        said = store.frame(connection, sa.select(*columns).join(c, c.c.tx_id == d.c.tx_id).order_by(d.c.id))
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


# --- what happened when ---


def alarms(engine: sa.Engine) -> pd.DataFrame:
    """Alerts of the drift monitor in order: as_of (s), severity, text."""
    a = store.alerts
    with engine.connect() as connection:
        return store.frame(connection, sa.select(a.c.as_of, a.c.severity, a.c.text).order_by(a.c.as_of, a.c.alert_id))


def first_decisions(engine: sa.Engine, over: Period) -> pd.DataFrame:
    """When each model version began to decide in a period, in the time of the operation: version, ts (s)."""
    p = store.predictions
    query = sa.select(p.c.model_version.label("version"), sa.func.min(p.c.ts).label("ts")).where(p.c.ts >= over.start)
    with engine.connect() as connection:
        return store.frame(connection, query.group_by(p.c.model_version).order_by(sa.literal_column("ts")))


def state(engine: sa.Engine) -> tuple:
    """Changes whenever something happened that the page shows; cheap enough to ask every half minute."""
    p, f, d, c, a, k = store.predictions, store.labels, store.decisions, store.cases, store.alerts, store.controls
    asked = (  # not the ledger: looking at a list makes an entry, too
        sa.select(sa.func.max(p.c.ts)), sa.select(sa.func.count()).select_from(f), sa.select(sa.func.max(d.c.id)),
        sa.select(sa.func.count()).select_from(c).where(c.c.state == "open"), sa.select(sa.func.count()).select_from(a),
        sa.select(sa.func.max(k.c.changed_at)),
    )  # fmt: skip
    with engine.connect() as connection:
        return tuple(connection.scalar(query) for query in asked)


SAMPLED = f"one in {round(1 / review_rules.SAMPLE_SHARE)} approved transactions"
