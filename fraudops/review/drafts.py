"""Drafts: what a person has typed about a case and not recorded yet, kept for each person and case.

A draft is no verdict. It is not in the ledger, and no other person sees it.
"""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from fraudops import store
from fraudops.review.claims import renew_claim


@dataclass(frozen=True)
class Draft:
    """What was typed.

    Attributes
    ----------
    verdict, reason : str
        Empty if none was chosen.
    note : str
    """

    verdict: str = ""
    reason: str = ""
    note: str = ""


def save_draft(engine: sa.Engine, tx_id: str, actor: str, draft: Draft) -> bool:
    """Save a draft and renew the claim, in one transaction.

    The draft is saved also if another reviewer has the case now.

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str
    draft : Draft
        An empty one removes what was saved.

    Returns
    -------
    bool
        Whether the case is still claimed by this reviewer.
    """
    now = time.time()
    with store.write_transaction(engine) as connection:
        delete_draft(connection, tx_id, actor)
        if draft != Draft():
            row = {"tx_id": tx_id, "actor": actor, "saved_at": now}
            row |= {"verdict": draft.verdict, "reason": draft.reason, "note": draft.note}
            connection.execute(store.drafts.insert(), row)
        return renew_claim(connection, tx_id, actor, now)


def load_draft(engine: sa.Engine, tx_id: str, actor: str) -> Draft:
    """Load a draft.

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str

    Returns
    -------
    Draft
        An empty one if nothing was saved.
    """
    d = store.drafts.c
    query = sa.select(d.verdict, d.reason, d.note).where(d.tx_id == tx_id, d.actor == actor)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return Draft(*row) if row else Draft()


def delete_draft(connection: sa.Connection, tx_id: str, actor: str) -> None:
    """Delete a draft inside a writing transaction."""
    d = store.drafts.c
    connection.execute(store.drafts.delete().where(d.tx_id == tx_id, d.actor == actor))
