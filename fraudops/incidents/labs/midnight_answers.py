"""The right answers of the lab *The midnight promotion*, and the known wrong ones."""

import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.incidents.labs.lab import Answer, Place, Slip
from fraudops.incidents.labs.midnight_world import REPORT_HOUR, NightPlan
from fraudops.incidents.labs.story import get_moment
from fraudops.timeline import format_time
from fraudops.workspace import Workspace

PROMOTED = Place("4_4_rollback", "A bad version, and two aliases moved by hand")
WHO = Place("4_4_rollback", "Who decided about this transaction?")
BACK = Place("4_4_rollback", "Back, in one call")
GATES = Place("4_2_retrain", "Promote, or say why not")


def make_night_answers(workspace: Workspace, seed: int) -> dict[str, Answer]:
    """Make the right answers of a world.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    dict of str to Answer
    """
    plan = NightPlan.draw(seed)
    p = store.predictions.c

    def read(engine: sa.Engine) -> tuple[list[dict], float, list[float]]:
        with engine.connect() as connection:
            entries = ledger.load_entries(connection)
            count, is_bad = sa.select(sa.func.count()), p.model_version == plan.bad
            decided, *counts = (
                float(connection.scalar(count.where(*conditions)))
                for conditions in (
                    (is_bad,),
                    (is_bad, p.decision != "approve"),
                    (p.ts >= get_moment(plan.night),),
                    (p.model_version != "",),
                )
            )
        return entries, decided, counts

    entries, decided, counts = store.read_undisturbed(workspace, read)
    moves = [one for one in entries if one["event"] == "champion" and one["at"] <= plan.at]
    services = [one for one in entries if one["event"] == "service"]
    policy, reload = services[0], services[1]
    night, usual = moves[-1], moves[-2]

    def minute(entry: dict) -> str:
        return format_time(entry["at"])

    return {
        "cause": Answer(
            "promotion-past-the-gates",
            (
                Slip(
                    "policy_change",
                    "The policy was changed hours before the first declined purchase, and by one "
                    "price only. Count the decisions by hour and by version.",
                    "policy-change",
                    WHO,
                ),
                Slip(
                    "alias_by_hand",
                    "An alias that is moved by hand leaves no entry, and the workers do not "
                    "follow it. Here the ledger has an entry, and the service followed.",
                    "alias-moved-by-hand",
                    PROMOTED,
                ),
                Slip(
                    "drift",
                    "Drift does not begin at one minute. The version of the predictions changes "
                    "at the same minute.",
                    "drift",
                    WHO,
                ),
                Slip(
                    "service_restart",
                    "The reload of the morning named the version that was champion already. The "
                    "first declined purchases are older.",
                    "service-restart",
                    WHO,
                ),
            ),
        ),
        "where": Answer(
            float(night["seq"]),
            (
                Slip(
                    "the_good_promotion",
                    "This entry has gates that passed, and its version decided as usual. Look for "
                    "a later entry without gates.",
                    float(usual["seq"]),
                    GATES,
                ),
                Slip(
                    "the_reload",
                    "This entry repeats who is champion. Look for the entry that made it the "
                    "champion.",
                    float(reload["seq"]),
                ),
                Slip(
                    "the_policy",
                    "This entry changed prices and no version. The predictions name the version.",
                    float(policy["seq"]),
                ),
            ),
        ),
        "when": Answer(
            minute(night),
            (
                Slip(
                    "time_of_the_good_promotion", "That promotion passed its gates.", minute(usual)
                ),
                Slip(
                    "time_of_the_reload", "At the reload it was champion already.", minute(reload)
                ),
                Slip("time_of_the_policy", "At that time only prices changed.", minute(policy)),
                Slip(
                    "time_of_the_complaint",
                    "That is when people noticed. The ledger says when it happened.",
                    format_time(get_moment(plan.night, REPORT_HOUR)),
                ),
            ),
        ),
        "actor": Answer(
            plan.actor,
            (
                Slip(
                    "actor_of_the_reload",
                    "You named the actor of the reload. The last entry about the champion is not "
                    "the one that moved the alias.",
                    reload["actor"],
                ),
                Slip(
                    "actor_of_the_policy",
                    "You named the actor of the change of the policy.",
                    policy["actor"],
                ),
                Slip(
                    "actor_of_the_good_promotion",
                    "You named the actor of the promotion that passed its gates.",
                    usual["actor"],
                    GATES,
                ),
            ),
        ),
        "decisions": Answer(float(decided), _list_wrong_counts(counts)),
    }


def _list_wrong_counts(counts: list[float]) -> tuple[Slip, ...]:
    stopped, night, everything = counts
    return (
        Slip(
            "only_the_stopped",
            "You counted only those that it did not approve. What it approved was decided by it "
            "too, and may be a missed fraud.",
            stopped,
        ),
        Slip(
            "since_midnight",
            "You counted from midnight on. Before the alias moved, the good version decided.",
            night,
        ),
        Slip("every_version", "You counted the predictions of all versions.", everything),
    )
