"""Facts against the ledger: each row that an entry vouches for has to say what the entry says.

Decisions, reviewers' labels, users and the champion are compared with their own entries.
Predictions, what they were made of, transactions and labels are too many for an entry each: an
entry `seal` holds one hash over all rows that were new, and the table `sealed` remembers
which rows those were, so rows that arrive late belong to a later seal and no clock decides. Not
covered: passwords, cases and their leases, shadow answers, alerts, and rows that no seal has
reached yet.
"""

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger import chain
from fraudops.ledger.verifier import DECISION_DEFAULTS

SEALED_TABLES = (store.transactions, store.predictions, store.evidence, store.labels)
FINAL_STAGES = ("decision", "confirmation")  # stages that leave a label
LABEL_STAGES = (*FINAL_STAGES, "objection")  # stages that may
CLOCK_TOLERANCE_SECONDS = 300  # between the moment that a row names and its commit

_row_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass
class LedgerFacts:
    """What the ledger says the tables hold."""

    decisions: dict[str, list[dict]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by transaction, in order
    labels: set[tuple] = field(
        default_factory=set
    )  # tx_id, actor, is_fraud of those that came through the service
    users: dict[str, tuple] = field(default_factory=dict)  # role, active
    controls: dict[str, tuple] = field(
        default_factory=dict
    )  # number of the entry, value (of which it may be a part)
    seals: dict[int, dict] = field(
        default_factory=dict
    )  # by number of the entry: at, table, rows, columns, sha256


def read_ledger_facts(connection: sa.Connection) -> LedgerFacts:
    """Read the ledger once."""
    said = LedgerFacts()
    for entry in chain.stream_entries(connection):
        what, seq = entry["payload"], entry["seq"]
        match entry["event"]:
            case "decision":
                said.decisions[what["tx_id"]].append(
                    {"seq": seq, "at": entry["at"], "actor": entry["actor"]} | what
                )
            case "label":
                said.labels |= {
                    (tx_id, entry["actor"], is_fraud) for tx_id, is_fraud, _ in what["labels"]
                }
            case "user":
                role, active = said.users.get(what["name"], (None, None))
                active = {"added": 1, "activated": 1, "deactivated": 0}.get(what["change"], active)
                said.users[what["name"]] = (
                    what.get("role", role),
                    int(bool(what.get("active", active))),
                )
            case "champion":
                names = [name for name in ("version", "sha256", "threshold") if name in what]
                said.controls["champion"] = (seq, {name: what[name] for name in names})
            case "service":
                said.controls |= {
                    key: (seq, value) for key, value in what.items() if key != "reason"
                }
            case "seal":
                said.seals[seq] = {"at": entry["at"]} | what
    return said


def find_differences(connection: sa.Connection) -> Iterator[str]:
    """What tables and ledger disagree about, in words; nothing if they agree.

    Parameters
    ----------
    connection : of `database.read_transaction`, with a ledger whose chain holds
    """
    said = read_ledger_facts(connection)
    yield from _compare_decisions(connection, said)
    yield from _compare_labels(connection, said)
    yield from _compare_users(connection, said)
    yield from _compare_controls(connection, said)
    for table in SEALED_TABLES:
        yield from _compare_seals(connection, said, table)


def _compare_decisions(connection: sa.Connection, said: LedgerFacts) -> Iterator[str]:
    d, met = store.decisions, set()
    rows = store.stream_rows(connection, sa.select(d).order_by(d.c.tx_id, d.c.id))
    for tx_id, group in itertools.groupby(rows, key=lambda row: row.tx_id):
        met.add(tx_id)
        for row, entry in itertools.zip_longest(group, said.decisions.get(tx_id, [])):
            if entry is None:
                yield (
                    f"decision {row.id} ({row.verdict} on {tx_id} by {row.actor}) is in the "
                    "table, and in no entry"
                )
            elif row is None:
                yield _describe_missing_decision(tx_id, entry)
            else:
                yield from _compare_decision(row, DECISION_DEFAULTS | entry)
    for tx_id in said.decisions.keys() - met:
        yield from (_describe_missing_decision(tx_id, entry) for entry in said.decisions[tx_id])


def _describe_missing_decision(tx_id: str, entry: dict) -> str:
    return (
        f"entry {entry['seq']} records a decision on {tx_id} by {entry['actor']} that is not "
        "in the table"
    )


def _compare_decision(row: sa.Row, entry: dict) -> Iterator[str]:
    """A row of `decisions` against its entry; moments and durations may differ by the time it took
    to write them.
    """
    for name, value in row._mapping.items():
        expected = entry.get(name, entry["at"] if name == "decided_at" else value)
        apart = CLOCK_TOLERANCE_SECONDS if name == "decided_at" else 1.0
        same = (
            abs(value - expected) <= apart
            if isinstance(value, float) and name != "id"
            else value == expected
        )
        if not same:
            yield (
                f"decision {row.id} on {row.tx_id} has {name} {value!r}, and entry "
                f"{entry['seq']} has {expected!r}"
            )


def _compare_labels(connection: sa.Connection, said: LedgerFacts) -> Iterator[str]:
    f, found = store.labels, set()
    columns = (f.c.tx_id, f.c.actor, f.c.is_fraud)
    for tx_id, actor, is_fraud in store.stream_rows(
        connection, sa.select(*columns).where(f.c.source == "reviewer")
    ):
        found.add((tx_id, is_fraud))
        entries, word = said.decisions.get(tx_id, []), "fraud" if is_fraud else "genuine"
        spoken = any(
            one["verdict"] == word and one.get("stage", "decision") in LABEL_STAGES
            for one in entries
        )
        decided = spoken and any(one["actor"] == actor for one in entries)
        if not decided and (tx_id, actor, is_fraud) not in said.labels:
            yield f"the label {word} of {actor} on {tx_id} rests on no decision in the ledger"
    for tx_id, entries in said.decisions.items():
        for one in entries:
            final = one.get("stage", "decision") in FINAL_STAGES and one["verdict"] != "unsure"
            if final and (tx_id, int(one["verdict"] == "fraud")) not in found:
                yield (
                    f"entry {one['seq']} decided that {tx_id} is {one['verdict']}, and no "
                    "label says so"
                )


def _compare_users(connection: sa.Connection, said: LedgerFacts) -> Iterator[str]:
    u = store.users
    there = {
        name: (role, active)
        for name, role, active in connection.execute(sa.select(u.c.name, u.c.role, u.c.active))
    }
    for name in sorted(there.keys() | said.users.keys()):
        if name not in there or name not in said.users:
            missing = (
                "in the table, and no entry added that user"
                if name in there
                else "in the ledger, and not in the table"
            )
            yield f"the user {name} is {missing}"
        elif there[name] != said.users[name]:
            words = [
                f"{role}, {'active' if active else 'not active'}"
                for role, active in (there[name], said.users[name])
            ]
            yield f"the user {name} is {words[0]} in the table, and {words[1]} in the ledger"


def _compare_controls(connection: sa.Connection, said: LedgerFacts) -> Iterator[str]:
    c = store.controls.c
    there = {key: json.loads(value) for key, value in connection.execute(sa.select(c.key, c.value))}
    for key in sorted(there.keys() | said.controls.keys()):
        seq, expected = said.controls.get(key, (0, None))
        value = there.get(key)
        if isinstance(value, dict) and isinstance(expected, dict):
            value = {name: value.get(name) for name in expected}
        if value != expected:
            where = f"entry {seq} says {expected}" if seq else "no entry says so"
            yield f"what the service follows as {key} is {value}, and {where}"


# --- seals ---


def _sealed_key_columns(table: sa.Table) -> list[sa.ColumnElement]:
    """A table's key as the three columns key, source, actor of `sealed`."""
    return [*table.primary_key.columns, *[sa.literal("")] * (3 - len(table.primary_key.columns))]


def _matches_sealed_key(table: sa.Table) -> sa.ColumnElement[bool]:
    s = store.sealed.c
    return sa.and_(
        *(
            one == other
            for one, other in zip(
                (s.key, s.source, s.actor), _sealed_key_columns(table), strict=True
            )
        )
    )


def _byte_order(connection: sa.Connection) -> list[sa.ColumnElement]:
    """By bytes on every engine, so that a copy of the database gives the same hash."""
    s = store.sealed.c
    names = (s.key, s.source, s.actor)
    return (
        [one.collate("C") for one in names]
        if connection.dialect.name == "postgresql"
        else list(names)
    )


def _is_unsealed(table: sa.Table) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(store.sealed.c.kind == table.name, _matches_sealed_key(table))


def seal_new_rows(engine: sa.Engine, actor: str = "pipeline") -> int:
    """Seal what is new in each table of `SEALED_TABLES`: an entry with its hash, in one transaction
    a table. Returns the rows.
    """
    new, s = 0, store.sealed
    for table in SEALED_TABLES:
        with store.write_transaction(engine) as connection:
            number = chain.get_head(connection)[0] + 1
            fresh = sa.select(
                sa.literal(table.name), *_sealed_key_columns(table), sa.literal(number)
            ).where(_is_unsealed(table))
            insert = s.insert().from_select(["kind", "key", "source", "actor", "seal"], fresh)
            count = connection.execute(
                insert, execution_options={"preserve_rowcount": True}
            ).rowcount
            if not count:
                continue
            total = hashlib.sha256()
            query = (
                sa.select(*table.c)
                .join(s, _matches_sealed_key(table))
                .where(s.c.kind == table.name, s.c.seal == number)
            )
            for row in store.stream_rows(connection, query.order_by(*_byte_order(connection))):
                total.update(_row_json(tuple(row)).encode())
            columns = [one.name for one in table.c]
            said = {
                "table": table.name,
                "rows": count,
                "columns": columns,
                "sha256": total.hexdigest(),
            }
            chain.append_entry(connection, "seal", actor, **said)
            new += count
    return new


def _compare_seals(connection: sa.Connection, said: LedgerFacts, table: sa.Table) -> Iterator[str]:
    """All seals of a table in one pass over it."""
    s = store.sealed
    seals = {seq: one for seq, one in said.seals.items() if one["table"] == table.name}
    names = [one.name for one in table.c]
    places = {seq: [names.index(name) + 1 for name in one["columns"]] for seq, one in seals.items()}
    totals, counts = {seq: hashlib.sha256() for seq in seals}, dict.fromkeys(seals, 0)
    first = 1 + names.index(next(iter(table.primary_key.columns)).name)
    query = (
        sa.select(s.c.seal, *table.c, s.c.key)
        .join(table, _matches_sealed_key(table), isouter=True)
        .where(s.c.kind == table.name)
    )
    gone: dict[int, str] = {}
    dated = table is store.predictions and bool(
        seals
    )  # the one table that says when a row was written
    limit = max((one["at"] for one in seals.values()), default=0.0) - CLOCK_TOLERANCE_SECONDS
    when, old = 1 + names.index("scored_at") if dated else 0, 0
    plain = {seq for seq, one in seals.items() if one["columns"] == names}
    for row in store.stream_rows(connection, query.order_by(*_byte_order(connection))):
        number = row[0]
        if number not in seals:
            yield (
                f"{row[-1]} of {table.name} claims to be sealed by entry {number}, which "
                "seals nothing there"
            )
        elif row[first] is None:
            gone.setdefault(number, row[-1])
        else:
            value = row[1:-1] if number in plain else tuple(row[at] for at in places[number])
            totals[number].update(_row_json(value).encode())
            counts[number] += 1
            old += dated and row[when] < limit
    for number, one in seals.items():
        if number in gone:
            yield f"{gone[number]} of {table.name} is missing; entry {number} sealed it"
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
    if dated:
        yield from _find_backdated_predictions(connection, limit, old)


def _find_backdated_predictions(
    connection: sa.Connection, limit: float, sealed: int
) -> Iterator[str]:
    """Predictions older than `limit` (s since 1970) that are not among the `sealed` ones: they were
    not there then.
    """
    p = store.predictions
    if (
        connection.scalar(sa.select(sa.func.count()).select_from(p).where(p.c.scored_at < limit))
        > sealed
    ):
        unknown = sa.select(p.c.prediction_id).where(p.c.scored_at < limit, _is_unsealed(p))
        for name in connection.scalars(unknown.order_by(p.c.prediction_id).limit(3)):
            yield f"the prediction {name} claims to be older than a seal that does not know it"


def take_first(differences: Iterator[str], most: int = 20) -> list[str]:
    """The first of many; the last one says that there are more."""
    found: list[Any] = list(itertools.islice(differences, most + 1))
    return [*found[:most], "... and more"] if len(found) > most else found
