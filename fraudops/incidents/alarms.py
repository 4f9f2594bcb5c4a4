"""The alarms of a morning: the monitor's, and what people write."""

from dataclasses import dataclass

from fraudops.incidents.operation import Operation
from fraudops.incidents.pager_world import PagerWorld
from fraudops.timeline import DAY

REPEAT_DAYS = 6  # an alarm that continues for so long is raised again
MIN_REPORTS, REPORT_RATIO = 8, 1.5  # from here on the chargeback desk writes

# kind and variant of an incident: days until the message, sender, text
MESSAGES = {
    ("season", "benign_season"): (
        1,
        "customer service",
        "We have more calls than usual. Good customers are angry about declined purchases. Some "
        "leave us. For the next days an honest customer whom we lose costs 60 €, not 30 €.",
    ),
    ("bad-challenger", "future leak"): (
        0,
        "a data scientist",
        "I have registered {version}. Its average precision is 0.98 on my test, more than the "
        "champion has ever had. Please promote it today.",
    ),
    ("bad-challenger", "online only"): (
        0,
        "a data scientist",
        "I have registered {version}. It is the best model for online purchases that we have had. "
        "Please promote it today.",
    ),
    ("insider", "alias"): (
        1,
        "a reviewer",
        "My queue looks strange since yesterday. The cases make no sense to me. Did you change "
        "something?",
    ),
    ("insider", "verdicts"): (
        1,
        "customer service",
        "A customer says: a reviewer called me, I said that the purchase was not mine, and my card "
        "was not stopped. Our page shows this case as genuine.",
    ),
    ("service-fault", "slow features"): (
        1,
        "a shop",
        "Payments took nine seconds yesterday. Many went through without an answer of your system.",
    ),
    ("service-fault", "lock"): (
        1,
        "a shop",
        "Yesterday your system answered some payments at once and others not at all.",
    ),
    ("false-alarm", "newspaper"): (
        0,
        "the board",
        "A newspaper writes that card fraud has doubled in the country. What do we do today?",
    ),
    ("false-alarm", "colleague"): (
        0,
        "a colleague",
        "I saw three frauds in one hour this morning. Should we retrain at once?",
    ),
}


@dataclass
class Alarm:
    """One alarm.

    Attributes
    ----------
    id : str
        Such as ``D04-1``.
    day : int
    sender, text : str
    causes : tuple of str
        Right answers; only the score reads them.
    answer : str
        The cause that the player has recorded; empty if none.
    answered : int
        On which day.
    """

    id: str
    day: int
    sender: str
    text: str
    causes: tuple[str, ...]
    answer: str = ""
    answered: int = -1


def raise_alarms(
    world: PagerWorld, operation: Operation, day: int, earlier: list[Alarm]
) -> list[Alarm]:
    """Raise the alarms of a morning.

    Parameters
    ----------
    world : PagerWorld
    operation : Operation
        If the bad challenger or the insider comes on this morning, it changes.
    day : int
    earlier : list of Alarm

    Returns
    -------
    list of Alarm
    """
    found = [_read_monitor(world, operation, day, earlier), _count_reports(world, day, earlier)]
    for (kind, variant), (delay, sender, text) in MESSAGES.items():
        incident = world.incidents[kind]
        if incident.variant == variant and day == incident.onset + delay:
            version = operation.add_model(world, kind, day) if kind == "bad-challenger" else ""
            found.append((sender, text.format(version=version), (kind,)))
        if (kind, variant) == ("insider", "alias") and day == incident.onset:
            if incident.variant == variant:
                operation.move_alias_at_night(world, day)
    alarms = [one for one in found if one]
    return [Alarm(f"D{day + 1:02d}-{n}", day, *one) for n, one in enumerate(alarms, 1)]


def _is_repeated(sender: str, text: str, day: int, earlier: list[Alarm]) -> bool:
    return any(
        one.sender == sender and one.text.startswith(text) and day - one.day < REPEAT_DAYS
        for one in earlier
    )


def _read_monitor(
    world: PagerWorld, operation: Operation, day: int, earlier: list[Alarm]
) -> tuple[str, str, tuple[str, ...]] | None:
    """The monitor's alarm about the day before."""
    if day == 0:
        return None
    faulty = operation.list_faulty_days(world)
    verdict = world.verdicts["faulty" if day - 1 in faulty else "sound"][day - 1]
    text = f"The monitor asks: {verdict.action}."
    if verdict.severity != "act" or _is_repeated("the monitor", text, day, earlier):
        return None
    causes = ("broken-data",) if day - 1 in faulty else ()
    if verdict.action != "fix data":
        drifts = [world.incidents[kind] for kind in ("new-fraud", "season")]
        causes += tuple(one.kind for one in drifts if one.onset < day <= one.end + 7)
    return "the monitor", f"{text} Evidence: {verdict.evidence}", causes or ("false-alarm",)


def _count_reports(
    world: PagerWorld, day: int, earlier: list[Alarm]
) -> tuple[str, str, tuple[str, ...]] | None:
    """The alarm of the chargeback desk: more reports in a week than usual, online or in shops."""
    now, live, first = world.get_start(day), world.timeline.live, world.timeline.train + 7 * DAY
    rows = world.feeds["sound"].set_index("tx_id")["channel"].reindex(world.labels["tx_id"])
    for place in ("online", "in shops"):
        is_there = (rows == "online").to_numpy() == (place == "online")
        arrived = world.labels["label_ts"].to_numpy()[is_there]
        week = int(((arrived >= now - 7 * DAY) & (arrived < now)).sum())
        usual = ((arrived >= first) & (arrived < live)).sum() / ((live - first) / DAY / 7)
        sender = "the chargeback desk"
        if week < max(MIN_REPORTS, REPORT_RATIO * usual) or _is_repeated(sender, "", day, earlier):
            continue
        text = f"{week} fraud reports of purchases {place} came in 7 days. Usual are {usual:.0f}."
        is_new = world.incidents["new-fraud"].onset < day
        return sender, text, ("new-fraud",) if is_new else ("false-alarm",)
    return None
