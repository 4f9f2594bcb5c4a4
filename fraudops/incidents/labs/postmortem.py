"""The form of a post-mortem: written empty for a student, and read back."""

import math
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from fraudops.errors import UserError
from fraudops.incidents.labs.lab import FormLine, Lab, choose

MAX_FORM_BYTES = 100_000
MIN_TEXT_CHARACTERS = 20
# what a reader marks, one point each (docs/teaching/rubrics.md)
TEXTS = {
    "noticed": "What did users or analysts notice, and when?",
    "timeline": "A timeline with times, from the onset to the remedy.",
    "why_possible": "What was the cause, and why was it possible?",
    "damage": "The damage in euros, cases or days, and how you computed it.",
    "longer": "What made the damage longer than it had to be? Name no guilty person.",
    "change": "One change that would have shortened it, and a way to test that it works.",
}
ANSWER_FORMS = {
    "choice": "one of the words below",
    "number": "a number",
    "date": "a day, as 2026-03-31 (UTC)",
    "minute": "a minute, as 2026-03-31 23:59 (UTC)",
    "name": "one name or number, as the world writes it",
    "names": "a list, as [A1, A2]",
}


@dataclass(frozen=True)
class Postmortem:
    """A post-mortem as it was read.

    Attributes
    ----------
    values : dict of str to str, float or frozenset of str
        By question; an empty answer is left out.
    problems : dict of str to str
        By question: why an answer cannot be read.
    texts : int
        How many of `TEXTS` are written.
    """

    values: dict[str, Any]
    problems: dict[str, str]
    texts: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing was filled in."""
        return not (self.values or self.problems or self.texts)


def make_form(lab: Lab, student: str) -> str:
    """Make the empty form.

    Parameters
    ----------
    lab : Lab
    student : str

    Returns
    -------
    str
        YAML.
    """
    lines = [
        f"# Post-mortem of the lab “{lab.title}”, student {student}",
        "# Write each answer between the quotes. Times are UTC.",
        "",
    ]
    for one in lab.questions:
        if one not in lab.figures:
            lines += _make_lines(one)
        if one.name == "when":
            lines += ["# Evidence: figures or entries that only your cause explains.", "evidence:"]
            for figure in lab.figures:
                lines += [f"  {line}" if line else "" for line in _make_lines(figure)]
    lines += ["# Texts. A teacher reads them; each gives one point.", "text:"]
    for name, text in TEXTS.items():
        lines += [f"  # {text}", f'  {name}: ""']
    return "\n".join(lines) + "\n"


def _make_lines(question: FormLine) -> list[str]:
    lines = [f"# {question.text}", f"# Write {ANSWER_FORMS[question.kind]}."]
    lines += [f"#   {one}" for one in sorted(question.choices)]
    empty = "[]" if question.kind == "names" else '""'
    return [*lines, f"{question.name}: {empty}", ""]


def read_postmortem(path: Path, lab: Lab) -> Postmortem:
    """Read a form.

    Parameters
    ----------
    path : Path
    lab : Lab

    Returns
    -------
    Postmortem

    Raises
    ------
    UserError
        If the file is missing, too large, no YAML, or has other names than the form.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing. `fraudops incidents start {lab.id}` writes it.")
    if path.stat().st_size > MAX_FORM_BYTES:
        raise UserError(f"{path} has more than {MAX_FORM_BYTES:,} bytes: shorten the texts.")
    try:
        # every value stays text, so that no day or number is read in another way than written
        content = path.read_text(encoding="utf-8")
        form = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 (it makes texts only)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path} is no YAML: {error}. Compare it with the form.") from error
    fixed = [one.name for one in lab.questions if one not in lab.figures]
    form = _check_names(path, "the form", form, [*fixed, "evidence", "text"])
    evidence = _check_names(
        path, "evidence", form.pop("evidence"), [one.name for one in lab.figures]
    )
    texts = _check_names(path, "text", form.pop("text"), list(TEXTS))
    written = sum(
        isinstance(one, str) and len(one.strip()) >= MIN_TEXT_CHARACTERS for one in texts.values()
    )
    values, problems = {}, {}
    for name, given in (form | evidence).items():
        question = lab.find_question(name)
        try:
            value = _read_value(question, given)
        except UserError as error:
            problems[name] = str(error)
            continue
        if value not in ("", frozenset()):
            values[name] = value
    return Postmortem(values, problems, written)


def _check_names(path: Path, where: str, part: Any, names: list[str]) -> dict[str, Any]:
    if not isinstance(part, dict) or set(part) != set(names):
        raise UserError(
            f"{path}: {where} must hold exactly these lines: {', '.join(names)}. Compare it with a "
            "new form: start the lab in another folder."
        )
    return dict(part)


def _read_value(question: FormLine, given: Any) -> str | float | frozenset[str]:
    """Read one answer; an empty one is an empty text or set."""
    if question.kind == "names":
        parts = given.replace(",", " ").split() if isinstance(given, str) else given
        if not isinstance(parts, list) or not all(isinstance(one, str) for one in parts):
            raise UserError(f"{question.name} must be {ANSWER_FORMS['names']}.")
        return frozenset(one.strip() for one in parts if one.strip())
    if not isinstance(given, str):
        raise UserError(f"{question.name} must be {ANSWER_FORMS[question.kind]}.")
    text = given.strip()
    if not text:
        return ""
    if question.kind == "choice":
        return choose(question.choices, text, question.name)
    wrong = UserError(f"{question.name} is {text[:60]!r}. Write {ANSWER_FORMS[question.kind]}.")
    try:
        if question.kind == "number":
            number = float(text.replace("_", ""))
            if not math.isfinite(number):
                raise wrong
            return number
        if question.kind == "date":
            return date.fromisoformat(text).isoformat()
        if question.kind == "minute":
            return datetime.strptime(text[:16].replace("T", " "), "%Y-%m-%d %H:%M").strftime(
                "%Y-%m-%d %H:%M"
            )
    except ValueError:
        raise wrong from None
    return text
