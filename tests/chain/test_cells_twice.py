"""A cell may run twice: students run a cell again after they have changed it."""

import copy

import nbformat
import pytest
from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from fraudops.pipeline import (
    GRAPH,
    get_notebook_path,
    resolve_parameters,
    set_workspace_environment,
    sort_nodes,
)
from fraudops.pipeline.notebooks import escape_path
from fraudops.workspace import Workspace


def double_cells(nb: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Repeat each code cell behind itself; the parameters stay alone, as papermill needs them."""
    cells = []
    for cell in nb.cells:
        cells.append(cell)
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and not {"parameters", "injected-parameters"} & {*tags}:
            again = copy.deepcopy(cell)
            again.id = f"{cell.id}-again"
            cells.append(again)
    nb.cells = cells
    return nb


def list_errors(nb: nbformat.NotebookNode) -> list[str]:
    """List the errors of an executed notebook: cell, and what it said."""
    return [
        f"{cell.id}: {output.ename}: {output.evalue[:500]}"
        for cell in nb.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


@pytest.fixture(scope="module")
def twice(tmp_path_factory) -> dict[str, list[str]]:
    """The errors of each notebook of the smallest world, with each cell executed twice."""
    workspace = Workspace.find(tmp_path_factory.mktemp("twice"))
    given, found = resolve_parameters(profile="smoke"), {}
    with set_workspace_environment(workspace):
        for name in sort_nodes():
            path = get_notebook_path(GRAPH[name])
            nb = load_notebook_node(escape_path(path))
            nb = double_cells(parameterize_notebook(nb, given[name]))
            folder = {"metadata": {"path": str(path.parent)}}
            NotebookClient(nb, timeout=900, allow_errors=True, resources=folder).execute()
            found[name] = list_errors(nb)
    return found


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sort_nodes())
def test_each_cell_can_run_twice(twice, name):
    assert twice[name] == []
