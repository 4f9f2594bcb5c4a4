"""A git filter: a notebook that was only executed in JupyterLab is not changed.

`fraudops lab` installs it as the filter `notebook-outputs` of `.gitattributes`. Git gives the file
on the standard input and takes what is printed. It needs the standard library only.
"""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

NOTEBOOK_STYLE = {"indent": 1, "ensure_ascii": False}


def clean_notebook(text: str, committed: str) -> str:
    """Take out what executing a notebook has changed.

    Parameters
    ----------
    text : str
        The notebook as it is in the working tree.
    committed : str
        The same notebook in the repository; empty if it is new there.

    Returns
    -------
    str
        The committed text, if only outputs, counts and metadata differ.
    """
    try:
        notebook, before = json.loads(text), json.loads(committed or "{}")
        earlier = {cell.get("id"): cell for cell in before.get("cells", [])}
        cells = [_clean_cell(cell, earlier.get(cell.get("id"), {})) for cell in notebook["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return text  # it is no notebook
    cleaned = notebook | before | {"cells": cells}
    return committed if cleaned == before else json.dumps(cleaned, **NOTEBOOK_STYLE) + "\n"


def _clean_cell(cell: dict, before: dict) -> dict:
    """Take the cell of the repository if the source is the same, else one without outputs."""
    source = "".join(cell["source"])
    kinds = {one.get("cell_type") for one in (cell, before)}
    if len(kinds) == 1 and source == "".join(before["source"]):
        return before
    cleaned = {**before, **cell, "source": source.splitlines(keepends=True)}
    cleaned["metadata"] = before.get("metadata", cell.get("metadata", {}))
    if cell["cell_type"] == "code":
        cleaned |= {"outputs": [], "execution_count": None}
    return cleaned


def run_git(folder: Path, *words: str) -> str | None:
    """Run git in a folder.

    Parameters
    ----------
    folder : Path
    *words : str

    Returns
    -------
    str or None
        What it printed; None if there is no git, or it refused.
    """
    if shutil.which("git") is None:
        return None
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout.decode() if done.returncode == 0 else None


def install_filter(repository: Path) -> None:
    """Install the filter in a git checkout; elsewhere do nothing.

    Parameters
    ----------
    repository : Path
    """
    script = Path(__file__).resolve()
    command = f"{shlex.join([sys.executable, '-P', str(script)])} %f"
    run_git(repository, "config", "filter.notebook-outputs.clean", command)


def refresh_index(model: dict, os_path: str, contents_manager: Any) -> None:
    """Tell git after a save that a notebook was only executed.

    Git takes a file of another size for changed before it asks the filter. Adding it gives the same
    content, and the new size. JupyterLab calls this (``FileContentsManager.post_save_hook``).

    Parameters
    ----------
    model : dict
        Of the saved file.
    os_path : str
    contents_manager : object
    """
    file = Path(os_path)
    if model.get("type") != "notebook":
        return
    committed = run_git(file.parent, "show", f"HEAD:./{file.name}")
    staged = run_git(file.parent, "show", f":./{file.name}")
    if committed is None or staged is None:
        return
    if clean_notebook(file.read_text(encoding="utf-8"), committed) == staged:
        run_git(file.parent, "add", "--", file.name)


def filter_input(path: str) -> None:
    """Clean the standard input.

    Parameters
    ----------
    path : str
        Of the notebook in the repository.
    """
    text = sys.stdin.buffer.read().decode()
    committed = run_git(Path.cwd(), "show", f"HEAD:{path}") or ""
    sys.stdout.buffer.write(clean_notebook(text, committed).encode())


if __name__ == "__main__":
    filter_input(sys.argv[1])
