"""The chain of notebooks, executed once a test run, and Airflow's command."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fraudops.pipeline import airflow as airflow_module
from fraudops.workspace import REPOSITORY, Workspace

AS_OF = "2026-03-31"  # the last day of the smallest world
OPTIONS = ("--profile", "smoke", "--source", "simulate", "--as-of", AS_OF)


def run_all(workspace: Workspace, *words: str) -> subprocess.CompletedProcess:
    """`run_all.py` in a workspace, in a process of its own."""
    command = [sys.executable, "run_all.py", "--workspace", str(workspace.root), *words]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="session")
def chain(tmp_path_factory) -> tuple[Workspace, subprocess.CompletedProcess]:
    """A workspace in which all notebooks have been executed once, in the smallest world."""
    workspace = Workspace.find(tmp_path_factory.mktemp("chain"))
    return workspace, run_all(workspace, *OPTIONS, "--jobs", "2")


@pytest.fixture(scope="session")
def make_airflow(tmp_path_factory) -> Callable:
    """Make a function that runs Airflow's command on a database of its own, in a workspace."""
    if not (REPOSITORY / ".venv-airflow" / "bin" / "airflow").is_file():
        pytest.fail("This test needs Airflow: `make .venv-airflow/.ready` installs it.")

    def make(workspace: Workspace) -> Callable[..., str]:
        home = tmp_path_factory.mktemp("airflow")
        environment = airflow_module.make_airflow_environment(workspace, home, 8794)
        environment |= {"FRAUDOPS_RETRY_SECONDS": "1", "FRAUDOPS_PYTHON": sys.executable}
        for name in ("FRAUDOPS_DATABASE_URL", "FRAUDOPS_TRACKING_URI", "PYTEST_CURRENT_TEST"):
            environment.pop(name, None)
        folders = [str(airflow_module.DAGS_FOLDER), environment["PYTHONPATH"]]
        environment["PYTHONPATH"] = os.pathsep.join(folders)

        def call(
            *words: str, program: Path | None = None, variables: dict[str, str] | None = None
        ) -> str:
            ran = subprocess.run(
                [str(program or airflow_module.find_airflow()), *words],
                env=environment | (variables or {}),
                cwd=home,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=900,
            )
            assert ran.returncode == 0, (words, ran.stdout[-3000:], ran.stderr[-3000:])
            return ran.stdout

        call("db", "migrate")
        return call

    return make
