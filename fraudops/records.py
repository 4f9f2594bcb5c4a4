"""Stored predictions beside what is known of them, in pages, and counts over all: what the service tells about itself."""

import json
from collections import defaultdict

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.timeline import DAY, MATURE_DAYS

FILTERS = ("all", "frauds", "non-frauds", "unlabelled", "errors")


def latest(connection: sa.Connection) -> int:
    """The time of the latest stored transaction (s since 1970): what the service takes for now; 0 without any."""
    return connection.scalar(sa.select(sa.func.max(store.predictions.c.ts))) or 0


def label(before: int, mature: int) -> sa.ColumnElement[int]:
    """1 fraud, 0 genuine, null not known yet: the rule of `cases.predictions_with_labels`, as SQL.

    Parameters
    ----------
    before : labels count that arrived before this moment (s)
    mature : without a label a transaction of before this moment counts as genuine
    """
    p, f = store.predictions, store.labels
    said = (
        sa.select(f.c.is_fraud)
        .where(f.c.tx_id == p.c.tx_id, f.c.label_ts < before)
        .order_by(f.c.source, f.c.is_fraud.desc())  # 'chargeback' sorts before 'reviewer'
        .limit(1)
        .correlate(p)
        .scalar_subquery()
    )
    return sa.func.coalesce(said, sa.case((p.c.ts < mature, 0)))


def page(connection: sa.Connection, which: str, limit: int, after: tuple[int, str] = (-1, "")) -> list[dict]:
    """Some predictions in the order of (ts, tx_id), each with its label.

    Parameters
    ----------
    which : one of `FILTERS`; errors are approved frauds and flagged genuine ones
    limit : at most so many
    after : (ts, tx_id) of the last one of the page before

    Returns
    -------
    prediction_id, tx_id, ts, model_version, probability, threshold, decision, label ('fraud', 'genuine' or null), reasons
    """
    p, e = store.predictions, store.evidence
    now = latest(connection)
    known = label(now + 1, now - MATURE_DAYS * DAY)
    flagged = p.c.decision != "approve"
    wanted = {
        "all": sa.true(),
        "frauds": known == 1,
        "non-frauds": known == 0,
        "unlabelled": known.is_(None),
        "errors": sa.or_(sa.and_(known == 1, ~flagged), sa.and_(known == 0, flagged)),
    }[which]
    later = sa.or_(p.c.ts > after[0], sa.and_(p.c.ts == after[0], p.c.tx_id > after[1]))
    names = ("prediction_id", "tx_id", "ts", "model_version", "probability", "threshold", "decision")
    query = (
        sa.select(*(p.c[name] for name in names), known.label("label"), e.c.reasons)
        .join(e, e.c.prediction_id == p.c.prediction_id, isouter=True)
        .where(wanted, later)
        .order_by(p.c.ts, p.c.tx_id)
        .limit(limit)
    )
    said = {1: "fraud", 0: "genuine", None: None}
    return [
        dict(row) | {"label": said[row["label"]], "reasons": json.loads(row["reasons"] or "[]")}
        for row in connection.execute(query).mappings()
    ]


def stats(connection: sa.Connection) -> dict:
    """Counts of stored transactions, predictions by decision and by model, labels by source, shadow answers; the last time."""
    p, f = store.predictions, store.labels

    def counts(column: sa.Column) -> dict[str, int]:
        return {str(key): n for key, n in connection.execute(sa.select(column, sa.func.count()).group_by(column))}

    decisions = counts(p.c.decision)
    return {
        "transactions": connection.scalar(sa.select(sa.func.count()).select_from(store.transactions)),
        "predictions": sum(decisions.values()),
        "decisions": decisions,
        "models": counts(p.c.model_version),
        "labels": counts(f.c.source),
        "shadow": connection.scalar(sa.select(sa.func.count()).select_from(store.shadow)),
        "latest_ts": latest(connection),
    }


def entities(connection: sa.Connection, ids: list[str]) -> dict[str, tuple[str, str]]:
    """Customer and terminal of stored transactions, by id."""
    t = store.transactions
    query = sa.select(t.c.tx_id, t.c.customer_id, t.c.terminal_id).where(t.c.tx_id.in_(ids))
    return {tx_id: (customer, terminal) for tx_id, customer, terminal in connection.execute(query)}


def take_labels(connection: sa.Connection, rows: list[dict]) -> int:
    """Store the labels that are new, inside a writing transaction; returns how many were.

    What reviewers say is an entry `label` of the ledger for each of them, as their decisions on the review page are.
    """
    f, said = store.labels.c, defaultdict(dict)
    for row in rows:
        mine = (f.tx_id == row["tx_id"], f.source == "reviewer", f.actor == row["actor"])
        if row["source"] == "reviewer" and connection.scalar(sa.select(f.tx_id).where(*mine)) is None:
            said[row["actor"]].setdefault(row["tx_id"], [row["is_fraud"], row["label_ts"]])
    for actor, labels in said.items():
        ledger.append(connection, "label", actor, labels=[[tx_id, *what] for tx_id, what in labels.items()])
    return store.insert_new(connection, store.labels, rows)
