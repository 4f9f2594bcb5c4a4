"""Claims: a case belongs to one reviewer for a lease of 15 minutes."""

import sqlalchemy as sa

from fraudops import store
from fraudops.review import policy
from fraudops.review.case_filters import is_available_to


def write_claim(connection: sa.Connection, tx_id: str, actor: str, now: float) -> None:
    """Write a claim; a case that is claimed again keeps the time of the first claim."""
    c = store.cases.c
    is_own = sa.and_(c.claimed_by == actor, c.claimed_until >= now)
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
