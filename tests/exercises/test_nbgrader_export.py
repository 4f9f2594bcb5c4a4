"""The export for nbgrader: solution regions, hidden tests, a folder that nbgrader reads."""

import json
import re

import pytest

from fraudops.exercises import load_lessons
from fraudops.exercises.command import run_exercises_command
from fraudops.exercises.nbgrader_export import make_nbgrader_notebook

LESSONS = load_lessons()
SOLUTION = re.compile(r"### BEGIN SOLUTION\n.*?### END SOLUTION", re.DOTALL)
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS", re.DOTALL)


def read_cells(exercise: str, seed: int = 3) -> list[dict]:
    return json.loads(make_nbgrader_notebook(LESSONS[exercise], seed))["cells"]


def read_source(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.mark.parametrize("exercise", LESSONS)
def test_what_nbgrader_releases_has_the_starter_and_no_solution(exercise):
    lesson, cells = LESSONS[exercise], read_cells(exercise)
    about = [one["metadata"]["nbgrader"] for one in cells if "nbgrader" in one["metadata"]]
    assert [(one["solution"], one["grade"], one["locked"]) for one in about] == [
        (True, False, False),
        (False, True, True),
    ]
    assert about[1]["points"] == lesson.level and about[0]["grade_id"] != about[1]["grade_id"]
    released = [HIDDEN.sub("", SOLUTION.sub("", read_source(one))) for one in cells]
    text = "\n".join(released)
    assert lesson.starter in text and lesson.solution not in text
    assert "HIDDEN" not in text and "seed=3" not in text and "show_solution" not in text
    assert len({one["id"] for one in cells}) == len(cells)


@pytest.mark.parametrize("exercise", ["E02", "E07", "E25"])
def test_the_hidden_test_passes_for_the_solution_only(exercise):
    cells = [read_source(one) for one in read_cells(exercise) if one["cell_type"] == "code"]
    exec("\n".join(cells), {"__name__": "submission"})
    started = "\n".join(SOLUTION.sub("", one) for one in cells)
    with pytest.raises(AssertionError, match="not attempted"):
        exec(started, {"__name__": "submission"})


def test_the_command_writes_a_course_once(tmp_path, capsys):
    folder = tmp_path / "course"
    assert run_exercises_command(["export-nbgrader", str(folder), "--seed", "3"]) == 0
    assert "Seed of the hidden tests: 3" in capsys.readouterr().out
    found = {path.stem[:3]: path.parent.name for path in folder.glob("source/*/*.ipynb")}
    assert found == {one.id: f"stage_{one.stage}" for one in LESSONS.values()}
    assert "ClearSolutions" in (folder / "nbgrader_config.py").read_text(encoding="utf-8")
    assert run_exercises_command(["export-nbgrader", str(folder)]) == 2
    assert "not empty" in capsys.readouterr().err
