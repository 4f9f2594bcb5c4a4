"""The source of an exercise: `lesson.py` in the percent format, and `check.py` beside it."""

import importlib.util
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType

import yaml

from fraudops.errors import UserError
from fraudops.pipeline import GRAPH, get_notebook_path
from fraudops.workspace import REPOSITORY

EXERCISE_FOLDER = REPOSITORY / "exercises"
CELL_ROLES = ("starter", "solution", "hint")
HINTS = 3
LEVELS = {1: "fill in", 2: "find the bug, or write it", 3: "decide and defend"}
_HEADER = re.compile(r"\A# ---\n(?P<yaml>(?:#.*\n)+?)# ---\n")
_CELL = re.compile(r"# %%(?P<markdown> \[markdown\])?(?: tags=\[\"(?P<tag>\w+)\"\])?\s*")


@dataclass(frozen=True)
class LessonCell:
    """One cell of a lesson.

    Attributes
    ----------
    is_code : bool
    role : str
        ``starter``, ``solution`` or ``hint``; empty for text and example code.
    source : str
        Markdown without the leading ``#``, or Python.
    """

    is_code: bool
    role: str
    source: str


@dataclass(frozen=True)
class Lesson:
    """One exercise, as its `lesson.py` says.

    Attributes
    ----------
    id : str
        Such as ``E07``.
    folder : Path
    title : str
    level : int
        1 fill in, 2 find the bug or write it, 3 decide and defend.
    minutes : int
    notebook : str
        The notebook of the course that teaches the idea, such as ``1_2_features``.
    section : str
        Title of the section of that notebook, without its number.
    function : str
        Name of the function that the student writes.
    cells : tuple of LessonCell
    """

    id: str
    folder: Path
    title: str
    level: int
    minutes: int
    notebook: str
    section: str
    function: str
    cells: tuple[LessonCell, ...]

    @property
    def stage(self) -> int:
        """Stage of the course, 1 to 5."""
        return int(self.notebook[0])

    @property
    def starter(self) -> str:
        """The code that a student starts from."""
        return self.get_sources("starter")[0]

    @property
    def solution(self) -> str:
        """The code of the solution."""
        return self.get_sources("solution")[0]

    @cached_property
    def check_module(self) -> ModuleType:
        """The module `check.py`: `make_probes`, the right answer, and the misconceptions."""
        name = f"fraudops_exercise_{self.id}"
        spec = importlib.util.spec_from_file_location(name, self.folder / "check.py")
        if spec is None or spec.loader is None:
            raise UserError(f"{self.folder / 'check.py'} cannot be read: restore it.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def get_sources(self, role: str) -> list[str]:
        """Get the sources of all cells with this role.

        Parameters
        ----------
        role : str

        Returns
        -------
        list of str
        """
        return [cell.source for cell in self.cells if cell.role == role]

    def describe_section(self, notebook: str = "", section: str = "") -> str:
        """Describe where the course teaches the idea.

        Parameters
        ----------
        notebook, section : str, optional
            Another place than the one of the lesson.

        Returns
        -------
        str
        """
        path = get_notebook_path(GRAPH[notebook or self.notebook]).relative_to(REPOSITORY)
        return f"{path.as_posix()}, section “{section or self.section}”"


def read_lesson(folder: Path) -> Lesson:
    """Read `lesson.py` of one exercise.

    Parameters
    ----------
    folder : Path
        Such as ``exercises/E07_count_seven_days``.

    Returns
    -------
    Lesson

    Raises
    ------
    UserError
        If the file does not have the form that `docs/exercises.md` describes.
    """
    path = folder / "lesson.py"
    text = path.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    if not header:
        raise UserError(f"{path} does not begin with a header between two lines `# ---`.")
    try:
        about = yaml.safe_load(re.sub(r"^# ?", "", header["yaml"], flags=re.MULTILINE))
    except yaml.YAMLError as error:
        raise UserError(f"The header of {path} is no YAML: {error}") from error
    fields = {"title", "level", "minutes", "notebook", "section", "function"}
    if not isinstance(about, dict) or set(about) != fields:
        raise UserError(f"The header of {path} must name exactly: {', '.join(sorted(fields))}.")
    if about["notebook"] not in GRAPH or about["level"] not in LEVELS:
        raise UserError(f"{path} names a notebook or a level that does not exist.")
    lesson = Lesson(
        folder.name[:3], folder, cells=_split_cells(path, text[header.end() :]), **about
    )
    counts = {role: len(lesson.get_sources(role)) for role in CELL_ROLES}
    if counts != {"starter": 1, "solution": 1, "hint": HINTS}:
        raise UserError(f"{path} needs one starter, one solution and {HINTS} hints, not {counts}.")
    return lesson


def _split_cells(path: Path, text: str) -> tuple[LessonCell, ...]:
    cells: list[tuple[bool, str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# %%"):
            marker = _CELL.fullmatch(line)
            if not marker or marker["tag"] not in (None, *CELL_ROLES):
                raise UserError(f"{path}, line {number} after the header: {line!r} is no cell.")
            cells.append((not marker["markdown"], marker["tag"] or "", []))
        elif cells:
            is_code = cells[-1][0]
            cells[-1][2].append(line if is_code else re.sub(r"^# ?", "", line))
        elif line.strip():
            raise UserError(f"{path}: text before the first cell: {line!r}.")
    return tuple(LessonCell(code, role, "\n".join(lines).strip()) for code, role, lines in cells)


@lru_cache
def load_lessons() -> dict[str, Lesson]:
    """Load all lessons.

    Returns
    -------
    dict of str to Lesson
        By id, in order.

    Raises
    ------
    UserError
        If a lesson cannot be read, or two have one id.
    """
    lessons: dict[str, Lesson] = {}
    for path in sorted(EXERCISE_FOLDER.glob("E[0-9][0-9]_*/lesson.py")):
        lesson = read_lesson(path.parent)
        if lesson.id in lessons:
            raise UserError(f"Two exercises have the id {lesson.id}: rename the folder of one.")
        lessons[lesson.id] = lesson
    return lessons


def find_lesson(exercise: str) -> Lesson:
    """Find a lesson by its id.

    Parameters
    ----------
    exercise : str
        Such as ``E07``.

    Returns
    -------
    Lesson

    Raises
    ------
    UserError
        If there is none.
    """
    lessons = load_lessons()
    if exercise.upper() not in lessons:
        raise UserError(
            f"There is no exercise {exercise!r}. `fraudops exercises list` shows all of them."
        )
    return lessons[exercise.upper()]
