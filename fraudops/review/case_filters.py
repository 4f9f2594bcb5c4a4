"""SQL conditions: who may be given which case, and in which order."""

import sqlalchemy as sa

from fraudops import store
from fraudops.review import policy

WAITING_STATES = ("open", "second")  # states of a case that is not closed


def is_held_by(actor: str, now: float) -> sa.ColumnElement[bool]:
    """Make the condition that this reviewer holds the case."""
    case = store.cases.c
    return sa.and_(
        case.state.in_(WAITING_STATES), case.claimed_by == actor, case.claimed_until >= now
    )


def is_available_to(actor: str, now: float) -> sa.ColumnElement[bool]:
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


def order_cases(connection: sa.Connection, actor: str, now: float) -> list[sa.ColumnElement]:
    """Make the order in which cases are given out: see `ReviewQueue.claim_next`."""
    case, prediction = store.cases.c, store.predictions.c
    age = store.get_latest_ts(connection) - case.opened_ts
    next_kind = "sample" if _is_sample_due(connection) else "flagged"
    group = sa.case(
        (is_held_by(actor, now), 0),
        (case.state == "second", 1),
        (case.kind == next_kind, 2),
        else_=3,
    )
    # Prediction ids are keyed hashes, so the reviewed part of the sample is a random sample too.
    sample_order = sa.case((case.kind == "sample", prediction.prediction_id))
    priority = case.expected_loss_cents * policy.build_urgency_sql(age)
    return [group, sample_order, priority.desc(), case.tx_id]


def _is_sample_due(connection: sa.Connection) -> bool:
    case = store.cases.c
    query = sa.select(case.kind, sa.func.count()).where(case.state != "open").group_by(case.kind)
    counts = {kind: count for kind, count in connection.execute(query)}
    return counts.get("sample", 0) * policy.FLAGGED_PER_SAMPLE < counts.get("flagged", 0)
