"""What a verdict writes, and who may give one; each inside the transaction of the queue."""

import time
from typing import Any

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review import policy
from fraudops.review.case_filters import is_held_by
from fraudops.review.drafts import delete_draft


def is_hidden_from(connection: sa.Connection, case: Any, actor: str) -> bool:
    """Tell whether the score of a waiting case is hidden from this reviewer.

    The case has tx_id, blind and state. Nothing is hidden of a case that is decided or settled.
    """
    if not case.blind or case.state not in store.WAITING_STATES:
        return False
    d = store.decisions.c
    query = sa.select(d.id).where(d.tx_id == case.tx_id, d.actor == actor, d.stage == "opinion")
    return connection.scalar(query.limit(1)) is None


def select_hidden_cases(actor: str) -> sa.Select:
    """Select the tx_id of the cases that this person may still have to judge blind.

    These are all waiting blind cases on which the person has given no first opinion: anyone may be
    given any of them next. Nothing about their score, decision or label may be shown before.
    """
    c, d = store.cases.c, store.decisions.c
    has_opinion = (
        sa.exists()
        .where(d.tx_id == c.tx_id, d.actor == actor, d.stage == "opinion")
        .correlate(store.cases)
    )
    return sa.select(c.tx_id).where(c.blind == 1, c.state.in_(store.WAITING_STATES), ~has_opinion)


def count_hidden_cases(engine: sa.Engine, actor: str) -> int:
    """Count the cases that this person may still have to judge blind.

    Parameters
    ----------
    engine : Engine
    actor : str

    Returns
    -------
    int
    """
    hidden = select_hidden_cases(actor).subquery()
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(hidden))


def load_held_case(connection: sa.Connection, tx_id: str, actor: str) -> sa.Row:
    """Load the case with its prediction; this reviewer must hold it."""
    c, p, t = store.cases, store.predictions, store.transactions
    query = (
        sa.select(c, p.c.probability, t.c.ts, t.c.amount_cents, t.c.customer_id, t.c.terminal_id)
        .join(p, p.c.tx_id == c.c.tx_id)
        .join(t, t.c.tx_id == c.c.tx_id)
        .where(c.c.tx_id == tx_id, is_held_by(actor, time.time()))
    )
    case = connection.execute(query).first()
    if case is None:
        raise UserError(
            f"The case of {tx_id} is not yours to decide: it is closed, or its 15 minutes "
            "are over. Take the next one."
        )
    if case.proposed_by == actor:
        raise UserError(
            f"You have given your verdict on {tx_id}: another person has to agree. Take "
            "the next one."
        )
    return case


def choose_stage(case: sa.Row, verdict: str, override: bool) -> str:
    """Choose the stage of a verdict: see `store.decisions`."""
    if case.state == "second" and verdict != "unsure":
        return "confirmation" if verdict == case.proposed else "objection"
    if policy.needs_second_review(verdict, case.amount_cents, override):
        return "proposal"
    return "decision"


def write_decision(
    connection: sa.Connection,
    case: sa.Row,
    stage: str,
    verdict: str,
    actor: str,
    reason: str = "",
    note: str = "",
    override: bool = False,
) -> None:
    """Write a decision and its ledger entry."""
    decision = {
        "tx_id": case.tx_id,
        "stage": stage,
        "verdict": verdict,
        "reason": reason,
        "note": note,
        "override": int(override),
    }
    now = round(time.time(), 3)
    decision |= {"decided_at": now, "seconds": round(now - case.claimed_at, 3)}
    connection.execute(store.decisions.insert(), decision | {"actor": actor})
    ledger.append_entry(connection, "decision", actor, now, **decision)


def apply_decision(
    connection: sa.Connection, case: sa.Row, verdict: str, actor: str, reason: str, note: str
) -> tuple[str, int | None]:
    """Check and write a decision on a held case, and what follows from it.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    case : Row
        See `load_held_case`.
    verdict, actor, reason, note : str
        See `ReviewQueue.record_decision`.

    Returns
    -------
    stage : str
    label : int or None
    """
    policy.check_verdict(verdict)
    policy.check_reason(reason, verdict)
    if is_hidden_from(connection, case, actor):
        raise UserError(
            f"Give a first opinion on {case.tx_id} before its score is shown; then decide."
        )
    override = policy.is_override(verdict, case.kind == "flagged", case.probability)
    policy.check_note(note, reason, override)
    stage = choose_stage(case, verdict, override)
    write_decision(connection, case, stage, verdict, actor, reason, note, override)
    delete_draft(connection, case.tx_id, actor)
    changes: dict[str, Any] = {"claimed_by": None, "claimed_until": 0.0}
    label = None
    if stage in ledger.FINAL_STAGES and verdict != "unsure":
        label = int(verdict == "fraud")
        write_label(connection, case, label, actor)
        changes |= {"state": "closed", "proposed": None, "proposed_by": None}
    elif stage in ("proposal", "objection"):
        changes |= {"state": "second", "proposed": verdict, "proposed_by": actor}
    connection.execute(
        store.cases.update().where(store.cases.c.tx_id == case.tx_id).values(changes)
    )
    return stage, label


def write_label(connection: sa.Connection, case: sa.Row, is_fraud: int, actor: str) -> None:
    """Write the label with the present time of the operation, which is when it arrives."""
    label = {
        "tx_id": case.tx_id,
        "source": "reviewer",
        "actor": actor,
        "customer_id": case.customer_id,
        "terminal_id": case.terminal_id,
        "is_fraud": is_fraud,
        "label_ts": max(int(case.ts), store.get_latest_ts(connection)),
    }
    store.insert_new(connection, store.labels, [label])
