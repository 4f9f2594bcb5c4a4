"""The lab *503 storm*: its questions, and what a student did in its world."""

from dataclasses import replace

from fraudops.incidents.labs.lab import (
    FULL_POINTS,
    HALF_POINTS,
    NO_POINTS,
    FormLine,
    Lab,
    ObservedAction,
)
from fraudops.incidents.labs.storm_answers import ORDER, QUEUE, make_storm_answers
from fraudops.incidents.labs.storm_world import (
    MAX_P95_SECONDS,
    RIGHT_ACTIONS,
    STORM_LAB,
    StormPlan,
    build_storm_world,
    play_hour,
    read_settings,
)
from fraudops.workspace import Workspace


def judge_storm_action(workspace: Workspace, seed: int) -> ObservedAction:
    """Play the hour again with the student's settings.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    ObservedAction
    """
    plan, settings = StormPlan.draw(seed), read_settings(workspace)
    usual = plan.usual_settings
    moved = {name for name, hour in settings.jobs.items() if hour != usual.jobs[name]}
    steps = {
        "restart-the-worker": bool(settings.restart),
        "move-the-job": bool(moved),
        "more-workers": settings.workers != usual.workers,
        "longer-queue": settings.places != usual.places,
    }
    right = RIGHT_ACTIONS[plan.cause]
    done = [name for name, is_done in steps.items() if is_done]
    if not done:
        text = "You changed nothing: tomorrow at noon the same happens."
        return ObservedAction("nothing", NO_POINTS, "nothing_changed", text, QUEUE)
    log = play_hour(plan, settings)
    refused = int((log["status"] == 503).sum())
    parts = log[["queue_ms", "features_ms", "model_ms", "lock_ms", "write_ms"]]
    p95 = float(parts.sum(axis=1)[log["status"] == 200].quantile(0.95)) / 1000
    result = f"With your settings {refused:,} of {len(log):,} requests are refused"
    result += f", and the 95th percentile is {p95:.2f} s."
    named = right if right in done else done[0]
    if refused:
        return ObservedAction(
            named,
            NO_POINTS,
            "still_refusing",
            f"{result} More workers or more places do not help where the cause stays.",
            QUEUE,
        )
    smallest = replace(usual, jobs=usual.jobs | {plan.job: settings.jobs[plan.job]})
    if not plan.is_lock:
        smallest = replace(usual, restart=(plan.worker,))
    if right in done and settings == smallest and p95 <= MAX_P95_SECONDS:
        return ObservedAction(named, FULL_POINTS)
    return ObservedAction(
        named,
        HALF_POINTS,
        "costs_more",
        f"{result} But you changed more than the cause, or something else: change one thing only.",
        QUEUE,
    )


SERVICE_STORM = Lab(
    STORM_LAB,
    "503 storm",
    60,
    (
        FormLine(
            "cause",
            "What is the cause?",
            "choice",
            "Compare each part of the time with the day before.",
            QUEUE,
            ("slow-features", "write-lock", "more-load", "slow-model", "too-few-workers"),
        ),
        FormLine(
            "where",
            "Where: which worker (as “worker 1”) or which job?",
            "name",
            "Group the times by worker, and compare them with the events.",
            QUEUE,
        ),
        FormLine(
            "when",
            "In which minute did that part of the time begin to grow?",
            "minute",
            "Compute the 95th percentile of each minute.",
            QUEUE,
        ),
        FormLine(
            "refused",
            "How many requests got the status 503 in this hour?",
            "number",
            "Count the rows with this status.",
            QUEUE,
        ),
        FormLine(
            "part",
            "The 95th percentile of the part of the work that has grown, in milliseconds. Take all "
            "requests that have parts, from that minute to the last refusal.",
            "number",
            "Leave out the time before the onset, and that after the last refusal.",
            ORDER,
        ),
        FormLine(
            "action",
            "What did you change in service.yml?",
            "choice",
            "What you say and what the world shows must agree.",
            QUEUE,
            ("restart-the-worker", "move-the-job", "more-workers", "longer-queue", "nothing"),
        ),
    ),
    build_storm_world,
    make_storm_answers,
    judge_storm_action,
)
