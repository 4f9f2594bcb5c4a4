"""The command `fraudops`, its help, and its two thin doors."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fraudops import cli, ledger
from fraudops.pipeline import GRAPH, command, sort_nodes
from fraudops.workspace import REPOSITORY, Workspace

SCRIPT = Path(sys.executable).with_name("fraudops")


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)


def test_the_three_doors_open_the_same_command():
    by_name = run(str(SCRIPT), "run", "--list", "--profile", "smok")
    by_module = run(sys.executable, "-m", "fraudops", "run", "--list", "--profile", "smok")
    by_file = run(sys.executable, "run_all.py", "--list", "--profile", "smok")
    assert by_name.returncode == by_module.returncode == by_file.returncode == 2
    assert by_name.stderr == by_module.stderr == by_file.stderr
    assert "Did you mean 'smoke'" in by_name.stderr


def test_the_help_names_every_command_on_one_screen(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0 and len(text.splitlines()) <= 24
    for name, (line, _) in cli.COMMANDS.items():
        assert f"{name} " in text and line in text


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0 and f"usage: fraudops {name}" in text
    assert max(map(len, text.splitlines())) <= 100
    if name in cli.DEFAULT_PORTS:
        assert f"default {cli.DEFAULT_PORTS[name]}" in text


def test_an_unknown_command_is_refused_with_the_nearest(capsys):
    assert cli.main(["serv"]) == 2
    assert "Did you mean 'serve'?" in capsys.readouterr().err


def test_the_help_loads_nothing_heavy():
    code = (
        "import sys; from fraudops import cli; cli.build_parser().format_help(); "
        "print({'pandas', 'mlflow', 'bentoml', 'sqlalchemy', 'rich'} & set(sys.modules))"
    )
    assert run(sys.executable, "-c", code).stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["serve", "metrics", "verify", "evidence", "skew"])
def test_a_command_without_a_run_writes_nothing_and_names_the_notebook(tmp_path, capsys, name):
    assert cli.main([name, "--workspace", str(tmp_path / "empty")]) == 2
    told = capsys.readouterr().err
    assert "run `fraudops run --until" in told and f"--workspace {tmp_path / 'empty'}" in told
    assert not (tmp_path / "empty").exists()


def test_the_list_fits_a_terminal_and_shows_parameters_on_demand(tmp_path):
    words = [str(SCRIPT), "run", "--list", "--workspace", str(tmp_path)]
    for width in ("80", "100"):
        shown = subprocess.run(
            words, capture_output=True, text=True, timeout=100, env=os.environ | {"COLUMNS": width}
        ).stdout.splitlines()
        assert max(map(len, shown)) <= int(width) and len(shown) < len(GRAPH) + 8
        assert [line.split()[2] for line in shown[1 : len(GRAPH) + 1]] == sort_nodes()
        assert all(line.startswith("to run") for line in shown[1 : len(GRAPH) + 1])
    one = run(*words, "--only", "1_1_ingest").stdout
    assert "difficulty" in one and "0.25" in one and "1_2_features" not in one


def test_hints_name_the_workspace_and_only_what_can_run(tmp_path):
    workspace = Workspace.find(tmp_path / "my run")
    told = command._format_success(workspace, 1, 2.0)
    assert f"fraudops lab --workspace '{workspace.root}'" in told and "serve" not in told
    workspace.write_json("models/champion.json", {})
    assert "fraudops serve --workspace" in command._format_success(workspace, 1, 2.0)
    usual = command._format_success(Workspace.find(REPOSITORY / "artifacts"), 1, 2.0)
    assert "--workspace" not in usual


def test_the_path_of_the_verifier_exists(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "audit" / "evidence 1"
    monkeypatch.setattr(ledger, "write_evidence_pack", lambda workspace: folder)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "fraudops.db").touch()
    assert cli.main(["evidence", "--workspace", str(tmp_path)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "python" in line)
    assert shlex.split(line.partition(": ")[2]) == ["python", str(folder / "verify.py")]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_kill_ends_a_run_that_a_script_has_started(tmp_path):
    """A shell without job control starts a background process so that it ignores Ctrl-C."""
    words = [str(SCRIPT), "run", "--profile", "smoke", "--until", "1_1_ingest"]
    words += ["--workspace", str(tmp_path / "ws")]
    process = subprocess.Popen(
        words,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    end = time.monotonic() + 120
    while not (tmp_path / "ws" / "logs" / "run.log").exists():
        assert process.poll() is None and time.monotonic() < end
        threading.Event().wait(0.1)
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Stopped by you" in told


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_is_independent_of_the_users_pip_and_home(tmp_path):
    rule = 'show:\n\t@echo "$$PIP_USER|$$PIP_TARGET|$$HOME"'
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    (tmp_path / "Makefile").write_text(f"{makefile}\n{rule}\n", encoding="utf-8")
    environment = os.environ | {"PIP_USER": "1", "PIP_TARGET": "/elsewhere"}
    for home, used in ((str(tmp_path), str(tmp_path)), ("/proc/none", f"{tmp_path}/.venv/home")):
        shown = subprocess.run(
            ["make", "-C", str(tmp_path), "--no-print-directory", "show"],
            capture_output=True,
            text=True,
            env=environment | {"HOME": home},
        )
        assert shown.stdout.strip() == f"0||{used}", shown.stderr
