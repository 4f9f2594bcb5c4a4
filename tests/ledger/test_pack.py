"""The evidence pack: verified by nothing but Python, and whatever is changed in it is found."""

import csv
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import zipfile

import pytest
import sqlalchemy as sa

from fraudops import ledger, review, store
from fraudops.errors import UserError
from fraudops.ledger import chain
from fraudops.ledger.verifier import verify_pack
from fraudops.workspace import Workspace
from tests.support.cases import fill, say
from tests.support.page import person


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """An operation with three decisions, one of them by somebody whose note is awkward in CSV, and
    its pack.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
        workspace = Workspace.find(tmp_path_factory.mktemp("evidence"))
        engine = store.connect(workspace)
        fill(engine, flagged=4)
        with store.write_transaction(engine) as connection:
            ledger.append_entry(
                connection,
                "champion",
                "pipeline",
                version="1",
                previous=None,
                reason="first",
                gates=[],
                kind="promotion",
            )
            store.set_deployment(connection, {"champion": {"version": "1"}})
        for actor, verdict, note in (
            ("ann", "fraud", ""),
            ("bob", "genuine", 'said "yes",\nthen left'),
            ("ann", "unsure", "=HYPERLINK(0)"),
        ):
            say(engine, review.ReviewQueue(engine).claim_next(actor), verdict, actor, note=note)
        person(engine, "carol", "auditor")
        person(engine, "ann", "analyst")
        engine.dispose()
        return workspace, ledger.write_evidence_pack(workspace, "carol")


def test_a_note_is_no_formula_of_a_spreadsheet(packed):
    with (packed[1] / "decisions.csv").open(encoding="utf-8", newline="") as file:
        notes = [row["note"] for row in csv.DictReader(file)]
    assert notes == ["", 'said "yes",\nthen left', "'=HYPERLINK(0)"]
    assert verify_pack(packed[1]) is None  # it compares the note itself


@pytest.fixture
def copy(packed, tmp_path):
    _, folder = packed
    return shutil.copytree(folder, tmp_path / "pack")


def renew(folder, **changes):
    """What a forger does last: the manifest again, over the files as they are now."""
    old = json.loads((folder / "manifest.json").read_text())
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in old["files"]
    }
    (folder / "manifest.json").write_text(json.dumps(old | {"files": files} | changes))


def lines_of(folder):
    return (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines()


def write_lines(folder, lines):
    (folder / "ledger.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def test_a_pack_verifies_with_nothing_but_python(packed):
    _, folder = packed
    head = json.loads((folder / "manifest.json").read_text())["head"]
    for words in ([], [str(folder), head], [str(folder), head[:12]]):
        command = [sys.executable, "-I", "-S", str(folder / "verify.py"), *words]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent)
        assert ran.returncode == 0 and "holds" in ran.stdout, ran
    here = [sys.executable, "-I", "-S", "verify.py", ".", head]  # as the documents say
    ran = subprocess.run(here, capture_output=True, text=True, cwd=folder)
    assert ran.stdout.startswith(f"{folder.name} holds")
    wrong = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), "0" * 64]
    ran = subprocess.run(wrong, capture_output=True, text=True)
    assert ran.returncode == 1 and "the one that you kept" in ran.stdout


def test_it_holds_what_was_decided_and_that_it_was_taken(packed):
    workspace, folder = packed
    with (folder / "decisions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["actor"], row["verdict"]) for row in rows] == [
        ("ann", "fraud"),
        ("bob", "genuine"),
        ("ann", "unsure"),
    ]
    assert rows[1]["note"] == 'said "yes",\nthen left'
    last = json.loads(json.loads(lines_of(folder)[-1])["body"])
    assert (last["event"], last["actor"]) == ("export", "carol")
    engine = store.connect(workspace)
    with engine.connect() as connection:
        assert (
            chain.get_head_hash(connection)
            == json.loads((folder / "manifest.json").read_text())["head"]
        )
    engine.dispose()


def test_any_changed_byte_of_any_file_is_found(copy):
    draw = random.Random(0)
    for file in sorted(copy.iterdir()):
        content = file.read_bytes()
        for _ in range(20):
            at = draw.randrange(len(content))
            changed = bytearray(content)
            changed[at] ^= 1 << draw.randrange(7)
            file.write_bytes(bytes(changed))
            if file.name == "manifest.json" and json_equal(changed, content):
                continue
            assert verify_pack(copy), (file.name, at)
        file.write_bytes(content)
    assert verify_pack(copy) is None


def json_equal(one, other):
    """White space and letters' escapes do not matter to JSON."""
    try:
        return json.loads(bytes(one)) == json.loads(bytes(other))
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (lambda lines: [*lines[:2], *lines[3:]], "entry 3 of the ledger is missing"),
        (
            lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
            "entry 2 of the ledger is missing",
        ),
        (
            lambda lines: [lines[0].replace('\\"first\\"', '\\"other\\"'), *lines[1:]],
            "entry 1 of the ledger was changed",
        ),
        (lambda lines: lines[:-1], "the ledger ends with entry"),
        (lambda lines: [*lines, lines[-1]], "entry 13 of the ledger is missing"),
        (lambda lines: ["{}", *lines[1:]], "entry 1 of the ledger cannot be read"),
    ],
)
def test_a_forged_ledger_is_found_though_the_manifest_was_renewed(copy, forge, said):
    write_lines(copy, forge(lines_of(copy)))
    renew(copy)
    assert said in verify_pack(copy)


def test_a_ledger_written_anew_is_found_by_a_head_that_was_kept(copy):
    kept = json.loads((copy / "manifest.json").read_text())["head"]
    previous, lines = chain.GENESIS_HASH, []
    for line in lines_of(copy):
        row = json.loads(line)
        body = row["body"].replace('"bob"', '"eve"')
        digest = hashlib.sha256(f"{row['seq']}\n{previous}\n{body}".encode()).hexdigest()
        lines.append(
            json.dumps({"seq": row["seq"], "body": body, "previous": previous, "hash": digest})
        )
        previous = digest
    write_lines(copy, lines)
    table = (copy / "decisions.csv").read_text(encoding="utf-8").replace("bob", "eve")
    (copy / "decisions.csv").write_text(table, encoding="utf-8")
    renew(copy, head=previous)
    assert verify_pack(copy) is None  # the pack agrees with itself ...
    # ... and not with what was kept elsewhere
    assert "the one that you kept" in verify_pack(copy, kept)


def test_tables_that_say_something_else_than_the_ledger_are_found(copy):
    table = (copy / "decisions.csv").read_text(encoding="utf-8")
    (copy / "decisions.csv").write_text(table.replace("genuine", "fraud"), encoding="utf-8")
    renew(copy)
    assert "decision 2 of the table" in verify_pack(copy)
    (copy / "decisions.csv").write_text(table, encoding="utf-8")
    events = json.loads((copy / "model_events.json").read_text())
    (copy / "model_events.json").write_text(json.dumps([events[0] | {"reason": "another"}]))
    renew(copy)
    assert "model events" in verify_pack(copy)


def test_a_file_too_few_and_one_too_many(copy):
    (copy / "predictions.csv").rename(copy / "hidden.csv")
    assert verify_pack(copy) == "predictions.csv is missing"
    (copy / "hidden.csv").rename(copy / "predictions.csv")
    (copy / "more.txt").write_text("x")
    assert verify_pack(copy) == "more.txt is not in the manifest"


def test_no_pack_of_nothing_and_none_of_a_broken_ledger(tmp_path, monkeypatch):
    monkeypatch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
    workspace = Workspace.find(tmp_path)
    with pytest.raises(UserError, match="nothing has happened"):
        ledger.write_evidence_pack(workspace)
    engine = store.connect(workspace)
    with store.write_transaction(engine) as connection:
        ledger.append_entry(connection, "event", "ann")
        connection.execute(sa.text("DROP TRIGGER ledger_no_update"))
        connection.execute(sa.text("UPDATE ledger SET body = replace(body, 'ann', 'eve')"))
    with pytest.raises(UserError, match="entry 1 was changed"):
        ledger.write_evidence_pack(workspace)
    assert not list((tmp_path / "audit").glob("evidence-*"))
    engine.dispose()


def test_only_a_person_who_may_export_gets_a_pack(packed):
    workspace, folder = packed
    engine = store.connect(workspace)
    with engine.connect() as connection:
        before = ledger.get_head(connection)
    for name, words in (("ann", r"role analyst, which may not do this \(export\)"), ("eve", "no")):
        with pytest.raises(UserError, match=words):
            ledger.write_evidence_pack(workspace, name)
        with pytest.raises(UserError, match=words):
            ledger.zip_evidence_pack(engine, folder, name, io.BytesIO())
    with engine.connect() as connection:
        assert ledger.get_head(connection) == before
    engine.dispose()


def test_a_pack_travels_as_one_file_and_still_verifies(packed, tmp_path):
    workspace, folder = packed
    engine, out = store.connect(workspace), io.BytesIO()
    assert ledger.list_evidence_packs(workspace) == [folder]
    assert ledger.find_evidence_pack(workspace, folder.name) == folder
    for name in ("evidence-000000000000", "../store", "evidence-", "anchors.jsonl"):
        assert ledger.find_evidence_pack(workspace, name) is None
    ledger.zip_evidence_pack(engine, folder, "carol", out)
    zipfile.ZipFile(out).extractall(tmp_path)
    assert verify_pack(tmp_path / folder.name) is None
    with engine.connect() as connection:
        last = ledger.load_entries(connection, "export")[-1]
    assert (last["actor"], last["payload"]["what"]) == ("carol", f"download of {folder.name}")
    engine.dispose()
