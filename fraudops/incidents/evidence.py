"""What a player finds who looks: one text for each place."""

from collections.abc import Callable

import numpy as np

from fraudops.incidents.operation import Operation, judge_challenger
from fraudops.incidents.pager_world import PagerWorld
from fraudops.monitoring import Verdict
from fraudops.timeline import DAY, day_of

MAX_STATISTICS = 6
REPORT_WEEKS = 5


def _get_verdict(world: PagerWorld, operation: Operation, day: int) -> Verdict | None:
    """The monitor's verdict about the day before; None on the first morning."""
    if day == 0:
        return None
    feed = "faulty" if day - 1 in operation.list_faulty_days(world) else "sound"
    return world.verdicts[feed][day - 1]


def _describe_data(world: PagerWorld, operation: Operation, day: int) -> str:
    verdict = _get_verdict(world, operation, day)
    findings = [one.text for one in verdict.findings] if verdict else []
    return "Data of yesterday: " + ("; ".join(findings) or "no finding")


def _describe_drift(world: PagerWorld, operation: Operation, day: int) -> str:
    verdict = _get_verdict(world, operation, day)
    moved = verdict.moved[:MAX_STATISTICS] if verdict else []
    lines = [
        f"  {one.statistic}, {one.window} days: {one.z:+.1f} standard deviations, limit "
        f"{one.limit:+.1f}{', alarm' if one.alarm else ''}"
        for one in moved
    ]
    return "\n".join(["Statistics beyond a limit yesterday:", *(lines or ["  none"])])


def _describe_labels(world: PagerWorld, operation: Operation, day: int) -> str:
    now = world.get_start(day)
    arrived = world.labels["label_ts"].to_numpy()
    rows = world.feeds["sound"].set_index("tx_id").reindex(world.labels["tx_id"])
    lines = ["Fraud reports that arrived in 7 days: number, euros, cards, share of online."]
    for week in range(REPORT_WEEKS):
        end = now - 7 * week * DAY
        part = rows[(arrived >= end - 7 * DAY) & (arrived < end)]
        online = (part["channel"] == "online").mean() if len(part) else 0.0
        lines.append(
            f"  until {day_of(end - DAY)}: {len(part):3d}, {part['true_cents'].sum() / 100:8,.0f} "
            f"€, {part['customer_id'].nunique():3d} cards, {online:4.0%} online"
        )
    return "\n".join(lines)


def _describe_service(world: PagerWorld, operation: Operation, day: int) -> str:
    is_slow = day > 0 and operation.is_active(world, "service-fault", day - 1)
    variant = world.incidents["service-fault"].variant if is_slow else ""
    features = 4_180 if variant == "slow features" else 21
    wait = 5_020 if variant == "lock" else 2
    return (
        f"Service of yesterday, 95th percentile: {features} ms for features, {wait} ms of waiting "
        f"for the database, 9 ms for the model. Requests with status 503: {50 if is_slow else 0} %."
    )


def _describe_record(world: PagerWorld, operation: Operation, day: int) -> str:
    incident = world.incidents["insider"]
    text = f"The record says that {operation.recorded} is the champion. "
    if operation.champion == operation.recorded:
        text += "The alias points to the same version. "
    else:
        text += (
            f"The alias points to {operation.champion}. It was moved on day {incident.onset + 1} "
            "at 00:04, and no entry and no gate belong to the move. "
        )
    is_changed = incident.variant == "verdicts" and incident.onset < day
    if not is_changed:
        return text + "The hash chain holds."
    return text + (
        "The hash chain does not hold: since day "
        f"{incident.onset + 1}, verdicts of reviewers were changed from fraud to genuine after the "
        "decision, by one account of the database."
    )


def _describe_reviews(world: PagerWorld, operation: Operation, day: int) -> str:
    lines = ["Reviews by day: number, called fraud."]
    days = np.array([one[2] // DAY for one in operation.reviews], np.int64)
    called = np.array([one[1] for one in operation.reviews], np.int64)
    for one in range(max(day - 7, 0), day):
        is_day = days == world.get_start(one) // DAY
        lines.append(f"  day {one + 1}: {is_day.sum():3d}, {called[is_day].sum():3d}")
    return "\n".join(lines)


def describe_gates(world: PagerWorld, operation: Operation, version: str, day: int) -> str:
    """Test a version with the gates, and describe them.

    Parameters
    ----------
    world : PagerWorld
    operation : Operation
    version : str
    day : int

    Returns
    -------
    str
    """
    gates = judge_challenger(world, operation, version, day)
    lines = [f"{version} against {operation.champion}, on the days since its training:"]
    for gate in gates:
        sign = "passed" if gate.passed else "REFUSED"
        lines.append(f"  {sign:<8}{gate.name}: {gate.figure:.3g} (limit {gate.limit:.3g})")
    return "\n".join(lines)


LOOKS: dict[str, Callable[[PagerWorld, Operation, int], str]] = {
    "data": _describe_data,
    "drift": _describe_drift,
    "labels": _describe_labels,
    "service": _describe_service,
    "record": _describe_record,
    "reviews": _describe_reviews,
}
