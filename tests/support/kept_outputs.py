"""Outputs that notebooks keep in git: compare them with a run, or take them from one.

Cells with the tag `keep_output` keep their output. Those that begin with ``# NBVAL_CHECK_OUTPUT``
are proven by nbval at the default parameters. All others are proven against the chain of the
smallest world, which the tests run anyway. ``python -m tests.support.kept_outputs WORKSPACE`` takes
the outputs of these from a workspace of ``run_all.py --profile smoke``.
"""

import argparse
import json
import re
from pathlib import Path

from fraudops.pipeline import GRAPH, get_notebook_path
from fraudops.pipeline.notebook_filter import NOTEBOOK_STYLE
from fraudops.workspace import Workspace, read_json

TAG, PROVEN_BY_NBVAL = "keep_output", "# NBVAL_CHECK_OUTPUT"
MAX_PICTURE = 100_000  # bytes


def find_kept_cells(notebook: Path) -> dict[str, dict]:
    """Find the cells whose output the smallest world proves, by their id."""
    return {
        cell["id"]: cell
        for cell in read_json(notebook)["cells"]
        if TAG in cell["metadata"].get("tags", [])
        and not "".join(cell["source"]).startswith(PROVEN_BY_NBVAL)
    }


def describe_outputs(cell: dict) -> list[str]:
    """Describe the outputs of a cell by their texts.

    A picture is described by its alternative text. The digits of a title of a plot are masked: they
    come from a model, and may differ in another version of a library.
    """
    texts = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            texts.append("".join(output["text"]))
            continue
        texts.append("".join(output["data"]["text/plain"]))
        if "image/png" in output["data"]:
            texts.append(re.sub(r"\d+", "N", output["metadata"]["image/png"]["alt"]))
    return "".join(texts).splitlines()


def find_executed_cells(workspace: Workspace, name: str) -> dict[str, dict]:
    """Find the code cells of an executed notebook by their id."""
    cells = read_json(workspace.root / "notebooks" / f"{name}.ipynb")["cells"]
    return {cell["id"]: cell for cell in cells if cell["cell_type"] == "code"}


def take_outputs(workspace: Workspace) -> list[str]:
    """Take the outputs from a run of the smallest world; return the changed notebooks."""
    changed = []
    for name, node in GRAPH.items():
        path = get_notebook_path(node)
        text = path.read_text(encoding="utf-8")
        notebook, kept = json.loads(text), find_kept_cells(path)
        executed = find_executed_cells(workspace, name) if kept else {}
        for cell in notebook["cells"]:
            if cell["id"] in kept:
                cell["outputs"] = executed[cell["id"]]["outputs"]
                cell["execution_count"] = executed[cell["id"]]["execution_count"]
        new = json.dumps(notebook, **NOTEBOOK_STYLE) + "\n"
        if new != text:
            path.write_text(new, encoding="utf-8")
            changed.append(name)
    return changed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    print("changed:", *take_outputs(Workspace.find(parser.parse_args().workspace)))
