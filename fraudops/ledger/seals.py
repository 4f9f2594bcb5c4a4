"""Seals: one hash over all rows that were new, for tables with too many rows for an entry each.

The table `sealed` remembers which rows a seal covers. Rows that arrive late belong to a later seal,
so no clock decides.
"""

import hashlib
import json
from collections.abc import Iterator

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger import chain

SEALED_TABLES = (store.transactions, store.refunds, store.predictions, store.evidence, store.labels)
CLOCK_TOLERANCE_SECONDS = 300  # between the time that a row names and its commit

_row_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _sealed_key_columns(table: sa.Table) -> list[sa.ColumnElement]:
    """The key of a table as the columns key, source and actor of `sealed`."""
    return [*table.primary_key.columns, *[sa.literal("")] * (3 - len(table.primary_key.columns))]


def _matches_sealed_key(table: sa.Table) -> sa.ColumnElement[bool]:
    sealed = store.sealed.c
    return sa.and_(
        *(
            one == other
            for one, other in zip(
                (sealed.key, sealed.source, sealed.actor), _sealed_key_columns(table), strict=True
            )
        )
    )


def _byte_order(connection: sa.Connection) -> list[sa.ColumnElement]:
    """Order by bytes on every engine, so that a copy of the database gives the same hash."""
    sealed = store.sealed.c
    names = (sealed.key, sealed.source, sealed.actor)
    return (
        [one.collate("C") for one in names]
        if connection.dialect.name == "postgresql"
        else list(names)
    )


def is_unsealed(table: sa.Table) -> sa.ColumnElement[bool]:
    """Make the condition that no seal knows a row of this table."""
    return ~sa.exists().where(store.sealed.c.kind == table.name, _matches_sealed_key(table))


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
    new_rows = sa.select(
        sa.literal(table.name), *_sealed_key_columns(table), sa.literal(number)
    ).where(is_unsealed(table), among if among is not None else sa.true())
    insert = sealed.insert().from_select(["kind", "key", "source", "actor", "seal"], new_rows)
    count = connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount
    if not count:
        return 0
    total = hashlib.sha256()
    query = (
        sa.select(*table.c)
        .join(sealed, _matches_sealed_key(table))
        .where(sealed.c.kind == table.name, sealed.c.seal == number)
    )
    for row in store.stream_rows(connection, query.order_by(*_byte_order(connection))):
        total.update(_row_json(tuple(row)).encode())
    payload = {
        "table": table.name,
        "rows": count,
        "columns": [one.name for one in table.c],
        "sha256": total.hexdigest(),
    }
    chain.append_entry(connection, "seal", actor, **payload)
    return count


def compare_seals(
    connection: sa.Connection, seals: dict[int, dict], table: sa.Table
) -> Iterator[str]:
    """Compare the rows of a table with the seals that cover them, in one pass over the table.

    Parameters
    ----------
    connection : Connection
    seals : dict of int to dict
        Payloads of all `seal` entries with their time ``at``, by number of the entry.
    table : Table
        One of `SEALED_TABLES`.

    Yields
    ------
    str
        A difference in words.
    """
    sealed = store.sealed
    seals = {seq: seal for seq, seal in seals.items() if seal["table"] == table.name}
    names = [one.name for one in table.c]
    column_places = {
        seq: [names.index(name) + 1 for name in one["columns"]] for seq, one in seals.items()
    }
    totals, counts = {seq: hashlib.sha256() for seq in seals}, dict.fromkeys(seals, 0)
    first = 1 + names.index(next(iter(table.primary_key.columns)).name)
    query = (
        sa.select(sealed.c.seal, *table.c, sealed.c.key)
        .join(table, _matches_sealed_key(table), isouter=True)
        .where(sealed.c.kind == table.name)
    )
    missing_keys: dict[int, str] = {}
    # the only table with the time of writing
    has_times = table is store.predictions and bool(seals)
    limit = max((one["at"] for one in seals.values()), default=0.0) - CLOCK_TOLERANCE_SECONDS
    time_place, old_rows = 1 + names.index("scored_at") if has_times else 0, 0
    plain = {seq for seq, one in seals.items() if one["columns"] == names}
    for row in store.stream_rows(connection, query.order_by(*_byte_order(connection))):
        number = row[0]
        if number not in seals:
            yield (
                f"{row[-1]} of {table.name} claims to be sealed by entry {number}, which "
                "seals nothing there"
            )
        elif row[first] is None:
            missing_keys.setdefault(number, row[-1])
        else:
            value = row[1:-1] if number in plain else tuple(row[at] for at in column_places[number])
            totals[number].update(_row_json(value).encode())
            counts[number] += 1
            old_rows += has_times and row[time_place] < limit
    for number, one in seals.items():
        if number in missing_keys:
            yield f"{missing_keys[number]} of {table.name} is missing; entry {number} sealed it"
        elif counts[number] != one["rows"]:
            yield (
                f"entry {number} sealed {one['rows']:,} rows of {table.name}, and "
                f"{counts[number]:,} are there"
            )
        elif totals[number].hexdigest() != one["sha256"]:
            yield (
                f"the {one['rows']:,} rows of {table.name} that entry {number} sealed are no "
                "longer what they were"
            )
    if has_times:
        yield from _find_backdated_predictions(connection, limit, old_rows)


def _find_backdated_predictions(
    connection: sa.Connection, limit: float, sealed: int
) -> Iterator[str]:
    """Predictions that claim to be older than `limit`, and that the seal of that time lacks."""
    p = store.predictions
    if (
        connection.scalar(sa.select(sa.func.count()).select_from(p).where(p.c.scored_at < limit))
        > sealed
    ):
        unknown = sa.select(p.c.prediction_id).where(p.c.scored_at < limit, is_unsealed(p))
        for name in connection.scalars(unknown.order_by(p.c.prediction_id).limit(3)):
            yield f"the prediction {name} claims to be older than a seal that does not know it"
