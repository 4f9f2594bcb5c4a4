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
