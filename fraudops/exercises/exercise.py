"""An exercise as a student opens it: the check with the student's own numbers, and the solution."""

import hashlib
import json
import re
from collections.abc import Callable

from fraudops.errors import UserError
from fraudops.exercises.diagnosis import INCORRECT, Outcome, compute_outcome
from fraudops.exercises.lessons import Lesson, find_lesson
from fraudops.workspace import Workspace

TRIES_BEFORE_SOLUTION = 3
_STUDENT = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._@-]{0,63}")


def check_student(student: str) -> str:
    """Check that a student's id may be used.

    Parameters
    ----------
    student : str
        Letters, digits and ``. _ - @``, at most 64; it is part of file names. Empty for none.

    Returns
    -------
    str
        The same id.

    Raises
    ------
    UserError
        If it has other characters.
    """
    if student and not _STUDENT.fullmatch(student):
        raise UserError(
            f"{student!r} is no id of a student: use at most 64 letters, digits, dots, hyphens or "
            "underscores."
        )
    return student


def compute_student_seed(student: str) -> int:
    """Compute the seed of a student's probes.

    Parameters
    ----------
    student : str
        Empty gives the seed 0, with which the course's own examples are made.

    Returns
    -------
    int
        From 0 to 2**32 - 1.

    Examples
    --------
    >>> compute_student_seed("")
    0
    """
    if not check_student(student):
        return 0
    return int(hashlib.sha256(student.encode("utf-8")).hexdigest()[:8], 16)


class Exercise:
    """An exercise that a student works on.

    Parameters
    ----------
    lesson : Lesson
    student : str
        Id of the student; empty for none.
    workspace : Workspace, optional
        Where the tries are counted.
    """

    def __init__(self, lesson: Lesson, student: str = "", workspace: Workspace | None = None):
        self.lesson = lesson
        self.student = check_student(student)
        self.workspace = workspace or Workspace.find()

    def __repr__(self) -> str:
        return f"{self.lesson.id} {self.lesson.title}: {self.lesson.describe_section()}"

    def check(self, function: Callable) -> Outcome:
        """Check an answer, and count the try if it is incorrect.

        Parameters
        ----------
        function : callable
            The student's function.

        Returns
        -------
        Outcome
        """
        outcome = compute_outcome(self.lesson, function, compute_student_seed(self.student))
        self.record_try(outcome)
        return outcome

    def record_try(self, outcome: Outcome) -> None:
        """Count a try.

        Parameters
        ----------
        outcome : Outcome
            Only an incorrect one counts.
        """
        if outcome.kind == INCORRECT:
            line = json.dumps({"diagnosis": outcome.diagnosis, "value": outcome.value})
            path = self.workspace.path(*self._tries_file)
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def count_tries(self) -> int:
        """Count the incorrect tries of this student in this workspace.

        Returns
        -------
        int
        """
        path = self.workspace.root.joinpath(*self._tries_file)
        return len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0

    @property
    def _tries_file(self) -> tuple[str, ...]:
        return "exercises", self.student or "_", f"{self.lesson.id}.jsonl"

    def show_solution(self, teacher: bool = False) -> None:
        """Print the solution, if the student has tried three times.

        Parameters
        ----------
        teacher : bool
            Print it without tries.
        """
        tries = self.count_tries()
        if teacher or tries >= TRIES_BEFORE_SOLUTION:
            print(self.lesson.solution)
        else:
            print(
                f"The solution of {self.lesson.id} opens after {TRIES_BEFORE_SOLUTION} incorrect "
                f"tries. You have made {tries}. The hints are at the end of the notebook."
            )


def open_exercise(exercise: str, student: str = "") -> Exercise:
    """Open an exercise.

    Parameters
    ----------
    exercise : str
        Such as ``E07``.
    student : str
        Id of the student: it sets the numbers of the checks.

    Returns
    -------
    Exercise

    Raises
    ------
    UserError
        If there is no such exercise, or the id has other characters than letters, digits, ``._-@``.
    """
    return Exercise(find_lesson(exercise), student)
