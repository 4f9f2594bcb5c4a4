"""The lab *Cents Monday*: its questions, and what a student did in its world."""

from fraudops.data import load_transactions
from fraudops.incidents.labs.cents_answers import ANSWERS, HELD, UNITS, make_cents_answers
from fraudops.incidents.labs.cents_world import ALERT, CENTS_LAB, build_cents_world
from fraudops.incidents.labs.lab import (
    FULL_POINTS,
    HALF_POINTS,
    NO_POINTS,
    FormLine,
    Lab,
    ObservedAction,
)
from fraudops.monitoring import AlertLog, DataProfile, is_data_broken, reference_window
from fraudops.timeline import load_timeline
from fraudops.workspace import Workspace


def _find_broken_days(workspace: Workspace) -> list[str]:
    """Find the days that `monitoring.hold_broken_days` holds, and change nothing."""
    timeline = load_timeline(workspace)
    start, end = reference_window(timeline)
    rows = load_transactions(workspace, start, held=True)
    findings = DataProfile.learn(rows, start, end).check_days(rows, timeline)
    return [day for day, found in findings.items() if is_data_broken(found)]


def judge_cents_action(workspace: Workspace, seed: int) -> ObservedAction:
    """Tell what the student did: the days that are held, and the state of the alert.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    ObservedAction
    """
    held, broken = set(workspace.held_days()), set(_find_broken_days(workspace))
    alerts = AlertLog.read(workspace).set_index("alert_id")
    outcome = alerts.loc[ALERT, "outcome"]
    if outcome not in ("", "data repaired"):
        return ObservedAction(
            "close-the-alert",
            NO_POINTS,
            "closed_as_no_fault",
            f"The alert is closed as “{outcome}”. The wrong rows stay in the data, and the next "
            "training learns from them.",
            ANSWERS,
        )
    if not broken <= held:
        return ObservedAction(
            "nothing",
            NO_POINTS,
            "days_not_held",
            f"{len(broken - held)} broken days are not held back: each loader still reads them. "
            "`monitoring.hold_broken_days` holds them.",
            HELD,
        )
    if held > broken:
        return ObservedAction(
            "hold-the-days",
            HALF_POINTS,
            "sound_days_held",
            "You hold sound days too. Their purchases are missing in each training and count.",
            HELD,
        )
    if outcome:
        return ObservedAction(
            "hold-the-days",
            HALF_POINTS,
            "closed_too_early",
            "You closed the alert as “data repaired”. No corrected delivery has arrived: "
            "acknowledge the alert, and close it after the delivery.",
            ANSWERS,
        )
    return ObservedAction("hold-the-days", FULL_POINTS)


CENTS_MONDAY = Lab(
    CENTS_LAB,
    "Cents Monday",
    60,
    (
        FormLine(
            "cause",
            "What is the cause?",
            "choice",
            "The amounts are not what the customers paid.",
            UNITS,
            ("wrong-unit", "rising-prices", "new-fraud", "double-delivery", "holiday-season"),
        ),
        FormLine(
            "where",
            "Which terminals? All that are concerned, with a purchase since the first day.",
            "names",
            "Compare each terminal with its own past.",
            UNITS,
        ),
        FormLine("when", "What is the first wrong day?", "date", "Look at each day.", UNITS),
        FormLine(
            "ratio",
            "The median amount of these terminals since that day, divided by the median of the "
            "same terminals before.",
            "number",
            "A wrong unit has a ratio that is nearly the same for all these terminals.",
            UNITS,
        ),
        FormLine(
            "rows",
            "How many purchases are wrong, up to the end of the data?",
            "number",
            "Count the purchases of these terminals since the first wrong day.",
            UNITS,
        ),
        FormLine(
            "action",
            "What did you do in this world?",
            "choice",
            "What you say and what the world shows must agree.",
            HELD,
            ("hold-the-days", "close-the-alert", "nothing"),
        ),
    ),
    build_cents_world,
    make_cents_answers,
    judge_cents_action,
)
