"""A thousand random tamperings with copies of a database: each is found, and nothing is found where
nobody tampered.
"""

import hashlib
import itertools
import json
import random
import re
import sqlite3
import time

import pytest
import sqlalchemy as sa

from fraudops import ledger, review, store
from fraudops.ledger import chain, seals, verification
from fraudops.workspace import Workspace
from tests.support.cases import drop_ledger_triggers, fill, say


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """An operation with everything that the ledger vouches for, sealed and anchored twice;
    workspace and database file.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
        workspace = Workspace.find(tmp_path_factory.mktemp("tamper"))
        engine = store.begin_operation(workspace, "one")
        champion = {"version": "1", "sha256": "ab" * 32, "file": "model.skops", "threshold": 0.2}
        with store.write_transaction(engine) as connection:
            said = champion | {
                "previous": None,
                "reason": "first",
                "gates": [],
                "kind": "promotion",
            }
            ledger.append_entry(connection, "champion", "pipeline", **said)
            store.set_deployment(connection, {"champion": champion})
            for name, role in (("ann", "analyst"), ("bob", "supervisor"), ("cem", "auditor")):
                row = {
                    "name": name,
                    "role": role,
                    "password": "x",
                    "one_time": 0,
                    "active": 1,
                    "created_at": time.time(),
                }
                connection.execute(store.users.insert(), row)
                ledger.append_entry(
                    connection, "user", "admin", name=name, change="added", role=role
                )
        fill(engine, flagged=12, approved=8)
        with store.write_transaction(engine) as connection:
            tx = {
                "tx_id": "t15",
                "customer_id": "c",
                "terminal_id": "m",
                "is_fraud": 1,
                "label_ts": 1_800_000_000,
            }
            report = tx | {"source": "chargeback", "actor": "issuer"}
            ledger.insert_chargebacks(connection, [report], by="api:issuer")
        ledger.change_deployment(engine, {"mode": {"mode": "model"}}, "operator", "as it should be")
        for number, (actor, verdict) in enumerate(
            itertools.product(("ann", "bob"), ("fraud", "genuine", "unsure"))
        ):
            tx_id = review.ReviewQueue(engine).claim_next(actor)
            ledger.log_case_read(engine, tx_id, actor)
            say(engine, tx_id, verdict, actor, note=f"note {number}")
            if number == 2:
                ledger.seal_and_anchor(workspace, engine)
        ledger.log_list_read(engine, "False negatives", {"day": None}, 3, "cem")
        late = {
            "prediction_id": "late",
            "tx_id": "t99",
            "ts": 5,
            "model_version": "1",
            "probability": 0.1,
            "threshold": 0.2,
        }
        with store.write_transaction(
            engine
        ) as connection:  # arrives after a seal, and belongs to the next one
            connection.execute(
                store.predictions.insert(), late | {"scored_at": time.time(), "decision": "approve"}
            )
        ledger.seal_and_anchor(workspace, engine)
        engine.dispose()
    return workspace, sqlite3.connect(
        workspace.path("store", "fraudops.db"), check_same_thread=False
    )


@pytest.fixture
def copy(house):
    """Makes a copy of the database in memory, without its triggers."""
    made = []

    def copied():
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
        raw = engine.raw_connection()
        house[1].backup(raw.driver_connection)
        raw.close()
        with engine.begin() as connection:
            drop_ledger_triggers(connection)
        made.append(engine)
        return engine

    yield copied
    for engine in made:
        engine.dispose()


def number_of(connection):
    return ledger.get_head(connection)[0]


def rows_of(connection):
    return [dict(row._mapping) for row in ledger.stream_ledger_rows(connection)]


def put(connection, rows):
    """The whole ledger anew."""
    connection.execute(store.ledger.delete())
    connection.execute(store.ledger.insert(), rows)


def chained(rows, start):
    """Numbers and hashes computed anew from a place (from 0) on: what a forger with some skill
    does.
    """
    previous = rows[start - 1]["hash"] if start else chain.GENESIS_HASH
    for at in range(start, len(rows)):
        text = f"{at + 1}\n{previous}\n{rows[at]['body']}"
        rows[at] |= {
            "seq": at + 1,
            "previous": previous,
            "hash": hashlib.sha256(text.encode()).hexdigest(),
        }
        previous = rows[at]["hash"]
    return rows


# --- tampering with the chain: each returns how the finding must begin (a pattern), or the first
# broken entry ---


def flip(column):
    def act(connection, draw):
        seq = draw.randint(1, number_of(connection))
        where = store.ledger.c.seq == seq
        text = connection.scalar(sa.select(store.ledger.c[column]).where(where))
        at = draw.randrange(len(text))
        other = draw.choice([sign for sign in "0123456789abcdefXYZ {" if sign != text[at]])
        connection.execute(
            store.ledger.update().where(where).values({column: text[:at] + other + text[at + 1 :]})
        )
        return (
            f"entry {seq} does not follow" if column == "previous" else f"entry {seq} was changed"
        )

    return act


def remove(connection, draw):
    seq = draw.randint(1, number_of(connection) - 1)
    connection.execute(store.ledger.delete().where(store.ledger.c.seq == seq))
    return f"entry {seq} is missing"


def remove_and_close_up(connection, draw):
    rows = rows_of(connection)
    seq = draw.randint(1, len(rows) - 1)
    put(
        connection,
        [row | {"seq": at} for at, row in enumerate(rows[: seq - 1] + rows[seq:], start=1)],
    )
    return f"entry {seq} does not follow"


def insert(connection, draw):
    """A forged entry with a right hash of its own; those behind it move up."""
    rows = rows_of(connection)
    seq = draw.randint(1, len(rows))
    previous = rows[seq - 2]["hash"] if seq > 1 else chain.GENESIS_HASH
    body = ledger.canonical_json(
        {
            "at": 1.0,
            "actor": "eve",
            "event": "decision",
            "payload": {"tx_id": "t0", "verdict": "genuine"},
        }
    )
    forged = {"seq": seq, "previous": previous, "body": body}
    forged["hash"] = hashlib.sha256(f"{seq}\n{previous}\n{body}".encode()).hexdigest()
    put(
        connection,
        [*rows[: seq - 1], forged, *(row | {"seq": row["seq"] + 1} for row in rows[seq - 1 :])],
    )
    # an anchor stands for the entry that was there
    anchored = rf"(one of the entries \d+ to|entry) {seq} was rewritten"
    return rf"(entry {seq + 1} does not follow|{anchored})"


def swap(connection, draw):
    rows = rows_of(connection)
    one, other = sorted(draw.sample(range(len(rows)), 2))
    rows[one], rows[other] = rows[other] | {"seq": one + 1}, rows[one] | {"seq": other + 1}
    put(connection, rows)
    return f"entry {one + 1} does not follow"


def cut(connection, draw):
    seq = draw.randint(1, number_of(connection))
    connection.execute(store.ledger.delete().where(store.ledger.c.seq >= seq))
    return seq


def rewrite(connection, draw):
    rows = rows_of(connection)
    at = draw.randrange(len(rows))
    rows[at]["body"] = ledger.canonical_json(json.loads(rows[at]["body"]) | {"actor": "nobody"})
    put(connection, chained(rows, at))
    return at + 1


def rewrite_without(connection, draw):
    rows = rows_of(connection)
    at = draw.randrange(len(rows))
    del rows[at]
    put(connection, chained(rows, at))
    return at + 1


CHAIN = (
    flip("body"),
    flip("hash"),
    flip("previous"),
    remove,
    remove_and_close_up,
    insert,
    swap,
    cut,
    rewrite,
    rewrite_without,
)

# --- tampering with facts: each returns words that a finding must hold ---


def one_of(connection, draw, table, *where):
    rows = (
        connection.execute(sa.select(table).where(*where).order_by(*table.primary_key))
        .mappings()
        .all()
    )
    row = dict(draw.choice(rows))
    return row, sa.and_(*(column == row[column.name] for column in table.primary_key))


def change(table, words, *where, **values):
    """Another value in one column of one row."""

    def act(connection, draw):
        row, key = one_of(connection, draw, table, *where)
        name = draw.choice(sorted(values))
        value = draw.choice([one for one in values[name] if one != row[name]])
        connection.execute(table.update().where(key).values({name: value}))
        return words.format(**row)

    return act


def drop(table, words, *where):
    def act(connection, draw):
        row, key = one_of(connection, draw, table, *where)
        connection.execute(table.delete().where(key))
        return words.format(**row)

    return act


def forge(table, words, *where, **values):
    """A row more, like one that is there."""

    def act(connection, draw):
        row, _ = one_of(connection, draw, table, *where)
        row |= {name: draw.choice(of) for name, of in values.items()}
        connection.execute(table.insert(), row)
        return words.format(**row)

    return act


def move_champion(connection, draw):
    there = json.loads(
        connection.scalar(
            sa.select(store.controls.c.value).where(store.controls.c.key == "champion")
        )
    )
    changes = [{"version": "2"}, {"threshold": 1.01}, {"sha256": "cd" * 32}, {"file": "other"}]
    there |= draw.choice(changes)
    store.set_deployment(connection, {"champion": there})
    return "what the service follows as champion"


def slip_into_the_seal(connection, draw):
    row, _ = one_of(connection, draw, store.predictions)
    row |= {"prediction_id": "forged", "tx_id": "t50"}
    connection.execute(store.predictions.insert(), row)
    seal = draw.choice(
        connection.scalars(
            sa.select(store.sealed.c.seal).where(store.sealed.c.kind == "predictions")
        ).all()
    )
    connection.execute(
        store.sealed.insert(), {"kind": "predictions", "key": "forged", "seal": seal}
    )
    return f"entry {seal} sealed"


def drop_with_its_seal(connection, draw):
    row, key = one_of(connection, draw, store.predictions)
    connection.execute(store.predictions.delete().where(key))
    connection.execute(store.sealed.delete().where(store.sealed.c.key == row["prediction_id"]))
    return "rows of predictions"


def change_with_its_digest(connection, draw):
    """A row and the digest that would name it: the digest of its day still tells."""
    row, key = one_of(connection, draw, store.transactions)
    row["amount_cents"] += 1
    connection.execute(store.transactions.update().where(key).values(row))
    forged = seals.digest_row(seals.row_json(tuple(row.values())).encode())
    s = store.sealed.c
    where = sa.and_(s.kind == "transactions", s.key == row["tx_id"])
    connection.execute(store.sealed.update().where(where).values(digest=forged))
    return "which of them cannot be said, because their digests were changed"


def change_a_digest(connection, draw):
    row, key = one_of(connection, draw, store.sealed)
    value = draw.choice([None, "ab" * 8])
    connection.execute(store.sealed.update().where(key).values(digest=value))
    return f"{row['key']}"


def shift_decision(connection, draw):
    """A decision at another time within the five minutes that old entries leave open."""
    row, key = one_of(connection, draw, store.decisions)
    later = row["decided_at"] + draw.choice([-250.0, -1.0, 0.5, 250.0])
    connection.execute(store.decisions.update().where(key).values(decided_at=later))
    return f"decision {row['id']} on {row['tx_id']} has decided_at"


def append_in_anothers_name(connection, draw):
    """An entry with a right hash by a person without the key, which the copies lack too."""
    ledger.append_entry(connection, draw.choice(["read", "list"]), draw.choice(["ann", "bob"]))
    return "is not signed: it was written without the key"


def remove_a_signature(connection, draw):
    seq = draw.randint(2, number_of(connection))
    change = store.ledger.update().where(store.ledger.c.seq == seq)
    connection.execute(change.values(signature=draw.choice([None, "ab" * 32])))
    return f"entry {seq} in the name of"


C, D, F, U, P = store.cases, store.decisions, store.labels, store.users, store.predictions
REVIEWER = F.c.source == "reviewer"
FACTS = (
    change(
        D,
        "decision {id} ",
        tx_id=["t0", "t1"],
        stage=["opinion", "proposal"],
        verdict=["fraud", "genuine", "unsure"],
        reason=["stolen"],
        note=["", "another"],
        actor=["ann", "bob", "eve"],
        decided_at=[1.0],
        seconds=[0.5, 900.0],
        override=[1],
    ),
    shift_decision,
    append_in_anothers_name,
    remove_a_signature,
    change(
        C,
        "the case of {tx_id} has",
        state=["open", "second", "closed", "settled"],
        proposed=["fraud", "genuine"],
        proposed_by=["ann", "eve"],
        kind=["sample"],
        opened_ts=[5],
    ),
    drop(C, "on {tx_id} needs a case and has none"),
    forge(C, "belongs to no prediction that needs one", tx_id=["t15", "t50"]),
    drop(D, "decision on {tx_id}"),
    forge(D, "decision {id} ", id=[99], actor=["ann", "eve"]),
    change(F, "{tx_id}", REVIEWER, is_fraud=[0, 1], actor=["cem", "eve"]),
    drop(F, "{tx_id}", REVIEWER),
    forge(
        F,
        "on {tx_id} rests on no decision",
        REVIEWER,
        tx_id=["t0", "t1", "t2"],
        actor=["ann", "eve"],
    ),
    change(U, "the user {name}", role=["admin", "analyst"], active=[0]),
    drop(U, "the user {name}"),
    forge(U, "the user mallory", name=["mallory"], role=["admin"]),
    move_champion,
    change(
        P,
        "{prediction_id} of predictions is not what entry",
        probability=[0.0, 0.4999],
        decision=["block"],
        model_version=["7"],
        threshold=[0.3],
        ts=[7],
        tx_id=["t70"],
        scored_at=[2.0],
    ),
    drop(P, "{prediction_id} of predictions is missing"),
    forge(
        P, "the prediction forged claims", prediction_id=["forged"], tx_id=["t50"], scored_at=[3.0]
    ),
    slip_into_the_seal,
    drop_with_its_seal,
    change(
        store.transactions,
        "{tx_id} of transactions is not what entry",
        amount_cents=[1],
        category=["x"],
        customer_id=["d"],
    ),
    change_with_its_digest,
    change_a_digest,
    change(
        F,
        "{tx_id} (chargeback of {actor}) of labels",
        F.c.source == "chargeback",
        is_fraud=[0],
        label_ts=[5],
    ),
    # backdated into days that are sealed and anchored
    forge(
        F,
        "is in no entry and under no seal",
        F.c.source == "chargeback",
        tx_id=["t1", "t16"],
        label_ts=[1, 1_799_999_999],
    ),
    drop(F, "records a chargeback on {tx_id}", F.c.source == "chargeback"),
    forge(
        store.transactions,
        "the transaction forged was neither scored nor imported",
        tx_id=["forged"],
        ts=[1, 1_700_000_000],
    ),
)


def test_a_record_that_nobody_touched_holds(house, copy):
    workspace, _ = house
    for _ in range(20):
        assert verification.find_record_problems(workspace, copy()) == []


@pytest.mark.slow
def test_a_thousand_tamperings_are_found(house, copy):
    workspace, _ = house
    draw = random.Random(5)
    kinds = [*CHAIN, *FACTS]
    for number in range(1000):
        act = kinds[number % len(kinds)]
        engine = copy()
        with engine.begin() as connection:
            expected = act(connection, draw)
        found = verification.find_record_problems(workspace, engine)
        engine.dispose()
        assert found, (number, act, expected)
        # cut off or rewritten from this entry on: the anchors on both sides say where
        if isinstance(expected, int):
            found = [one.partition(": ")[2] for one in found]
            named = re.match(r"entry (\d+) is missing(?:, or one of the entries (\d+))?", found[0])
            last, low = map(int, named.groups(default=named[1])) if named else (0, 0)
            if not named:
                low, last = map(
                    int,
                    re.match(r"(?:one of the entries (\d+) to|entry) (\d+)", found[0]).groups(
                        default="0"
                    ),
                )
            assert (low or last) <= expected <= last, (number, expected, found)
        elif act in CHAIN:
            assert any(re.search(rf": {expected}\b", one) for one in found), (
                number,
                expected,
                found,
            )
        else:
            assert any(expected in one for one in found), (number, expected, found)
