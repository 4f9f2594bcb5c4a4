"""What somebody with every right on a database can do to its ledger: for the tamper lab and the
tests, on copies.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger.verifier import GENESIS_HASH, hash_entry


@contextmanager
def tampering_transaction(copy: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction without the ledger's triggers; it is undone at the end."""
    with copy.connect() as connection:
        store.drop_ledger_triggers(connection)
        yield connection
        connection.rollback()


def replace_entries(connection: sa.Connection, rows: Iterable[dict]) -> None:
    """Put other entries into the ledger, numbered from 1; hashes stay as they are given."""
    connection.execute(store.ledger.delete())
    connection.execute(
        store.ledger.insert(), [row | {"seq": number} for number, row in enumerate(rows, start=1)]
    )


def forge_entry(seq: int, previous: str, body: str) -> dict:
    """An entry as the library would make it: seq, previous, body, hash."""
    digest = hash_entry(seq, previous, body)
    return {"seq": seq, "previous": previous, "body": body, "hash": digest}


def forge_chain(bodies: Iterable[str], after: Iterable[dict] = ()) -> list[dict]:
    """A ledger of these texts behind the rows of `after`, each hash computed anew."""
    rows = list(after)
    for body in bodies:
        rows.append(forge_entry(len(rows) + 1, rows[-1]["hash"] if rows else GENESIS_HASH, body))
    return rows
