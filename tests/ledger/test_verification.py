"""One verification: its parts have names, it takes a head, and it can leave everything as it is."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import mlflow
import pytest
import sqlalchemy as sa

from fraudops import cli, ledger, review, store
from fraudops.errors import UserError
from fraudops.ledger import anchors, reconciliation
from fraudops.ledger.verifier import hash_entry
from fraudops.workspace import Workspace
from tests.support.cases import drop_ledger_triggers, fill, say


@pytest.fixture
def record(workspace, engine):
    """An operation with a decision, sealed and anchored, and something new since."""
    fill(engine, flagged=3)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    kept = ledger.seal_and_anchor(workspace, engine)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    return kept


def digest_files(workspace) -> dict[str, str]:
    return {
        file.relative_to(workspace.root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in workspace.root.rglob("*")
        if file.is_file()
    }


def verify(workspace, *words: str) -> int:
    return cli.main(["verify", "--workspace", str(workspace.root), *words])


def test_every_part_has_a_name_and_holds(workspace, engine, record):
    seen = []
    found = ledger.verify_record(workspace, engine, f"{record.seq} {record.hash}", seen.append)
    assert found.holds and found.problems == []
    names = [part.name for part in found.parts]
    assert names == seen and len(set(names)) == len(names)
    assert names[:4] == [
        "chain of hashes",
        "heads in audit/anchors.jsonl",
        "head in MLflow",
        "the given head",
    ]
    assert names[4:] == ["signatures of the entries", *reconciliation.COMPARISON_NAMES]
    with engine.connect() as connection:
        assert (found.entries, found.head) == ledger.get_head(connection)


def test_a_changed_fact_is_named_with_its_part(workspace, engine, record):
    with store.write_transaction(engine) as connection:
        connection.execute(store.decisions.update().values(note="never said"))
    found = ledger.verify_record(workspace, engine)
    broken = [part for part in found.parts if part.problems]
    assert not found.holds and [part.name for part in broken] == ["decisions"]
    assert found.problems[0].startswith("decisions: decision ")
    with pytest.raises(ledger.BrokenLedgerError, match="- decisions: decision "):
        ledger.seal_and_anchor(workspace, engine)


def test_a_broken_chain_vouches_for_no_table_and_says_so(workspace, engine, record):
    with store.write_transaction(engine) as connection:
        drop_ledger_triggers(connection)
        first = store.ledger.c.seq == 1
        connection.execute(store.ledger.update().where(first).values(body="{}"))
    found = ledger.verify_record(workspace, engine)
    assert not found.holds and "chain of hashes: entry 1 was changed" in found.problems
    assert {part.name for part in found.parts if not part.checked} == {
        "signatures of the entries",
        *reconciliation.COMPARISON_NAMES,
    }
    with pytest.raises(ledger.BrokenLedgerError, match="Not checked, because of this: signatures"):
        ledger.seal_and_anchor(workspace, engine)


def test_a_head_that_a_person_kept_is_compared(workspace, engine, record, capsys):
    for words in ([str(record.seq), record.hash], [record.hash[:12]], [f"1:{record.hash}"]):
        is_there = words[0] != f"1:{record.hash}"
        assert verify(workspace, "--read-only", "--head", *words) == (0 if is_there else 2), words
    assert "the given head: the head 1 " in capsys.readouterr().err
    assert verify(workspace, "--head", "abc") == 2
    assert "is no head" in capsys.readouterr().err
    # a forger rewrites the ledger and every file, but not the auditor's paper
    with store.write_transaction(engine) as connection:
        drop_ledger_triggers(connection)
        connection.execute(store.ledger.delete())
        for table in (store.decisions, store.labels, store.sealed):
            connection.execute(table.delete())
        connection.execute(store.cases.update().values(state="open"))
    (workspace.root / "audit" / "anchors.jsonl").unlink()
    assert verify(workspace, "--read-only") == 0
    assert verify(workspace, "--read-only", "--head", record.hash) == 2
    assert "entries were rewritten or cut off" in capsys.readouterr().err


def test_read_only_changes_nothing(workspace, engine, record, capsys):
    mlflow.set_tracking_uri(workspace.tracking_uri)
    mlflow.MlflowClient().create_registered_model(anchors.REGISTERED_MODEL_NAME)
    ledger.write_anchor(workspace, engine)
    engine.dispose()
    before = digest_files(workspace)
    assert verify(workspace, "--read-only") == 0
    said = capsys.readouterr().out
    assert "The record holds" in said and "Nothing was changed" in said
    for name in reconciliation.COMPARISON_NAMES:
        assert f"- {name}\n" in said
    assert digest_files(workspace) == before
    assert verify(workspace) == 0  # and without it, the new rows are sealed
    after = digest_files(workspace)
    assert after["store/fraudops.db"] != before["store/fraudops.db"]
    assert after["audit/anchors.jsonl"] != before["audit/anchors.jsonl"]


def test_read_only_reads_what_an_open_writer_has_committed(workspace, engine, record):
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))  # the log stays beside the file
        assert verify(workspace, "--read-only") == 0
        say(engine, review.ReviewQueue(engine).claim_next("bob"), "genuine", "bob")
        with store.write_transaction(engine) as other:
            other.execute(store.decisions.update().values(note="never said"))
        assert verify(workspace, "--read-only") == 2


def test_read_only_migrates_nothing_and_refuses_to_write(workspace, engine, record, capsys):
    def write(one):
        with one.begin() as connection:
            connection.execute(store.users.delete())

    with pytest.raises(sa.exc.OperationalError, match="readonly"):
        store.read_undisturbed(workspace, write)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0005'")
    engine.dispose()
    before = digest_files(workspace)
    assert verify(workspace, "--read-only") == 2
    assert "Reading alone does not migrate it" in capsys.readouterr().err
    assert digest_files(workspace) == before
    (workspace.root / "store" / "fraudops.db").unlink()
    with pytest.raises(UserError, match="There is no database"):
        store.read_undisturbed(workspace, lambda one: None)


def test_all_results_are_kept_for_the_page_latest_first(workspace, engine, record):
    file = workspace.root / "audit" / "verifications.jsonl"
    (first,) = ledger.load_verifications(workspace)
    assert first[1] == "pipeline" and first[0].holds
    found = ledger.verify_record(workspace, engine)
    ledger.save_verification(workspace, found, "eve")
    assert ledger.load_verifications(workspace) == [(found, "eve"), first]
    with file.open("a") as handle:
        handle.write("{\n" + file.read_text()[:20])  # a line that was damaged, and half a line
    assert ledger.load_verifications(workspace) == [(found, "eve"), first]
    ledger.save_verification(workspace, found, "ann")
    assert [by for _, by in ledger.load_verifications(workspace)] == ["ann", "eve", "pipeline"]
    file.unlink()
    assert ledger.load_verifications(workspace) == []


def test_the_command_is_named_as_the_one_who_asked(workspace, engine, record):
    assert verify(workspace) == 0
    assert ledger.load_verifications(workspace)[0][1] == store.get_terminal_actor()
    assert verify(workspace, "--read-only") == 0
    assert len(ledger.load_verifications(workspace)) == 2  # reading alone writes nothing


def append_without_key(engine, **payload):
    """Append an entry as a person does who has the database alone: a right hash, no signature."""
    with store.write_transaction(engine) as connection:
        seq, previous = ledger.get_head(connection)
        body = {"at": 1.0, "actor": "bob", "event": "read", "payload": payload}
        text = ledger.canonical_json(body)
        row = {"seq": seq + 1, "previous": previous, "body": text}
        row |= {"hash": hash_entry(seq + 1, previous, text)}
        connection.execute(store.ledger.insert(), row)


def test_an_entry_in_anothers_name_needs_the_key(workspace, engine, record):
    key_file = store.find_key_file(workspace)
    assert key_file.stat().st_mode & 0o077 == 0 or os.name == "nt"
    append_without_key(engine, tx_id="t0")
    (problem,) = ledger.verify_record(workspace, engine).problems
    assert "in the name of bob is not signed: it was written without the key" in problem
    with store.write_transaction(engine) as connection:
        drop_ledger_triggers(connection)
        last = store.ledger.c.seq == ledger.get_head(connection)[0]
        change = store.ledger.update().where(last).values(signature="ab" * 32)
        connection.execute(change)
    (problem,) = ledger.verify_record(workspace, engine).problems
    assert "in the name of bob is signed with another key" in problem


def test_signatures_cannot_be_removed(workspace, engine, record):
    with store.write_transaction(engine) as connection:
        drop_ledger_triggers(connection)
        connection.execute(store.ledger.update().values(signature=None))
    append_without_key(engine, tx_id="t0")
    (problem,) = ledger.verify_record(workspace, engine).problems
    assert f"only 0 are signed, and {record.signed} were when this head was kept" in problem


def test_entries_from_before_the_key_hold_without_a_signature(workspace, engine):
    append_without_key(engine, tx_id="old")
    assert not store.find_key_file(workspace).exists()
    assert ledger.verify_record(workspace, engine).holds  # and without a key nothing is checked
    with store.write_transaction(engine) as connection:
        ledger.append_entry(connection, "read", "ann", tx_id="new")
    found = ledger.verify_record(workspace, engine)
    assert found.holds and "signatures of the entries" in [part.name for part in found.parts]


def test_a_file_that_holds_no_key_is_named_and_not_shown(workspace, engine, record):
    store.find_key_file(workspace).write_text("secret words")
    for act in (
        lambda: ledger.verify_record(workspace, engine),
        lambda: ledger.log_case_read(engine, "t0", "ann"),
    ):
        with pytest.raises(UserError, match="holds no key for the ledger") as refused:
            act()
        assert "secret" not in str(refused.value)


def test_a_copy_of_the_database_gets_the_key(workspace, engine, record, tmp_path):
    lab = Workspace(tmp_path / "lab", isolated=True)
    store.copy_database(engine, lab)
    copied = store.connect(lab)
    ledger.log_case_read(copied, "t0", "ann")
    found = ledger.verify_record(lab, copied)
    assert found.holds and "signatures of the entries" in [part.name for part in found.parts]
    copied.dispose()


def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    file = tmp_path / "keys" / "ledger.key"
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: store.load_or_create_key(file), range(16)))) == 1
