"""Check of E15: false alarms and delay of a detector."""

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    onset = int(random.integers(18, 30))
    early = int(random.integers(2, 6))
    return [
        Probe(([early, early + 1, early + 2, onset + 2], onset), "three days in a row"),
        Probe(([early, early + 4], None), "a world without harm"),
        Probe(([onset + 1, onset + 2, onset + 5], onset), "alarms after the onset"),
        Probe(([early, early + 3], onset), "quiet after the onset"),
        Probe(([onset - 1, onset, onset + 1], onset), "around the onset"),
        Probe(([], onset), "no alarm at all"),
    ]


def group(days):
    alarms = []
    for day in days:
        if alarms and day - 1 in alarms[-1]:
            alarms[-1].append(day)
        else:
            alarms.append([day])
    return alarms


def mark(alarms, onset, get_day=max):
    harm = float("inf") if onset is None else onset
    after = [day for one in alarms for day in one if day >= harm]
    return sum(get_day(one) < harm for one in alarms), after[0] - onset if after else None


def answer(alarm_days, onset):
    return mark(group(alarm_days), onset)


def ignore_the_onset(alarm_days, onset):
    return len(group(alarm_days)), mark(group(alarm_days), onset)[1]


def measure_from_the_first(alarm_days, onset):
    alarms = group(alarm_days)
    delay = alarm_days[0] - onset if alarms and onset is not None else None
    return mark(alarms, onset)[0], delay


MISCONCEPTIONS = (
    Misconception(
        "counts_days",
        "You count days. An alarm that goes on for three days is one call to the team.",
        lambda alarm_days, onset: mark([[day] for day in alarm_days], onset),
    ),
    Misconception(
        "ignores_the_onset",
        "Alarms from the onset on are right, and you count them as false.",
        ignore_the_onset,
    ),
    Misconception(
        "delay_from_a_false_alarm",
        "The delay is measured to the first alarm of all. A false alarm before the onset "
        "has found nothing.",
        measure_from_the_first,
    ),
    Misconception(
        "began_before",
        "An alarm that begins before the onset and is still on at the onset is not false:"
        " the team that was called sees the harm.",
        lambda alarm_days, onset: mark(group(alarm_days), onset, min),
    ),
)
