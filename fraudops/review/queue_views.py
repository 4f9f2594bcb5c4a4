"""Views of the queue: which waiting cases a person wants to see and to be given."""

import time
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.review import policy
from fraudops.review.case_filters import is_available_to, is_held_by
from fraudops.review.verdicts import select_hidden_cases

PREVIEW_ROWS = 12
# value: words
CASE_KINDS = {
    "": "any",
    "first": "nobody has given a verdict",
    "second": "wait for a second person",
    "blocked": "blocked by the model",
}


@dataclass(frozen=True)
class QueueView:
    """Filters of the queue. An empty value does not filter.

    Attributes
    ----------
    least_euros : float
        Smallest amount.
    most_hours : float
        Largest age, in the time of the operation.
    category : str
    channel : str
    kind : str
        A key of `CASE_KINDS`. A kind says what the model or others did, so a person who asks for
        one is given no case that this person must judge blind.
    """

    least_euros: float = 0.0
    most_hours: float = 0.0
    category: str = ""
    channel: str = ""
    kind: str = ""


def build_view_conditions(
    connection: sa.Connection, view: QueueView, actor: str
) -> list[sa.ColumnElement[bool]]:
    """Build the conditions of a view over cases, predictions and transactions."""
    c, p, t = store.cases.c, store.predictions.c, store.transactions.c
    conditions = []
    if view.least_euros:
        conditions.append(t.amount_cents >= round(100 * view.least_euros))
    if view.most_hours:
        oldest = store.get_latest_ts(connection) - round(3600 * view.most_hours)
        conditions.append(c.opened_ts >= oldest)
    if view.category:
        conditions.append(t.category == view.category)
    if view.channel:
        conditions.append(t.channel == view.channel)
    if view.kind:
        conditions += [
            {
                "first": sa.and_(c.state == "open", p.decision != "approve"),
                "second": c.state == "second",
                "blocked": p.decision == "block",
            }[view.kind],
            c.tx_id.not_in(select_hidden_cases(actor)),
        ]
    return conditions


def preview_queue(
    engine: sa.Engine, view: QueueView, actor: str, rows: int = PREVIEW_ROWS
) -> tuple[pd.DataFrame, int, int]:
    """Preview the cases that a person may be given.

    Parameters
    ----------
    engine : Engine
    view : QueueView
    actor : str
    rows : int, optional
        Number of cases that are shown, those of the largest priority.

    Returns
    -------
    shown : DataFrame
        ``tx_id, opened_ts, amount_cents, category, channel, state, decision``, first case first,
        without the cases that this person must judge blind: their place would say what the model
        thinks.
    total : int
        Number of cases that this person may be given.
    hidden : int
        Number of those among them whose score is hidden.
    """
    c, p, t = store.cases, store.predictions, store.transactions
    joined = sa.join(sa.join(c, p, p.c.tx_id == c.c.tx_id), t, t.c.tx_id == c.c.tx_id)
    columns = (c.c.tx_id, c.c.opened_ts, t.c.amount_cents, t.c.category, t.c.channel, c.c.state)
    with engine.connect() as connection:
        available = [
            is_available_to(actor, time.time()),
            *build_view_conditions(connection, view, actor),
        ]
        is_hidden = c.c.tx_id.in_(select_hidden_cases(actor))
        count = sa.select(sa.func.count()).select_from(joined).where(*available)
        total, hidden = connection.scalar(count), connection.scalar(count.where(is_hidden))
        order = policy.build_priority_sql().desc()
        query = (
            sa.select(*columns, p.c.decision)
            .select_from(joined)
            .where(*available, ~is_hidden)
            .order_by(sa.case((is_held_by(actor, time.time()), 0), else_=1), order, c.c.tx_id)
            .limit(rows)
        )
        return store.read_frame(connection, query), total, hidden
