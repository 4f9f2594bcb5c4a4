"""The lab *The challenger that is too good*: its questions, and what a student did in its world."""

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.incidents.labs.lab import (
    FULL_POINTS,
    HALF_POINTS,
    NO_POINTS,
    FormLine,
    Lab,
    ObservedAction,
)
from fraudops.incidents.labs.leak_answers import FUTURE, LABELS, REFUSE, make_leak_answers
from fraudops.incidents.labs.leak_world import CHALLENGER, CHAMPION, LEAK_LAB, build_leak_world
from fraudops.workspace import Workspace


def judge_leak_action(workspace: Workspace, seed: int) -> ObservedAction:
    """Tell what the student did: promotions and refusals in the ledger.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    ObservedAction
    """

    def read(engine: sa.Engine) -> tuple[str | None, list[dict], list[dict]]:
        with store.read_transaction(engine) as connection:
            return (
                ledger.verify_chain(connection),
                ledger.load_entries(connection, "champion"),
                ledger.load_entries(connection, "refused"),
            )

    broken, moves, refused = store.read_undisturbed(workspace, read)
    if broken:
        return ObservedAction(
            "nothing",
            NO_POINTS,
            "record_broken",
            f"The chain of the ledger does not hold any more: {broken}. Nobody may write in it.",
            REFUSE,
        )
    if any(one["payload"]["version"] != CHAMPION for one in moves):
        return ObservedAction(
            "promote",
            NO_POINTS,
            "promoted",
            "You promoted the challenger. At the time of a purchase the later reports are not "
            "there, so the service decides without what the model relies on.",
            LABELS,
        )
    is_refused = any(
        one["payload"]["version"] == CHALLENGER and one["payload"]["failed"] for one in refused
    )
    if not is_refused:
        return ObservedAction(
            "nothing",
            HALF_POINTS,
            "not_recorded",
            "You did not promote it, which stops the damage. But no entry says why, and the next "
            "colleague may promote it. `record_refusal` writes the entry.",
            REFUSE,
        )
    return ObservedAction("refuse", FULL_POINTS)


TOO_GOOD_CHALLENGER = Lab(
    LEAK_LAB,
    "The challenger that is too good",
    75,
    (
        FormLine(
            "cause",
            "What is the cause?",
            "choice",
            "Compare the values of one old purchase in both tables.",
            FUTURE,
            (
                "future-in-a-column",
                "test-days-in-training",
                "better-columns",
                "corrected-data",
                "training-serving-skew",
            ),
        ),
        FormLine("where", "Which column?", "name", "Compare the columns one by one.", FUTURE),
        FormLine(
            "when",
            "On which day was the oldest purchase made whose value of this column differs between "
            "the tables?",
            "date",
            "Join both tables by tx_id. The oldest change shows how far the column looks ahead.",
            FUTURE,
        ),
        FormLine(
            "changed",
            "In how many purchases of the first table has the second table another value of this "
            "column?",
            "number",
            "Join both tables by tx_id, and compare.",
            FUTURE,
        ),
        FormLine(
            "alone",
            "The average precision of this column alone, as a score, in the first table. Take the "
            "purchases from 14 to 7 days before the first table. A fraud is a purchase with a "
            "report in data/labels.parquet.",
            "number",
            "Use `models.average_precision`.",
            LABELS,
        ),
        FormLine(
            "action",
            "What did you do in this world?",
            "choice",
            "What you say and what the world shows must agree.",
            REFUSE,
            ("refuse", "promote", "nothing"),
        ),
    ),
    build_leak_world,
    make_leak_answers,
    judge_leak_action,
)
