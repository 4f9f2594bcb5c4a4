"""Executing a notebook in JupyterLab does not change it for git."""

import asyncio
import json
import shutil
import subprocess

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from fraudops.pipeline import GRAPH, get_notebook_path, sort_nodes
from fraudops.pipeline.notebook_filter import clean_notebook, install_filter, refresh_index
from fraudops.workspace import REPOSITORY

NAMES = sort_nodes()


def execute_in_lab(text: str) -> str:
    """What JupyterLab writes back: sorted keys, outputs, counts, and metadata of its own."""
    nb = nbformat.reads(text, as_version=4)
    nb.metadata["language_info"] = {"name": "python", "version": "3.99"}
    nb.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    for number, cell in enumerate(nb.cells):
        cell.metadata["execution"] = {"iopub.execute_input": "2026"}
        if cell.cell_type == "code":
            cell.execution_count = number + 50
            cell.outputs = [nbformat.v4.new_output("stream", text="of that run")]
    return json.dumps(nb, indent=1, sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize("name", NAMES)
def test_an_executed_notebook_is_the_committed_one(name):
    committed = get_notebook_path(GRAPH[name]).read_text(encoding="utf-8")
    assert clean_notebook(committed, committed) == committed
    assert clean_notebook(execute_in_lab(committed), committed) == committed


def test_a_changed_cell_is_kept_without_its_outputs():
    committed = get_notebook_path(GRAPH["1_1_ingest"]).read_text(encoding="utf-8")
    changed = execute_in_lab(committed).replace("seed = 7  #", "seed = 8  #")
    cleaned = clean_notebook(changed, committed)
    assert "seed = 8" in cleaned and "of that run" not in cleaned and "3.99" not in cleaned
    before, after = (json.loads(text)["cells"] for text in (committed, cleaned))
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_a_new_notebook_loses_its_outputs_and_other_text_stays():
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nb.cells[0].outputs = [nbformat.v4.new_output("stream", text="2")]
    assert json.loads(clean_notebook(nbformat.writes(nb), ""))["cells"][0]["outputs"] == []
    for text in ("", "{", "[]", "null", "no notebook"):
        assert clean_notebook(text, "") == text


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_sees_no_change_after_jupyterlab_has_saved(tmp_path):
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def save(text: str) -> None:
        model = {"type": "notebook", "format": "json", "content": json.loads(text)}
        asyncio.run(lab.save(model, f"{folder.name}/{copy.name}"))

    folder = tmp_path / "1 stage"
    folder.mkdir()
    copy = folder / "my notebook.ipynb"
    shutil.copy(get_notebook_path(GRAPH["1_1_ingest"]), copy)
    for name in (".gitattributes", ".gitignore"):
        shutil.copy(REPOSITORY / name, tmp_path)
    git("init", "-q")
    install_filter(tmp_path)
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    hook = f"{refresh_index.__module__}.{refresh_index.__name__}"
    lab = AsyncLargeFileManager(root_dir=str(tmp_path), post_save_hook=hook)
    executed = execute_in_lab(copy.read_text(encoding="utf-8"))
    save(executed)
    assert "of that run" in copy.read_text(encoding="utf-8")
    assert git("status", "--porcelain") == git("diff", "HEAD") == ""
    save(executed.replace("seed = 7  #", "seed = 8  #"))
    assert git("diff", "--numstat").split()[:2] == ["1", "1"]
    assert git("diff", "--cached") == ""
