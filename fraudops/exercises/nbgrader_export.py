"""The exercises as a course of nbgrader: one assignment for each stage.

nbgrader is no dependency of the course: it is installed where the teacher grades.
"""

import json
from pathlib import Path
from typing import Any

import nbformat

from fraudops.errors import UserError
from fraudops.exercises.lessons import Lesson, load_lessons
from fraudops.exercises.student_notebooks import (
    ANSWER_TAG,
    CHECK_TAG,
    get_notebook_name,
    make_notebook,
)
from fraudops.workspace import atomic_write

NBGRADER_SCHEMA = 3
_CONFIG = """# nbgrader reads this file in the folder where its commands are called.
c = get_config()
c.CourseDirectory.course_id = "fraudops"
# the starter stays, and nothing takes the place of the solution
c.ClearSolutions.code_stub = {"python": "# write your function above"}
c.ExecutePreprocessor.timeout = 120
"""
_TEST = """### BEGIN HIDDEN TESTS
from fraudops.exercises import compute_outcome, find_lesson

outcome = compute_outcome(find_lesson("{id}"), {function}, seed={seed})
assert outcome.kind == "correct", outcome
### END HIDDEN TESTS"""


def make_nbgrader_notebook(lesson: Lesson, seed: int) -> str:
    """Make the source notebook of nbgrader: with the solution as a region, and a hidden test.

    Parameters
    ----------
    lesson : Lesson
        Its level is the number of points.
    seed : int
        Seed of the probes of the hidden test.

    Returns
    -------
    str
        JSON. It holds the solution: it is for the teacher.
    """
    notebook = json.loads(make_notebook(lesson))
    cells = []
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if ANSWER_TAG in tags:
            region = f"### BEGIN SOLUTION\n{lesson.solution}\n### END SOLUTION"
            cell["source"] = f"{lesson.starter}\n\n\n{region}"
            cell["metadata"] = {"nbgrader": _describe_cell(f"{lesson.id}_answer", solution=True)}
        if "show_solution" in "".join(cell["source"]):
            continue  # whether a solution is shown is for the teacher to say
        cells.append(cell)
        if CHECK_TAG in tags:
            test = nbformat.v4.new_code_cell(
                _TEST.format(id=lesson.id, function=lesson.function, seed=seed),
                id="test",
                metadata={
                    "nbgrader": _describe_cell(f"{lesson.id}_test", grade=True)
                    | {"points": lesson.level}
                },
            )
            cells.append(test)
    notebook["cells"] = cells
    made = nbformat.from_dict(notebook)
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def _describe_cell(name: str, grade: bool = False, solution: bool = False) -> dict[str, Any]:
    return {
        "grade": grade,
        "grade_id": name,
        "locked": grade,
        "schema_version": NBGRADER_SCHEMA,
        "solution": solution,
        "task": False,
    }


def export_nbgrader(folder: Path, seed: int) -> list[Path]:
    """Write a course of nbgrader: its settings, and the source notebooks of all assignments.

    Parameters
    ----------
    folder : Path
        New or empty.
    seed : int
        Seed of the probes of the hidden tests.

    Returns
    -------
    list of Path
        The notebooks.

    Raises
    ------
    UserError
        If the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty: give a new folder.")
    written = []
    for lesson in load_lessons().values():
        path = folder / "source" / f"stage_{lesson.stage}" / get_notebook_name(lesson)
        with atomic_write(path) as temporary:
            temporary.write_text(make_nbgrader_notebook(lesson, seed), encoding="utf-8")
        written.append(path)
    with atomic_write(folder / "nbgrader_config.py") as temporary:
        temporary.write_text(_CONFIG, encoding="utf-8")
    return written
