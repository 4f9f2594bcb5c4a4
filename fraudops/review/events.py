"""Events of the operation: alarms, versions that began to decide, champions and refusals."""

import json

import pandas as pd
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.monitoring import SKEW_ALERT_PREFIX
from fraudops.review.evaluation_period import EvaluationPeriod
from fraudops.timeline import day_of, format_time

MODEL_EVENT_TYPES = ("champion", "refused")
WATCHED_TABLES = ("predictions", "labels", "decisions", "cases", "alerts", "controls", "requests")


def load_version_starts(engine: sa.Engine, over: EvaluationPeriod) -> pd.DataFrame:
    """Load when each model version began to decide in a period.

    Parameters
    ----------
    engine : Engine
    over : EvaluationPeriod

    Returns
    -------
    DataFrame
        ``version`` and ``ts`` (seconds since 1970), oldest first.
    """
    predictions, found = store.predictions, []
    with engine.connect() as connection:
        version = connection.scalar(sa.select(sa.func.min(predictions.c.model_version)))
        while version is not None:  # jumps from version to version through an index
            begun = connection.scalar(
                sa.select(sa.func.min(predictions.c.ts)).where(
                    predictions.c.model_version == version,
                    predictions.c.ts >= over.start,
                    predictions.c.ts < over.end,
                )
            )
            found += [] if begun is None else [(version, begun)]
            version = connection.scalar(
                sa.select(sa.func.min(predictions.c.model_version)).where(
                    predictions.c.model_version > version
                )
            )
    return pd.DataFrame(sorted(found, key=lambda one: (one[1], one[0])), columns=["version", "ts"])


def find_deciding_version(engine: sa.Engine, ts: int) -> tuple[str, int] | None:
    """Find which version had decided last at a moment of the operation.

    The ledger knows when a version became champion by the clock of the computer. In a replay, or
    when transactions arrive late, that is not the time of the transactions.

    Parameters
    ----------
    engine : Engine
    ts : int
        Seconds since 1970, in the time of the transactions.

    Returns
    -------
    tuple of str and int, or None
        The version, and the time of the last transaction until `ts`, which it decided on. None
        before the first one.
    """
    p = store.predictions.c
    query = sa.select(p.model_version, p.ts).where(p.ts <= ts).order_by(p.ts.desc(), p.tx_id.desc())
    with engine.connect() as connection:
        row = connection.execute(query.limit(1)).first()
    return (row.model_version, row.ts) if row else None


def load_drift_alerts(engine: sa.Engine) -> pd.DataFrame:
    """Load the alerts of the drift monitor in order.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    DataFrame
        ``as_of`` (seconds since 1970), ``severity``, ``text``.
    """
    a = store.alerts
    with engine.connect() as connection:
        return store.read_frame(
            connection,
            sa.select(a.c.as_of, a.c.severity, a.c.text)
            .where(a.c.alert_id.not_like(f"{SKEW_ALERT_PREFIX}%"))
            .order_by(a.c.as_of, a.c.alert_id),
        )


class ModelEventReader:
    """Reads promotions, rollbacks and refusals from the ledger; each call reads what is new."""

    def __init__(self, engine: sa.Engine):
        self.engine, self.seen, self.found = engine, 0, []

    def read(self) -> list[dict]:
        """Read all events in order: seq, at (s), actor, kind, version, previous, reason, gates.

        A backtest writes the time of its operation. Otherwise it is the time of the clock, which
        may lie outside the days of the operation.
        """
        entry = store.ledger.c
        with self.engine.connect() as connection:
            last, _ = ledger.get_head(connection)
            added = sa.select(entry.seq, entry.body).where(
                entry.seq > self.seen, entry.seq <= last, entry.event.in_(MODEL_EVENT_TYPES)
            )
            rows = connection.execute(added.order_by(entry.seq)).all()
        self.found += [_parse_model_event({"seq": seq} | json.loads(body)) for seq, body in rows]
        self.seen = last
        return [dict(one) for one in self.found]


def _parse_model_event(entry: dict) -> dict:
    event = {key: entry[key] for key in ("seq", "at", "actor")} | entry["payload"]
    if entry["event"] == "refused":
        event |= {
            "kind": "refusal",
            "reason": f"did not pass: {', '.join(event['failed'])}",
            "previous": None,
        }
    return event


def build_event_marks(
    alarms: pd.DataFrame, begun: pd.DataFrame, events: list[dict]
) -> pd.DataFrame:
    """Build the marks of events for the picture.

    Parameters
    ----------
    alarms : DataFrame
        See `load_drift_alerts`.
    begun : DataFrame
        See `load_version_starts`.
    events : list of dict
        See `ModelEventReader`.

    Returns
    -------
    DataFrame
        ``day`` (date) and ``kind``.
    """
    # an alarm is raised as its day ends
    raised = [(day_of(int(ts) - 1), "drift alarm") for ts in alarms["as_of"]]
    first = [(day_of(int(ts)), "version begins") for ts in begun["ts"]]
    moved = [(day_of(int(one["at"])), one["kind"]) for one in events]
    return pd.DataFrame([*raised, *first, *moved], columns=["day", "kind"])


def get_change_token(engine: sa.Engine) -> tuple:
    """Get a value that changes when something that the page shows has changed.

    It is fast enough to be called every half minute.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    tuple
    """
    predictions, labels, decisions, cases, a, sealed, r = (
        getattr(store, name).c for name in WATCHED_TABLES
    )
    page_requests = (  # not the ledger, because looking at a list adds an entry
        sa.select(sa.func.max(predictions.ts)),
        sa.select(sa.func.count(labels.tx_id)),
        sa.select(sa.func.max(decisions.id)),
        sa.select(sa.func.count(cases.tx_id)).where(cases.state == "open"),
        sa.select(sa.func.count(cases.tx_id)).where(cases.state == "second"),
        sa.select(sa.func.count(a.alert_id)),
        sa.select(sa.func.count(store.alert_changes.c.alert_id)),
        sa.select(sa.func.max(sealed.changed_at)),
        sa.select(sa.func.max(r.asked_at)),
        sa.select(sa.func.max(r.answered_at)),
    )
    with engine.connect() as connection:
        return tuple(connection.scalar(query) for query in page_requests)


# --- who decided ---


def summarize_model_versions(engine: sa.Engine) -> pd.DataFrame:
    """Summarize what each model version decided.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    DataFrame
        ``version, predictions, reviews, blocks``, first and last transaction, ``first_scored``
        (seconds since 1970).
    """
    predictions = store.predictions

    def count(decision: str) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((predictions.c.decision == decision, 1), else_=0))

    columns = [
        predictions.c.model_version.label("version"),
        sa.func.count().label("predictions"),
        count("review").label("reviews"),
        count("block").label("blocks"),
        sa.func.min(predictions.c.ts).label("first"),
        sa.func.max(predictions.c.ts).label("last"),
        sa.func.min(predictions.c.scored_at).label("first_scored"),
    ]
    with engine.connect() as connection:
        found = store.read_frame(
            connection,
            sa.select(*columns)
            .group_by(predictions.c.model_version)
            .order_by(sa.literal_column("first")),
        )
    return found.assign(first=found["first"].map(format_time), last=found["last"].map(format_time))
