"""The ledger finds every tampering that it claims to find."""

import hashlib
import json
import time

import pytest
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.ledger import chain
from tests.support.cases import drop_ledger_triggers


def write_entries(engine, number=6):
    """A ledger of that many entries; returns its head."""
    with store.write_transaction(engine) as connection:
        for i in range(number):
            head = ledger.append_entry(connection, "event", "ann", number=i)
    return head


def tamper(engine, *statements):
    """Do what somebody with full rights on the database could: drop the triggers, change rows, and
    verify.
    """
    with store.write_transaction(engine) as connection:
        drop_ledger_triggers(connection)
        for statement in statements:
            connection.execute(statement)
    with engine.connect() as connection:
        return ledger.verify_chain(connection)


# --- the ledger ---


def test_a_chain_holds_and_each_entry_carries_the_hash_of_the_one_before(engine):
    head = write_entries(engine)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(store.ledger).order_by(store.ledger.c.seq)).all()
        assert (
            ledger.verify_chain(connection) is None
            and ledger.verify_chain(connection, head) is None
        )
        assert chain.get_head_hash(connection) == head == rows[-1].hash
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]] and rows[
        0
    ].previous == chain.GENESIS_HASH
    text = f"{rows[3].seq}\n{rows[3].previous}\n{rows[3].body}"
    assert rows[3].hash == hashlib.sha256(text.encode()).hexdigest()


def test_the_empty_ledger_holds(engine):
    with engine.connect() as connection:
        assert (
            ledger.verify_chain(connection) is None
            and chain.get_head_hash(connection) == chain.GENESIS_HASH
        )


def test_equal_facts_have_equal_bytes_and_nan_is_refused():
    assert (
        ledger.canonical_json({"b": 1, "a": "ä"})
        == ledger.canonical_json({"a": "ä", "b": 1})
        == '{"a":"ä","b":1}'
    )
    with pytest.raises(ValueError):
        ledger.canonical_json({"a": float("nan")})


@pytest.mark.parametrize(
    "statement",
    [store.ledger.update().values(body="{}"), store.ledger.delete()],
    ids=["update", "delete"],
)
def test_the_database_refuses_to_change_the_ledger(engine, statement):
    head = write_entries(engine)
    with (
        pytest.raises(sa.exc.DBAPIError, match="append-only"),
        store.write_transaction(engine) as connection,
    ):
        connection.execute(statement)
    with engine.connect() as connection:
        assert ledger.verify_chain(connection, head) is None


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_a_changed_byte_is_named(engine, seq):
    write_entries(engine)
    column = store.ledger.c.body
    flipped = sa.func.replace(column, '"ann"', '"bob"')
    assert (
        tamper(engine, store.ledger.update().where(store.ledger.c.seq == seq).values(body=flipped))
        == f"entry {seq} was changed"
    )


def test_a_changed_hash_is_named(engine):
    write_entries(engine)
    change = store.ledger.update().where(store.ledger.c.seq == 4).values(hash="f" * 64)
    assert tamper(engine, change) == "entry 4 was changed"


@pytest.mark.parametrize("seq", [1, 3])
def test_a_removed_entry_is_named(engine, seq):
    write_entries(engine)
    assert f"entry {seq} is missing" in tamper(
        engine, store.ledger.delete().where(store.ledger.c.seq == seq)
    )


def test_a_removed_entry_is_found_when_the_rest_moves_up(engine):
    write_entries(engine)
    moved = store.ledger.update().where(store.ledger.c.seq > 3).values(seq=store.ledger.c.seq - 1)
    assert (
        tamper(engine, store.ledger.delete().where(store.ledger.c.seq == 3), moved)
        == "entry 3 does not follow entry 2"
    )


def test_an_inserted_entry_is_found(engine):
    write_entries(engine)
    up = [store.ledger.update().where(store.ledger.c.seq == i).values(seq=i + 1) for i in (6, 5, 4)]
    with engine.connect() as connection:
        third = connection.execute(sa.select(store.ledger).where(store.ledger.c.seq == 3)).one()
    body = ledger.canonical_json({"at": 1.0, "actor": "eve", "event": "decision", "payload": {}})
    forged = {"seq": 4, "previous": third.hash, "body": body}
    forged["hash"] = hashlib.sha256(f"4\n{third.hash}\n{body}".encode()).hexdigest()
    assert (
        tamper(engine, *up, store.ledger.insert().values(forged))
        == "entry 5 does not follow entry 4"
    )


def test_swapped_entries_are_found(engine):
    write_entries(engine)
    swap = [
        store.ledger.update().where(store.ledger.c.seq == old).values(seq=new)
        for old, new in ((2, 99), (3, 2), (99, 3))
    ]
    assert tamper(engine, *swap) == "entry 2 does not follow entry 1"


def test_a_cut_off_tail_is_found_against_the_anchor_only(engine):
    head = write_entries(engine)
    # alone the chain cannot know
    assert tamper(engine, store.ledger.delete().where(store.ledger.c.seq >= 5)) is None
    with engine.connect() as connection:
        assert "cut off" in ledger.verify_chain(connection, anchor=head)


def test_an_anchor_stays_good_while_the_chain_grows(engine):
    head = write_entries(engine, 3)
    write_entries(engine, 3)
    with engine.connect() as connection:
        assert ledger.verify_chain(connection, anchor=head) is None


def test_an_entry_falls_with_the_fact_it_records(engine):
    with pytest.raises(RuntimeError), store.write_transaction(engine) as connection:
        ledger.append_entry(connection, "event", "ann")
        raise RuntimeError("the fact could not be written")
    with engine.connect() as connection:
        assert ledger.load_entries(connection) == []


def test_the_body_of_an_entry_is_the_fact(engine):
    write_entries(engine, 1)
    with engine.connect() as connection:
        body = json.loads(connection.scalar(sa.select(store.ledger.c.body)))
    assert (
        body["event"] == "event"
        and body["payload"] == {"number": 0}
        and abs(body["at"] - time.time()) < 60
    )
