"""Verify that a program with the key wrote the entries, and no one with the database alone."""

import hmac
from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger.anchors import Anchor


def find_wrong_signatures(
    connection: sa.Connection, key: bytes, anchors: Iterable[Anchor]
) -> Iterator[str]:
    """Find entries that were written without the key.

    Entries from before the ledger was signed have no signature. Each kept head says how many of the
    entries up to it were signed, so signatures cannot be removed either.

    Parameters
    ----------
    connection : Connection
        To a ledger whose chain is intact.
    key : bytes
        See `store.load_key`.
    anchors : iterable of Anchor

    Yields
    ------
    str
        A problem in words.
    """
    expected = {one.seq: one.signed for one in anchors if one.signed}
    entry, signed = store.ledger.c, 0
    query = sa.select(entry.seq, entry.hash, entry.actor, entry.signature).order_by(entry.seq)
    for row in store.stream_rows(connection, query):
        if row.signature is None:
            if signed:
                yield (
                    f"entry {row.seq} in the name of {row.actor} is not signed: it was written "
                    "without the key"
                )
        else:
            signed += 1
            if not hmac.compare_digest(row.signature, store.sign(key, row.hash)):
                yield (
                    f"entry {row.seq} in the name of {row.actor} is signed with another key than "
                    "the one of this workspace"
                )
        if signed < expected.get(row.seq, 0):
            yield (
                f"of the entries 1 to {row.seq} only {signed} are signed, and "
                f"{expected[row.seq]} were when this head was kept"
            )
