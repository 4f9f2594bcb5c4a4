"""Grade the submissions of a class: scores as CSV, and a page of feedback for each student."""

import csv
import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader
from tqdm import tqdm

from fraudops.data import escape_formula
from fraudops.errors import UserError
from fraudops.exercises.diagnosis import CORRECT, INCORRECT, Outcome
from fraudops.exercises.lessons import load_lessons
from fraudops.exercises.student_notebooks import read_owner
from fraudops.exercises.submission import SUBMISSION_MEGABYTES, SUBMISSION_SECONDS, check_submission
from fraudops.workspace import atomic_write

SCORE_COLUMNS = ("student", "exercise", "score", "outcome", "diagnosis", "file", "probe_seed")


@dataclass(frozen=True)
class StudentFile:
    """One submitted file.

    Attributes
    ----------
    path : Path
    student : str
    exercise : str
    """

    path: Path
    student: str
    exercise: str


def find_submissions(folder: Path) -> tuple[list[StudentFile], list[Path]]:
    """Find the submissions below a folder.

    Parameters
    ----------
    folder : Path
        ``FOLDER/STUDENT/E07_….ipynb``. The student is the first folder; for a notebook that lies
        in `folder` itself it is the id that `start` wrote into it, else the name of the file.

    Returns
    -------
    tuple of list of StudentFile and list of Path
        The submissions, and the notebooks that belong to no exercise.

    Raises
    ------
    UserError
        If there is none, or a student has two for one exercise.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder. Give the folder that holds the submissions.")
    found: dict[tuple[str, str], StudentFile] = {}
    unknown = []
    for path in sorted(folder.rglob("*.ipynb")):
        inside = path.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts):
            continue
        exercise = _read_exercise(path)
        if exercise not in load_lessons():
            unknown.append(path)
            continue
        student = inside.parts[0] if len(inside.parts) > 1 else read_owner(path) or path.stem
        other = found.setdefault((student, exercise), StudentFile(path, student, exercise))
        if other.path != path:
            raise UserError(
                f"The student {student!r} has two submissions for {exercise}: {other.path} and "
                f"{path}. Move one of them out of {folder}."
            )
    if not found:
        raise UserError(f"There is no notebook of an exercise below {folder}.")
    return list(found.values()), unknown


def _read_exercise(path: Path) -> str:
    """The exercise of a notebook, by what `start` wrote into it, else by its name."""
    name = re.match(r"E\d\d(?=_|\.)", path.name)
    try:
        written = json.loads(path.read_text(encoding="utf-8"))["metadata"]["fraudops"]["exercise"]
        return str(written)
    except (ValueError, KeyError, TypeError):
        return name.group() if name else ""


def grade_folder(
    folder: Path,
    scores: Path,
    feedback: Path,
    seed: int,
    seconds: float = SUBMISSION_SECONDS,
    megabytes: int = SUBMISSION_MEGABYTES,
) -> tuple[list[tuple[StudentFile, Outcome]], list[Path]]:
    """Grade all submissions below a folder, each in a process of its own.

    Parameters
    ----------
    folder : Path
    scores : Path
        CSV file to write, one row for each submission.
    feedback : Path
        Folder for the pages, one for each student.
    seed : int
        Seed of the probes, another one than the students have.
    seconds : float
    megabytes : int
        Limits of each process.

    Returns
    -------
    tuple
        The submissions with their outcomes, and the notebooks that belong to no exercise.

    Raises
    ------
    UserError
        If there is nothing to grade.
    """
    submissions, unknown = find_submissions(folder)

    def grade(one: StudentFile) -> Outcome:
        try:
            lesson = load_lessons()[one.exercise]
            return check_submission(one.path, lesson, seed, seconds, megabytes)
        except UserError as error:  # one broken file must not stop the others
            return Outcome(one.exercise, INCORRECT, "unreadable", idea=str(error))

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        progress = tqdm(pool.map(grade, submissions), total=len(submissions), unit="notebook")
        graded = list(zip(submissions, progress, strict=True))
    _write_scores(scores, folder, graded, seed)
    write_feedback(feedback, graded, seed)
    return graded, unknown


def _write_scores(
    path: Path, folder: Path, graded: list[tuple[StudentFile, Outcome]], seed: int
) -> None:
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(SCORE_COLUMNS)
        for one, outcome in graded:
            score = int(outcome.kind == CORRECT)
            place = one.path.relative_to(folder).as_posix()
            row = [one.student, one.exercise, score, outcome.kind, outcome.diagnosis, place, seed]
            writer.writerow([escape_formula(c) if isinstance(c, str) else c for c in row])


def write_feedback(folder: Path, graded: list[tuple[StudentFile, Outcome]], seed: int) -> None:
    """Write a page of feedback for each student.

    Parameters
    ----------
    folder : Path
        Each page has the student's name; a name with other characters than letters, digits and
        ``. _ @ -`` gets a part of its hash, so that no two students share a file.
    graded : list of tuple of StudentFile and Outcome
    seed : int
        Seed of the probes.
    """
    lessons = load_lessons()
    pages = Environment(loader=PackageLoader("fraudops.exercises", "."), autoescape=True)
    template = pages.get_template("feedback.html.j2")
    for student in sorted({one.student for one, _ in graded}):
        own = [
            (lessons[one.exercise], outcome) for one, outcome in graded if one.student == student
        ]
        text = template.render(
            student=student,
            outcomes=own,
            correct=sum(outcome.kind == CORRECT for _, outcome in own),
            seed=seed,
        )
        name = re.sub(r"[^A-Za-z0-9._@-]", "_", student)
        if name != student:
            name += "-" + hashlib.sha256(student.encode("utf-8")).hexdigest()[:8]
        with atomic_write(folder / f"{name}.html") as temporary:
            temporary.write_text(text, encoding="utf-8")
