"""The review queue: cases are opened, claimed by one person at a time, decided by one or two;
decisions become labels.

Leases run in wall-clock time. Age and urgency run in the time of the operation, which is that of
its latest transaction.
"""

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review import policy, queue
from fraudops.review.policy import LEASE_SECONDS, VERDICTS

WAITING_STATES = ("open", "second")  # states of a case that is not closed


def open_cases(engine: sa.Engine) -> int:
    """Open a case for each flagged prediction, and for a random sample of the approved ones;
    returns how many are new.
    """
    p, t, c = store.predictions, store.transactions, store.cases
    flagged, sampled = (
        p.c.decision != "approve",
        p.c.prediction_id < policy.get_sample_id_bound(policy.SAMPLE_SHARE),
    )
    fresh = (
        sa.select(
            p.c.prediction_id,
            p.c.tx_id,
            p.c.ts,
            p.c.probability,
            flagged.label("flagged"),
            t.c.amount_cents,
        )
        .join(t, t.c.tx_id == p.c.tx_id)
        .where(sa.or_(flagged, sampled), p.c.tx_id.not_in(sa.select(c.c.tx_id)))
    )
    with store.write_transaction(engine) as connection:
        rows = [
            {
                "tx_id": row.tx_id,
                "opened_ts": row.ts,
                "state": "open",
                "claimed_until": 0.0,
                "kind": "flagged" if row.flagged else "sample",
                # a sampled case looks like a blind one: to know that the model approved it would
                # decide it
                "blind": int(
                    not row.flagged or policy.is_sampled(row.prediction_id, policy.BLIND_SHARE)
                ),
                "expected_loss_cents": row.probability * row.amount_cents,
            }
            for row in connection.execute(fresh)
        ]
        return store.insert_new(connection, c, rows)


def _is_held_by(actor: str, now: float) -> sa.ColumnElement[bool]:
    c = store.cases
    return sa.and_(c.c.state.in_(WAITING_STATES), c.c.claimed_by == actor, c.c.claimed_until >= now)


def _is_available_to(actor: str, now: float) -> sa.ColumnElement[bool]:
    c, d = store.cases, store.decisions
    unsure = sa.and_(
        d.c.tx_id == c.c.tx_id, d.c.actor == actor, d.c.verdict == "unsure", d.c.stage != "opinion"
    )
    given_up = sa.select(d.c.id).where(unsure).correlate(c).exists()
    return sa.and_(
        c.c.state.in_(WAITING_STATES),
        sa.or_(c.c.claimed_until < now, c.c.claimed_by == actor),
        sa.or_(c.c.proposed_by.is_(None), c.c.proposed_by != actor),  # nobody confirms their own
        ~given_up,
    )


def find_held_case(engine: sa.Engine, actor: str) -> str | None:
    """The case that this reviewer holds now, if any; nothing is claimed or prolonged."""
    with engine.connect() as connection:
        return connection.scalar(
            sa.select(store.cases.c.tx_id).where(_is_held_by(actor, time.time())).limit(1)
        )


def count_waiting(engine: sa.Engine, actor: str) -> tuple[int, int]:
    """The number of cases that wait, and of those among them that this reviewer could be
    given now.
    """
    count = sa.select(sa.func.count()).select_from(store.cases)
    with engine.connect() as connection:
        total = connection.scalar(count.where(store.cases.c.state.in_(WAITING_STATES)))
        return total, connection.scalar(count.where(_is_available_to(actor, time.time())))


def count_overdue(engine: sa.Engine) -> int:
    """The number of cases that have waited longer than `review_rules.DUE_SECONDS`."""
    c = store.cases.c
    with engine.connect() as connection:
        late = c.opened_ts < store.get_latest_ts(connection) - policy.DUE_SECONDS
        return connection.scalar(
            sa.select(sa.func.count())
            .select_from(store.cases)
            .where(c.state.in_(WAITING_STATES), late)
        )


def _is_sample_due(connection: sa.Connection) -> bool:
    c = store.cases.c
    query = sa.select(c.kind, sa.func.count()).where(c.state != "open").group_by(c.kind)
    begun = {kind: count for kind, count in connection.execute(query)}
    return begun.get("sample", 0) * policy.FLAGGED_PER_SAMPLE < begun.get("flagged", 0)


def claim_next(engine: sa.Engine, actor: str) -> str | None:
    """Claim a case for 15 minutes; None when nothing is left for this reviewer.

    A reviewer who already holds a case gets that one again, and never one that they were unsure
    about or that waits for somebody else's agreement. What waits for a second person comes first,
    then flagged cases by expected loss times urgency, and after every tenth one of the random
    sample.
    """
    c, p, now = store.cases, store.predictions, time.time()
    with store.write_transaction(engine) as connection:
        age = store.get_latest_ts(connection) - c.c.opened_ts
        first = "sample" if _is_sample_due(connection) else "flagged"
        best = (
            sa.select(c.c.tx_id)
            .join(p, p.c.tx_id == c.c.tx_id)
            .where(_is_available_to(actor, now))
            .order_by(
                sa.case(
                    (_is_held_by(actor, now), 0),
                    (c.c.state == "second", 1),
                    (c.c.kind == first, 2),
                    else_=3,
                ),
                sa.case(
                    (c.c.kind == "sample", p.c.prediction_id)
                ),  # a random order: what is reviewed stays a random sample
                (c.c.expected_loss_cents * policy.build_urgency_sql(age)).desc(),
                c.c.tx_id,
            )
        )
        tx_id = connection.scalar(best.limit(1))
        if tx_id is not None:
            mine = sa.and_(
                c.c.claimed_by == actor, c.c.claimed_until >= now
            )  # a second look keeps the first one's time
            lease = {"claimed_by": actor, "claimed_at": sa.case((mine, c.c.claimed_at), else_=now)}
            connection.execute(
                c.update()
                .where(c.c.tx_id == tx_id)
                .values(lease | {"claimed_until": now + LEASE_SECONDS})
            )
        return tx_id


@dataclass(frozen=True)
class DecisionOutcome:
    """What came of a decision: its stage (see `store.decisions`), and the label if there is one now
    (1 fraud, 0 genuine).
    """

    stage: str
    label: int | None


def record_opinion(engine: sa.Engine, tx_id: str, verdict: str, actor: str) -> None:
    """Record what a reviewer thinks of a blind case before the score is shown; nothing else
    changes.

    Raises
    ------
    UserError
        If the verdict is unknown, the case is not held by this reviewer, or its score was shown
        already.
    """
    _check_verdict(verdict)
    with store.write_transaction(engine) as connection:
        case = _load_held_case(connection, tx_id, actor, time.time())
        if not is_hidden_from(connection, case, actor):
            raise UserError(
                f"The score of {tx_id} is not hidden any more: an opinion would not be "
                "blind. Decide the case."
            )
        _write_decision(connection, case, "opinion", verdict, actor)


def is_hidden_from(connection: sa.Connection, case: Any, actor: str) -> bool:
    """Whether the score of a case (tx_id, blind) is still hidden from this reviewer."""
    d = store.decisions
    said = (
        sa.select(d.c.id)
        .where(d.c.tx_id == case.tx_id, d.c.actor == actor, d.c.stage == "opinion")
        .limit(1)
    )
    return bool(case.blind) and connection.scalar(said) is None


def record_decision(
    engine: sa.Engine, tx_id: str, verdict: str, actor: str, reason: str, note: str = ""
) -> DecisionOutcome:
    """Record a decision on a claimed case: decision, label and ledger entry in one transaction.

    `unsure` gives no label and puts the case back for somebody else. Above
    `policy.SECOND_REVIEW_CENTS`, or against the model, a verdict is a proposal until a second
    person, who is not told the first verdict, says the same; who says the opposite puts their own
    verdict in its place, for somebody else to agree with.

    Raises
    ------
    UserError
        If verdict, reason or note do not do, the score is still hidden, or the case is not (any
        longer) held by this reviewer.
    """
    _check_verdict(verdict)
    if reason not in policy.REASON_CODES or policy.REASON_CODES[reason].verdict != verdict:
        offered = ", ".join(
            code for code, one in policy.REASON_CODES.items() if one.verdict == verdict
        )
        raise UserError(f"{reason!r} is not a reason for {verdict!r}: choose one of {offered}.")
    note = note.strip()
    with store.write_transaction(engine) as connection:
        case = _load_held_case(connection, tx_id, actor, time.time())
        if is_hidden_from(connection, case, actor):
            raise UserError(
                f"Give a first opinion on {tx_id} before its score is shown; then decide."
            )
        override = policy.is_override(verdict, case.kind == "flagged", case.probability)
        if (override or reason.startswith("other_")) and len(note) < policy.MIN_NOTE_CHARACTERS:
            why = "goes against the model" if override else "has a reason that is not on the list"
            raise UserError(
                f"This verdict {why}: say why in the note, in at least "
                f"{policy.MIN_NOTE_CHARACTERS} letters."
            )
        stage = _choose_stage(case, verdict, override)
        _write_decision(connection, case, stage, verdict, actor, reason, note, override)
        label = None
        if stage in ("decision", "confirmation") and verdict != "unsure":
            label = int(verdict == "fraud")
            _write_label(connection, case, label, actor)
        after = {"claimed_by": None, "claimed_until": 0.0}
        if label is not None:
            after |= {"state": "closed", "proposed": None, "proposed_by": None}
        elif stage in ("proposal", "objection"):
            after |= {"state": "second", "proposed": verdict, "proposed_by": actor}
        connection.execute(store.cases.update().where(store.cases.c.tx_id == tx_id).values(after))
    return DecisionOutcome(stage, label)


def _check_verdict(verdict: str) -> None:
    if verdict not in VERDICTS:
        raise UserError(f"{verdict!r} is not a verdict: choose one of {', '.join(VERDICTS)}.")


def _load_held_case(connection: sa.Connection, tx_id: str, actor: str, now: float) -> sa.Row:
    """The case with its prediction, which this reviewer must hold."""
    c, p, t = store.cases, store.predictions, store.transactions
    query = sa.select(
        c, p.c.probability, t.c.ts, t.c.amount_cents, t.c.customer_id, t.c.terminal_id
    )
    joined = query.join(p, p.c.tx_id == c.c.tx_id).join(t, t.c.tx_id == c.c.tx_id)
    case = connection.execute(joined.where(c.c.tx_id == tx_id)).first()
    if (
        case is None
        or case.state not in WAITING_STATES
        or case.claimed_by != actor
        or case.claimed_until < now
    ):
        raise UserError(
            f"The case of {tx_id} is not yours to decide: it is closed, or its 15 minutes "
            "are over. Take the next one."
        )
    if case.proposed_by == actor:
        raise UserError(
            f"You have given your verdict on {tx_id}: somebody else has to agree. Take "
            "the next one."
        )
    return case


def _choose_stage(case: sa.Row, verdict: str, override: bool) -> str:
    if case.state == "second" and verdict != "unsure":
        return "confirmation" if verdict == case.proposed else "objection"
    return (
        "proposal"
        if policy.needs_second_review(verdict, case.amount_cents, override)
        else "decision"
    )


def _write_decision(
    connection: sa.Connection,
    case: sa.Row,
    stage: str,
    verdict: str,
    actor: str,
    reason: str = "",
    note: str = "",
    override: bool = False,
) -> None:
    said = {
        "tx_id": case.tx_id,
        "stage": stage,
        "verdict": verdict,
        "reason": reason,
        "note": note,
        "override": int(override),
    }
    now = time.time()
    row = said | {"actor": actor, "decided_at": now, "seconds": now - case.claimed_at}
    connection.execute(store.decisions.insert(), row)
    ledger.append_entry(connection, "decision", actor, **said)


def _write_label(connection: sa.Connection, case: sa.Row, is_fraud: int, actor: str) -> None:
    """The label arrives when it is given: at the operation's present, not at the time of the
    transaction.
    """
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


def release_case(engine: sa.Engine, tx_id: str, actor: str) -> None:
    """Put a case back into the queue without a word on it; nothing happens if it is not held."""
    c = store.cases
    with store.write_transaction(engine) as connection:
        mine = sa.and_(c.c.tx_id == tx_id, _is_held_by(actor, time.time()))
        connection.execute(c.update().where(mine).values(claimed_by=None, claimed_until=0.0))


def is_score_hidden(engine: sa.Engine, tx_id: str, actor: str) -> bool:
    """Whether the score of a case is hidden from this reviewer until they have given a first
    opinion.
    """
    with engine.connect() as connection:
        row = connection.execute(sa.select(store.cases).where(store.cases.c.tx_id == tx_id)).one()
        return queue.is_hidden_from(connection, row, actor)


def count_waiting_for_second(engine: sa.Engine) -> int:
    """The number of cases that wait for a second person."""
    with engine.connect() as connection:
        count = sa.select(sa.func.count()).select_from(store.cases)
        return connection.scalar(count.where(store.cases.c.state == "second"))
