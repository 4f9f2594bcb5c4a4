"""The check of the set-up, for START_HERE.ipynb: what is wrong, and the line that mends it."""

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement

from fraudops.workspace import Workspace

PYTHON_VERSIONS = ((3, 11), (3, 14))  # from, and before
FREE_GIGABYTES = 3.0


@dataclass(frozen=True)
class SetupCheck:
    """One check of the set-up.

    Attributes
    ----------
    name : str
    is_ok : bool
    found : str
        What was found.
    repair : str
        The line that mends it; empty if nothing is wrong.
    """

    name: str
    is_ok: bool
    found: str
    repair: str

    def __str__(self) -> str:
        line = f"{'ok    ' if self.is_ok else 'FAILED'}  {self.name}: {self.found}"
        return line if self.is_ok else f"{line}\n        mend it: {self.repair}"


def check_setup(workspace: Workspace | None = None) -> list[SetupCheck]:
    """Check what the course needs.

    Parameters
    ----------
    workspace : Workspace, optional
        Where the notebooks will write.

    Returns
    -------
    list of SetupCheck
    """
    workspace = workspace or Workspace.find()
    return [
        _check_python(),
        _check_packages(),
        _check_threads(),
        _check_writable(workspace),
        _check_space(workspace),
    ]


def _make(name: str, is_ok: bool, found: str, repair: str) -> SetupCheck:
    return SetupCheck(name, is_ok, found, "" if is_ok else repair)


def _check_python() -> SetupCheck:
    first, before = PYTHON_VERSIONS
    is_ok = first <= sys.version_info[:2] < before
    found = ".".join(str(part) for part in sys.version_info[:3])
    return _make("Python 3.11, 3.12 or 3.13", is_ok, found, "make PYTHON=python3.12 lab")


def _check_packages() -> SetupCheck:
    wrong = []
    requirements = [Requirement(text) for text in metadata.requires("fraudops") or ()]
    needed = [one for one in requirements if not one.marker or one.marker.evaluate({"extra": ""})]
    for one in needed:
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{one.name} is missing")
            continue
        if not one.specifier.contains(version, prereleases=True):
            wrong.append(f"{one.name} {version} is not {one.specifier}")
    found = "; ".join(wrong) or f"{len(needed)} packages as required"
    return _make("packages", not wrong, found, "rm -f .venv/.ready && make lab")


def _check_threads() -> SetupCheck:
    found = os.environ.get("OMP_NUM_THREADS", "")
    text = f"OMP_NUM_THREADS={found}" if found else "OMP_NUM_THREADS is not set"
    return _make("one thread for each process", found == "1", text, "export OMP_NUM_THREADS=1")


def _check_writable(workspace: Workspace) -> SetupCheck:
    name, repair = "the folder of the run", "export FRAUDOPS_WORKSPACE=$HOME/fraudops-run"
    try:
        workspace.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=workspace.root):
            pass
    except OSError as error:
        return _make(name, False, f"{workspace.root} cannot be written: {error.strerror}", repair)
    return _make(name, True, f"{workspace.root} can be written", repair)


def _check_space(workspace: Workspace) -> SetupCheck:
    place = workspace.root
    while not place.is_dir():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    repair = "make clean    # removes earlier runs; or free other space"
    name = f"{FREE_GIGABYTES:g} GB of free space"
    return _make(name, free >= FREE_GIGABYTES, f"{free:.1f} GB are free", repair)
