"""Claims: a case belongs to one reviewer for a lease of 15 minutes.

A case that was assigned to a reviewer waits longer. Its ``claimed_at`` is 0 until that person takes
it.
"""

import time

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.review import policy
from fraudops.review.case_filters import is_available_to


def write_claim(connection: sa.Connection, tx_id: str, actor: str, now: float) -> None:
    """Write a claim; a case that is claimed again keeps the time of the first claim."""
    c = store.cases.c
    is_own = sa.and_(c.claimed_by == actor, c.claimed_until >= now, c.claimed_at > 0)
    claim = {
        "claimed_by": actor,
        "claimed_at": sa.case((is_own, c.claimed_at), else_=now),
        "claimed_until": now + policy.LEASE_SECONDS,
    }
    connection.execute(store.cases.update().where(c.tx_id == tx_id).values(claim))


def renew_claim(connection: sa.Connection, tx_id: str, actor: str, now: float) -> bool:
    """Renew a claim, also one that has run out; False if another reviewer has the case now."""
    c = store.cases.c
    own = (c.tx_id == tx_id, c.claimed_by == actor, is_available_to(actor, now))
    renewed = store.cases.update().where(*own).values(claimed_until=now + policy.LEASE_SECONDS)
    return connection.execute(renewed).rowcount == 1


def release_claims(connection: sa.Connection, actor: str, keep: str = "") -> None:
    """Release the cases that this person has taken, except one; drafts stay."""
    c = store.cases.c
    own = (c.claimed_by == actor, c.claimed_at > 0, c.tx_id != keep)
    released = {"claimed_by": None, "claimed_until": 0.0}
    connection.execute(store.cases.update().where(*own).values(released))


def claim_case(engine: sa.Engine, tx_id: str, actor: str) -> None:
    """Claim a case by its id; another case that the reviewer holds goes back to the queue.

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str

    Raises
    ------
    UserError
        If the case does not wait for this reviewer.
    """
    now = time.time()
    with store.write_transaction(engine) as connection:
        require_available(connection, tx_id, actor, now)
        release_claims(connection, actor, tx_id)
        write_claim(connection, tx_id, actor, now)


def require_available(connection: sa.Connection, tx_id: str, actor: str, now: float) -> None:
    """Raise a UserError that says why this reviewer may not be given the case."""
    c = store.cases.c
    available = sa.select(c.tx_id).where(c.tx_id == tx_id, is_available_to(actor, now))
    if connection.scalar(available) is not None:
        return
    case = connection.execute(sa.select(store.cases).where(c.tx_id == tx_id)).first()
    if case is None:
        why = f"The transaction {tx_id} has no case: it was approved and not drawn for a review."
    elif case.state not in store.WAITING_STATES:
        why = f"The case of {tx_id} waits no more: it is {case.state}."
    elif case.claimed_until >= now and case.claimed_by != actor:
        why = f"{case.claimed_by} has the case of {tx_id} now."
    else:
        why = (
            f"{actor} may not be given the case of {tx_id}: a verdict of {actor} is on record, or "
        )
        why += "the case is snoozed."
    raise UserError(why)


def assign_case(engine: sa.Engine, tx_id: str, actor: str, to: str) -> None:
    """Assign a waiting case to a person, whose next case it becomes (event `assign`).

    For four hours nobody else is given the case.

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str
        Who assigns it. No other person may hold it.
    to : str

    Raises
    ------
    UserError
        If another person holds the case, or `to` may not be given it.
    """
    now = time.time()
    with store.write_transaction(engine) as connection:
        c = store.cases.c
        case = connection.execute(sa.select(store.cases).where(c.tx_id == tx_id)).first()
        if case and case.claimed_by == actor:
            connection.execute(store.cases.update().where(c.tx_id == tx_id).values(claimed_until=0))
        require_available(connection, tx_id, to, now)
        claim = {
            "claimed_by": to,
            "claimed_at": 0.0,
            "claimed_until": now + policy.ASSIGNED_SECONDS,
        }
        connection.execute(store.cases.update().where(c.tx_id == tx_id).values(claim))
        ledger.append_entry(connection, "assign", actor, tx_id=tx_id, to=to)
