"""A week of reviews for the lab *The vanished verdict*: cases, verdicts, evening checks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from fraudops import ledger, review, store
from fraudops.incidents.labs.clock import run_at
from fraudops.incidents.labs.story import COLLEAGUES, get_moment
from fraudops.workspace import Workspace

FIRST_DAY, DAYS, CASES_A_DAY = 30, 6, 9
REVIEWERS, AUDITOR = COLLEAGUES[:4], "gina"
FIRST_HOUR, EVENING_HOUR, MINUTES_A_CASE = 9, 20, 20
REVIEW_REASONS = {
    "fraud": ("customer_denies", "card_testing", "unlike_customer", "bad_terminal"),
    "genuine": ("customer_confirms", "usual_pattern", "explained"),
}
CATEGORIES = ("food", "fuel", "travel", "clothing")


@dataclass(frozen=True)
class ReviewedCase:
    """One case of the week.

    Attributes
    ----------
    tx_id, customer : str
    day : int
        Of the story, on which it is bought and decided.
    hour : float
        When it is decided.
    cents : int
    probability : float
    reviewer, second : str
        `second` confirms a large amount.
    verdict, reason : str
    kind : str
        ``plain``, ``undone`` (the first verdict is taken back) or ``second`` (a large amount).
    """

    tx_id: str
    customer: str
    day: int
    hour: float
    cents: int
    probability: float
    reviewer: str
    second: str
    verdict: str
    reason: str
    kind: str


def draw_cases(random: np.random.Generator) -> list[ReviewedCase]:
    """Draw the cases of the week, in the order of their decisions.

    Parameters
    ----------
    random : numpy.random.Generator

    Returns
    -------
    list of ReviewedCase
        On each day one is undone, and one needs a second person.
    """
    cases = []
    for day in range(FIRST_DAY, FIRST_DAY + DAYS):
        kinds = ["undone", "second"] + ["plain"] * (CASES_A_DAY - 2)
        for number, kind in enumerate(random.permutation(kinds)):
            reviewer, second = (str(one) for one in random.permutation(REVIEWERS)[:2])
            verdict = "fraud" if random.random() < 0.5 else "genuine"
            large = kind == "second"
            cases.append(
                ReviewedCase(
                    tx_id=f"T{random.integers(10**8, 10**9)}",
                    customer=f"C{random.integers(100, 1000)}",
                    day=day,
                    hour=FIRST_HOUR + number * MINUTES_A_CASE / 60,
                    cents=int(
                        random.integers(60_000, 90_000) if large else random.integers(900, 40_000)
                    ),
                    probability=round(float(random.uniform(0.2, 0.45)), 4),
                    reviewer=reviewer,
                    second=second,
                    verdict=verdict,
                    reason=str(random.choice(REVIEW_REASONS[verdict])),
                    kind=str(kind),
                )
            )
    return cases


def add_people(engine: sa.Engine) -> None:
    """Add the reviewers and the auditor, as an admin does."""
    roles = dict.fromkeys(REVIEWERS, "analyst") | {AUDITOR: "auditor"}
    at = get_moment(FIRST_DAY - 1, FIRST_HOUR)
    with store.write_transaction(engine) as connection:
        for name, role in roles.items():
            row = {"name": name, "role": role, "password": "", "one_time": 1, "active": 1}
            connection.execute(store.users.insert(), row | {"created_at": at})
            ledger.append_entry(
                connection, "user", "admin", at, name=name, change="added", role=role
            )


def play_day(engine: sa.Engine, cases: list[ReviewedCase], day: int) -> None:
    """Store the purchases of a day with their predictions, and let people decide.

    Parameters
    ----------
    engine : Engine
    cases : list of ReviewedCase
        Of the week.
    day : int
        Of the story.
    """
    today = [one for one in cases if one.day == day]
    noon = get_moment(day, FIRST_HOUR - 1)
    transactions, predictions = [], []
    for number, case in enumerate(today):
        key = {"tx_id": case.tx_id, "ts": noon + number}
        shop = {"terminal_id": f"M{number + 11}", "category": CATEGORIES[number % 4]}
        transactions.append(
            key
            | shop
            | {"customer_id": case.customer, "amount_cents": case.cents, "channel": "online"}
        )
        digest = hashlib.sha256(case.tx_id.encode()).hexdigest()[:30]
        predictions.append(
            key
            | {"prediction_id": f"ff{digest}", "scored_at": float(noon + number)}
            | {"model_version": "1", "probability": case.probability}
            | {"threshold": 0.1, "decision": "review"}
        )
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.transactions, transactions)
        store.insert_new(connection, store.predictions, predictions)
    review.ReviewQueue(engine).open_cases()
    for case in today:
        _decide(engine, case)


def _decide(engine: sa.Engine, case: ReviewedCase) -> None:
    queue, at = review.ReviewQueue(engine), get_moment(case.day, case.hour)
    people = [case.reviewer] + [case.second] * (case.kind == "second")
    for number, actor in enumerate(people):
        with run_at(at + 300 * number):
            review.claim_case(engine, case.tx_id, actor)
        with run_at(at + 300 * number + 120):
            if queue.is_score_hidden(case.tx_id, actor):
                queue.record_opinion(case.tx_id, case.verdict, actor)
            if case.kind == "undone":
                other = "genuine" if case.verdict == "fraud" else "fraud"
                queue.record_decision(case.tx_id, other, actor, REVIEW_REASONS[other][0])
                review.undo_decision(engine, case.tx_id, actor)
            queue.record_decision(case.tx_id, case.verdict, actor, case.reason)


def check_evening(workspace: Workspace, engine: sa.Engine, day: int) -> None:
    """Verify the record in the evening, seal the new rows, and keep the head.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine
    day : int
        Of the story.
    """
    with run_at(get_moment(day, EVENING_HOUR)):
        ledger.seal_and_anchor(workspace, engine)
