"""Check of E07: a window of seven days that ends a minute before the payment."""

import pandas as pd

from fraudops.exercises import Misconception, Probe

DAY = 86_400


def count(ts, moment, start, end):
    return int(ts.between(moment - start, moment - end).sum())


def make_probes(random):
    moment = int(random.integers(100, 200)) * DAY
    early = int(random.integers(2, 6))
    inside = sorted(int(moment - one) for one in random.integers(DAY, 6 * DAY, size=early))
    week = moment - 7 * DAY
    return [
        Probe((pd.Series([*inside, moment]), moment), "some days before"),
        Probe((pd.Series([*inside, moment - 20, moment]), moment), "two within one minute"),
        Probe((pd.Series([week - DAY, week - 1, *inside, moment]), moment), "older ones"),
        Probe((pd.Series([week, *inside, moment - 60, moment]), moment), "at both ends"),
        Probe((pd.Series([*inside, moment, moment + DAY]), moment), "a later one"),
    ]


def answer(ts, moment):
    return count(ts, moment, 7 * DAY, 60)


MISCONCEPTIONS = (
    Misconception(
        "counts_itself",
        "The window ends at the payment and counts the payment itself. So no transaction "
        "ever has a count of zero.",
        lambda ts, moment: count(ts, moment, 7 * DAY, 0),
    ),
    Misconception(
        "not_settled",
        "The payment does not count itself, but it counts one from seconds before. A real"
        " system may not have seen that one yet: the window ends sixty seconds before.",
        lambda ts, moment: count(ts, moment, 7 * DAY, 1),
    ),
    Misconception(
        "never_forgets",
        "The window has no beginning. It counts transactions that are older than seven days.",
        lambda ts, moment: int((ts <= moment - 60).sum()),
    ),
    Misconception(
        "open_ends",
        "Both ends of the window count: a transaction exactly seven days or sixty seconds"
        " before is in it.",
        lambda ts, moment: count(ts, moment, 7 * DAY - 1, 61),
    ),
)
