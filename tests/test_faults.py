"""Faults of the machine: a full or read-only disk, damaged files, a busy port, killed writers."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import textwrap

import pytest
import sqlalchemy as sa

from fraudops import ledger, models, store
from fraudops.cli import DISK_ADVICE, main
from fraudops.errors import UserError
from fraudops.processes import require_free_port
from fraudops.store import DamagedDatabaseError
from fraudops.workspace import REPOSITORY

TRANSACTION = {
    "tx_id": "t1",
    "ts": 5,
    "customer_id": "c",
    "terminal_id": "m",
    "amount_cents": 100,
    "category": "food",
    "channel": "chip",
}


def damage(file, start: int = 0) -> None:
    content = bytearray(file.read_bytes())
    content[start : start + 4096] = b"\x5a" * 4096
    file.write_bytes(content)


def run_with_mount(mount: str, *words: str) -> subprocess.CompletedProcess:
    """A command of the course in which a file system is mounted for this process alone."""
    script = f"{mount} && {sys.executable} -m fraudops {' '.join(words)}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


@pytest.fixture
def mounts():
    """Skip where the system lets no user mount a file system of their own."""
    allowed = shutil.which("unshare") and (
        subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True
        ).returncode
        == 0
    )
    if not allowed:
        pytest.skip("This system lets no user mount a file system.")


@pytest.mark.slow
def test_a_full_disk_is_said_in_one_sentence_and_nothing_half_is_left(mounts, tmp_path):
    words = ("run", "--profile", "smoke", "--only", "1_1_ingest", "--workspace", f"{tmp_path}/run")
    listed = f"; code=$?; find {tmp_path}/run/data/ -path '*day=*'; exit $code"
    done = run_with_mount(f"mount -t tmpfs -o size=300k tmpfs {tmp_path}", *words, listed)
    assert done.returncode and "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    assert "day=" not in done.stdout, "a part of the data counts as ingested"


@pytest.mark.slow
def test_a_read_only_workspace_is_said_in_one_sentence(mounts, tmp_path):
    mount = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,ro,bind {tmp_path}"
    done = run_with_mount(mount, "run", "--list", "--workspace", str(tmp_path / "run"))
    assert done.returncode == 0, "a list writes nothing"
    done = run_with_mount(mount, "run", "--only", "1_1_ingest", "--workspace", f"{tmp_path}/run")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "Read-only file system" in done.stderr and "--workspace" in done.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_an_error_of_the_disk_says_what_to_do(monkeypatch, capsys, number):
    def fail(*_):
        raise OSError(number, os.strerror(number), "/a/file")

    monkeypatch.setattr("fraudops.cli.file_commands.look_at_file", fail)
    assert main(["look", "file.csv"]) == 2
    said = capsys.readouterr().err
    assert f"{os.strerror(number)}: /a/file. {DISK_ADVICE[number]}" in said


def test_other_errors_of_the_system_are_not_hidden(monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("fraudops.cli.file_commands.look_at_file", fail)
    with pytest.raises(OSError, match="Input/output error"):
        main(["look", "file.csv"])


@pytest.mark.parametrize("start", [0, 8192], ids=["header", "page"])
def test_a_damaged_database_is_named_and_left_as_it_is(workspace, capsys, start):
    engine = store.connect(workspace)
    with store.write_transaction(engine) as connection:
        rows = [TRANSACTION | {"tx_id": f"t{number}"} for number in range(2000)]
        ledger.import_history(connection, rows, [], by="pipeline")
    engine.dispose()
    file = workspace.root / "store" / "fraudops.db"
    for page in range(start, file.stat().st_size, 8192):
        damage(file, page)
        if not start:
            break
    before = file.read_bytes()
    for words in (["verify"], ["verify", "--read-only"], ["evidence"]):
        assert main([*words, "--workspace", str(workspace.root)]) == 2, words
        said = capsys.readouterr().err
        assert f"The database {file} is damaged" in said and "Traceback" not in said, words
    assert file.read_bytes() == before


def test_a_damaged_registry_is_named(workspace):
    folder = workspace.path("mlflow", "mlflow.db").parent
    (folder / "mlflow.db").write_bytes(b"\x5a" * 8192)
    with pytest.raises(DamagedDatabaseError, match=r"mlflow\.db is damaged"):
        models.ModelRegistry(workspace).find()
    with pytest.raises(DamagedDatabaseError, match=r"mlflow\.db is damaged"):
        ledger.read_mlflow_anchor(workspace)


def test_an_entry_that_is_no_json_is_no_damaged_file(workspace):
    engine = store.connect(workspace)
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="malformed"):
        connection.execute(sa.text("SELECT json_extract('{', '$.a')"))
    engine.dispose()


def test_a_damaged_registry_hides_nothing_else_of_the_record(workspace):
    engine = store.connect(workspace)
    with store.write_transaction(engine) as connection:
        ledger.import_history(connection, [TRANSACTION], [], by="pipeline")
    workspace.path("mlflow", "mlflow.db").write_bytes(b"\x5a" * 8192)
    found = ledger.verify_record(workspace, engine)
    engine.dispose()
    (broken,) = [part for part in found.parts if part.problems]
    assert "mlflow.db is damaged" in broken.problems[0] and len(found.parts) > 5


def test_a_port_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="There is no port 70000"):
        require_free_port(70_000)


def test_a_busy_port_is_named_before_anything_starts(workspace, capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main(["audit", "--port", str(port), "--workspace", str(workspace.root)]) == 2
    said = capsys.readouterr().err
    assert f"Port {port} cannot be used: Address already in use" in said and "--port" in said
    assert f"by process {os.getpid()} " in said
    require_free_port(port)


def test_a_writer_killed_inside_a_transaction_leaves_nothing_and_holds_up_nobody(workspace):
    store.connect(workspace).dispose()
    script = f"""
        import os
        from fraudops import ledger, store
        from fraudops.workspace import Workspace

        engine = store.connect(Workspace.find({str(workspace.root)!r}))
        with store.write_transaction(engine) as connection:
            ledger.import_history(connection, [{TRANSACTION!r}], [], by="pipeline")
            os.kill(os.getpid(), 9)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=REPOSITORY)
    assert killed.returncode == -9
    engine = store.connect(workspace)
    with store.write_transaction(engine) as connection:
        assert store.count_stored_rows(connection)["transactions"] == 0
        assert ledger.import_history(connection, [TRANSACTION], [], by="pipeline") == 1
    assert ledger.verify_record(workspace, engine).holds
    engine.dispose()
