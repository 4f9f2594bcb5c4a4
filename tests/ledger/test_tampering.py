"""Random tamperings with copies of a database: each is found and named, or the docs say
that nothing finds it; and nothing is found where nobody tampered.
"""

import itertools
import random
import sqlite3
import time

import pytest
import sqlalchemy as sa

from benchmarks import tampering
from benchmarks.tampering import judge
from benchmarks.tampering_kinds import KINDS, add_loose_ends, drop_triggers
from fraudops import ledger, review, store
from fraudops.errors import UserError
from fraudops.ledger import verification
from fraudops.workspace import REPOSITORY, Workspace
from tests.support.cases import fill, say


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
        champion["policy"] = {"review": 300}
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
            for name in connection.scalars(sa.select(store.predictions.c.prediction_id)).all():
                row = {"prediction_id": name, "inputs": "[1]", "reasons": "[]", "cold_start": "[]"}
                connection.execute(store.evidence.insert(), row)
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
        add_loose_ends(engine)
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
            drop_triggers(connection)
        made.append(engine)
        return engine

    yield copied
    for engine in made:
        engine.dispose()


def test_a_record_that_nobody_touched_holds(house, copy):
    workspace, _ = house
    for _ in range(20):
        assert verification.find_record_problems(workspace, copy()) == []


@pytest.mark.slow
def test_ten_tamperings_of_each_kind_are_found_and_named(house, copy):
    workspace, _ = house
    for number in range(10 * len(KINDS)):
        kind, engine = KINDS[number % len(KINDS)], copy()
        with engine.begin() as connection:
            expected = kind.act(connection, random.Random(number))
        found = verification.find_record_problems(workspace, engine)
        engine.dispose()
        result = judge(kind, expected, found)
        if kind.non_claim:  # a sentence that is no longer true must go
            assert result["result"] == "non-claim", (number, kind.name, found)
        else:
            assert result["named"], (number, kind.name, expected, found)


def test_what_nothing_finds_is_named_in_non_claims():
    text = (REPOSITORY / "docs" / "non-claims.md").read_text(encoding="utf-8")
    assert len(KINDS) >= 40 and len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert kind.non_claim in text, kind.name


def test_an_interrupted_benchmark_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
    source = Workspace.find(tmp_path)
    with pytest.raises(UserError, match="no SQLite database"):
        tampering.run(source, 1)
    engine = store.connect(source)
    fill(engine, flagged=3)
    for _ in range(2):
        say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    engine.dispose()
    first = tampering.run(source, 3)
    assert [one["number"] for one in first] == [0, 1, 2]
    again = tampering.run(source, 5)
    assert again[:3] == first and [one["number"] for one in again[3:]] == [3, 4]
    assert {one["result"] for one in again} == {"found"}
