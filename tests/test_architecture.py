"""The library is what docs/architecture.md says: every module listed, importing only modules above it."""

import ast
import re

from fraudops.workspace import REPOSITORY

LIBRARY = REPOSITORY / "fraudops"


def listed() -> list[str]:
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## What a run writes")[0]
    return re.findall(r"^\| `(\w+)`", table, re.M)


def imported(module: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse((LIBRARY / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "fraudops":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fraudops."):
            found.add(node.module.split(".")[1])
    return found & {path.stem for path in LIBRARY.glob("*.py")}


def test_every_module_is_listed():
    assert set(listed()) == {path.stem for path in LIBRARY.glob("*.py")} - {"__init__", "__main__"}


def test_modules_import_only_modules_above_them():
    order = listed()
    for place, module in enumerate(order):
        assert imported(module) <= set(order[:place]), f"{module} imports from below: {imported(module) - set(order[:place])}"


def test_only_detectors_marks_may_read_the_answer_key():
    allowed = {"1_1_ingest.ipynb", "2_2_drift_monitor.ipynb"}  # the one that writes it, and the picture of the true onsets
    files = [*LIBRARY.glob("*"), *REPOSITORY.glob("[1-5]_*/*.ipynb"), *REPOSITORY.glob("[1-5]_*/*.py")]
    readers = {file.name for file in files if file.is_file() and "answer_key" in file.read_text(encoding="utf-8")}
    assert readers == allowed
    sql = (LIBRARY / "features.sql").read_text(encoding="utf-8")
    assert not re.search(r"\b(kind|compromises|drifts|warm_up)\b", re.sub(r"--.*", "", sql))
