"""The rules of the review queue: priority, second reviews, reason codes, random samples."""

import math
from dataclasses import dataclass

import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.timeline import DAY

VERDICTS = ("fraud", "genuine", "unsure")
DUE_SECONDS = DAY  # seconds after it was opened, in the time of the operation; only a mark
HALF_LIFE_HOURS = 6.0  # after so long a decision saves half of the amount; an assumption, see 5.3
BLOCKED_STAKE_CENTS = 3_000  # goodwill of an honest customer, the default of `DecisionPolicy`
LEASE_SECONDS = 15 * 60
ASSIGNED_SECONDS = 4 * 3600  # so long a case that was assigned to a person waits for this person
UNDO_SECONDS = 10
MIN_NOTE_CHARACTERS = 15  # of a note on an override or on 'something else'
SECOND_REVIEW_CENTS = 50_000  # larger amounts need two people
OVERRIDE_PROBABILITY = 0.5  # at least this probability is a claim of fraud, and not only a question
FLAGGED_PER_SAMPLE = 10  # one sampled case for so many flagged ones

MAX_SNOOZE_SECONDS = 24 * 3600

PRIORITY_FORMULA = (
    f"probability × amount, halved every {HALF_LIFE_HOURS:g} hours because the money moves on, for "
    "each person who still has to look"
)
SKIP_REASONS = {
    "conflict": "I know the customer or the shop",
    "expertise": "I do not know enough about such a case",
    "waiting": "I wait for an answer of the customer",
    "interrupted": "I have to stop for now",
}


@dataclass(frozen=True)
class ReasonCode:
    """A reason code: its verdict, and its text."""

    verdict: str
    words: str


REASON_CODES = {
    "customer_denies": ReasonCode("fraud", "the customer did not make it"),
    "card_testing": ReasonCode("fraud", "small payments tried the card before"),
    "unlike_customer": ReasonCode("fraud", "unlike anything the customer does"),
    "bad_terminal": ReasonCode("fraud", "other frauds at this terminal"),
    "other_fraud": ReasonCode("fraud", "something else (say what in the note)"),
    "customer_confirms": ReasonCode("genuine", "the customer made it"),
    "usual_pattern": ReasonCode("genuine", "usual for this customer"),
    "explained": ReasonCode("genuine", "unusual, but explained (travel, gift, season)"),
    "other_genuine": ReasonCode("genuine", "something else (say what in the note)"),
    "no_contact": ReasonCode("unsure", "the customer could not be reached"),
    "contradictory": ReasonCode("unsure", "the signs contradict each other"),
    "other_unsure": ReasonCode("unsure", "something else (say what in the note)"),
}


def compute_review_value(loss_cents: float, age: float) -> float:
    """Compute what a review can still save, in cents.

    Parameters
    ----------
    loss_cents : float
        Probability times amount.
    age : float
        Seconds since the transaction.

    Returns
    -------
    float

    Examples
    --------
    >>> compute_review_value(800, 0), compute_review_value(800, 12 * 3600)
    (800.0, 200.0)
    """
    return loss_cents * 2.0 ** -(max(age, 0.0) / (HALF_LIFE_HOURS * 3600))


def build_priority_sql() -> sa.ColumnElement[float]:
    """Build the priority of a case in SQL, over `store.cases` joined with `store.predictions`.

    It is the logarithm of `compute_review_value` for each person who still has to look, at a common
    moment. All values halve at the same rate, so the order of two cases never changes.

    A blocked transaction loses no money. At stake is the goodwill of a customer who may be honest.

    Returns
    -------
    ColumnElement
        The case with the largest number comes first.

    Notes
    -----
    If each job earns its weight times exp(-r x completion time), the best order is by weighted
    discounted shortest processing time (M. H. Rothkopf, Scheduling independent tasks on parallel
    processors, Management Science 12, 1966; M. Pinedo, Scheduling, section 3.1). For jobs of equal
    length that is the order of what they earn if they are done now. A job that takes two people is
    about twice as long. Notebook 5_3 compares this order with two others.
    """
    case, prediction = store.cases.c, store.predictions.c
    stake = sa.case(
        (prediction.decision == "block", (1 - prediction.probability) * BLOCKED_STAKE_CENTS),
        else_=case.expected_loss_cents,
    )
    # expected_loss_cents is probability times amount
    is_large = case.expected_loss_cents >= SECOND_REVIEW_CENTS * prediction.probability
    people = sa.case((sa.and_(case.state == "open", is_large), 2.0), else_=1.0)
    rate = math.log(2) / (HALF_LIFE_HOURS * 3600)
    lowest = 1e-9  # cents, because zero has no logarithm
    return sa.func.ln(sa.case((stake > lowest, stake), else_=lowest) / people) + (
        case.opened_ts * rate
    )


def is_override(verdict: str, flagged: bool, probability: float) -> bool:
    """Tell whether a verdict goes against the model.

    It does if a reviewer finds fraud where the model approved, or calls genuine what the model was
    certain of. A flag below `OVERRIDE_PROBABILITY` is a question, and no answer to it is an
    override.

    Parameters
    ----------
    verdict : str
    flagged : bool
    probability : float

    Returns
    -------
    bool

    Examples
    --------
    >>> is_override("fraud", flagged=False, probability=0.01)
    True
    """
    return (verdict == "fraud" and not flagged) or (
        verdict == "genuine" and flagged and probability >= OVERRIDE_PROBABILITY
    )


def needs_second_review(verdict: str, amount_cents: int, override: bool) -> bool:
    """Tell whether a second person must confirm a verdict.

    Parameters
    ----------
    verdict : str
    amount_cents : int
    override : bool
        See `is_override`.

    Returns
    -------
    bool

    Examples
    --------
    >>> needs_second_review("genuine", amount_cents=1_000, override=False)
    False
    """
    return verdict != "unsure" and (override or amount_cents >= SECOND_REVIEW_CENTS)


def check_verdict(verdict: str) -> None:
    """Raise a UserError unless the verdict is known."""
    if verdict not in VERDICTS:
        raise UserError(f"{verdict!r} is not a verdict: choose one of {', '.join(VERDICTS)}.")


def check_reason(reason: str, verdict: str) -> None:
    """Raise a UserError unless the reason belongs to the verdict."""
    offered = [code for code, one in REASON_CODES.items() if one.verdict == verdict]
    if not reason:
        raise UserError("Choose a reason: it says on what the verdict is based.")
    if reason not in offered:
        raise UserError(
            f"{reason!r} is not a reason for {verdict!r}: choose one of {', '.join(offered)}."
        )


def check_note(note: str, reason: str, override: bool) -> None:
    """Raise a UserError if the note is needed and too short."""
    if (override or reason.startswith("other_")) and len(note) < MIN_NOTE_CHARACTERS:
        why = "goes against the model" if override else "has a reason that is not on the list"
        raise UserError(
            f"This verdict {why}: say why in the note, in at least {MIN_NOTE_CHARACTERS} letters."
        )


def check_skip(reason: str, until: float, now: float) -> None:
    """Raise a UserError unless the reason is known and the snooze is not too long."""
    if not reason:
        raise UserError("Choose why you skip the case: the next person sees it in the record.")
    if reason not in SKIP_REASONS:
        raise UserError(
            f"{reason!r} is not a reason to skip: choose one of {', '.join(SKIP_REASONS)}."
        )
    if until and not now < until <= now + MAX_SNOOZE_SECONDS:
        raise UserError(
            "A case is snoozed until a time to come, at most "
            f"{MAX_SNOOZE_SECONDS // 3600} hours from now: its money moves on meanwhile."
        )
