"""Check of E33: broken data comes before drift, and a season is no reason to retrain."""

from fraudops.exercises import Misconception, Probe

SEASON = {"volume", "channel mix"}


def observe(function, findings, alarms):
    action, evidence = function(findings, alarms)
    return {"action": action, "evidence": list(evidence)}


def make_probes(random):
    unit, gap = (str(one) for one in random.permutation(["unit", "gap", "missing values"])[:2])
    world = str(random.choice(["inputs", "scores", "fraud reports"]))
    days = {
        "a quiet day": ([], []),
        "two things at once": ([(unit, "act"), (gap, "watch")], [world, "volume"]),
        "a busy Saturday": ([], ["volume", "channel mix"]),
        "the week after": ([], [world, "volume"]),
        "a small irregularity": ([(gap, "watch")], []),
        "a small irregularity, and more": ([(gap, "watch")], [world]),
    }
    return [Probe(arguments, note, observe) for note, arguments in days.items()]


def decide(findings, alarms, severities=("act",), season=SEASON, data_first=True):
    broken = sorted(check for check, severity in findings if severity in severities)
    changed = sorted(set(alarms) - season)
    choices = [("fix data", broken), ("retrain", changed)]
    for action, evidence in choices if data_first else reversed(choices):
        if evidence:
            return action, evidence
    return "nothing", []


def answer(findings, alarms):
    return decide(findings, alarms)


MISCONCEPTIONS = (
    Misconception(
        "drift_first",
        "The data is broken, and you retrain. The new model learns the fault. Repair the "
        "data first, then look at the world again.",
        lambda findings, alarms: decide(findings, alarms, data_first=False),
    ),
    Misconception(
        "season_retrains",
        "Volume and channel mix move in every busy season. A new model would not decide better.",
        lambda findings, alarms: decide(findings, alarms, season=set()),
    ),
    Misconception(
        "watch_is_act",
        "A finding to watch is for a person to look at. If it stops the day, the team "
        "soon ignores all findings.",
        lambda findings, alarms: decide(findings, alarms, severities=("act", "watch")),
    ),
)
