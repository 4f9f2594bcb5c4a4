"""The check of a lab: the form, the action in the world, and the seal."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fraudops.data import escape_formula
from fraudops.errors import UserError
from fraudops.exercises import CORRECT, INCORRECT, NOT_ATTEMPTED, Outcome
from fraudops.incidents.labs.lab import (
    HALF_POINTS,
    NO_POINTS,
    QUESTION_POINTS,
    TEXT_POINTS,
    Answer,
    FormLine,
    Lab,
    ObservedAction,
    Place,
)
from fraudops.incidents.labs.lab_folder import FORM_FILE, LAB_FILE, LabFolder
from fraudops.incidents.labs.postmortem import TEXTS, Postmortem, read_postmortem
from fraudops.incidents.labs.seal import find_changes
from fraudops.workspace import atomic_write

CHANGED = "changed world"
CSV_COLUMNS = ("student", "lab", "state", *QUESTION_POINTS, "points", "texts", "diagnoses", "file")


@dataclass(frozen=True)
class LabResult:
    """What the check of a lab says.

    Attributes
    ----------
    lab : Lab
    student : str
    outcomes : tuple of Outcome
        One for each question.
    points : dict of str to int
        By part of `QUESTION_POINTS`.
    texts : int
        How many texts are written; a teacher reads them.
    changed : tuple of str
        Sealed tables and files of the world that were changed.
    """

    lab: Lab
    student: str
    outcomes: tuple[Outcome, ...]
    points: dict[str, int]
    texts: int
    changed: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """``correct``, ``incorrect``, ``not attempted`` or ``changed world``."""
        if self.changed:
            return CHANGED
        kinds = {one.kind for one in self.outcomes}
        return kinds.pop() if len(kinds) == 1 else INCORRECT

    @property
    def total(self) -> int:
        """The checked points."""
        return sum(self.points.values())

    @property
    def diagnoses(self) -> dict[str, str]:
        """The diagnosis of each wrong answer, by question."""
        return {one.exercise.split()[-1]: one.diagnosis for one in self.outcomes if one.diagnosis}

    def describe(self) -> str:
        """Describe the result for a student."""
        lines = [f"{self.lab.title}, student {self.student}: {self.state}"]
        if self.changed:
            lines.append(
                f"The world is not the one that was made: {', '.join(self.changed)}. Rows and "
                "files that were there must stay as they are. A changed world gives no points."
            )
        lines += [repr(one) for one in self.outcomes]
        parts = [f"{name} {self.points[name]} of {most}" for name, most in QUESTION_POINTS.items()]
        lines.append(f"Points: {', '.join(parts)}.")
        lines.append(
            f"Texts: {self.texts} of {len(TEXTS)} are written. A teacher gives up to "
            f"{TEXT_POINTS} points for them."
        )
        return "\n".join(lines)


def check_lab(folder: LabFolder, fresh: bool = False) -> LabResult:
    """Check a lab.

    Parameters
    ----------
    folder : LabFolder
    fresh : bool, optional
        Make the world again from the id of the student, and compare; do not trust the seal in the
        folder.

    Returns
    -------
    LabResult

    Raises
    ------
    UserError
        If the form cannot be read, or the world is missing.
    """
    form = read_postmortem(folder.path / FORM_FILE, folder.lab)
    if not folder.workspace.root.is_dir():
        raise UserError(f"{folder.workspace.root} is missing: start the lab again.")
    seal = folder.compute_fresh_seal() if fresh else folder.seal
    changed = tuple(find_changes(folder.workspace, seal))
    nothing = dict.fromkeys(QUESTION_POINTS, NO_POINTS)
    if changed:
        action = judge_world(folder)
        outcomes = (_make_action_outcome(folder.lab, form, action),) if not action.points else ()
        return LabResult(folder.lab, folder.student, outcomes, nothing, form.texts, changed)
    if form.is_empty:
        outcomes = tuple(
            Outcome(f"{folder.lab.id} {one.name}", NOT_ATTEMPTED) for one in folder.lab.questions
        )
        return LabResult(folder.lab, folder.student, outcomes, nothing, form.texts)
    answers = folder.lab.answer(folder.workspace, folder.seed)
    outcomes_by_name = {
        one.name: _compare(folder.lab, one, form, answers[one.name])
        for one in folder.lab.questions
        if one.name != "action"
    }
    action = judge_world(folder)
    said = _make_action_outcome(folder.lab, form, action)
    outcomes_by_name["action"] = said
    right = {name for name, one in outcomes_by_name.items() if one.kind == CORRECT}
    cause = 3 + 3 * ({"where", "when"} <= right) if "cause" in right else NO_POINTS
    agrees = form.values.get("action") == action.done
    points = {
        "cause": cause,
        "evidence": sum(2 for one in folder.lab.figures if one.name in right),
        "action": action.points if agrees else min(action.points, HALF_POINTS),
    }
    ordered = tuple(outcomes_by_name[one.name] for one in folder.lab.questions)
    return LabResult(folder.lab, folder.student, ordered, points, form.texts)


def judge_world(folder: LabFolder) -> ObservedAction:
    """Tell what was done in a world; a world that cannot be read shows nothing.

    Parameters
    ----------
    folder : LabFolder

    Returns
    -------
    ObservedAction
    """
    try:
        return folder.lab.judge(folder.workspace, folder.seed)
    except UserError as error:
        return ObservedAction("nothing", NO_POINTS, "unreadable", str(error))
    except Exception as error:  # a student can have changed any file
        said = f"The world cannot be read ({type(error).__name__}: {error}). Start the lab again."
        return ObservedAction("nothing", NO_POINTS, "unreadable", said)


def _make_outcome(
    lab: Lab, question: FormLine, diagnosis: str, value: Any, idea: str, place: Place | None = None
) -> Outcome:
    if isinstance(value, frozenset):
        value = ", ".join(sorted(value)[:20]) + (" …" if len(value) > 20 else "")
    return Outcome(
        f"{lab.id} {question.name}",
        INCORRECT,
        diagnosis,
        value=str(value)[:300],
        idea=idea,
        section=(place or question.place).describe(),
    )


def _compare(lab: Lab, question: FormLine, form: Postmortem, answer: Answer) -> Outcome:
    if question.name in form.problems:
        return _make_outcome(lab, question, "unreadable", "", form.problems[question.name])
    if question.name not in form.values:
        return Outcome(f"{lab.id} {question.name}", NOT_ATTEMPTED)
    given = form.values[question.name]
    if answer.is_right(given):
        return Outcome(f"{lab.id} {question.name}", CORRECT)
    slip = answer.find_slip(given)
    if slip is None:
        return _make_outcome(lab, question, "unknown", given, question.idea)
    return _make_outcome(lab, question, slip.name, given, slip.idea, slip.place)


def _make_action_outcome(lab: Lab, form: Postmortem, action: ObservedAction) -> Outcome:
    question, said = lab.find_question("action"), form.values.get("action", "")
    if action.diagnosis:
        return _make_outcome(lab, question, action.diagnosis, said, action.idea, action.place)
    if said == action.done:
        return Outcome(f"{lab.id} {question.name}", CORRECT)
    idea = form.problems.get("action", f"{question.idea} The world shows: {action.done}.")
    return _make_outcome(lab, question, "says_otherwise", said, idea)


def find_lab_folders(paths: list[Path]) -> list[LabFolder]:
    """Find the labs below some folders.

    Parameters
    ----------
    paths : list of Path

    Returns
    -------
    list of LabFolder
        In the order of their paths.

    Raises
    ------
    UserError
        If there is none, or two have one student and one lab.
    """
    found: dict[tuple[str, str], LabFolder] = {}
    for path in paths:
        files = [path / LAB_FILE] if (path / LAB_FILE).is_file() else sorted(path.rglob(LAB_FILE))
        if not files:
            raise UserError(f"No lab lies in {path}: there is no file {LAB_FILE}. Start it first.")
        for file in files:
            one = LabFolder.open(file.parent)
            other = found.setdefault((one.student, one.lab.id), one)
            if other is not one:
                raise UserError(
                    f"{other.path} and {one.path} both are the lab {one.lab.id} of the student "
                    f"{one.student!r}. Move one of them away."
                )
    return list(found.values())


def write_results(path: Path, results: list[tuple[LabFolder, LabResult | str]]) -> None:
    """Write the points of a class as CSV.

    Parameters
    ----------
    path : Path
    results : list of tuple of LabFolder and LabResult
        A text in the place of a result says why a lab could not be checked.
    """
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        for folder, result in results:
            row: list[Any] = [folder.student, folder.lab.id]
            if isinstance(result, str):
                row += ["unreadable", *[NO_POINTS] * len(QUESTION_POINTS), NO_POINTS, 0, result]
            else:
                found = "; ".join(f"{name}: {one}" for name, one in result.diagnoses.items())
                points = [result.points[name] for name in QUESTION_POINTS]
                row += [result.state, *points, result.total, result.texts, found]
            row.append(folder.path.as_posix())
            writer.writerow([escape_formula(one) if isinstance(one, str) else one for one in row])
