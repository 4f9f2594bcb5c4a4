"""The right answers of the lab *503 storm*, and the known wrong ones."""

import pandas as pd

from fraudops.incidents.labs.lab import Answer, Place, Slip
from fraudops.incidents.labs.storm_queue import TOO_BUSY
from fraudops.incidents.labs.storm_world import DAY_OF_STORY, START_HOUR, StormPlan
from fraudops.incidents.labs.story import get_moment
from fraudops.timeline import format_time
from fraudops.workspace import Workspace

QUEUE = Place("3_4_load_test", "When too many ask")
SLOW_FEATURES = Place("3_3_skew", "The same text, read by another engine")
ORDER = Place("3_4_load_test", "Run the tests")


def _load_log(workspace: Workspace, day: str) -> pd.DataFrame:
    return pd.read_parquet(workspace.root / "logs" / f"requests_{day}.parquet")


def make_storm_answers(workspace: Workspace, seed: int) -> dict[str, Answer]:
    """Make the right answers of a world.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    dict of str to Answer
    """
    plan, log = StormPlan.draw(seed), _load_log(workspace, "today")
    onset = get_moment(DAY_OF_STORY, START_HOUR) + 60 * plan.onset
    is_503 = log["status"] == 503
    storm = log[log["at"].between(onset, log.loc[is_503, "at"].max()) & log["queue_ms"].notna()]
    part, other = ("lock_ms", "features_ms") if plan.is_lock else ("features_ms", "lock_ms")
    p95 = storm[["queue_ms", "features_ms", "lock_ms"]].quantile(0.95)
    first = format_time(log.loc[is_503, "at"].min())
    wrong_cause = {
        "slow-features": (
            "slow_features",
            "The features need as long as on the day before, at each worker. Compare the parts of "
            "the time, not the sum.",
        ),
        "write-lock": (
            "write_lock",
            "The wait for the lock is as short as on the day before. A job that runs is not yet a "
            "job that holds the lock. Compare the parts of the time.",
        ),
    }
    own, strange = f"worker {plan.worker}", plan.job
    where, wrong = (strange, own) if plan.is_lock else (own, strange)
    name, idea = next(text for cause, text in wrong_cause.items() if cause != plan.cause)
    return {
        "cause": Answer(
            plan.cause,
            (
                Slip(name, idea, next(one for one in wrong_cause if one != plan.cause), QUEUE),
                Slip(
                    "more_load",
                    "The day before had the same peak, and refused nothing. A full queue says that "
                    "requests leave too slowly, and not that too many come.",
                    "more-load",
                ),
                Slip("slow_model", "The model needs as long as on the day before.", "slow-model"),
                Slip(
                    "too_few_workers",
                    "The same workers had enough time on the day before. Find the part of the time "
                    "that has grown.",
                    "too-few-workers",
                ),
            ),
        ),
        "where": Answer(
            where,
            (
                Slip(
                    "at_the_same_time",
                    "It began at the same minute, and that is no proof. Does the part of the time "
                    "that grew belong to it?",
                    wrong,
                ),
                Slip(
                    "another_job",
                    "This job ran too. The wait did not begin with its start.",
                    lambda given: given.casefold() in plan.others,
                ),
                Slip(
                    "another_worker",
                    "Group the requests by worker: the features of this one are as quick as ever.",
                    lambda given: given.casefold().startswith("worker"),
                ),
            ),
        ),
        "when": Answer(
            format_time(onset),
            (
                Slip(
                    "first_refusal",
                    "That is the first refusal. The queue had to fill up first: find the minute in "
                    "which the part of the time grew.",
                    first,
                ),
                Slip(
                    "before_the_onset",
                    "At that time all parts were as usual.",
                    lambda given: given < format_time(onset),
                ),
            ),
        ),
        "refused": Answer(
            float(is_503.sum()),
            (
                Slip(
                    "only_too_busy",
                    f"You counted only “{TOO_BUSY}”. An answer that comes too late is a 503 too.",
                    float((log["title"] == TOO_BUSY).sum()),
                ),
            ),
        ),
        "part": Answer(
            float(p95[part]),
            (
                Slip(
                    "the_queue",
                    "The wait in the queue is the consequence: each request waits for the work of "
                    "those before it. Which part of the work has grown?",
                    float(p95["queue_ms"]),
                ),
                Slip(
                    "the_other_part",
                    "This part is as short as on the day before.",
                    float(p95[other]),
                ),
            ),
            tolerance=0.1,
        ),
    }
