"""What a verification found, and the history of all that were asked for.

The history is a file beside the database. It is a convenience and no evidence.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from fraudops.workspace import Workspace

HISTORY_FILE = ("audit", "verifications.jsonl")  # one full verification per line


@dataclass(frozen=True)
class VerifiedPart:
    """What one part of the verification found.

    Attributes
    ----------
    name : str
    problems : tuple of str
        Empty if the part holds.
    checked : bool
        False if a broken chain made the check useless.
    """

    name: str
    problems: tuple[str, ...] = ()
    checked: bool = True


@dataclass(frozen=True)
class Verification:
    """The result of a full verification.

    Attributes
    ----------
    at : float
        When it ended, seconds since 1970.
    entries : int
        Number of entries of the ledger.
    head : str
        Hash of the last entry.
    parts : tuple of VerifiedPart
    """

    at: float
    entries: int
    head: str
    parts: tuple[VerifiedPart, ...]

    @property
    def problems(self) -> list[str]:
        """All problems, each with the name of its part."""
        return [f"{part.name}: {one}" for part in self.parts for one in part.problems]

    @property
    def holds(self) -> bool:
        """Whether every part was checked and holds."""
        return not self.problems and all(part.checked for part in self.parts)


def append_line(file: Path, line: str, lock: Path) -> None:
    """Append a line and wait until it is on the disk.

    A last line that a power failure left incomplete is removed first.

    Parameters
    ----------
    file : Path
    line : str
        Without its end.
    lock : Path
        The file that writers lock.
    """
    with FileLock(lock), file.open("a+b") as handle:
        handle.seek(0)
        complete = handle.read().rfind(b"\n") + 1
        handle.truncate(complete)
        handle.write(line.encode() + b"\n")
        handle.flush()
        os.fsync(handle.fileno())


def read_complete_lines(file: Path) -> list[str]:
    """Read the complete lines of a file; none if it is not there."""
    if not file.is_file():
        return []
    return file.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]


def save_verification(workspace: Workspace, found: Verification, actor: str) -> None:
    """Add a result to the history.

    Parameters
    ----------
    workspace : Workspace
    found : Verification
    actor : str
        Who asked for it.
    """
    line = json.dumps(asdict(found) | {"actor": actor}, sort_keys=True, ensure_ascii=False)
    lock = workspace.path("state", ".verifications.lock")
    append_line(workspace.path(*HISTORY_FILE), line, lock)


def load_verifications(workspace: Workspace) -> list[tuple[Verification, str]]:
    """Load the history, latest first.

    A line that cannot be read is left out, because the history is no evidence.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    list of tuple of Verification and str
        Each result, and who asked for it.
    """
    found = []
    for line in reversed(read_complete_lines(workspace.root.joinpath(*HISTORY_FILE))):
        try:
            found.append(_parse_line(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _parse_line(stored: dict) -> tuple[Verification, str]:
    actor = stored.pop("actor")
    parts = [
        VerifiedPart(one["name"], tuple(one["problems"]), one["checked"])
        for one in stored.pop("parts")
    ]
    return Verification(**stored, parts=tuple(parts)), actor
