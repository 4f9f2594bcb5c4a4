"""Which state of the data a result was made from, so that results of other data are not mixed."""

import hashlib
import json
from pathlib import Path

from fraudops.errors import MissingInputError

NOTES_FOLDER = ("state", "made_from")
# what decides the rows that a notebook reads; other keys of the manifest only describe them
DECISIVE_KEYS = ("fingerprint", "as_of", "timeline")


def compute_data_version(root: Path) -> str:
    """Compute a digest of what is ingested in a workspace.

    Parameters
    ----------
    root : Path
        Of the workspace.

    Returns
    -------
    str
        Empty if nothing is ingested.
    """
    manifest = root / "data" / "dataset.json"
    if not manifest.is_file():
        return ""
    content = json.loads(manifest.read_text(encoding="utf-8"))
    decisive = {key: content.get(key) for key in DECISIVE_KEYS}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def note_data_version(root: Path, relative_path: str) -> None:
    """Note beside a result which data it was made from.

    Parameters
    ----------
    root : Path
        Of the workspace.
    relative_path : str
        Of the result, such as ``drift/verdict.json``.
    """
    note = root.joinpath(*NOTES_FOLDER, relative_path)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(compute_data_version(root) + "\n", encoding="utf-8")


def check_noted_data_version(root: Path, relative_path: str, made_by: str, command: str) -> None:
    """Check that a result was made from the data that is there now.

    Parameters
    ----------
    root : Path
        Of the workspace.
    relative_path : str
    made_by : str
        The notebook that writes it.
    command : str
        Runs that notebook.

    Raises
    ------
    MissingInputError
        See `check_data_version`.
    """
    note = root.joinpath(*NOTES_FOLDER, relative_path)
    if note.is_file():
        made_from = note.read_text(encoding="utf-8").strip()
        check_data_version(root, relative_path, made_from, made_by, command)


def check_data_version(
    root: Path, relative_path: str, made_from: str, made_by: str, command: str
) -> None:
    """Check that a result was made from the data that is there now.

    Parameters
    ----------
    root : Path
        Of the workspace.
    relative_path : str
        Of the result, for the message.
    made_from : str
        See `compute_data_version`; empty if it is not known.
    made_by : str
        The notebook that writes it.
    command : str
        Runs that notebook.

    Raises
    ------
    MissingInputError
        If the data was replaced or extended since. Names the notebook that must run again.
    """
    now = compute_data_version(root)
    if made_from and now and made_from != now:
        raise MissingInputError(
            f"{root / relative_path} was made from other data than {root / 'data'} holds now. Run "
            f"{made_by} again: `{command}`, or open and run that notebook in JupyterLab."
        )
