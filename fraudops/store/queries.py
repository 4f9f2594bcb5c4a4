"""Queries of stored predictions and counts, for the service."""

import json
from collections.abc import Callable

import numpy as np
import sqlalchemy as sa

from fraudops.store import schema
from fraudops.store.label_rules import effective_label_sql
from fraudops.timeline import DAY

PREDICTION_FILTERS = ("all", "frauds", "non-frauds", "unlabelled", "errors")


def get_latest_ts(connection: sa.Connection) -> int:
    """Get the time of the latest stored transaction, which is the present of the operation.

    Parameters
    ----------
    connection : Connection

    Returns
    -------
    int
        Seconds since 1970; 0 without transactions.
    """
    return connection.scalar(sa.select(sa.func.max(schema.predictions.c.ts))) or 0


def list_predictions(
    connection: sa.Connection, which: str, limit: int, after: tuple[int, str] = (-1, "")
) -> list[dict]:
    """List predictions with their labels in the order of (ts, tx_id).

    Parameters
    ----------
    connection : Connection
    which : str
        One of `PREDICTION_FILTERS`. Errors are approved frauds and flagged genuine transactions.
    limit : int
        Maximum number.
    after : tuple[int, str], optional
        ``(ts, tx_id)`` of the last one of the page before.

    Returns
    -------
    list of dict
        ``prediction_id, tx_id, ts, model_version, probability, threshold, decision, label``
        (``fraud``, ``genuine`` or None), ``reasons``.
    """
    p, e = schema.predictions, schema.evidence
    now = get_latest_ts(connection)
    known = effective_label_sql(now + 1)
    flagged = p.c.decision != "approve"
    conditions = {
        "all": sa.true(),
        "frauds": known == 1,
        "non-frauds": known == 0,
        "unlabelled": known.is_(None),
        "errors": sa.or_(sa.and_(known == 1, ~flagged), sa.and_(known == 0, flagged)),
    }[which]
    later = sa.or_(p.c.ts > after[0], sa.and_(p.c.ts == after[0], p.c.tx_id > after[1]))
    names = (
        "prediction_id",
        "tx_id",
        "ts",
        "model_version",
        "probability",
        "threshold",
        "decision",
    )
    query = (
        sa.select(*(p.c[name] for name in names), known.label("label"), e.c.reasons)
        .join(e, e.c.prediction_id == p.c.prediction_id, isouter=True)
        .where(conditions, later)
        .order_by(p.c.ts, p.c.tx_id)
        .limit(limit)
    )
    label_texts = {1: "fraud", 0: "genuine", None: None}
    return [
        dict(row)
        | {"label": label_texts[row["label"]], "reasons": json.loads(row["reasons"] or "[]")}
        for row in connection.execute(query).mappings()
    ]


def load_recent_scores(
    connection: sa.Connection,
    start: int,
    end: int,
    version: str,
    score_inputs: Callable[[list[list]], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, int]:
    """Load what a price of capacity is learnt from: one model's scores of recent transactions.

    What another version has answered is scored again from its stored inputs. So a model that was
    promoted today learns its price from its own scores.

    Parameters
    ----------
    connection : Connection
    start, end : int
        Seconds since 1970; transactions with ``start <= ts < end``.
    version : str
        Of the model.
    score_inputs : callable
        Gives the model's probabilities of stored inputs, each a list in the order of `FEATURES`.

    Returns
    -------
    p : ndarray of float, shape (n,)
        Probabilities.
    cents : ndarray of int64, shape (n,)
        Amounts.
    days : int
        Days that have a prediction.
    """
    p, t, e = schema.predictions, schema.transactions, schema.evidence
    inside = sa.and_(p.c.ts >= start, p.c.ts < end)
    columns = sa.select(p.c.ts, t.c.amount_cents).join(t, t.c.tx_id == p.c.tx_id).where(inside)
    own = columns.add_columns(p.c.probability).where(p.c.model_version == version)
    other = (
        columns.add_columns(e.c.inputs)
        .join(e, e.c.prediction_id == p.c.prediction_id)
        .where(p.c.model_version != version)
    )
    answered, stored = connection.execute(own).all(), connection.execute(other).all()
    probability = np.array([row.probability for row in answered], float)
    if stored:
        again = score_inputs([json.loads(row.inputs) for row in stored])
        probability = np.concatenate([probability, again])
    rows = [*answered, *stored]
    cents = np.array([row.amount_cents for row in rows], np.int64)
    return probability, cents, len({row.ts // DAY for row in rows})


def count_stored_rows(connection: sa.Connection) -> dict:
    """Count transactions, refunds, predictions by decision and model, labels, and shadow answers.

    Parameters
    ----------
    connection : Connection

    Returns
    -------
    dict
        The counts, and the latest time.
    """
    p, f = schema.predictions, schema.labels

    def counts(column: sa.Column) -> dict[str, int]:
        return {
            str(key): n
            for key, n in connection.execute(sa.select(column, sa.func.count()).group_by(column))
        }

    decisions = counts(p.c.decision)
    return {
        "transactions": connection.scalar(
            sa.select(sa.func.count()).select_from(schema.transactions)
        ),
        "refunds": connection.scalar(sa.select(sa.func.count()).select_from(schema.refunds)),
        "predictions": sum(decisions.values()),
        "decisions": decisions,
        "models": counts(p.c.model_version),
        "labels": counts(f.c.source),
        "shadow": connection.scalar(sa.select(sa.func.count()).select_from(schema.shadow)),
        "latest_ts": get_latest_ts(connection),
    }


def load_transaction_entities(
    connection: sa.Connection, ids: list[str]
) -> dict[str, tuple[str, str]]:
    """Load customer and terminal of stored transactions.

    Parameters
    ----------
    connection : Connection
    ids : list of str

    Returns
    -------
    dict of str to tuple of str
        By transaction.
    """
    t = schema.transactions
    query = sa.select(t.c.tx_id, t.c.customer_id, t.c.terminal_id).where(t.c.tx_id.in_(ids))
    return {tx_id: (customer, terminal) for tx_id, customer, terminal in connection.execute(query)}
