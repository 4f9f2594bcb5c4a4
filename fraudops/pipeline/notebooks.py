"""Read a notebook's file: its path, and its cell of parameters."""

import ast
from pathlib import Path
from typing import Any

from fraudops.errors import UserError
from fraudops.pipeline.graph import Node
from fraudops.workspace import REPOSITORY, read_json


def get_notebook_path(one: Node) -> Path:
    """Get the path of a notebook in the repository.

    Parameters
    ----------
    one : Node

    Returns
    -------
    Path
    """
    return REPOSITORY / one.folder / f"{one.name}.ipynb"


def escape_path(path: Path) -> str:
    """Escape braces in a path, which papermill takes for placeholders."""
    return str(path).replace("{", "{{").replace("}", "}}")


def inspect_parameters(one: Node) -> dict[str, dict[str, Any]]:
    """Read the cell of a notebook that is tagged `parameters`.

    Parameters
    ----------
    one : Node

    Returns
    -------
    dict of str to dict
        For each parameter ``default`` (the value, or None), ``text`` (the default as written) and
        ``help`` (its comment).

    Raises
    ------
    UserError
        If the notebook is missing or cannot be read.
    """
    from papermill import inspect_notebook  # slow to import, and not needed to know the graph

    path = get_notebook_path(one)
    if not path.is_file():
        raise UserError(f"The notebook {path} is missing: restore it, or leave {one.name} out.")
    try:
        found = inspect_notebook(escape_path(path))
    except (
        Exception
    ) as error:  # papermill passes on whatever json, nbformat or the kernel's name gave
        raise UserError(
            f"The notebook {path} cannot be read ({type(error).__name__}: {error}). Restore it."
        ) from None
    if unseen := _find_assigned_names(path) - set(found):
        raise UserError(
            f"{path}: papermill cannot read the parameter {', '.join(sorted(unseen))}. In "
            "the cell tagged `parameters` "
            "write each as `name = literal  # help` on a line of its own, without "
            "another = sign in the help."
        )
    return {
        name: {
            "default": _parse_literal(about["default"]),
            "text": about["default"],
            "help": about["help"],
        }
        for name, about in found.items()
    }


def _find_assigned_names(path: Path) -> set[str]:
    """Find the names that the parameters cell assigns, because papermill's inspector skips some."""
    cells = read_json(path)["cells"]
    source = next(
        ("".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", [])), ""
    )
    targets = [
        one
        for one in ast.walk(ast.parse(source))
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    ]
    return {target.id for target in targets}


def _parse_literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
