"""Check of E09: a report counts from its arrival, and for thirty days."""

import pandas as pd

from fraudops.exercises import Misconception, Probe

DAY = 86_400


def make_probes(random):
    moment = int(random.integers(200, 400)) * DAY
    delay = int(random.integers(5, 9))

    def reports(*ages_and_delays):
        rows = [(moment - age * DAY, moment - (age - late) * DAY) for age, late in ages_and_delays]
        return pd.DataFrame(rows, columns=["fraud_ts", "label_ts"]).astype("int64")

    seconds = pd.DataFrame({"fraud_ts": [moment - 3 * DAY], "label_ts": [moment - 10]})
    return [
        Probe((reports((20, delay), (15, delay), (12, 2)), moment), "three older frauds"),
        Probe((reports((20, delay), (3, delay), (2, delay)), moment), "two recent frauds"),
        Probe((reports((20, delay), (90, delay), (70, 3)), moment), "two very old frauds"),
        Probe((reports((33, delay), (20, delay)), moment), "a fraud of a month ago"),
        Probe((seconds, moment), "a report arrives in the same minute"),
    ]


def count(reports, moment, column="label_ts", start=30 * DAY, end=60):
    return int(reports[column].between(moment - start, moment - end).sum())


def answer(reports, moment):
    return count(reports, moment)


def ask_for_both_times(reports, moment):
    known = reports[reports["label_ts"] <= moment - 60]
    return count(known, moment, "fraud_ts")


MISCONCEPTIONS = (
    Misconception(
        "fraud_time",
        "You count by the time of the fraud. Its report had not arrived: this is a leak, "
        "and the service cannot know the number.",
        lambda reports, moment: count(reports, moment, "fraud_ts"),
    ),
    Misconception(
        "never_forgets",
        "The window has no beginning. A terminal would be suspicious for ever.",
        lambda reports, moment: count(reports, moment, start=10**9),
    ),
    Misconception(
        "fraud_in_window",
        "You ask for the arrival at one end of the window and for the fraud at the other."
        " The arrival counts at both ends.",
        ask_for_both_times,
    ),
    Misconception(
        "no_minute",
        "A report of seconds ago may not be stored yet. The window ends sixty seconds before.",
        lambda reports, moment: count(reports, moment, end=0),
    ),
)
