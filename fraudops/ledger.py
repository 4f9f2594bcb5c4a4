"""An append-only audit trail: each entry holds the SHA-256 of the one before it, over canonical JSON.

A change of an old entry shows when the chain is verified. It does not prove anything against someone who can rewrite
the whole chain and every copy of its head: compare the head with one kept elsewhere (the report page shows it).
"""

import hashlib
import json
import time
from typing import Any

import sqlalchemy as sa

from fraudops.store import ledger

GENESIS = "0" * 64


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal facts have equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _hash(seq: int, previous: str, body: str) -> str:
    return hashlib.sha256(f"{seq}\n{previous}\n{body}".encode()).hexdigest()


def append(connection: sa.Connection, event: str, actor: str, moment: float | None = None, /, **payload: Any) -> str:
    """Add an entry, in the transaction of the fact it records (see `store.writing`).

    Parameters
    ----------
    connection : an open writing transaction
    event, actor : what happened, and who did it
    moment : when, in seconds since 1970; now unless a replay plays another time
    payload : JSON values

    Returns
    -------
    The hash of the new entry, the chain's head.
    """
    last = connection.execute(sa.select(ledger).order_by(ledger.c.seq.desc()).limit(1)).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    body = canonical(
        {"at": round(time.time() if moment is None else moment, 3), "actor": actor, "event": event, "payload": payload}
    )
    head = _hash(seq, previous, body)
    connection.execute(ledger.insert(), {"seq": seq, "body": body, "previous": previous, "hash": head})
    return head


def entries(connection: sa.Connection, event: str | None = None) -> list[dict[str, Any]]:
    """Entries in order: seq, hash, at (s), actor, event, payload."""
    rows = connection.execute(sa.select(ledger).order_by(ledger.c.seq))
    found = [{"seq": row.seq, "hash": row.hash} | json.loads(row.body) for row in rows]
    return [entry for entry in found if event in (None, entry["event"])]


def champion_moves(engine: sa.Engine) -> list[dict[str, Any]]:
    """The promotions and rollbacks of an operation in order: seq, at, actor, version, previous, reason, gates, kind."""
    with engine.connect() as connection:
        moves = entries(connection, "champion")
    return [{key: move[key] for key in ("seq", "at", "actor")} | move["payload"] for move in moves]


def length(connection: sa.Connection) -> int:
    """The number of entries."""
    return connection.scalar(sa.select(sa.func.count()).select_from(ledger))


def head(connection: sa.Connection) -> str:
    """The hash of the last entry."""
    return connection.scalar(sa.select(ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)) or GENESIS


def verify(connection: sa.Connection, anchor: str | None = None) -> str | None:
    """None if the chain holds, else what is wrong with its first broken entry.

    Parameters
    ----------
    anchor : a head kept elsewhere; it must still be one of the chain's hashes
    """
    previous, seen = GENESIS, {GENESIS}
    for expected, row in enumerate(connection.execute(sa.select(ledger).order_by(ledger.c.seq)), start=1):
        if row.seq != expected:
            return f"entry {expected} is missing: entry {row.seq} stands in its place"
        if row.previous != previous:
            return f"entry {row.seq} does not follow entry {row.seq - 1}"
        if _hash(row.seq, row.previous, row.body) != row.hash:
            return f"entry {row.seq} was changed"
        previous = row.hash
        seen.add(previous)
    if anchor and anchor not in seen:
        return f"the anchored head {anchor[:12]} is not in the chain: its tail was cut off or rewritten"
    return None
