"""The lab *The vanished verdict*: its questions, and what a student did in its world."""

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.incidents.labs.lab import (
    FULL_POINTS,
    HALF_POINTS,
    NO_POINTS,
    FormLine,
    Lab,
    ObservedAction,
    Place,
)
from fraudops.incidents.labs.review_week import DAYS, FIRST_DAY
from fraudops.incidents.labs.story import get_moment
from fraudops.incidents.labs.verdict_answers import NOTICE, SESSION, make_verdict_answers
from fraudops.incidents.labs.verdict_world import (
    FALSE_VERDICT,
    VERDICT_LAB,
    WAYS,
    VerdictPlan,
    build_verdict_world,
)
from fraudops.workspace import Workspace


def judge_verdict_action(workspace: Workspace, seed: int) -> ObservedAction:
    """Tell what the student did: the record as it is, and the checks in the history.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    ObservedAction
    """
    plan, d = VerdictPlan.draw(seed), store.decisions.c

    def read(engine: sa.Engine) -> list[sa.Row]:
        with engine.connect() as connection:
            query = sa.select(d.verdict, d.stage, d.decided_at)
            return connection.execute(query.where(d.tx_id == plan.target.tx_id)).all()

    rows, end = store.read_undisturbed(workspace, read), get_moment(FIRST_DAY + DAYS)
    kept = [one for one in rows if one.stage == "decision" and one.decided_at < end]
    if [one.verdict for one in kept] != [FALSE_VERDICT]:
        return ObservedAction(
            "correct-the-row",
            NO_POINTS,
            "evidence_destroyed",
            "You corrected the row. That destroys the evidence: nobody can show any more what was "
            "changed. Keep the database as it is.",
            NOTICE,
        )
    if any(one.decided_at >= end for one in rows):
        return ObservedAction(
            "decide-again",
            HALF_POINTS,
            "decided_again",
            "You recorded a new verdict. The card is stopped, but the case looks like a second "
            "review now, and no check names the change.",
            NOTICE,
        )
    checks = [found for found, _ in ledger.load_verifications(workspace) if found.at >= end]
    if not any(found.problems for found in checks):
        return ObservedAction(
            "nothing",
            NO_POINTS,
            "not_verified",
            "No check of the record is in the history since the change. `fraudops verify` finds "
            "the change, keeps the result, and leaves the database as it is.",
            Place("5_1_model_audit", "Does the record hold?"),
        )
    return ObservedAction("verify-and-report", FULL_POINTS)


VANISHED_VERDICT = Lab(
    VERDICT_LAB,
    "The vanished verdict",
    75,
    (
        FormLine(
            "cause",
            "What is the cause?",
            "choice",
            "Read which part of `fraudops verify` fails.",
            NOTICE,
            (*WAYS, "second-review", "undone-by-reviewer", "reviewer-error"),
        ),
        FormLine(
            "where",
            "Which entry of the ledger records this decision? Its number.",
            "number",
            "Look for the entry of the event `decision` on this purchase.",
            NOTICE,
        ),
        FormLine(
            "when",
            "What is the last day on whose evening the whole record was checked and held?",
            "date",
            "Read `audit/verifications.jsonl`.",
            Place("5_1_model_audit", "Does the record hold?"),
        ),
        FormLine(
            "transaction",
            "Which purchase is it? Its tx_id.",
            "name",
            "Look for the purchase of this customer with this amount.",
            SESSION,
        ),
        FormLine(
            "reason_before",
            "Which reason code did the reviewer give?",
            "name",
            "Look for a copy that the insider could not reach.",
            NOTICE,
        ),
        FormLine(
            "action",
            "What did you do in this world?",
            "choice",
            "What you say and what the world shows must agree.",
            NOTICE,
            ("verify-and-report", "correct-the-row", "decide-again", "nothing"),
        ),
    ),
    build_verdict_world,
    make_verdict_answers,
    judge_verdict_action,
)
