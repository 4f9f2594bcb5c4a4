"""The review queue: cases are opened, claimed by one person at a time, and decided by one or two.

A decision becomes a label. Leases run in wall-clock time. Age and urgency run in the time of the
operation, which is that of its latest transaction.
"""

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review import policy
from fraudops.review.case_filters import WAITING_STATES, find_next_case, is_available_to, is_held_by


@dataclass(frozen=True)
class DecisionOutcome:
    """What a decision led to.

    Attributes
    ----------
    stage : str
        See `store.decisions`.
    label : int or None
        1 fraud, 0 genuine, None if there is no label yet.
    """

    stage: str
    label: int | None


@dataclass(frozen=True)
class ReviewQueue:
    """The cases of one database.

    Attributes
    ----------
    engine : Engine
    """

    engine: sa.Engine

    def open_cases(self) -> int:
        """Open the missing cases of stored predictions (see `store.make_case`).

        The service opens the case of each prediction that it makes. This is for predictions that
        came another way.

        Returns
        -------
        int
            How many cases are new.
        """
        p, t, c = store.predictions.c, store.transactions.c, store.cases.c
        is_in_sample = p.prediction_id < store.get_sample_id_bound(store.SAMPLE_SHARE)
        query = (
            sa.select(p.prediction_id, p.tx_id, p.ts, p.probability, p.decision, t.amount_cents)
            .join(store.transactions, t.tx_id == p.tx_id)
            .where(
                sa.or_(p.decision != "approve", is_in_sample), p.tx_id.not_in(sa.select(c.tx_id))
            )
        )
        with store.write_transaction(self.engine) as connection:
            rows = [store.make_case(row, row.amount_cents) for row in connection.execute(query)]
            return store.insert_new(connection, store.cases, rows)

    def claim_next(self, actor: str) -> str | None:
        """Claim the next case for 15 minutes.

        A case that the reviewer already holds comes first, then cases that wait for a second
        person, then flagged cases by expected loss times urgency. After every tenth flagged case
        comes one of the random sample.

        Parameters
        ----------
        actor : str

        Returns
        -------
        str or None
            The tx_id; None if no case is left for this reviewer.
        """
        c, now = store.cases.c, time.time()
        with store.write_transaction(self.engine) as connection:
            tx_id = find_next_case(connection, actor, now)
            if tx_id is not None:
                # A case that is claimed again keeps the time of the first claim.
                is_own = sa.and_(c.claimed_by == actor, c.claimed_until >= now)
                claim = {
                    "claimed_by": actor,
                    "claimed_at": sa.case((is_own, c.claimed_at), else_=now),
                    "claimed_until": now + policy.LEASE_SECONDS,
                }
                connection.execute(store.cases.update().where(c.tx_id == tx_id).values(claim))
            return tx_id

    def release(self, tx_id: str, actor: str) -> None:
        """Put a case back without a decision.

        Nothing happens if the reviewer does not hold it.

        Parameters
        ----------
        tx_id : str
        actor : str
        """
        held = sa.and_(store.cases.c.tx_id == tx_id, is_held_by(actor, time.time()))
        with store.write_transaction(self.engine) as connection:
            connection.execute(
                store.cases.update().where(held).values(claimed_by=None, claimed_until=0.0)
            )

    def find_held(self, actor: str) -> str | None:
        """Find the case that this reviewer holds now; the lease does not change.

        Parameters
        ----------
        actor : str

        Returns
        -------
        str or None
            The tx_id.
        """
        query = sa.select(store.cases.c.tx_id).where(is_held_by(actor, time.time())).limit(1)
        with self.engine.connect() as connection:
            return connection.scalar(query)

    def _count(self, *conditions: sa.ColumnElement[bool]) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(
                sa.select(sa.func.count()).select_from(store.cases).where(*conditions)
            )

    def count_waiting(self, actor: str | None = None) -> int:
        """Count the cases that wait.

        Parameters
        ----------
        actor : str, optional
            Count only those that this reviewer may be given now.

        Returns
        -------
        int
        """
        if actor is None:
            return self._count(store.cases.c.state.in_(WAITING_STATES))
        return self._count(is_available_to(actor, time.time()))

    def count_waiting_for_second(self) -> int:
        """Count the cases that wait for a second person."""
        return self._count(store.cases.c.state == "second")

    def count_closed(self) -> int:
        """Count the cases that are decided."""
        return self._count(store.cases.c.state == "closed")

    def count_overdue(self) -> int:
        """Count the cases that have waited longer than `policy.DUE_SECONDS`."""
        with self.engine.connect() as connection:
            due = store.get_latest_ts(connection) - policy.DUE_SECONDS
        return self._count(store.cases.c.state.in_(WAITING_STATES), store.cases.c.opened_ts < due)

    def is_score_hidden(self, tx_id: str, actor: str) -> bool:
        """Tell whether this reviewer must give an opinion before the score is shown.

        Parameters
        ----------
        tx_id, actor : str

        Returns
        -------
        bool
        """
        with self.engine.connect() as connection:
            query = sa.select(store.cases).where(store.cases.c.tx_id == tx_id)
            return is_hidden_from(connection, connection.execute(query).one(), actor)

    def record_opinion(self, tx_id: str, verdict: str, actor: str) -> None:
        """Record what a reviewer thinks of a blind case before the score is shown.

        Parameters
        ----------
        tx_id, verdict, actor : str

        Raises
        ------
        UserError
            If the verdict is unknown, the reviewer does not hold the case, or the score is no
            longer hidden.
        """
        _check_verdict(verdict)
        with store.write_transaction(self.engine) as connection:
            case = _load_held_case(connection, tx_id, actor)
            if not is_hidden_from(connection, case, actor):
                raise UserError(
                    f"The score of {tx_id} is not hidden any more: an opinion would not be "
                    "blind. Decide the case."
                )
            _write_decision(connection, case, "opinion", verdict, actor)

    def record_decision(
        self, tx_id: str, verdict: str, actor: str, reason: str, note: str = ""
    ) -> DecisionOutcome:
        """Record a decision: decision, label and ledger entry in one transaction.

        ``unsure`` gives no label, and another reviewer gets the case. Above
        `policy.SECOND_REVIEW_CENTS`, or against the model, a verdict is a proposal. A second
        person, who does not see it, must give the same verdict. If that person disagrees, their
        verdict becomes the proposal, and another person must confirm it.

        Parameters
        ----------
        tx_id : str
        verdict : str
            ``fraud``, ``genuine`` or ``unsure``.
        actor : str
        reason : str
            A key of `policy.REASON_CODES`.
        note : str, optional

        Returns
        -------
        DecisionOutcome

        Raises
        ------
        UserError
            If verdict, reason or note are not accepted, the score is still hidden, or the reviewer
            does not hold the case any more.
        """
        _check_verdict(verdict)
        _check_reason(reason, verdict)
        note = note.strip()
        with store.write_transaction(self.engine) as connection:
            case = _load_held_case(connection, tx_id, actor)
            if is_hidden_from(connection, case, actor):
                raise UserError(
                    f"Give a first opinion on {tx_id} before its score is shown; then decide."
                )
            override = policy.is_override(verdict, case.kind == "flagged", case.probability)
            _check_note(note, reason, override)
            stage = _choose_stage(case, verdict, override)
            _write_decision(connection, case, stage, verdict, actor, reason, note, override)
            changes: dict[str, Any] = {"claimed_by": None, "claimed_until": 0.0}
            label = None
            if stage in ("decision", "confirmation") and verdict != "unsure":
                label = int(verdict == "fraud")
                _write_label(connection, case, label, actor)
                changes |= {"state": "closed", "proposed": None, "proposed_by": None}
            elif stage in ("proposal", "objection"):
                changes |= {"state": "second", "proposed": verdict, "proposed_by": actor}
            connection.execute(
                store.cases.update().where(store.cases.c.tx_id == tx_id).values(changes)
            )
        return DecisionOutcome(stage, label)


def is_hidden_from(connection: sa.Connection, case: Any, actor: str) -> bool:
    """Tell whether the score of a case (with tx_id and blind) is hidden from this reviewer."""
    d = store.decisions.c
    query = sa.select(d.id).where(d.tx_id == case.tx_id, d.actor == actor, d.stage == "opinion")
    return bool(case.blind) and connection.scalar(query.limit(1)) is None


def _check_verdict(verdict: str) -> None:
    if verdict not in policy.VERDICTS:
        raise UserError(
            f"{verdict!r} is not a verdict: choose one of {', '.join(policy.VERDICTS)}."
        )


def _check_reason(reason: str, verdict: str) -> None:
    offered = [code for code, one in policy.REASON_CODES.items() if one.verdict == verdict]
    if not reason:
        raise UserError("Choose a reason: it says on what the verdict is based.")
    if reason not in offered:
        raise UserError(
            f"{reason!r} is not a reason for {verdict!r}: choose one of {', '.join(offered)}."
        )


def _check_note(note: str, reason: str, override: bool) -> None:
    if (override or reason.startswith("other_")) and len(note) < policy.MIN_NOTE_CHARACTERS:
        why = "goes against the model" if override else "has a reason that is not on the list"
        raise UserError(
            f"This verdict {why}: say why in the note, in at least "
            f"{policy.MIN_NOTE_CHARACTERS} letters."
        )


def _load_held_case(connection: sa.Connection, tx_id: str, actor: str) -> sa.Row:
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


def _choose_stage(case: sa.Row, verdict: str, override: bool) -> str:
    if case.state == "second" and verdict != "unsure":
        return "confirmation" if verdict == case.proposed else "objection"
    if policy.needs_second_review(verdict, case.amount_cents, override):
        return "proposal"
    return "decision"


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
    decision = {
        "tx_id": case.tx_id,
        "stage": stage,
        "verdict": verdict,
        "reason": reason,
        "note": note,
        "override": int(override),
    }
    now = time.time()
    times = {"decided_at": now, "seconds": now - case.claimed_at}
    connection.execute(store.decisions.insert(), decision | {"actor": actor} | times)
    ledger.append_entry(connection, "decision", actor, **decision)


def _write_label(connection: sa.Connection, case: sa.Row, is_fraud: int, actor: str) -> None:
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
