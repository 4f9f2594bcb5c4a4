"""Check of E16: the delay of reports, measured where all of them can be there."""

import pandas as pd

from fraudops.exercises import Misconception, Probe

DAY = 86_400


def make_table(now, rows):
    ts = [now - age * DAY for age, _ in rows]
    late = [None if delay is None else now - (age - delay) * DAY for age, delay in rows]
    return pd.DataFrame({"ts": ts, "label_ts": pd.Series(late, dtype="float64")})


def make_probes(random):
    now = int(random.integers(300, 400)) * DAY
    slow = int(random.integers(11, 20))
    old = [(40, 2), (38, slow), (35, 5)]
    young = [(6, 1), (4, 2)]
    genuine = [(39, None), (36, None), (33, None), (3, None)]
    return [
        Probe((make_table(now, old), now, 7, 30), "three old frauds"),
        Probe((make_table(now, old + young), now, 7, 30), "two young frauds as well"),
        Probe((make_table(now, old + genuine), now, 7, 30), "genuine ones as well"),
        Probe((make_table(now, [*old, (30, 9)]), now, 9, 30), "exactly 30 days old"),
    ]


def compute(tx, now, days, complete_days, young=False, genuine=False):
    rows = tx if young else tx[tx["ts"] <= now - complete_days * DAY]
    rows = rows if genuine else rows[rows["label_ts"].notna()]
    return float(((rows["label_ts"] - rows["ts"]) <= days * DAY).mean())


def answer(tx, now, days, complete_days):
    return compute(tx, now, days, complete_days)


def skip_the_limit(tx, now, days, complete_days):
    return compute(tx[tx["ts"] != now - complete_days * DAY], now, days, complete_days)


MISCONCEPTIONS = (
    Misconception(
        "young_rows",
        "Of young transactions only the quick reports are there. With them the labels "
        "look faster than they are.",
        lambda *arguments: compute(*arguments, young=True),
    ),
    Misconception(
        "all_rows",
        "The denominator holds transactions without a report. Most of them are genuine "
        "and no report will ever come. The share is of the reports.",
        lambda *arguments: compute(*arguments, genuine=True),
    ),
    Misconception(
        "limit_left_out",
        "A transaction that is exactly `complete_days` old is old enough.",
        skip_the_limit,
    ),
)
