"""The rules of the review queue: priority, second reviews, reason codes, random samples."""

from dataclasses import dataclass

import sqlalchemy as sa

from fraudops.timeline import DAY

VERDICTS = ("fraud", "genuine", "unsure")
DUE_SECONDS = DAY  # seconds after it was opened, in the time of the operation
LEASE_SECONDS = 15 * 60
MIN_NOTE_CHARACTERS = 15  # of a note on an override or on 'something else'
SECOND_REVIEW_CENTS = 50_000  # larger amounts need two people
OVERRIDE_PROBABILITY = 0.5  # at least this probability is a claim of fraud, and not only a question
FLAGGED_PER_SAMPLE = 10  # one sampled case for so many flagged ones

PRIORITY_FORMULA = (
    f"probability × amount × urgency; urgency is 1 + age / {DUE_SECONDS // 3600} h, and "
    "doubles once a case is overdue"
)


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


def compute_urgency(age: float) -> float:
    """Compute the urgency by age in seconds: 1 when new, 2 when due, then 4 and more.

    Examples
    --------
    >>> compute_urgency(0), compute_urgency(DAY)
    (1.0, 2.0)
    """
    waited = 1 + max(age, 0.0) / DUE_SECONDS
    return 2 * waited if age > DUE_SECONDS else waited


def build_urgency_sql(age: sa.ColumnElement[int]) -> sa.ColumnElement[float]:
    """Build `compute_urgency` in SQL, for ages that are not negative."""
    waited = 1.0 + age / float(DUE_SECONDS)
    return sa.case((age > DUE_SECONDS, 2 * waited), else_=waited)


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
