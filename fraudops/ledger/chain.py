"""An append-only audit trail: each entry holds the SHA-256 of the one before it, over canonical
JSON.

A change of an old entry shows when the chain is verified. It does not prove anything against
someone who can rewrite the whole chain and every copy of its head: `ledger.anchors` keeps heads
outside the database, and `ledger.reconciliation` compares the facts.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger.verifier import GENESIS_HASH, hash_entry
from fraudops.store import ledger


def canonical_json(value: Any) -> str:
    """Write JSON with sorted keys and no spaces, so that equal facts have equal bytes.

    Parameters
    ----------
    value : Any

    Returns
    -------
    str

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def append_entry(
    connection: sa.Connection, event: str, actor: str, at: float | None = None, /, **payload: Any
) -> str:
    """Append an entry, in the transaction of the fact that it records, and sign it.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    event : str
    actor : str
    at : float, optional
        Seconds since 1970; None: now. A replay gives its own time.
    **payload : JSON value

    Returns
    -------
    str
        The hash of the new entry, which is the head of the chain.
    """
    last_seq, previous = get_head(connection)
    seq = last_seq + 1
    body = canonical_json(
        {
            "at": round(time.time() if at is None else at, 3),
            "actor": actor,
            "event": event,
            "payload": payload,
        }
    )
    head = hash_entry(seq, previous, body)
    row = {"seq": seq, "body": body, "previous": previous, "hash": head}
    key_file = connection.get_execution_options().get("signing_key_file")
    if key_file:  # `store.connect` sets it
        row["signature"] = store.sign(store.load_or_create_key(Path(key_file)), head)
    connection.execute(ledger.insert(), row)
    return head


def stream_ledger_rows(connection: sa.Connection, event: str | None = None) -> Iterator[sa.Row]:
    """Read the stored rows of the ledger in order, a part at a time.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    event : str, optional
        Only entries of this event.

    Yields
    ------
    sqlalchemy.Row
        seq, body, previous, hash.
    """
    entry = ledger.c
    query = sa.select(entry.seq, entry.body, entry.previous, entry.hash).order_by(entry.seq)
    return store.stream_rows(connection, query.where(entry.event == event) if event else query)


def stream_entries(connection: sa.Connection, event: str | None = None) -> Iterator[dict[str, Any]]:
    """Read entries in order: seq, hash, at (s), actor, event, payload; of one event if given."""
    for row in stream_ledger_rows(connection, event):
        yield {"seq": row.seq, "hash": row.hash} | json.loads(row.body)


def load_entries(connection: sa.Connection, event: str | None = None) -> list[dict[str, Any]]:
    """Load entries in order.

    Parameters
    ----------
    connection : Connection
    event : str, optional
        Only entries of this event.

    Returns
    -------
    list of dict
        ``seq, hash, at, actor, event, payload``.
    """
    return list(stream_entries(connection, event))


def load_champion_changes(engine: sa.Engine) -> list[dict[str, Any]]:
    """Load the promotions and rollbacks of an operation in order.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    list of dict
        ``seq, at, actor, version, previous, reason, gates, kind``.
    """
    with engine.connect() as connection:
        changes = load_entries(connection, "champion")
    return [
        {name: move[name] for name in ("seq", "at", "actor")} | move["payload"] for move in changes
    ]


def get_head(connection: sa.Connection) -> tuple[int, str]:
    """Get the number and the hash of the last entry.

    Parameters
    ----------
    connection : Connection

    Returns
    -------
    tuple of int and str
        ``(0, GENESIS_HASH)`` if the ledger is empty.

    Examples
    --------
    >>> from fraudops.workspace import Workspace
    >>> engine = store.connect(Workspace.find("demo"), "sqlite://")
    >>> with store.write_transaction(engine) as connection:
    ...     head = append_entry(connection, "note", "ann", text="hello")
    ...     get_head(connection)[0]
    1
    """
    row = connection.execute(
        sa.select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)
    ).first()
    return (row.seq, row.hash) if row else (0, GENESIS_HASH)


def count_signed(connection: sa.Connection, seq: int) -> int:
    """Count the signed entries up to a number."""
    entry = ledger.c
    query = sa.select(sa.func.count()).where(entry.seq <= seq, entry.signature.is_not(None))
    return connection.scalar(query)


def get_head_hash(connection: sa.Connection) -> str:
    """Get the hash of the last entry."""
    return get_head(connection)[1]


def verify_chain(
    connection: sa.Connection, anchor: str | None = None, kept: Mapping[int, str] | None = None
) -> str | None:
    """Verify the chain of hashes.

    Parameters
    ----------
    connection : Connection
    anchor : str, optional
        A head that was kept elsewhere without its number. It must be one of the chain's hashes.
    kept : mapping of int to str, optional
        Heads that were kept elsewhere, by the number of their entry.

    Returns
    -------
    str or None
        What is wrong with the first broken entry; None if the chain holds.
    """
    previous, last_seq, last_kept_seq, kept = GENESIS_HASH, 0, 0, kept or {}
    is_anchor_found = anchor in (None, "", GENESIS_HASH)
    for expected, row in enumerate(stream_ledger_rows(connection), start=1):
        if row.seq != expected:
            return f"entry {expected} is missing: entry {row.seq} is in its place"
        if row.previous != previous:
            return f"entry {row.seq} does not follow entry {row.seq - 1}"
        if hash_entry(row.seq, row.previous, row.body) != row.hash:
            return f"entry {row.seq} was changed"
        if kept.get(row.seq, row.hash) != row.hash:
            description = (
                f"entry {row.seq} was"
                if last_kept_seq == row.seq - 1
                else f"one of the entries {last_kept_seq + 1} to {row.seq} was"
            )
            return f"{description} rewritten: entry {row.seq} is not the one that was anchored"
        previous, last_seq = row.hash, row.seq
        last_kept_seq = last_seq if last_seq in kept else last_kept_seq
        is_anchor_found = is_anchor_found or anchor == previous
    if max(kept, default=0) > last_seq:
        state = (
            "missing"
            if last_kept_seq == last_seq
            else f"missing, or one of the entries {last_kept_seq + 1} to {last_seq} was rewritten"
        )
        return (
            f"entry {last_seq + 1} is {state}: the tail was cut off, for entry {max(kept)} was "
            "anchored"
        )
    if not is_anchor_found:
        return (
            f"the anchored head {str(anchor)[:12]} is not in the chain: its tail was cut off "
            "or rewritten"
        )
    return None
