"""One verdict on all waiting cases of a terminal or a customer, after a breach."""

import time
from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review import policy
from fraudops.review.case_filters import is_available_to
from fraudops.review.claims import write_claim
from fraudops.review.verdicts import apply_decision, load_held_case, select_hidden_cases

BULK_KEYS = ("terminal_id", "customer_id")
MAX_BULK_CASES = 500


@dataclass(frozen=True)
class BulkOutcome:
    """What a verdict on many cases led to.

    Attributes
    ----------
    decided : int
        Cases that are closed.
    proposed : int
        Cases that a second person must confirm.
    """

    decided: int
    proposed: int


def find_bulk_cases(engine: sa.Engine, key: str, value: str, actor: str) -> list[str]:
    """Find the waiting cases of a terminal or customer that this reviewer may decide now.

    A case that another person holds, or that the reviewer must judge blind, is not among them.

    Parameters
    ----------
    engine : Engine
    key : str
        ``terminal_id`` or ``customer_id``.
    value : str
    actor : str

    Returns
    -------
    list of str
        The tx_id in order of time, at most `MAX_BULK_CASES`.
    """
    c, t = store.cases, store.transactions
    query = (
        sa.select(c.c.tx_id)
        .join(t, t.c.tx_id == c.c.tx_id)
        .where(
            t.c[key] == value,
            is_available_to(actor, time.time()),
            c.c.tx_id.not_in(select_hidden_cases(actor)),
        )
        .order_by(t.c.ts, c.c.tx_id)
        .limit(MAX_BULK_CASES)
    )
    with engine.connect() as connection:
        return list(connection.scalars(query))


def record_bulk_decision(
    engine: sa.Engine,
    key: str,
    value: str,
    tx_ids: list[str],
    verdict: str,
    actor: str,
    reason: str,
    note: str,
) -> BulkOutcome:
    """Record one verdict on several cases of a terminal or customer, in one transaction.

    Each case gets its own decision with its own entry, and the rules of a single verdict hold for
    each. One more entry (event ``bulk``) names them all.

    Parameters
    ----------
    engine : Engine
    key : str
        ``terminal_id`` or ``customer_id``.
    value : str
    tx_ids : list of str
        The cases that the reviewer was shown, see `find_bulk_cases`.
    verdict : str
        ``fraud`` or ``genuine``.
    actor : str
    reason : str
        A key of `policy.REASON_CODES`.
    note : str
        At least `policy.MIN_NOTE_CHARACTERS` letters.

    Returns
    -------
    BulkOutcome

    Raises
    ------
    UserError
        If the verdict, the reason or the note is not accepted, or one of the cases is no longer
        this reviewer's to decide. Then nothing is recorded.
    """
    note = note.strip()
    if verdict not in ("fraud", "genuine"):
        raise UserError("A verdict on several cases at once is fraud or genuine.")
    if len(note) < policy.MIN_NOTE_CHARACTERS:
        raise UserError(
            "A verdict on several cases at once needs a note: say what happened, in at least "
            f"{policy.MIN_NOTE_CHARACTERS} letters."
        )
    now, stages = time.time(), []
    with store.write_transaction(engine) as connection:
        free = set(tx_ids) & set(_load_available(connection, key, value, actor, now))
        if missing := [tx_id for tx_id in tx_ids if tx_id not in free]:
            raise UserError(
                f"Nothing is recorded: the case of {missing[0]} has changed since you looked. "
                "Look at the cases again."
            )
        for tx_id in tx_ids:
            write_claim(connection, tx_id, actor, now)
            case = load_held_case(connection, tx_id, actor)
            stages.append(apply_decision(connection, case, verdict, actor, reason, note)[0])
        done = [list(pair) for pair in zip(tx_ids, stages, strict=True)]
        said = {"verdict": verdict, "reason": reason, "note": note}
        ledger.append_entry(connection, "bulk", actor, key=key, value=value, cases=done, **said)
    counts = Counter(stage in ledger.FINAL_STAGES for stage in stages)
    return BulkOutcome(counts[True], counts[False])


def _load_available(
    connection: sa.Connection, key: str, value: str, actor: str, now: float
) -> list[str]:
    c, t = store.cases, store.transactions
    query = sa.select(c.c.tx_id).join(t, t.c.tx_id == c.c.tx_id)
    return list(connection.scalars(query.where(t.c[key] == value, is_available_to(actor, now))))
