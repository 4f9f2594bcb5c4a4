"""Check of E11: a day is compared with the same weekday, and one holiday changes nothing."""

import pandas as pd

from fraudops.exercises import Misconception, Probe


def make_history(working, sundays):
    weekdays = [0, 1, 2, 3, 4, 5] * 4 + [6] * len(sundays)
    volumes = [working + 10 * (k % 7) for k in range(24)] + sundays
    return pd.DataFrame({"weekday": weekdays, "transactions": volumes})


def make_probes(random):
    working = int(random.integers(900, 1_500))
    sunday = int(random.integers(300, 500))
    usual = [sunday, sunday + 6, sunday + 14, sunday + 20, sunday + 40]
    holiday = [sunday, sunday + 6, 12, sunday + 14, sunday + 20]
    return [
        Probe((make_history(working, usual), 6), "an ordinary month"),
        Probe((make_history(working, holiday), 6), "one of the Sundays was a holiday"),
        Probe((make_history(working, usual), 2), "a Wednesday"),
    ]


def select(history, weekday):
    return history.loc[history["weekday"] == weekday, "transactions"]


def answer(history, weekday):
    return float(select(history, weekday).median())


MISCONCEPTIONS = (
    Misconception(
        "all_days",
        "You compare with all days of the week. Every Sunday would be unusual, because "
        "Sundays are quiet.",
        lambda history, weekday: float(history["transactions"].median()),
    ),
    Misconception(
        "mean",
        "One holiday moves a mean. The median stays where most days are.",
        lambda history, weekday: float(select(history, weekday).mean()),
    ),
    Misconception(
        "busiest",
        "The busiest day is not the usual one. It makes every ordinary day look quiet.",
        lambda history, weekday: float(select(history, weekday).max()),
    ),
)
