"""A notebook as a page: results without what only a live notebook or this machine needs."""

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_TEXT = "A widget is here in JupyterLab. A static page cannot show it.\n"
_STYLE = re.compile(r"<style scoped>.*?</style>", re.DOTALL)
_KEPT_METADATA = ("kernelspec", "language_info")


def read_text(source: str | list[str]) -> str:
    """Join a source or an output, which a notebook stores as a text or as lines."""
    return source if isinstance(source, str) else "".join(source)


def find_machine_paths(notebook: Mapping[str, Any], repository: Path) -> dict[str, str]:
    """Find the paths of the machine that ran a notebook, and what a page shows instead.

    Parameters
    ----------
    notebook : mapping
        An executed notebook; papermill has written where it lies.
    repository : Path

    Returns
    -------
    dict of str to str
        Longest path first.
    """
    written = notebook["metadata"].get("papermill", {}).get("output_path") or ""
    paths = {str(repository): "."}
    if written:
        paths[str(Path(written).parent.parent)] = "artifacts"
    paths[str(Path.home())] = "~"
    return dict(sorted(paths.items(), key=lambda pair: -len(pair[0])))


def clean_notebook(
    notebook: Mapping[str, Any], paths: Mapping[str, str], edit: Callable[[str], str]
) -> dict[str, Any]:
    """Make the notebook that a page shows.

    Parameters
    ----------
    notebook : mapping
        Executed or not. It stays as it is.
    paths : mapping of str to str
        Texts to replace in results, in this order.
    edit : callable
        Applied to each Markdown cell.

    Returns
    -------
    dict
    """
    cells = []
    for old in notebook["cells"]:
        cell: dict[str, Any] = {
            "cell_type": old["cell_type"],
            "id": old.get("id", f"c{len(cells) + 1:02d}"),
            "metadata": {"tags": list(old["metadata"].get("tags", []))},
            "source": read_text(old["source"]),
        }
        if old["cell_type"] == "markdown":
            cell["source"] = edit(cell["source"])
        if old["cell_type"] == "code":
            outputs = [_clean_output(one, paths) for one in old["outputs"]]
            cell["outputs"] = [one for one in outputs if one]
            cell["execution_count"] = old.get("execution_count")
            if text := " ".join(filter(None, map(get_alternative_text, old["outputs"]))):
                cell["metadata"]["mystnb"] = {"image": {"alt": text}}
        cells.append(cell)
    metadata = {key: notebook["metadata"][key] for key in _KEPT_METADATA}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def get_alternative_text(output: Mapping[str, Any]) -> str:
    """Get the alternative text of a figure; empty if the output is none."""
    return output.get("metadata", {}).get("image/png", {}).get("alt", "")


def _clean_output(output: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any] | None:
    kind = output["output_type"]
    if kind == "stream" and output["name"] == "stderr":  # progress bars and log lines
        return None
    new = copy.deepcopy(dict(output))
    if kind == "stream":
        new["text"] = _replace(read_text(output["text"]), paths)
    elif "data" in output:
        data = {mime: output["data"][mime] for mime in output["data"] if mime != WIDGET}
        if len(data) < len(output["data"]):
            data = {"text/plain": WIDGET_TEXT}
        new["data"] = {mime: _clean_data(mime, data[mime], paths) for mime in data}
        new["metadata"] = {}
    return new


def _clean_data(mime: str, value: Any, paths: Mapping[str, str]) -> Any:
    if not mime.startswith("text/"):
        return value
    text = read_text(value)
    if mime == "text/html":
        text = _STYLE.sub("", text).replace('<table border="1"', "<table")
    return _replace(text, paths)


def _replace(text: str, paths: Mapping[str, str]) -> str:
    for path, shown in paths.items():
        text = text.replace(path, shown)
    return text
