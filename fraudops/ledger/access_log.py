"""Record in the ledger who looks at a case, list or export, and read what it says of one case.

The entry is written before anything is shown. So nothing is seen without an entry.
"""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.ledger import chain

# of one case; these are written by people, so they are few
CASE_EVENTS = ("assign", "comment", "decision", "read", "skip")
CASE_GROUP_EVENTS = ("bulk", "chargebacks", "settled")  # of many cases at once
MAX_COMMENT_CHARACTERS = 2_000


def log_case_read(engine: sa.Engine, tx_id: str, actor: str, claimed: bool = False) -> None:
    """Record that a reviewer opens a case (event `read`).

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str
    claimed : bool, optional
        The reviewer has claimed it, to decide it.
    """
    _log_access(engine, "read", actor, tx_id=tx_id, **({"claimed": True} if claimed else {}))


def add_comment(engine: sa.Engine, tx_id: str, text: str, actor: str) -> None:
    """Add a comment to a case (event `comment`). It cannot be changed or removed afterwards.

    Parameters
    ----------
    engine : Engine
    tx_id : str
    text : str
    actor : str

    Raises
    ------
    UserError
        If the text is empty or too long.
    """
    text = text.strip()
    if not 0 < len(text) <= MAX_COMMENT_CHARACTERS:
        raise UserError(
            f"A comment has 1 to {MAX_COMMENT_CHARACTERS:,} letters; this one has {len(text):,}."
        )
    _log_access(engine, "comment", actor, tx_id=tx_id, text=text)


def load_case_entries(connection: sa.Connection, tx_id: str) -> list[dict[str, Any]]:
    """Load the entries about one case in order.

    Parameters
    ----------
    connection : Connection
    tx_id : str

    Returns
    -------
    list of dict
        ``seq, hash, at, actor, event, payload`` of the events in `CASE_EVENTS`, and of those in
        `CASE_GROUP_EVENTS` that name the case; these have the payload of this case only.
    """
    entry = store.ledger.c
    written = chain.canonical_json(tx_id)
    query = (
        sa.select(entry.seq, entry.hash, entry.body)
        .where(
            entry.event.in_((*CASE_EVENTS, *CASE_GROUP_EVENTS)),
            entry.body.contains(written, autoescape=True),
        )
        .order_by(entry.seq)
    )
    found = []
    for row in connection.execute(query):
        one = {"seq": row.seq, "hash": row.hash} | json.loads(row.body)
        payload = one["payload"]
        if one["event"] in CASE_EVENTS and payload.get("tx_id") == tx_id:
            found.append(one)
        elif one["event"] in CASE_GROUP_EVENTS:
            rows = payload.get("cases", payload.get("labels", []))
            found += [one | {"payload": {"row": row}} for row in rows if row[0] == tx_id]
    return found


def log_list_read(
    engine: sa.Engine, name: str, filters: Mapping[str, Any], rows: int, actor: str
) -> None:
    """Record that a person looks at a list (event `list`).

    Parameters
    ----------
    engine : Engine
    name : str
        Of the list.
    filters : mapping of str to Any
        JSON values.
    rows : int
        Number of rows shown.
    actor : str
    """
    _log_access(engine, "list", actor, name=name, filters=dict(filters), rows=int(rows))


def _log_access(engine: sa.Engine, event: str, actor: str, **payload: Any) -> None:
    with store.write_transaction(engine) as connection:
        chain.append_entry(connection, event, actor, **payload)
