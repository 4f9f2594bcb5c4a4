"""The command `fraudops`, its help, and its two thin doors."""

import subprocess
import sys
from pathlib import Path

import pytest

from fraudops import cli
from fraudops.workspace import REPOSITORY

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


@pytest.mark.parametrize("command", ["serve", "metrics"])
def test_a_server_without_a_run_writes_nothing_and_names_the_notebook(tmp_path, capsys, command):
    assert cli.main([command, "--workspace", str(tmp_path / "empty")]) == 2
    assert "run `fraudops run --until" in capsys.readouterr().err
    assert not (tmp_path / "empty").exists()
