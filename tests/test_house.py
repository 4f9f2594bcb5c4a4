"""The plan of the library: allowed imports, one home for each public name, no leak of the key."""

import ast
import re
from collections import defaultdict
from importlib import import_module

from importlinter.cli import lint_imports

from fraudops.workspace import REPOSITORY

LIBRARY = REPOSITORY / "fraudops"
VERSIONS = LIBRARY / "store" / "migrations" / "versions"  # alembic wants equal names in each file
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.parent != VERSIONS)
PACKAGES = sorted(path.parent.name for path in LIBRARY.glob("*/__init__.py"))


def test_packages_import_only_what_they_may(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    assert lint_imports(config_filename="pyproject.toml", no_logo=True) == 0


def test_each_public_name_has_one_home():
    homes = defaultdict(set)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = {node.name}
            else:
                targets = getattr(node, "targets", [getattr(node, "target", None)])
                names = {n.id for t in targets if t for n in ast.walk(t) if isinstance(n, ast.Name)}
            for name in names:
                if not name.startswith("_"):
                    homes[name].add(path.relative_to(LIBRARY).as_posix())
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_every_listed_name_can_be_imported():
    for package in PACKAGES:
        face = import_module(f"fraudops.{package}")
        assert face.__all__, package
        for name in face.__all__:
            getattr(face, name)


def test_no_public_name_is_the_name_of_a_module_of_its_package():
    for package in PACKAGES:
        modules = {path.stem for path in LIBRARY.joinpath(package).glob("*.py")}
        assert not modules & set(import_module(f"fraudops.{package}").__all__), package


def test_only_what_scores_may_read_the_answer_key():
    # the one that writes it, the picture of the true onsets, and the scores of the thirty days
    allowed = {"1_1_ingest.ipynb", "2_2_drift_monitor.ipynb", "scoring.py"}
    files = [
        *LIBRARY.rglob("*"),
        *REPOSITORY.glob("[1-5]_*/*.ipynb"),
        *REPOSITORY.glob("[1-5]_*/*.py"),
    ]
    readers = {
        file.name
        for file in files
        if file.suffix in (".py", ".sql", ".ipynb")
        and "answer_key" in file.read_text(encoding="utf-8")
    }
    assert readers == allowed
    sql = (LIBRARY / "features" / "features.sql").read_text(encoding="utf-8")
    assert not re.search(r"\b(kind|compromises|drifts|warm_up)\b", re.sub(r"--.*", "", sql))
