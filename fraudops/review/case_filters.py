"""SQL conditions: who may be given which case, and in which order."""

from collections.abc import Sequence
from functools import cache

import sqlalchemy as sa

from fraudops import store
from fraudops.review import policy

Parameter = sa.BindParameter  # of a query that is built once


def is_held_by(actor: str | Parameter, now: float | Parameter) -> sa.ColumnElement[bool]:
    """Make the condition that this reviewer holds the case."""
    case = store.cases.c
    return sa.and_(
        case.state.in_(store.WAITING_STATES), case.claimed_by == actor, case.claimed_until >= now
    )


def stands(decision: sa.FromClause) -> sa.ColumnElement[bool]:
    """Make the condition that a row of `store.decisions` is a verdict that was not undone."""
    undo = store.decisions.alias("undo")
    is_undone = (
        sa.exists()
        .where(
            undo.c.tx_id == decision.c.tx_id,
            undo.c.actor == decision.c.actor,
            undo.c.stage == "undo",
            undo.c.id > decision.c.id,
        )
        .correlate(decision)
    )
    return sa.and_(decision.c.stage.not_in(("opinion", "undo")), ~is_undone)


def is_available_to(actor: str | Parameter, now: float | Parameter) -> sa.ColumnElement[bool]:
    """Make the condition that this reviewer may be given the case.

    A reviewer who has given a verdict on a case, be it unsure, does not get it again: another
    person has to look. Nobody gets a case that is snoozed.
    """
    case, decision, skip = store.cases.c, store.decisions.c, store.skips.c
    has_decided = (
        sa.select(decision.id)
        .where(decision.tx_id == case.tx_id, decision.actor == actor, stands(store.decisions))
        .correlate(store.cases)
        .exists()
    )
    is_snoozed = (
        sa.select(skip.tx_id)
        .where(skip.tx_id == case.tx_id, skip.until > now)
        .correlate(store.cases)
        .exists()
    )
    return sa.and_(
        case.state.in_(store.WAITING_STATES),
        sa.or_(case.claimed_until < now, case.claimed_by == actor),
        ~has_decided,
        ~is_snoozed,
    )


@cache
def build_next_case_query() -> sa.Select:
    """Build the query for the case to give out next: see `ReviewQueue.claim_next`.

    It is built once, because that takes longer than to run it.

    Returns
    -------
    Select
        Of the tx_id, with the parameters ``actor``, ``now``, ``next_kind`` and ``second_only``.
    """
    case, prediction = store.cases.c, store.predictions.c
    actor, now = sa.bindparam("actor", type_=sa.Text), sa.bindparam("now", type_=sa.Float)
    skip = store.skips.c
    is_skipped = (
        sa.select(skip.tx_id)
        .where(skip.tx_id == case.tx_id, skip.actor == actor, skip.until == 0)
        .correlate(store.cases)
        .exists()
    )
    group = sa.case(
        (is_held_by(actor, now), 0),
        (is_skipped, 3),  # others get it first
        (case.kind == sa.bindparam("next_kind"), 1),
        else_=2,
    )
    # Prediction ids are keyed hashes, so the reviewed part of the sample is a random sample too.
    sample_order = sa.case((case.kind == "sample", prediction.prediction_id))
    return (
        sa.select(case.tx_id)
        .join(store.predictions, prediction.tx_id == case.tx_id)
        .where(
            is_available_to(actor, now),
            sa.or_(
                ~sa.bindparam("second_only", type_=sa.Boolean),
                case.state == "second",
                is_held_by(actor, now),
            ),
        )
        .order_by(group, sample_order, policy.build_priority_sql().desc(), case.tx_id)
        .limit(1)
    )


def find_next_case(
    connection: sa.Connection,
    actor: str,
    now: float,
    second_only: bool,
    wanted: Sequence[sa.ColumnElement[bool]] = (),
) -> str | None:
    """Find the case to give out next: see `ReviewQueue.claim_next`.

    The conditions in `wanted` may use `store.transactions` too. A held case needs not meet them.
    """
    query = build_next_case_query()
    if wanted:
        t = store.transactions
        query = query.join(t, t.c.tx_id == store.cases.c.tx_id)
        query = query.where(sa.or_(is_held_by(actor, now), sa.and_(*wanted)))
    parameters = {
        "actor": actor,
        "now": now,
        "next_kind": "sample" if _is_sample_due(connection) else "flagged",
        "second_only": second_only,
    }
    return connection.scalar(query, parameters)


def _is_sample_due(connection: sa.Connection) -> bool:
    """Compare how many cases of each kind have a verdict; one that left by itself has none."""
    case = store.cases.c
    begun = case.state.in_(("second", "closed"))
    query = sa.select(case.kind, sa.func.count()).where(begun).group_by(case.kind)
    counts = {kind: count for kind, count in connection.execute(query)}
    return counts.get("sample", 0) * policy.FLAGGED_PER_SAMPLE < counts.get("flagged", 0)
