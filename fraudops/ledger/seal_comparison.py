"""Compare sealed rows with their seals: which rows, or which days, are not what was sealed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger.seals import (
    CLOCK_TOLERANCE_SECONDS,
    DayDigests,
    digest_row,
    in_byte_order,
    is_unsealed,
    matches_sealed_key,
    row_json,
)

MAX_NAMED = 3  # rows or days that one problem names


@dataclass
class _Sealed:
    """What one seal covers, as the tables have it now.

    A seal of an earlier version holds one digest over all rows (`total`) and none for each day.
    """

    payload: dict
    places: list[int]  # of its columns in a row of the query
    days: DayDigests
    total: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    count: int = 0
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    changed_days: set[str] = field(default_factory=set)
    n_missing: int = 0
    n_changed: int = 0

    @property
    def has_days(self) -> bool:
        return "days" in self.payload


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
        A difference in words. It names the first rows and counts all. If the digest of a row was
        changed together with the row, only the day is known.
    """
    sealed, names = store.sealed.c, [one.name for one in table.c]
    covered = {
        seq: _Sealed(
            one, [names.index(name) for name in one["columns"]], DayDigests(one["columns"])
        )
        for seq, one in seals.items()
        if one["table"] == table.name
    }
    keys = [sealed.key, sealed.source, sealed.actor]
    query = (
        sa.select(sealed.seal, sealed.digest, *keys, *table.c)
        .join(table, matches_sealed_key(table), isouter=True)
        .where(sealed.kind == table.name)
        .order_by(*in_byte_order(connection, keys))
    )
    first = 5 + names.index(next(iter(table.primary_key.columns)).name)
    # the only table with the time of writing
    has_times = table is store.predictions and bool(covered)
    limit = max((one.payload["at"] for one in covered.values()), default=0.0)
    limit -= CLOCK_TOLERANCE_SECONDS
    time_place, old_rows = 5 + names.index("scored_at") if has_times else 0, 0
    for row in store.stream_rows(connection, query):
        one = covered.get(row[0])
        if one is None:
            yield (
                f"{_name_row(row)} of {table.name} claims to be sealed by entry {row[0]}, which "
                "seals nothing there"
            )
        elif row[first] is None:
            one.n_missing += 1
            one.missing += [_name_row(row)] if one.n_missing <= MAX_NAMED else []
        else:
            _add_row(one, row)
            old_rows += has_times and row[time_place] < limit
    for number, one in covered.items():
        yield from _describe(table.name, number, one)
    if has_times:
        yield from _find_backdated_predictions(connection, limit, old_rows)


def _name_row(row: sa.Row) -> str:
    """Name a row by its key: a label also by its source and who gave it."""
    return f"{row[2]} ({row[3]} of {row[4]})" if row[3] else row[2]


def _add_row(one: _Sealed, row: sa.Row) -> None:
    values = tuple(row[5 + place] for place in one.places)
    one.count += 1
    if not one.has_days:
        one.total.update(row_json(values).encode())
        return
    if digest_row(one.days.add(values)) != row[1]:
        one.n_changed += 1
        one.changed += [_name_row(row)] if one.n_changed <= MAX_NAMED else []
        one.changed_days.add(one.days.name_day(values))


def _describe(table: str, number: int, one: _Sealed) -> Iterator[str]:
    """Describe what differs under one seal."""
    if one.n_missing:
        verb = "is" if one.n_missing == 1 else "are"
        names = _name_first(one.missing, one.n_missing)
        yield f"{names} of {table} {verb} missing; entry {number} sealed {_it(one.n_missing)}"
    if one.n_changed:
        verb = "is" if one.n_changed == 1 else "are"
        names = _name_first(one.changed, one.n_changed)
        yield f"{names} of {table} {verb} not what entry {number} sealed"
    if one.has_days:
        yield from _compare_days(table, number, one)
    elif one.n_missing == 0 and one.count != one.payload["rows"]:
        yield (
            f"entry {number} sealed {one.payload['rows']:,} rows of {table}, and "
            f"{one.count:,} are there"
        )
    elif one.n_missing == 0 and one.total.hexdigest() != one.payload["sha256"]:
        yield (
            f"the {one.payload['rows']:,} rows of {table} that entry {number} sealed are no "
            "longer what they were"
        )


def _compare_days(table: str, number: int, one: _Sealed) -> Iterator[str]:
    """Compare the digest of each day; a day whose changed row is named is not named again."""
    expected = {day: (count, digest) for day, count, digest in one.payload["days"]}
    found = {day: (count, digest) for day, count, digest in one.days.to_payload()}
    nothing = (0, "")
    differing = [
        day
        for day in sorted(expected.keys() | found.keys())
        if expected.get(day, nothing) != found.get(day, nothing)
        and (
            day not in one.changed_days
            or expected.get(day, nothing)[0] != found.get(day, nothing)[0]
        )
    ]
    for day in differing[:MAX_NAMED]:
        of_day = f" of {day}" if day else ""
        before, now = expected.get(day, nothing)[0], found.get(day, nothing)[0]
        if before != now:
            yield f"entry {number} sealed {before:,} rows of {table}{of_day}, and {now:,} are there"
        else:
            yield (
                f"the {before:,} rows of {table}{of_day} that entry {number} sealed are no longer "
                "what they were; which of them cannot be said, because their digests were changed"
            )
    if len(differing) > MAX_NAMED:
        yield f"and {len(differing) - MAX_NAMED:,} more days of {table} under entry {number}"


def _name_first(names: list[str], total: int) -> str:
    more = total - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _it(count: int) -> str:
    return "it" if count == 1 else f"these {count:,} rows"


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
