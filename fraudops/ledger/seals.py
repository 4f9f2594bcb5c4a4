"""Seals: hashes over all rows that were new, for tables with too many rows for an entry each.

The entry of a seal holds a digest for each day. The table `sealed` remembers which rows a seal
covers, with a short digest of each row, so that a changed row can be named: a tree of two levels
(R. Merkle, A digital signature based on a conventional encryption function, CRYPTO 1987), whose
root is the entry. Rows that arrive late belong to a later seal, so no clock decides.
"""

import hashlib
import itertools
import json
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger import chain
from fraudops.timeline import DAY, day_of

SEALED_TABLES = (store.transactions, store.refunds, store.predictions, store.evidence, store.labels)
TIME_COLUMNS = ("ts", "label_ts")  # the first that a table has gives the day of a row
ROW_DIGEST_DIGITS = 16
ROWS_PER_INSERT = 5_000
CLOCK_TOLERANCE_SECONDS = 300  # between the time that a row names and its commit

# a value that was falsified may be of a kind that JSON does not know
row_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=repr).encode


def _sealed_key_columns(table: sa.Table) -> list[sa.ColumnElement]:
    """The key of a table as the columns key, source and actor of `sealed`."""
    return [*table.primary_key.columns, *[sa.literal("")] * (3 - len(table.primary_key.columns))]


def matches_sealed_key(table: sa.Table) -> sa.ColumnElement[bool]:
    sealed = store.sealed.c
    return sa.and_(
        *(
            one == other
            for one, other in zip(
                (sealed.key, sealed.source, sealed.actor), _sealed_key_columns(table), strict=True
            )
        )
    )


def in_byte_order(
    connection: sa.Connection, columns: list[sa.ColumnElement]
) -> list[sa.ColumnElement]:
    """Order by bytes on every engine, so that a copy of the database gives the same hash."""
    if connection.dialect.name != "postgresql":
        return columns
    return [one.collate("C") for one in columns]


def is_unsealed(table: sa.Table) -> sa.ColumnElement[bool]:
    """Make the condition that no seal knows a row of this table."""
    return ~sa.exists().where(store.sealed.c.kind == table.name, matches_sealed_key(table))


def seal_new_rows(engine: sa.Engine, actor: str = "pipeline") -> int:
    """Seal the new rows of each table of `SEALED_TABLES` with one ledger entry per table.

    Parameters
    ----------
    engine : Engine
    actor : str, optional

    Returns
    -------
    int
        Number of rows that were sealed.
    """
    new = 0
    for table in SEALED_TABLES:
        with store.write_transaction(engine) as connection:
            new += seal_table(connection, table, actor)
    return new


def seal_table(
    connection: sa.Connection, table: sa.Table, actor: str, among: sa.ColumnElement | None = None
) -> int:
    """Seal the new rows of a table with one ledger entry.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    table : Table
        One of `SEALED_TABLES`.
    actor : str
    among : ColumnElement, optional
        A condition on the rows, so that a large table is not searched for new ones.

    Returns
    -------
    int
        Number of rows that were sealed.
    """
    sealed, number = store.sealed, chain.get_head(connection)[0] + 1
    keys = list(table.primary_key.columns)
    wanted = sa.and_(is_unsealed(table), among if among is not None else sa.true())
    query = sa.select(*table.c).where(wanted).order_by(*in_byte_order(connection, keys))
    names = [one.name for one in table.c]
    places = [names.index(one.name) for one in keys]
    days, count = DayDigests(names), 0
    rows = store.stream_rows(connection, query)
    # the rows of a part are inserted behind the place that the query has reached
    while part := list(itertools.islice(rows, ROWS_PER_INSERT)):
        new = []
        for row in part:
            text = days.add(tuple(row))
            values = [row[place] for place in places] + [""] * (3 - len(places))
            key = dict(zip(("key", "source", "actor"), values, strict=True))
            new.append(key | {"kind": table.name, "seal": number, "digest": digest_row(text)})
        connection.execute(sealed.insert(), new)
        count += len(new)
    if not count:
        return 0
    payload = {"table": table.name, "rows": count, "columns": names, "days": days.to_payload()}
    chain.append_entry(connection, "seal", actor, **payload)
    return count


class DayDigests:
    """The SHA-256 over the rows of each day, each row as JSON, in the order of their keys.

    Parameters
    ----------
    columns : list of str
        Names of a row's columns. The first of `TIME_COLUMNS` among them gives the day; without one
        all rows belong to one day, whose name is empty.
    """

    def __init__(self, columns: list[str]):
        self.place = next((columns.index(one) for one in TIME_COLUMNS if one in columns), None)
        self.found: dict[str, tuple[int, Any]] = {}

    def name_day(self, row: tuple) -> str:
        """Name the day of a row: YYYY-MM-DD, its value if that is no time, or an empty text."""
        if self.place is None:
            return ""
        value = row[self.place]
        return _name_day(value // DAY) if isinstance(value, int) else str(value)

    def add(self, row: tuple) -> bytes:
        """Add a row; return its JSON."""
        text = row_json(row).encode()
        day = self.name_day(row)
        count, digest = self.found.get(day) or (0, hashlib.sha256())
        digest.update(text)
        self.found[day] = (count + 1, digest)
        return text

    def to_payload(self) -> list[list]:
        """List day, number of rows and digest, by day."""
        return [[day, count, one.hexdigest()] for day, (count, one) in sorted(self.found.items())]


@lru_cache(maxsize=10_000)
def _name_day(number: int) -> str:
    """Name a day by its number since 1970. A time that was falsified may be no date."""
    try:
        return str(day_of(number * DAY))
    except (OverflowError, ValueError, OSError):
        return f"day {number}"


def digest_row(text: bytes) -> str:
    """Compute the short digest that names a changed row. The evidence is the digest of its day."""
    return hashlib.sha256(text).hexdigest()[:ROW_DIGEST_DIGITS]
