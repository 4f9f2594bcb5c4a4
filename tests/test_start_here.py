"""START_HERE.ipynb, and the check of the set-up that it shows."""

import json
import sys
from collections import namedtuple
from importlib import metadata

import papermill
import pytest

from fraudops import setup_check
from fraudops.exercises import load_lessons, make_course_map
from fraudops.pipeline import sort_nodes
from fraudops.setup_check import check_setup
from fraudops.workspace import REPOSITORY, Workspace

START = REPOSITORY / "START_HERE.ipynb"


def find_failed(workspace) -> dict[str, str]:
    return {one.name: str(one) for one in check_setup(workspace) if not one.is_ok}


def test_this_environment_passes(workspace):
    assert find_failed(workspace) == {}


def test_each_failed_check_names_the_line_that_mends_it(tmp_path, monkeypatch):
    old_version = namedtuple("version_info", "major minor micro releaselevel serial")
    monkeypatch.setattr(sys, "version_info", old_version(3, 10, 2, "final", 0))
    needed = ["pandas<2", "no-such-package>=1", "numpy>=1"]
    monkeypatch.setattr(metadata, "requires", lambda name: needed)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setattr(setup_check, "FREE_GIGABYTES", 1e9)
    file = tmp_path / "file"
    file.write_text("not a folder")
    failed = find_failed(Workspace(file / "run"))
    assert len(failed) == len(check_setup(Workspace(tmp_path))) == 5
    for text in failed.values():
        assert text.startswith("FAILED") and "mend it: " in text
    assert "3.10.2" in failed["Python 3.11, 3.12 or 3.13"]
    assert "no-such-package is missing" in failed["packages"] and "<2" in failed["packages"]
    assert "numpy" not in failed["packages"]
    assert "OMP_NUM_THREADS=4" in failed["one thread for each process"]


def test_the_map_has_every_notebook_and_every_exercise():
    course_map = make_course_map()
    assert list(course_map.index) == list(sort_nodes())
    assert sorted(" ".join(course_map["exercises"]).split()) == sorted(load_lessons())
    assert (course_map["question"] != "").all()
    assert course_map.loc[course_map.index != "audit_app", "time"].str.contains("read").all()


def test_the_notebook_keeps_the_house_rules():
    cells = json.loads(START.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(cells) - len(code) >= len(code) and not any(cell["outputs"] for cell in code)
    assert [cell["id"] for cell in cells] == [f"c{k:02d}" for k in range(1, len(cells) + 1)]


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUDOPS_WORKSPACE", str(tmp_path / "run"))
    ran = papermill.execute_notebook(START, None, cwd=REPOSITORY, progress_bar=False)
    text = json.dumps(ran)
    assert "E07: incorrect" in text and "1_1_ingest" in text
