"""What an incident lab is: questions with known wrong answers, and an action in the world."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fraudops.errors import UserError
from fraudops.pipeline import GRAPH, get_notebook_path
from fraudops.workspace import REPOSITORY, Workspace

FIGURES = 2  # of evidence, in each lab
QUESTION_POINTS = {"cause": 6, "evidence": 4, "action": 4}  # docs/teaching/rubrics.md
TEXT_POINTS = 6  # a teacher gives them
FULL_POINTS, HALF_POINTS, NO_POINTS = 4, 2, 0  # of an action
MIN_SAME_SHARE = 0.8  # of two lists of names that count as equal


@dataclass(frozen=True)
class Place:
    """Where the course teaches an idea.

    Attributes
    ----------
    notebook : str
        Such as ``2_1_data_quality``.
    section : str
        Its title, without its number.
    """

    notebook: str
    section: str

    def describe(self) -> str:
        """Describe the place: the path of the notebook and the section."""
        path = get_notebook_path(GRAPH[self.notebook]).relative_to(REPOSITORY)
        return f"{path.as_posix()}, section “{self.section}”"


@dataclass(frozen=True)
class Slip:
    """A typical wrong answer.

    Attributes
    ----------
    name : str
        The diagnosis, such as ``median_of_all``.
    idea : str
        What the student has missed, in a sentence or two.
    value : Any
        The wrong answer, or a function that tells whether an answer is wrong in this way.
    place : Place, optional
        Where to read, if it is another place than that of the question.
    """

    name: str
    idea: str
    value: Any
    place: Place | None = None


@dataclass(frozen=True)
class Answer:
    """The right answer of one question in one world.

    Attributes
    ----------
    value : Any
    slips : tuple of Slip
        One that is equal to the right answer or to an earlier one is left out.
    tolerance : float
        Of a number, as a share of it.
    """

    value: Any
    slips: tuple[Slip, ...] = ()
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        # in some worlds two figures are equal: the first diagnosis counts, or none
        kept: list[Slip] = []
        for slip in self.slips:
            known = [self.value, *(one.value for one in kept if not callable(one.value))]
            is_own = callable(slip.value) or not any(
                are_equal(slip.value, one, self.tolerance) for one in known
            )
            kept += [slip] if is_own else []
        object.__setattr__(self, "slips", tuple(kept))

    def is_right(self, given: Any) -> bool:
        """Whether an answer is right."""
        return are_equal(given, self.value, self.tolerance)

    def find_slip(self, given: Any) -> Slip | None:
        """Find the wrong answer that was given; None if it is no known one."""
        for slip in self.slips:
            if callable(slip.value):
                if slip.value(given):
                    return slip
            elif are_equal(given, slip.value, self.tolerance):
                return slip
        return None


@dataclass(frozen=True)
class FormLine:
    """One line of the form.

    Attributes
    ----------
    name : str
        ``cause``, ``where``, ``when``, ``action``, or the name of a figure of the evidence.
    text : str
        What is asked, for the form.
    kind : str
        ``choice``, ``number``, ``date``, ``minute``, ``name`` or ``names``.
    idea : str
        What a student has missed whose answer is wrong in no known way.
    place : Place
    choices : tuple of str
    """

    name: str
    text: str
    kind: str
    idea: str
    place: Place
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObservedAction:
    """What the world shows of a student's action.

    Attributes
    ----------
    done : str
        A choice of the question ``action``.
    points : int
        `FULL_POINTS`, `HALF_POINTS` or `NO_POINTS`.
    diagnosis, idea : str
        Empty for full points.
    place : Place, optional
    """

    done: str
    points: int
    diagnosis: str = ""
    idea: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Lab:
    """An incident lab. Everything follows from a seed.

    Attributes
    ----------
    id, title : str
    minutes : int
    questions : tuple of FormLine
        cause, where, when, `FIGURES` figures of the evidence, action.
    build : callable
        ``build(workspace, seed)`` writes the world, and returns the symptom (Markdown).
    answer : callable
        ``answer(workspace, seed)`` gives the right answers by question, without the action. It may
        read the world, which is unchanged.
    judge : callable
        ``judge(workspace, seed)`` gives what was done.
    """

    id: str
    title: str
    minutes: int
    questions: tuple[FormLine, ...]
    build: Callable[[Workspace, int], str]
    answer: Callable[[Workspace, int], dict[str, Answer]]
    judge: Callable[[Workspace, int], ObservedAction]

    @property
    def figures(self) -> list[FormLine]:
        """The questions for the evidence."""
        fixed = ("cause", "where", "when", "action")
        return [one for one in self.questions if one.name not in fixed]

    def find_question(self, name: str) -> FormLine:
        """Find a question by its name."""
        return next(one for one in self.questions if one.name == name)


def are_equal(given: Any, value: Any, tolerance: float = 0.0) -> bool:
    """Whether two answers are equal.

    Parameters
    ----------
    given, value : str, float or frozenset of str
        Of one kind.
    tolerance : float, optional
        Of a number, as a share of `value`.

    Returns
    -------
    bool

    Examples
    --------
    >>> are_equal(98.0, 100.0, 0.05), are_equal("Ann", "ann"), are_equal(98.0, 100.0)
    (True, True, False)
    """
    if isinstance(value, frozenset):
        union = given | value
        return not union or len(given & value) / len(union) >= MIN_SAME_SHARE
    if isinstance(value, str):
        return str(given).casefold() == value.casefold()
    return abs(given - value) <= abs(value) * tolerance + 1e-9


def choose(kinds: tuple[str, ...], given: str, name: str) -> str:
    """Return a choice as the lab writes it.

    Raises
    ------
    UserError
        If it is none of them.
    """
    found = [one for one in kinds if one == given.strip().casefold()]
    if not found:
        raise UserError(f"{name} is {given[:60]!r}. Choose one of: {', '.join(kinds)}.")
    return found[0]
