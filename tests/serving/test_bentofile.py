"""The Bento holds what the service imports, and not the review page."""

import subprocess
import sys

import pathspec
import yaml

from fraudops.source_digest import find_imported_files
from fraudops.workspace import REPOSITORY

FOLDER = REPOSITORY / "3_Model_Serving"


def list_packed_files() -> set[str]:
    config = yaml.safe_load((FOLDER / "bentofile.yaml").read_text(encoding="utf-8"))
    include, exclude = (
        pathspec.PathSpec.from_lines("gitwildmatch", config[name])
        for name in ("include", "exclude")
    )
    files = {
        path.relative_to(REPOSITORY).as_posix()
        for folder in (FOLDER, REPOSITORY / "fraudops")
        for path in folder.rglob("*")
        if path.is_file()
    }
    return {name for name in files if include.match_file(name) and not exclude.match_file(name)}


def test_the_bento_holds_what_the_service_imports_and_not_the_review_page():
    packed = list_packed_files()
    needed = find_imported_files(FOLDER / "service.py")
    needed = {path.relative_to(REPOSITORY).as_posix() for path in needed}
    assert {name for name in needed if name.endswith((".py", ".sql"))} <= packed
    assert not [name for name in packed if "audit_app" in name]


def test_the_service_starts_without_what_it_does_not_need():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import service; "
        "print({'mlflow', 'duckdb', 'alembic', 'pandera', 'voila'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(FOLDER)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert ran.stdout.strip() == "set()", ran.stderr[-2000:] or ran.stdout
