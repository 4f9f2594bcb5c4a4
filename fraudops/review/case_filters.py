"""SQL conditions: who may be given which case, and in which order."""

from functools import cache

import sqlalchemy as sa

from fraudops import store
from fraudops.review import policy

WAITING_STATES = ("open", "second")  # states of a case that is not closed


Parameter = sa.BindParameter  # of a query that is built once


def is_held_by(actor: str | Parameter, now: float | Parameter) -> sa.ColumnElement[bool]:
    """Make the condition that this reviewer holds the case."""
    case = store.cases.c
    return sa.and_(
        case.state.in_(WAITING_STATES), case.claimed_by == actor, case.claimed_until >= now
    )


def is_available_to(actor: str | Parameter, now: float | Parameter) -> sa.ColumnElement[bool]:
    """Make the condition that this reviewer may be given the case.

    Another person must confirm a proposal. A reviewer who was unsure about a case does not get it
    again.
    """
    case, decision = store.cases.c, store.decisions.c
    was_unsure = (
        sa.select(decision.id)
        .where(
            decision.tx_id == case.tx_id,
            decision.actor == actor,
            decision.verdict == "unsure",
            decision.stage != "opinion",
        )
        .correlate(store.cases)
        .exists()
    )
    return sa.and_(
        case.state.in_(WAITING_STATES),
        sa.or_(case.claimed_until < now, case.claimed_by == actor),
        sa.or_(case.proposed_by.is_(None), case.proposed_by != actor),
        ~was_unsure,
    )


@cache
def build_next_case_query() -> sa.Select:
    """Build the query for the case to give out next: see `ReviewQueue.claim_next`.

    It is built once, because that takes longer than to run it.

    Returns
    -------
    Select
        Of the tx_id, with the parameters ``actor``, ``now``, ``latest_ts`` and ``next_kind``.
    """
    case, prediction = store.cases.c, store.predictions.c
    actor, now = sa.bindparam("actor", type_=sa.Text), sa.bindparam("now", type_=sa.Float)
    age = sa.bindparam("latest_ts", type_=sa.BigInteger) - case.opened_ts
    group = sa.case(
        (is_held_by(actor, now), 0),
        (case.state == "second", 1),
        (case.kind == sa.bindparam("next_kind"), 2),
        else_=3,
    )
    # Prediction ids are keyed hashes, so the reviewed part of the sample is a random sample too.
    sample_order = sa.case((case.kind == "sample", prediction.prediction_id))
    priority = case.expected_loss_cents * policy.build_urgency_sql(age)
    return (
        sa.select(case.tx_id)
        .join(store.predictions, prediction.tx_id == case.tx_id)
        .where(is_available_to(actor, now))
        .order_by(group, sample_order, priority.desc(), case.tx_id)
        .limit(1)
    )


def find_next_case(connection: sa.Connection, actor: str, now: float) -> str | None:
    """Find the case to give out next: see `ReviewQueue.claim_next`."""
    parameters = {
        "actor": actor,
        "now": now,
        "latest_ts": store.get_latest_ts(connection),
        "next_kind": "sample" if _is_sample_due(connection) else "flagged",
    }
    return connection.scalar(build_next_case_query(), parameters)


def _is_sample_due(connection: sa.Connection) -> bool:
    case = store.cases.c
    query = sa.select(case.kind, sa.func.count()).where(case.state != "open").group_by(case.kind)
    counts = {kind: count for kind, count in connection.execute(query)}
    return counts.get("sample", 0) * policy.FLAGGED_PER_SAMPLE < counts.get("flagged", 0)
