"""Decide whether a notebook must run again."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fraudops.data import DELIVERY_FILE
from fraudops.errors import UserError
from fraudops.pipeline.graph import GRAPH, Graph, Node
from fraudops.pipeline.notebooks import get_notebook_path
from fraudops.source_digest import hash_imports
from fraudops.workspace import REPOSITORY, Workspace, compute_fingerprint, read_json


def _hash_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _hash_notebook(path: Path) -> str:
    """Hash the text and tags of the cells; executing a notebook in place changes neither."""
    try:
        cells = read_json(path)["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"The notebook {path} cannot be read ({type(error).__name__}: {error}). Restore it."
        ) from None
    return _hash_json(
        [
            [c["cell_type"], "".join(c["source"]), sorted(c["metadata"].get("tags", []))]
            for c in cells
        ]
    )


def hash_outputs(one: Node, workspace: Workspace) -> dict[str, str]:
    """Hash what the notebook has written, without loose outputs; leave missing ones out."""
    paths = {name: workspace.root / name for name in one.writes}
    return {name: compute_fingerprint(path) for name, path in paths.items() if path.exists()}


def find_missing_outputs(one: Node, workspace: Workspace) -> list[str]:
    """Find outputs that are missing, loose ones too."""
    return [name for name in (*one.writes, *one.loose) if not (workspace.root / name).exists()]


def get_record_path(one: Node, workspace: Workspace) -> Path:
    """Get the path of the record of the last finished run."""
    return workspace.root / "state" / f"{one.name}.json"


def get_executed_path(one: Node, workspace: Workspace) -> Path:
    """Get the path of the executed notebook, also of a failed run."""
    return workspace.root / "notebooks" / f"{one.name}.ipynb"


def get_html_path(one: Node, workspace: Workspace) -> Path:
    """Get the path of the executed notebook as a page."""
    return workspace.root / "report" / "notebooks" / f"{one.name}.html"


def load_record(one: Node, workspace: Workspace) -> dict[str, Any]:
    """Load the record of the last finished run; empty if there is none or it is damaged."""
    try:
        return read_json(get_record_path(one, workspace))
    except (OSError, ValueError):
        return {}


def hash_dependencies(
    one: Node, workspace: Workspace, given: Mapping[str, Any], graph: Graph = GRAPH
) -> dict[str, str]:
    """Hash everything that decides what the notebook writes, by kind."""
    files = {name: REPOSITORY / name for name in one.extra_sources}
    if missing := [name for name, path in files.items() if not path.is_file()]:
        raise UserError(
            f"{one.name} depends on {', '.join(missing)} in {REPOSITORY}, which is missing. "
            "Restore it."
        )
    code = [get_notebook_path(one), *(path for path in files.values() if path.suffix == ".py")]
    external = {name: Path(str(given[name])) for name in one.external if given.get(name)}
    # what says how the file must be read
    external |= {
        f"{name}'s description": path.parent / DELIVERY_FILE
        for name, path in external.items()
        if path.is_file()
    }
    return {
        "notebook": _hash_notebook(get_notebook_path(one)),
        "sources": _hash_json({name: compute_fingerprint(path) for name, path in files.items()}),
        "library": hash_imports(*code),
        "parameters": _hash_json(dict(given)),
        "input file": _hash_json(
            {
                name: compute_fingerprint(path) if path.exists() else None
                for name, path in external.items()
            }
        ),
        "inputs": _hash_json({need: hash_outputs(graph[need], workspace) for need in one.needs}),
    }


def compute_cache_key(parts: Mapping[str, str]) -> str:
    """Compute one digest of all dependencies."""
    return _hash_json(dict(parts))


def get_rerun_reason(
    one: Node, workspace: Workspace, given: Mapping[str, Any], graph: Graph = GRAPH
) -> str:
    """Tell why a notebook must run again; empty if it need not.

    Call it when the notebooks before it are finished. The decision depends on the content of what
    they wrote. A notebook that ran again and wrote the same bytes does not make later ones run
    again.

    Parameters
    ----------
    one : Node
    workspace : Workspace
    given : mapping of str to Any
        Its parameters.
    graph : Graph, optional

    Returns
    -------
    str
    """
    last = load_record(one, workspace)
    if not last:
        return (
            "it has not been run"
            if not get_executed_path(one, workspace).exists()
            else "it did not finish"
        )
    if last.get("status") != "ok":
        return "its last run failed"
    now = hash_dependencies(one, workspace, given, graph)
    before = last.get("ingredients", {})
    changed = [kind for kind, value in now.items() if before.get(kind) != value]
    if changed:
        return f"changed: {', '.join(changed)}"
    if missing := find_missing_outputs(one, workspace):
        return f"missing: {', '.join(missing)}"
    if hash_outputs(one, workspace) != last.get("outputs"):
        return "what it wrote has been altered"
    return "" if get_executed_path(one, workspace).is_file() else "its executed notebook is missing"


def check_inputs(chosen: Iterable[str], workspace: Workspace, graph: Graph = GRAPH) -> None:
    """Check that the files which the selection needs from other notebooks exist.

    Raises
    ------
    UserError
        Names the notebook that writes a missing file.
    """
    chosen = list(chosen)
    for name in chosen:
        for need in graph[name].needs:
            missing = find_missing_outputs(graph[need], workspace) if need not in chosen else []
            if missing:
                command = workspace.format_command("run", "--until", name)
                raise UserError(
                    f"{name} needs {', '.join(missing)} in {workspace.root}, which the "
                    f"notebook {need} writes. For all that is missing: `{command}`."
                )
