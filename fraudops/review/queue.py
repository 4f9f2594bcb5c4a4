"""The review queue: cases are opened, claimed by one person at a time, and decided by one or two.

A decision becomes a label. A case whose label arrives from elsewhere leaves the queue by itself.
Leases run in wall-clock time. Ages run in the time of the operation, which is that of its latest
transaction.
"""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review import policy
from fraudops.review.case_filters import find_next_case, is_available_to, is_held_by
from fraudops.review.claims import renew_claim, write_claim
from fraudops.review.queue_views import QueueView, build_view_conditions
from fraudops.review.verdicts import apply_decision, is_hidden_from, load_held_case, write_decision


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

    def claim_next(
        self,
        actor: str,
        second_only: bool = False,
        view: QueueView | None = None,
        without: str = "",
    ) -> str | None:
        """Claim the next case for 15 minutes.

        A case that the reviewer already holds comes first, or one that a colleague assigned. Then
        comes the flagged case of which a review can still save most for each person who has to look
        (`policy.build_priority_sql`, with its source). After every tenth flagged case comes one of
        the random sample. A case that this reviewer has skipped comes last. Being overdue changes
        nothing.

        Cases whose label has arrived leave the queue first (`ledger.settle_cases`).

        Parameters
        ----------
        actor : str
        second_only : bool, optional
            Only a case that waits for a second person.
        view : QueueView, optional
            Only a case that this view shows, or one that the reviewer already holds.
        without : str, optional
            Not the case of this transaction.

        Returns
        -------
        str or None
            The tx_id; None if no case is left for this reviewer.
        """
        now = time.time()
        with store.write_transaction(self.engine) as connection:
            ledger.settle_cases(connection)
            wanted = build_view_conditions(connection, view, actor) if view else []
            if without:
                wanted.append(store.cases.c.tx_id != without)
            tx_id = find_next_case(connection, actor, now, second_only, wanted)
            if tx_id is not None:
                write_claim(connection, tx_id, actor, now)
            return tx_id

    def renew_claim(self, tx_id: str, actor: str) -> bool:
        """Renew the claim on a case for 15 minutes, also after it has run out.

        Parameters
        ----------
        tx_id : str
        actor : str
            The reviewer who claimed it last.

        Returns
        -------
        bool
            False if the case is closed, or another reviewer has claimed it meanwhile.
        """
        with store.write_transaction(self.engine) as connection:
            return renew_claim(connection, tx_id, actor, time.time())

    def settle(self) -> int:
        """Let the cases whose label has arrived leave the queue (see `ledger.settle_cases`).

        Returns
        -------
        int
            How many left.
        """
        with store.write_transaction(self.engine) as connection:
            return ledger.settle_cases(connection)

    def skip(self, tx_id: str, actor: str, reason: str, until: float = 0.0) -> None:
        """Put a case back without a decision, with a reason that the ledger records.

        Others get it before this reviewer gets it again. A draft of the reviewer is kept.

        Parameters
        ----------
        tx_id : str
        actor : str
        reason : str
            A key of `policy.SKIP_REASONS`.
        until : float, optional
            Nobody is given the case before this time (seconds since 1970); 0: at once.

        Raises
        ------
        UserError
            If the reason is unknown, the time is past or too late, or the reviewer does not hold
            the case.
        """
        now = time.time()
        policy.check_skip(reason, until, now)
        skip = {"tx_id": tx_id, "actor": actor, "reason": reason, "until": float(until)}
        with store.write_transaction(self.engine) as connection:
            load_held_case(connection, tx_id, actor)
            s = store.skips
            connection.execute(s.delete().where(s.c.tx_id == tx_id, s.c.actor == actor))
            connection.execute(s.insert(), skip | {"skipped_at": now})
            released = {"claimed_by": None, "claimed_until": 0.0}
            connection.execute(
                store.cases.update().where(store.cases.c.tx_id == tx_id).values(released)
            )
            ledger.append_entry(
                connection, "skip", actor, tx_id=tx_id, reason=reason, until=float(until)
            )

    def find_held(self, actor: str) -> str | None:
        """Find the case that this reviewer has taken and holds now; the lease does not change.

        Parameters
        ----------
        actor : str

        Returns
        -------
        str or None
            The tx_id.
        """
        c = store.cases.c
        taken = (is_held_by(actor, time.time()), c.claimed_at > 0)
        query = sa.select(c.tx_id).where(*taken).order_by(c.claimed_at.desc()).limit(1)
        with self.engine.connect() as connection:
            return connection.scalar(query)

    def count_assigned(self, actor: str) -> int:
        """Count the cases that wait for this reviewer because a colleague assigned them."""
        return self._count(is_held_by(actor, time.time()), store.cases.c.claimed_at == 0)

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
            return self._count(store.cases.c.state.in_(store.WAITING_STATES))
        return self._count(is_available_to(actor, time.time()))

    def count_waiting_for_second(self) -> int:
        """Count the cases that wait for a second person."""
        return self._count(store.cases.c.state == "second")

    def count_closed(self) -> int:
        """Count the cases that are decided."""
        return self._count(store.cases.c.state == "closed")

    def count_overdue(self) -> int:
        """Count the cases that wait longer than `policy.DUE_SECONDS`, which is only a mark."""
        with self.engine.connect() as connection:
            due = store.get_latest_ts(connection) - policy.DUE_SECONDS
        return self._count(
            store.cases.c.state.in_(store.WAITING_STATES), store.cases.c.opened_ts < due
        )

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
        policy.check_verdict(verdict)
        with store.write_transaction(self.engine) as connection:
            case = load_held_case(connection, tx_id, actor)
            if not is_hidden_from(connection, case, actor):
                raise UserError(
                    f"The score of {tx_id} is not hidden any more: an opinion would not be "
                    "blind. Decide the case."
                )
            write_decision(connection, case, "opinion", verdict, actor)

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
        with store.write_transaction(self.engine) as connection:
            case = load_held_case(connection, tx_id, actor)
            return DecisionOutcome(
                *apply_decision(connection, case, verdict, actor, reason, note.strip())
            )
