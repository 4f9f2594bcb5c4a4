"""Many writers at once, on SQLite and on PostgreSQL: nothing lost, nothing done twice, the chain
holds; what both refuse.
"""

import sqlite3
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.ledger import chain, verification
from fraudops.review import ReviewQueue
from fraudops.workspace import Workspace
from tests.support.cases import fill, say

PROCESSES, EACH = 8, 100


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, workspace):
    """A workspace and the URL of an empty database."""
    if request.param == "sqlite":
        return workspace, workspace.database_file_url
    return workspace, request.getfixturevalue("postgres")


@pytest.fixture
def engine(database):
    engine = store.connect(*database)
    yield engine
    engine.dispose()


def review(root: str, url: str, actor: str) -> list[str]:
    """Claim and decide `EACH` cases; every tenth look at a list besides."""
    engine, mine = store.connect(Workspace.find(root), url), []
    for number in range(EACH):
        tx_id = ReviewQueue(engine).claim_next(actor)
        assert tx_id is not None
        say(engine, tx_id, "fraud" if number % 3 else "genuine", actor, note=f"{actor} {number}")
        mine.append(tx_id)
        if number % 10 == 0:
            ledger.log_list_read(engine, "False negatives", {}, number, actor)
    engine.dispose()
    return mine


@pytest.mark.slow
def test_eight_processes_lose_nothing_and_double_nothing(database, engine):
    workspace, url = database
    assert fill(engine, flagged=PROCESSES * EACH, cents=1) == PROCESSES * EACH
    began, actors = time.perf_counter(), [f"reviewer-{i}" for i in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(review, [str(workspace.root)] * PROCESSES, [url] * PROCESSES, actors))
    print(
        f"{engine.dialect.name}: {PROCESSES * EACH} claims and decisions in "
        f"{time.perf_counter() - began:.0f} s"
    )
    decided = [tx_id for mine in done for tx_id in mine]
    assert sorted(decided) == sorted(f"t{i}" for i in range(PROCESSES * EACH))
    with store.read_transaction(engine) as connection:
        d = store.decisions
        assert Counter(map(tuple, connection.execute(sa.select(d.c.actor, d.c.tx_id)))) == Counter(
            (actor, tx_id) for actor, mine in zip(actors, done, strict=True) for tx_id in mine
        )
        told = Counter(
            (entry["actor"], entry["event"]) for entry in chain.stream_entries(connection)
        )
        assert told == Counter(
            {(a, "decision"): EACH for a in actors} | {(a, "list"): EACH // 10 for a in actors}
        )
        assert (
            connection.scalar(sa.select(sa.func.count()).select_from(store.labels))
            == PROCESSES * EACH
        )
        assert {row.state for row in connection.execute(sa.select(store.cases.c.state))} == {
            "closed"
        }
    assert verification.find_record_problems(workspace, engine) == []


def test_rows_are_sealed_once_and_late_ones_by_the_next_seal(database, engine):
    workspace, _ = database
    fill(engine, flagged=10)
    first = ledger.seal_and_anchor(workspace, engine)
    assert ledger.seal_and_anchor(workspace, engine).seq == first.seq  # nothing new: no entry
    late = {
        "prediction_id": "late",
        "tx_id": "late",
        "ts": 5,
        "model_version": "1",
        "probability": 0.1,
        "threshold": 0.2,
    }
    with store.write_transaction(engine) as connection:
        connection.execute(
            store.predictions.insert(), late | {"scored_at": time.time(), "decision": "approve"}
        )
    assert verification.find_record_problems(workspace, engine) == []
    assert ledger.seal_and_anchor(workspace, engine).seq == first.seq + 1
    with store.write_transaction(engine) as connection:
        connection.execute(
            store.predictions.update()
            .where(store.predictions.c.tx_id == "t7")
            .values(probability=0.51)
        )
    assert any(
        "of predictions is not what entry" in one
        for one in verification.find_record_problems(workspace, engine)
    )
    with pytest.raises(ledger.BrokenLedgerError, match="is not what entry"):
        ledger.seal_and_anchor(workspace, engine)
    with store.write_transaction(engine) as connection:
        connection.execute(
            store.predictions.update()
            .where(store.predictions.c.tx_id == "t7")
            .values(probability=0.4)
        )
    assert verification.find_record_problems(workspace, engine) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET body = '{}'",
        "DELETE FROM ledger WHERE seq = 2",
        # refused before its key is looked at
        "INSERT INTO ledger (seq, body, previous, hash) VALUES (2, '{}', 'x', 'y')",
        "INSERT INTO ledger (seq, body, previous, hash) SELECT max(seq) + 2, '{}', 'x', "
        "'y' FROM ledger",
        "INSERT INTO ledger (seq, body, previous, hash) SELECT max(seq) + 1, '{}', 'x', "
        "'y' FROM ledger",
        {
            "sqlite": "INSERT OR REPLACE INTO ledger (seq, body, previous, hash) "
            "VALUES (2, '{}', 'x', 'y')",
            "postgresql": "TRUNCATE ledger",
        },
        {
            "sqlite": "REPLACE INTO ledger (seq, body, previous, hash) "
            "SELECT seq, body, previous, hash FROM ledger WHERE seq = 1",
            "postgresql": "INSERT INTO ledger (seq, body, previous, hash) "
            "SELECT seq, body, previous, hash FROM ledger WHERE seq = 1 "
            "ON CONFLICT (seq) DO UPDATE SET body = '{}'",
        },
    ],
)
def test_both_databases_refuse_to_change_the_ledger(engine, statement):
    with store.write_transaction(engine) as connection:
        for number in range(3):
            head = ledger.append_entry(connection, "event", "ann", number=number)
    with (
        pytest.raises(sa.exc.DBAPIError, match="append-only"),
        store.write_transaction(engine) as connection,
    ):
        connection.exec_driver_sql(
            statement if isinstance(statement, str) else statement[engine.dialect.name]
        )
    with engine.connect() as connection:
        assert (
            ledger.verify_chain(connection, head) is None
            and chain.get_head_hash(connection) == head
        )


def test_a_copy_of_either_is_a_database_that_holds(engine, tmp_path):
    fill(engine, flagged=20)
    ReviewQueue(engine).claim_next("ann")
    say(engine, "t19", "fraud", "ann")
    copy = Workspace.find(tmp_path)
    store.copy_database(engine, copy)
    copied = store.connect(copy, copy.database_file_url)
    assert verification.find_record_problems(copy, copied) == []
    with store.read_transaction(engine) as one, store.read_transaction(copied) as other:
        assert ledger.get_head(one) == ledger.get_head(other)
    copied.dispose()


def test_a_database_of_an_older_version_is_refused_in_words_and_kept_aside(workspace):
    file = workspace.path("store", "fraudops.db")
    with sqlite3.connect(file) as old:
        old.execute("CREATE TABLE decisions (id INTEGER PRIMARY KEY, tx_id TEXT)")
        old.execute("INSERT INTO decisions VALUES (1, 't1')")
    old.close()
    with pytest.raises(
        UserError,
        match=r"another version of the course and cannot be migrated: it has no decisions\.verdict",
    ):
        store.connect(workspace)
    engine = store.begin_operation(workspace, "new")
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(store.decisions)) == 0
    engine.dispose()
    kept = list((workspace.root / "store" / "archive").glob("*.db"))
    assert len(kept) == 1
    with sqlite3.connect(kept[0]) as old:
        assert old.execute("SELECT tx_id FROM decisions").fetchall() == [("t1",)]
    old.close()
