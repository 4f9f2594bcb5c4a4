"""The check of an answer: probes, on which each misconception gives another value."""

import copy
import html
import inspect
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from types import CodeType
from typing import Any

import numpy as np

from fraudops.errors import UserError
from fraudops.exercises.lessons import Lesson
from fraudops.exercises.plain_values import are_same, show_value, to_plain
from fraudops.exercises.time_limit import call_within

CORRECT, INCORRECT, NOT_ATTEMPTED = "correct", "incorrect", "not attempted"
PROBE_SECONDS = 2.0
_COLORS = {CORRECT: "#009E73", INCORRECT: "#D55E00", NOT_ATTEMPTED: "#777777"}


def call_with_arguments(function: Callable, *arguments: Any) -> Any:
    """Call the function with the arguments of the probe; a probe may observe it otherwise."""
    return function(*arguments)


@dataclass(frozen=True)
class Probe:
    """One call of the student's function.

    Attributes
    ----------
    arguments : tuple
        Copied for each call, so that a function may change them.
    note : str
        What the probe is about, for the student; it must not name the answer.
    observe : callable
        ``observe(function, *arguments)`` gives the value that is compared.
    """

    arguments: tuple
    note: str = ""
    observe: Callable[..., Any] = call_with_arguments

    def describe(self, function: str, answer: Callable) -> str:
        """Describe the probe.

        Parameters
        ----------
        function : str
            Name of the student's function.
        answer : callable
            The right function. Its parameters, or those of `observe`, name the arguments.

        Returns
        -------
        str
        """
        names = list(inspect.signature(self.observe).parameters.values())[1:]
        if any(one.kind is one.VAR_POSITIONAL for one in names):
            names = list(inspect.signature(answer).parameters.values())
        lines = [f"{function}: {self.note}" if self.note else function]
        for name, value in zip(names, self.arguments, strict=False):
            text = show_value(value)
            lines.append(f"  {name.name} =" + ("\n" if "\n" in text else " ") + text)
        return "\n".join(lines)


@dataclass(frozen=True)
class Misconception:
    """A typical wrong answer.

    Attributes
    ----------
    name : str
        The diagnosis, such as ``counts_itself``.
    idea : str
        What the student has missed, in a sentence or two.
    imitate : callable
        A function that is wrong in this way.
    notebook, section : str
        Where to read, if it is another place than the one of the lesson.
    """

    name: str
    idea: str
    imitate: Callable[..., Any]
    notebook: str = ""
    section: str = ""


@dataclass(frozen=True)
class _Raised:
    """A function stopped with an error. Two are the same if the class of the error is."""

    kind: str
    message: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return f"the error {self.kind}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True)
class Outcome:
    """What a check says.

    Attributes
    ----------
    exercise : str
    kind : str
        ``correct``, ``incorrect`` or ``not attempted``.
    diagnosis : str
        Name of the misconception; ``unknown``, ``raised`` or ``too_slow`` if it is none of them.
    probe, value, expected, idea, section : str
        The call, the student's value, the right one, what was missed, where to read.
    """

    exercise: str
    kind: str
    diagnosis: str = ""
    probe: str = ""
    value: str = ""
    expected: str = ""
    idea: str = ""
    section: str = ""

    def to_dict(self) -> dict[str, str]:
        """Get all attributes by name."""
        return asdict(self)

    def list_parts(self) -> list[tuple[str, str]]:
        """List what there is to read, as label and text."""
        parts = {
            "Probe": self.probe,
            "Your value": self.value,
            "Expected": self.expected,
            "The idea": self.idea,
            "Read": self.section,
        }
        return [(label, text) for label, text in parts.items() if text]

    def __repr__(self) -> str:
        lines = [f"{self.exercise}: {self.kind}"]
        for label, text in self.list_parts():
            lines.append(f"{label}:" + ("\n" if "\n" in text else " ") + text)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        color, style = _COLORS[self.kind], "white-space:pre-wrap;font-family:monospace"
        parts = "".join(
            f'<div style="margin-top:.4em"><b>{label}</b>'
            f'<div style="{style}">{html.escape(text)}</div></div>'
            for label, text in self.list_parts()
        )
        head = f'<b style="color:{color}">{self.exercise}: {self.kind}</b>'
        return f'<div style="border-left:4px solid {color};padding-left:.8em">{head}{parts}</div>'


def _fingerprint(code: CodeType) -> tuple:
    """What a code object does, without its line numbers and file name."""
    constants = [_fingerprint(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, tuple(constants)


def is_starter(lesson: Lesson, function: Any) -> bool:
    """Whether a function is the untouched starter.

    Parameters
    ----------
    lesson : Lesson
    function : Any

    Returns
    -------
    bool
        Comments and layout do not count.
    """
    module = compile(lesson.starter, "starter", "exec")
    codes = [
        c for c in module.co_consts if isinstance(c, CodeType) and c.co_name == lesson.function
    ]
    own = getattr(function, "__code__", None)
    return bool(codes) and own is not None and _fingerprint(codes[0]) == _fingerprint(own)


def _observe(probe: Probe, function: Callable) -> Any:
    arguments = copy.deepcopy(probe.arguments)
    try:
        return call_within(PROBE_SECONDS, lambda: probe.observe(function, *arguments))
    except Exception as error:  # an error is the value of this probe, and the student reads it
        return _Raised(type(error).__name__, str(error)[:300])


def compute_outcome(lesson: Lesson, function: Any, seed: int) -> Outcome:
    """Check an answer.

    Parameters
    ----------
    lesson : Lesson
    function : callable
        The student's function.
    seed : int
        Seed of the probes.

    Returns
    -------
    Outcome

    Raises
    ------
    UserError
        If it is no function.
    """
    if not callable(function):
        raise UserError(
            f"A check needs the function itself: `exercise.check({lesson.function})`, without "
            f"parentheses behind it. It got {show_value(function)}."
        )
    if is_starter(lesson, function):
        text = f"Write the function {lesson.function}, and run the check again."
        return Outcome(lesson.id, NOT_ATTEMPTED, idea=text)
    check = lesson.check_module
    random = np.random.default_rng([seed, int(lesson.id[1:])])
    probes, values = check.make_probes(random), []
    for probe in probes:
        values.append(_observe(probe, function))
        if values[-1] == _Raised("TimeoutError"):  # the next probe would wait as long
            break
    probes = probes[: len(values)]
    expected = [_observe(probe, check.answer) for probe in probes]
    plain, right = [to_plain(v) for v in values], [to_plain(v) for v in expected]
    wrong = [k for k in range(len(probes)) if not are_same(plain[k], right[k])]
    if not wrong:
        return Outcome(lesson.id, CORRECT, section=lesson.describe_section())
    found, place = _find_misconception(check.MISCONCEPTIONS, probes, plain, wrong)
    return Outcome(
        lesson.id,
        INCORRECT,
        diagnosis=found.name,
        probe=probes[place].describe(lesson.function, check.answer),
        value=show_value(values[place]),
        expected=show_value(expected[place]),
        idea=found.idea,
        section=lesson.describe_section(found.notebook, found.section),
    )


class _Imitation(dict):
    """The values of a misconception on the probes, computed when they are needed."""

    def __init__(self, misconception: Misconception, probes: list[Probe]):
        super().__init__()
        self.misconception, self.probes = misconception, probes

    def __missing__(self, place: int) -> Any:
        self[place] = to_plain(_observe(self.probes[place], self.misconception.imitate))
        return self[place]


def _find_misconception(
    candidates: Sequence[Misconception], probes: list[Probe], values: list, wrong: list[int]
) -> tuple[Misconception, int]:
    """Find the misconception that gives the student's values, and a probe that shows it."""
    imitations = [_Imitation(one, probes) for one in candidates]
    for one in imitations:
        if all(are_same(one[k], values[k]) for k in [*wrong, *range(len(probes))]):
            return one.misconception, wrong[0]
    # Two mistakes at once: the one that alone explains the most wrong values.
    alone: dict[str, list[int]] = {}
    for k in wrong:
        same = [one.misconception for one in imitations if are_same(one[k], values[k])]
        if len(same) == 1:
            alone.setdefault(same[0].name, []).append(k)
    if alone:
        best = max(alone, key=lambda name: len(alone[name]))
        return next(one for one in candidates if one.name == best), alone[best][0]
    first = values[wrong[0]]
    if first == _Raised("TimeoutError"):
        return Misconception("too_slow", "Your function does not end on this probe.", len), wrong[0]
    if isinstance(first, _Raised):
        text = "Your function stops with an error on this probe. Call it with these arguments."
        return Misconception("raised", text, len), wrong[0]
    text = "None of the usual mistakes gives this value. Work out the probe by hand, on paper."
    return Misconception("unknown", text, len), wrong[0]
