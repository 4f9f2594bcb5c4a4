"""The digest of a notebook covers the library code that the notebook imports, and no other code."""

import shutil
from pathlib import Path

import pytest

from fraudops import source_digest
from fraudops.errors import UserError
from fraudops.pipeline import GRAPH, cache
from fraudops.pipeline.notebooks import get_notebook_path
from fraudops.workspace import REPOSITORY, Workspace

IGNORED = shutil.ignore_patterns("__pycache__", ".venv*", ".git")
LOGIN = "fraudops/audit_app/auth/login.py"


def find_closure(folder: Path, text: str) -> set[str]:
    """Names of the library's files that a Python text imports."""
    source = folder / "source.py"
    source.write_text(text, encoding="utf-8")
    found = source_digest.find_imported_files(source)
    return {file.relative_to(source_digest.REPOSITORY).as_posix() for file in found}


def test_an_import_within_a_function_counts(tmp_path):
    found = find_closure(tmp_path, "def f():\n    from fraudops.timeline import day_of\n")
    assert {"fraudops/timeline.py", "fraudops/errors.py", "fraudops/workspace.py"} <= found
    assert not any(file.startswith("fraudops/features/") for file in found)


@pytest.mark.parametrize(
    "text",
    [
        "from fraudops.features import compute_features\ncompute_features",
        "from fraudops import features\nfeatures.compute_features",
        "from fraudops.features import offline\noffline.compute_features",
        "import fraudops.features.offline",
        "command = ['-m', 'fraudops.features.offline']",
    ],
    ids=["face name", "package", "module alias", "dotted import", "python -m"],
)
def test_a_use_resolves_to_its_module(tmp_path, text):
    found = find_closure(tmp_path, text)
    assert {"fraudops/features/offline.py", "fraudops/features/transform.py"} <= found
    assert "fraudops/features/online.py" not in found


def test_one_name_for_two_imports_counts_for_both(tmp_path):
    text = (
        "def a():\n    from fraudops.timeline import DAY as x\n    return x\n"
        "def b():\n    from fraudops.features import compute_features as x\n    return x\n"
    )
    assert {"fraudops/timeline.py", "fraudops/features/offline.py"} <= find_closure(tmp_path, text)


def test_a_package_by_its_full_name_counts(tmp_path):
    found = find_closure(tmp_path, "import fraudops\nfraudops.features.compute_features")
    assert "fraudops/features/offline.py" in found


@pytest.mark.parametrize("text", ["from fraudops.features import *", "import fraudops.features"])
def test_an_import_of_everything_takes_the_whole_package(tmp_path, text):
    assert "fraudops/features/online.py" in find_closure(tmp_path, text)


@pytest.mark.parametrize("use", ["features.unknown_name", "print(features)"])
def test_a_use_that_cannot_be_resolved_takes_the_whole_package(tmp_path, use):
    found = find_closure(tmp_path, f"from fraudops import features\n{use}")
    package = (REPOSITORY / "fraudops" / "features").rglob("*.py")
    assert {file.relative_to(REPOSITORY).as_posix() for file in package} <= found


def test_a_text_that_is_no_python_takes_the_whole_library(tmp_path):
    assert LOGIN in find_closure(tmp_path, "def (")


def test_data_files_of_an_imported_module_count(tmp_path):
    found = find_closure(tmp_path, "from fraudops.features import FEATURE_SQL\nFEATURE_SQL")
    assert "fraudops/features/features.sql" in found


def test_a_missing_source_is_an_error(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        source_digest.find_imported_files(tmp_path / "missing.ipynb")


def test_the_login_module_is_in_no_closure_but_that_of_the_audit_app(tmp_path):
    uses = {
        name
        for name, node in GRAPH.items()
        if REPOSITORY / LOGIN in source_digest.find_imported_files(get_notebook_path(node))
    }
    assert len(GRAPH) > 1 and not uses
    assert LOGIN in find_closure(tmp_path, f"import {LOGIN[:-3].replace('/', '.')}")


@pytest.fixture(scope="module")
def library_copy(tmp_path_factory) -> Path:
    """A copy of the library, to change files in."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(REPOSITORY / "fraudops", folder / "fraudops", ignore=IGNORED)
    return folder


def hash_notebooks() -> dict[str, str]:
    return {
        name: source_digest.hash_imports(get_notebook_path(node)) for name, node in GRAPH.items()
    }


def find_affected_notebooks(monkeypatch, folder: Path, file: str) -> set[str]:
    """Notebooks whose digest changes with a line in a file of the copy."""
    monkeypatch.setattr(source_digest, "REPOSITORY", folder)
    before, path = hash_notebooks(), folder / file
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\n# changed\n", encoding="utf-8")
    try:
        after = hash_notebooks()
    finally:
        path.write_text(text, encoding="utf-8")
    return {name for name in before if before[name] != after[name]}


def test_a_changed_login_module_changes_no_notebook(monkeypatch, library_copy):
    assert find_affected_notebooks(monkeypatch, library_copy, LOGIN) == set()


def test_a_changed_feature_module_changes_the_notebooks_that_import_it(monkeypatch, library_copy):
    changed = find_affected_notebooks(monkeypatch, library_copy, "fraudops/features/offline.py")
    assert "1_2_features" in changed and "5_2_tamper_lab" not in changed


def test_a_missing_extra_source_is_an_error(tmp_path):
    node = next(iter(GRAPH.values()))
    changed = type(node)(**{**vars(node), "extra_sources": ("fraudops/missing.csv",)})
    with pytest.raises(UserError, match=r"missing\.csv"):
        cache.hash_dependencies(changed, Workspace(tmp_path), {})
