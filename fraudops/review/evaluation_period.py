"""Which predictions are evaluated: those of days old enough that every transaction has a label."""

from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.models import DecisionPolicy
from fraudops.timeline import DAY
from fraudops.workspace import Workspace, read_json

PERIOD_CHOICES_DAYS = (28, 90)  # choices of judged days; the page adds "all"


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
        # each query reads an index only
        first, last = (connection.scalar(sa.select(end(ts))) for end in (sa.func.min, sa.func.max))
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
    # counting day by day uses the index; GROUP BY would sort all rows
    with engine.connect() as connection:
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
    DataFrame of shape (n, 12)
        ``tx_id, ts, customer_id, amount_cents, category, channel, model_version, probability,
        decision``, ``label`` (1 or 0), ``flagged`` (bool), ``day``.
    """
    p, t, f = store.predictions, store.transactions, store.labels
    columns = (
        p.c.tx_id,
        p.c.ts,
        t.c.customer_id,
        t.c.amount_cents,
        t.c.category,
        t.c.channel,
        p.c.model_version,
        p.c.probability,
        p.c.decision,
    )
    query = sa.select(*columns).join(t, t.c.tx_id == p.c.tx_id).where(_is_in_period(over))
    # the condition is on the transaction; labels are few
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
    # without a report it counts as genuine now
    rows["label"] = label.reindex(rows["tx_id"]).fillna(0).astype("int64").to_numpy()
    rows["flagged"] = rows["decision"] != "approve"
    rows["day"] = (rows["ts"] - rows["ts"] % DAY).astype("int64")
    return rows.sort_values(["day", "tx_id"], ignore_index=True)


def count_stopped_frauds(engine: sa.Engine, rows: pd.DataFrame) -> dict[str, int]:
    """Count what became of the frauds that the model flagged.

    A fraud is stopped if it was blocked, or if a reviewer called it fraud before the report of it
    arrived. A flag alone stops nothing.

    Parameters
    ----------
    engine : Engine
    rows : DataFrame
        See `load_flagged_and_frauds`.

    Returns
    -------
    dict of str to int
        ``blocked``, ``reviewed`` (in time) and ``late`` (sent to review, and no verdict in time).
    """
    frauds = rows[rows["flagged"] & (rows["label"] == 1)]
    sent = frauds.loc[frauds["decision"] == "review", "tx_id"].tolist()
    f = store.labels.c
    found: dict[str, dict[str, int]] = {"reviewer": {}, "chargeback": {}}
    query = (
        sa.select(f.tx_id, f.source, sa.func.min(f.label_ts))
        .where(f.is_fraud == 1)
        .group_by(f.tx_id, f.source)
    )
    with engine.connect() as connection:
        for ids in store.split_keys(sent):
            for tx_id, source, ts in connection.execute(query.where(f.tx_id.in_(ids))):
                found[source][tx_id] = ts
    reports = found["chargeback"]
    reviewed = sum(ts <= reports.get(tx_id, ts) for tx_id, ts in found["reviewer"].items())
    blocked = len(frauds) - len(sent)
    return {"blocked": blocked, "reviewed": reviewed, "late": len(sent) - reviewed}


def load_champion_policy(workspace: Workspace) -> DecisionPolicy:
    """Load the decision policy that the first champion was registered with.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    DecisionPolicy
        The defaults if there is no champion yet.
    """
    file = workspace.root / "models" / "champion.json"
    return (
        DecisionPolicy.from_record(read_json(file)["policy"])
        if file.is_file()
        else DecisionPolicy()
    )


def require_predictions(engine: sa.Engine) -> pd.DataFrame:
    """Load every prediction with its label.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    DataFrame
        See `store.load_predictions_with_labels`; ``is_mature`` marks the days on which every
        transaction has a label. On younger days only frauds that were reported early have one,
        and precision looks too good.

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
    return frame.assign(is_mature=is_on_mature_day(frame))


def is_on_mature_day(frame: pd.DataFrame) -> pd.Series:
    """Tell which predictions are of days on which every transaction has a label.

    Parameters
    ----------
    frame : DataFrame
        See `store.load_predictions_with_labels`.

    Returns
    -------
    Series of bool
    """
    if frame.empty:
        return pd.Series(False, frame.index, dtype=bool)
    end = store.mature_before((int(frame["ts"].max()) // DAY + 1) * DAY)
    return (frame["ts"] < end) & frame["label"].notna()
