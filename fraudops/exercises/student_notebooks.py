"""The notebooks of the students, made from the lessons without their solutions."""

import json
from pathlib import Path

import nbformat

from fraudops.errors import UserError
from fraudops.exercises.exercise import check_student
from fraudops.exercises.lessons import EXERCISE_FOLDER, LEVELS, Lesson, load_lessons
from fraudops.workspace import REPOSITORY, atomic_write

NOTEBOOK_FOLDER = EXERCISE_FOLDER / "notebooks"
STUDENT_FOLDER = REPOSITORY / "my_work" / "exercises"
CHECK_TAG, ANSWER_TAG = "check", "answer"
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def get_notebook_name(lesson: Lesson) -> str:
    """Get the file name of a student notebook, such as ``E07_count_seven_days.ipynb``."""
    return f"{lesson.folder.name}.ipynb"


def make_notebook(lesson: Lesson, student: str = "") -> str:
    """Make the notebook of a student, without the solution.

    Parameters
    ----------
    lesson : Lesson
    student : str
        Id of the student; empty in the notebooks that are in the repository.

    Returns
    -------
    str
        JSON, the same for the same lesson.
    """
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    parameters = f"student = {json.dumps(student)}  # your id: it sets the numbers of your checks"
    opening = (
        f"from fraudops.exercises import open_exercise\n\n"
        f'exercise = open_exercise("{lesson.id}", student)'
    )
    cells = [
        text(_make_title(lesson)),
        code(parameters, metadata={"tags": ["parameters"]}),
        code(opening),
    ]
    for cell in lesson.cells:
        if cell.role == "starter":
            cells.append(code(cell.source, metadata={"tags": [ANSWER_TAG]}))
            check = f"exercise.check({lesson.function})"
            cells.append(code(check, metadata={"tags": [CHECK_TAG]}))
        elif not cell.role:
            cells.append(code(cell.source) if cell.is_code else text(cell.source))
    cells.append(text(_make_hints(lesson)))
    cells.append(
        code(
            "# exercise.show_solution()  # it opens after three incorrect tries",
            metadata={"tags": [CHECK_TAG]},
        )
    )
    for number, cell in enumerate(cells, 1):
        cell["id"] = f"c{number:02d}"
    metadata = {
        "fraudops": {"exercise": lesson.id, "student": student},
        "kernelspec": _KERNEL,
        "language_info": {"name": "python"},
    }
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _make_title(lesson: Lesson) -> str:
    stars = "★" * lesson.level
    return (
        f"# {lesson.id} {lesson.title}\n\n{stars} {LEVELS[lesson.level]}. **Time:** "
        f"{lesson.minutes} minutes. **Read first:** {lesson.describe_section()}."
    )


def _make_hints(lesson: Lesson) -> str:
    folded = [
        f"<details><summary>Hint {number}</summary>\n\n{hint}\n\n</details>"
        for number, hint in enumerate(lesson.get_sources("hint"), 1)
    ]
    return "## Hints\n\n" + "\n\n".join(folded)


def build_notebooks(folder: Path = NOTEBOOK_FOLDER, only_compare: bool = False) -> list[Path]:
    """Write the notebooks of all lessons, and remove those without a lesson.

    Parameters
    ----------
    folder : Path
    only_compare : bool
        Change nothing.

    Returns
    -------
    list of Path
        The files that differ from their lessons.
    """
    wanted = {get_notebook_name(one): make_notebook(one) for one in load_lessons().values()}
    present = {path.name: path for path in folder.glob("*.ipynb")}
    different = [folder / name for name in sorted(set(present) - set(wanted))]
    if not only_compare:
        for path in different:
            path.unlink()
    for name, text in wanted.items():
        if name not in present or present[name].read_text(encoding="utf-8") != text:
            different.append(folder / name)
            if not only_compare:
                with atomic_write(folder / name) as temporary:
                    temporary.write_text(text, encoding="utf-8")
    return different


def start_exercises(student: str, folder: Path = STUDENT_FOLDER) -> tuple[list[Path], list[Path]]:
    """Write the notebooks of one student; a notebook that is there already stays as it is.

    Parameters
    ----------
    student : str
        Id of the student.
    folder : Path
        Usually ``my_work/exercises``.

    Returns
    -------
    tuple of list of Path
        The notebooks that were written, and those that were there.

    Raises
    ------
    UserError
        If the id is empty or has characters that are not allowed, or the folder belongs to
        another student.
    """
    if not check_student(student):
        raise UserError("Say who you are: `fraudops exercises start --student ID`.")
    written, present = [], []
    for path in sorted(folder.glob("E*.ipynb")):
        owner = read_owner(path)
        if owner and owner != student:
            raise UserError(
                f"{path} belongs to the student {owner!r}. Give {student!r} another folder: "
                f"`fraudops exercises start --student {student} --folder DIR`."
            )
    for lesson in load_lessons().values():
        path = folder / get_notebook_name(lesson)
        if path.exists():
            present.append(path)
            continue
        with atomic_write(path) as temporary:
            temporary.write_text(make_notebook(lesson, student), encoding="utf-8")
        written.append(path)
    return written, present


def read_owner(path: Path) -> str:
    """Read whose notebook it is.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Empty if it does not say so, or is no notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return str(notebook["metadata"]["fraudops"]["student"])
    except (ValueError, KeyError, TypeError):
        return ""
