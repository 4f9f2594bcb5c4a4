"""The command `fraudops exercises`."""

import argparse
import secrets
import sys
from pathlib import Path

from fraudops.errors import UserError
from fraudops.exercises.diagnosis import CORRECT
from fraudops.exercises.exercise import Exercise, compute_student_seed
from fraudops.exercises.grading import grade_folder
from fraudops.exercises.lessons import LEVELS, find_lesson, load_lessons
from fraudops.exercises.nbgrader_export import export_nbgrader
from fraudops.exercises.student_notebooks import (
    NOTEBOOK_FOLDER,
    STUDENT_FOLDER,
    build_notebooks,
    get_notebook_name,
    read_owner,
    start_exercises,
)
from fraudops.exercises.submission import SUBMISSION_MEGABYTES, SUBMISSION_SECONDS, check_submission
from fraudops.workspace import REPOSITORY


def build_exercises_parser() -> argparse.ArgumentParser:
    """Build the parser of `fraudops exercises`.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = argparse.ArgumentParser(
        prog="fraudops exercises",
        description="Exercises: notebooks with a function to write, and checks that name the "
        "mistake. docs/exercises.md says more.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("list", help="list all exercises")
    start = commands.add_parser("start", help="write your notebooks, with numbers of your own")
    start.add_argument("--student", metavar="ID", required=True, help="letters, digits, . _ - @")
    start.add_argument("--folder", type=Path, default=STUDENT_FOLDER, help="default my_work/")
    check = commands.add_parser("check", help="check one notebook; ends with code 0 if correct")
    check.add_argument("what", metavar="EXERCISE|FILE", help="such as E07, or a notebook")
    check.add_argument("--student", metavar="ID", help="default: the id in the notebook")
    solution = commands.add_parser("solution", help="show a solution, after three tries")
    solution.add_argument("exercise", metavar="EXERCISE")
    solution.add_argument("--student", metavar="ID", help="default: the id in your notebook")
    solution.add_argument("--teacher", action="store_true", help="show it without tries")
    grade = commands.add_parser("grade", help="grade the notebooks of a class")
    grade.add_argument("folder", metavar="FOLDER", type=Path, help="FOLDER/STUDENT/E07_….ipynb")
    grade.add_argument(
        "--csv", type=Path, nargs="?", const=None, metavar="FILE", help="default FOLDER/scores.csv"
    )
    grade.add_argument("--feedback", type=Path, metavar="DIR", help="default FOLDER/feedback")
    grade.add_argument("--seed", type=int, help="seed of the probes; default: a new one")
    grade.add_argument("--seconds", type=float, default=SUBMISSION_SECONDS, help="a notebook")
    grade.add_argument("--megabytes", type=int, default=SUBMISSION_MEGABYTES, help="a notebook")
    export = commands.add_parser("export-nbgrader", help="write a course of nbgrader")
    export.add_argument("folder", metavar="FOLDER", type=Path, help="new or empty")
    export.add_argument("--seed", type=int, help="seed of the hidden tests; default: a new one")
    build = commands.add_parser("build", help="make exercises/notebooks from the sources")
    build.add_argument("--compare", action="store_true", help="change nothing; code 1 if different")
    return parser


def run_exercises_command(arguments: list[str]) -> int:
    """Run `fraudops exercises`.

    Parameters
    ----------
    arguments : list of str
        The words after `fraudops exercises`.

    Returns
    -------
    int
        Exit code: 0, 1 if an answer is not correct or notebooks differ, 2 if the command could
        not be carried out.
    """
    options = build_exercises_parser().parse_args(arguments)
    actions = {
        "list": _list,
        "start": _start,
        "check": _check,
        "solution": _show_solution,
        "grade": _grade,
        "export-nbgrader": _export_nbgrader,
        "build": _build,
    }
    try:
        return actions[options.command](options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _list(options: argparse.Namespace) -> int:
    for lesson in sorted(load_lessons().values(), key=lambda one: (one.stage, one.id)):
        stars = "★" * lesson.level
        print(f"{lesson.id}  {stars:<3}  {lesson.minutes:>2} min  {lesson.title}")
        print(f"     {lesson.describe_section()}")
    print("\n" + ", ".join(f"{'★' * level} {text}" for level, text in LEVELS.items()))
    return 0


def _start(options: argparse.Namespace) -> int:
    written, present = start_exercises(options.student, options.folder)
    print(f"{len(written)} notebooks were written to {options.folder}.")
    if present:
        print(f"{len(present)} were there already and stay as they are.")
    print("Open them in JupyterLab: `fraudops lab`.")
    return 0


def _check(options: argparse.Namespace) -> int:
    path = Path(options.what)
    if path.suffix in (".ipynb", ".py"):
        if not path.is_file():
            raise UserError(f"{path} does not exist.")
        lesson = find_lesson(path.name[:3])
    else:
        lesson = find_lesson(options.what)
        path = STUDENT_FOLDER / get_notebook_name(lesson)
        if not path.is_file():
            raise UserError(
                f"{path} does not exist. Run `fraudops exercises start --student ID` first, or "
                "give the path of your notebook."
            )
    student = read_owner(path) if options.student is None else options.student
    exercise = Exercise(lesson, student)
    outcome = check_submission(path, lesson, compute_student_seed(student))
    exercise.record_try(outcome)
    print(outcome)
    return 0 if outcome.kind == CORRECT else 1


def _show_solution(options: argparse.Namespace) -> int:
    lesson = find_lesson(options.exercise)
    student = options.student
    if student is None:
        path = STUDENT_FOLDER / get_notebook_name(lesson)
        student = read_owner(path) if path.is_file() else ""
    Exercise(lesson, student).show_solution(options.teacher)
    return 0


def _grade(options: argparse.Namespace) -> int:
    scores = options.csv or options.folder / "scores.csv"
    feedback = options.feedback or options.folder / "feedback"
    seed = secrets.randbits(32) if options.seed is None else options.seed
    graded, unknown = grade_folder(
        options.folder, scores, feedback, seed, options.seconds, options.megabytes
    )
    for path in unknown:
        print(f"Not graded, it belongs to no exercise: {path}", file=sys.stderr)
    correct = sum(outcome.kind == CORRECT for _, outcome in graded)
    print(f"{correct} of {len(graded)} submissions are correct. Seed of the probes: {seed}.")
    print(f"Written: {scores}, {feedback}")
    return 0


def _export_nbgrader(options: argparse.Namespace) -> int:
    seed = secrets.randbits(32) if options.seed is None else options.seed
    written = export_nbgrader(options.folder, seed)
    print(f"{len(written)} notebooks were written to {options.folder / 'source'}, with solutions.")
    print(f"Seed of the hidden tests: {seed}.")
    print(f"In {options.folder}: `nbgrader generate_assignment stage_1`, and so on.")
    return 0


def _build(options: argparse.Namespace) -> int:
    different = build_notebooks(only_compare=options.compare)
    for path in different:
        print(path.relative_to(REPOSITORY))
    where = NOTEBOOK_FOLDER.relative_to(REPOSITORY)
    if options.compare:
        print(f"{len(different)} notebooks in {where} differ from their sources.")
        return 1 if different else 0
    print(f"{len(different)} notebooks in {where} were changed.")
    return 0
