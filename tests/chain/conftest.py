"""The chain of notebooks, executed once a test run."""

import subprocess
import sys

import pytest

from fraudops.workspace import REPOSITORY, Workspace

AS_OF = "2026-03-31"  # the last day of the smallest world


def run_all(workspace: Workspace, *words: str) -> subprocess.CompletedProcess:
    """`run_all.py` in a workspace, in a process of its own."""
    command = [sys.executable, "run_all.py", "--workspace", str(workspace.root), *words]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="session")
def chain(tmp_path_factory) -> tuple[Workspace, subprocess.CompletedProcess]:
    """A workspace in which all notebooks have been executed once, in the smallest world."""
    workspace = Workspace.find(tmp_path_factory.mktemp("chain"))
    return workspace, run_all(workspace, "--profile", "smoke", "--as-of", AS_OF, "--jobs", "2")
