"""The rules of the house for notebooks."""

import ast
import json
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from fraudops.pipeline import GRAPH, get_notebook_path, sort_nodes
from fraudops.workspace import REPOSITORY

LIBRARY = REPOSITORY / "fraudops"
MAX_LIBRARY_NAMES = 95
FILE_ENDINGS = (".sql", ".json", ".md", ".ipynb", ".csv", ".parquet", ".html")


def test_notebooks_keep_the_house_rules():
    for name in sort_nodes():
        cells = json.loads(Path(get_notebook_path(GRAPH[name])).read_text(encoding="utf-8"))[
            "cells"
        ]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        lines = [
            len([line for line in "".join(cell["source"]).splitlines() if line.strip()])
            for cell in code
        ]
        parameters = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
        assert len(parameters) == 1, name
        assert max(lines) <= 25 and sorted(lines)[len(lines) // 2] <= 5, (name, lines)
        assert len(cells) - len(code) >= len(code), name
        for cell in code:
            text = "".join(cell["source"])
            assert not re.search(
                r"^\s*[%!]|sys\.path|['\"]/(home|root|work|tmp|Users)", text, re.M
            ), (name, text)
            assert not cell["outputs"] or text.startswith("# NBVAL_CHECK_OUTPUT"), (name, text)
            assert not cell["outputs"] or cell["execution_count"], (
                name,
                "nbval takes it for a cell that never ran",
                text,
            )


def list_library_names(code: str) -> set[tuple[str, str]]:
    """Faces and names of the library that a notebook uses."""
    tree, packages, names = ast.parse(code), {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fraudops":
            for one in node.names:
                if node.module == "fraudops" and (LIBRARY / one.name).is_dir():
                    packages[one.asname or one.name] = one.name
                else:
                    names.add((node.module, one.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in packages:
                names.add((f"fraudops.{packages[node.value.id]}", node.attr))
    return names


def test_notebooks_use_few_faces_of_the_library_and_only_what_they_list():
    for name in sort_nodes():
        cells = json.loads(get_notebook_path(GRAPH[name]).read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        used = list_library_names(code)
        assert used and len({face for face, _ in used}) <= 5, (name, sorted(used))
        for face, one in used:
            modules = {path.stem for path in LIBRARY.glob("*.py")} if face == "fraudops" else ()
            assert one in import_module(face).__all__ or one in modules, (name, face, one)


def test_notebooks_use_few_names_of_the_library_together():
    used = set()
    for name in sort_nodes():
        cells = json.loads(get_notebook_path(GRAPH[name]).read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        used |= {one for _, one in list_library_names(code)}
    assert len(used) <= MAX_LIBRARY_NAMES, sorted(used)


def can_be_found(name: str) -> bool:
    """Whether a dotted name is a module of the library, or a name in one."""
    parts = name.removeprefix("fraudops.").split(".")
    found = import_module("fraudops")
    for part in parts:
        path = f"{found.__name__}.{part}" if hasattr(found, "__path__") else ""
        if path and find_spec(path):
            found = import_module(path)
        elif hasattr(found, part):
            found = getattr(found, part)
        else:
            return False
    return True


def test_prose_names_only_what_the_library_has():
    packages = "|".join(path.parent.name for path in LIBRARY.glob("*/__init__.py"))
    pattern = re.compile(rf"`((?:fraudops|{packages})(?:\.[A-Za-z_]\w*)+)`")
    files = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("[1-5]_*/*")]
    missing = []
    for file in files:
        if file.suffix in (".md", ".ipynb"):
            for name in pattern.findall(file.read_text(encoding="utf-8")):
                if not name.endswith(FILE_ENDINGS) and not can_be_found(name):
                    missing.append((file.name, name))
    assert missing == []


MAX_LINE = 88
DENSE_CELL = 320  # mean characters of a code cell; the aim is 200
SHORT_STAGES = ("1_DAG_Data", "2_Data_Drifts")  # the others follow


def test_cells_are_short_and_plain():
    for name in sort_nodes():
        if GRAPH[name].folder not in SHORT_STAGES:
            continue
        cells = json.loads(get_notebook_path(GRAPH[name]).read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        lines = [line for cell in code for line in cell.splitlines() if line.strip()]
        dense = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)
        packed = sum(isinstance(node, dense) for node in ast.walk(ast.parse("\n".join(code))))
        assert 20 <= len(code) <= 40, (name, len(code))
        assert max(map(len, lines)) <= MAX_LINE, (name, max(lines, key=len))
        assert sum(map(len, code)) / len(code) <= DENSE_CELL, name
        assert packed <= 3 * len(lines) / 100, (name, packed)
        assert sum(len(text.split()) for text in prose) >= 8 * len(lines), name


def test_each_self_check_says_what_is_wrong():
    """An assert without words leaves a reader with the code alone."""
    for name in sort_nodes():
        if GRAPH[name].folder not in SHORT_STAGES:
            continue
        cells = json.loads(get_notebook_path(GRAPH[name]).read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        silent = [
            node.lineno
            for node in ast.walk(ast.parse(code))
            if isinstance(node, ast.Assert) and node.msg is None
        ]
        assert not silent, (name, silent)


def test_links_to_the_next_notebook_have_its_title():
    for name in sort_nodes():
        path = get_notebook_path(GRAPH[name])
        if GRAPH[name].folder not in SHORT_STAGES:
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "".join(cells[-1]["source"])
        for title, target in re.findall(r"\[(\d\.\d [^\]]+)\]\(([^)]+\.ipynb)\)", text):
            linked = json.loads((path.parent / target).read_text(encoding="utf-8"))["cells"]
            heading = "".join(linked[0]["source"]).splitlines()[0].removeprefix("# ")
            assert title == heading, (name, title, heading)
