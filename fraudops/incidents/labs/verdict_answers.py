"""The right answers of the lab *The vanished verdict*, and the known wrong ones."""

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.incidents.labs.lab import Answer, Place, Slip
from fraudops.incidents.labs.story import get_moment
from fraudops.incidents.labs.verdict_world import WAYS, VerdictPlan, is_decision_on
from fraudops.timeline import day_of
from fraudops.workspace import Workspace

NOTICE = Place("5_2_tamper_lab", "Who notices?")
CHAIN = Place("5_2_tamper_lab", "Change, remove, swap, insert")
REWRITE = Place("5_2_tamper_lab", "Cut the end, or compute everything again")
FACTS = Place("5_2_tamper_lab", "Leave the ledger alone, and change the facts")
SESSION = Place("5_1_model_audit", "A review session")
PLACES = dict(zip(WAYS, (FACTS, CHAIN, REWRITE), strict=True))
WRONG_WAYS = {
    "row-changed": (
        "only_the_row",
        "If only the table were changed, the chain would hold, and the comparison of tables and "
        "ledger would name the row. Read which part of `fraudops verify` fails.",
    ),
    "entry-changed": (
        "only_the_entry",
        "If only the text of an entry were changed, its own hash would not fit. Compute the hash "
        "of each entry, and look which part of `fraudops verify` fails.",
    ),
    "chain-rewritten": (
        "the_whole_chain",
        "If the hashes were computed anew, each hash would fit its entry, and only a kept head "
        "would not. Compare the kept heads with the entries.",
    ),
}


def make_verdict_answers(workspace: Workspace, seed: int) -> dict[str, Answer]:
    """Make the right answers of a world.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    dict of str to Answer
    """
    plan = VerdictPlan.draw(seed)

    def read(engine: sa.Engine) -> list[dict]:
        with engine.connect() as connection:
            return ledger.load_entries(connection)

    entries = store.read_undisturbed(workspace, read)
    seq = next(one["seq"] for one in entries if is_decision_on(one, plan.target.tx_id))
    heads = sorted(one.seq for one in ledger.read_anchor_file(workspace))
    next_head = next((one for one in heads if one > seq), 0)
    special = {
        kind: {one.tx_id for one in plan.cases if one.kind == kind} for kind in ("second", "undone")
    }
    wrong_ways = [Slip(*WRONG_WAYS[way], way, PLACES[way]) for way in WAYS if way != plan.way]
    last = day_of(get_moment(plan.last_check))
    return {
        "cause": Answer(
            plan.way,
            (
                *wrong_ways,
                Slip(
                    "second_review",
                    "A second review is a decision of its own, with an entry of its own. Count the "
                    "decisions on this purchase.",
                    "second-review",
                    SESSION,
                ),
                Slip(
                    "undone",
                    "A verdict that is taken back leaves an entry with the stage `undo`. There is "
                    "none on this purchase.",
                    "undone-by-reviewer",
                    SESSION,
                ),
                Slip(
                    "reviewer_error",
                    "The evidence pack is older, and has another verdict of the same reviewer. So "
                    "the verdict was changed later.",
                    "reviewer-error",
                ),
            ),
        ),
        "where": Answer(
            float(seq),
            (
                Slip(
                    "the_kept_head",
                    "That is the entry of a kept head. The head says only that something up to it "
                    "was rewritten. Compare the entries with those of the evidence pack.",
                    float(next_head),
                    REWRITE,
                ),
                Slip(
                    "entry_after_it",
                    "The entry after it follows a hash that is not there any more. The change is "
                    "in the entry before.",
                    float(seq + 1),
                    CHAIN,
                ),
            ),
        ),
        "when": Answer(
            str(last),
            (
                Slip(
                    "day_of_the_verdict",
                    "On that day the verdict was given. Look for the last check that held.",
                    str(day_of(get_moment(plan.target.day))),
                ),
                Slip(
                    "day_of_the_pack",
                    "A later check held, too: see `audit/verifications.jsonl`.",
                    str(day_of(get_moment(plan.pack_day))),
                ),
                Slip(
                    "later_head",
                    "On that day nobody compared the tables with the ledger. A head says that the "
                    "chain goes on, and nothing about the tables.",
                    lambda given: given > str(last),
                    FACTS,
                ),
            ),
        ),
        "transaction": Answer(
            plan.target.tx_id,
            (
                Slip(
                    "a_second_review",
                    "The case of this purchase had a second review, and its entries say so.",
                    lambda given: given in special["second"],
                    SESSION,
                ),
                Slip(
                    "an_undone_verdict",
                    "A verdict on this purchase was taken back within ten seconds, and an entry "
                    "says so.",
                    lambda given: given in special["undone"],
                    SESSION,
                ),
            ),
        ),
        "reason_before": Answer(
            plan.target.reason,
            (
                Slip(
                    "reason_of_today",
                    "That is what the table says now. What did the evidence pack say?",
                    plan.false_reason,
                ),
            ),
        ),
    }
