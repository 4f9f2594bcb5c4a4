"""Folders that all processes of a test run share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Make a folder in the first process that asks for it; the others wait for it.

    Parameters
    ----------
    factory : pytest.TempPathFactory
    name : str
        Name of the folder.
    make : callable
        Called with the folder, which does not exist yet. If it fails, the next process tries again.

    Returns
    -------
    Path
        The folder.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder below that of the run
        base = base.parent
    folder, done = base / name, base / f".{name}.done"
    with FileLock(base / f".{name}.lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder
