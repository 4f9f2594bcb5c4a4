"""Check of E17: rows and labels as they were known at a moment."""

import pandas as pd

from fraudops.exercises import Misconception, Probe

DAY = 86_400


def make_probes(random):
    moment = int(random.integers(300, 500)) * DAY
    ages = sorted(int(one) for one in random.choice(range(15, 40), 3, replace=False))

    def table(rows):
        ts = [moment - age * DAY for age, _ in rows]
        late = [None if d is None else moment - (age - d) * DAY for age, d in rows]
        names = [f"t{k}" for k in range(len(rows))]
        late_column = pd.Series(late, dtype="float64")
        return pd.DataFrame({"tx_id": names, "ts": ts, "label_ts": late_column})

    old = [(ages[0], 4), (ages[1], None), (ages[2], 6)]
    return [
        Probe((table(old), moment), "old transactions"),
        Probe((table([*old, (9, 12), (30, 33)]), moment), "some reports are slow"),
        Probe((table([*old, (3, None), (2, 1)]), moment), "some transactions are young"),
        Probe((table([*old, (7, 2), (20, 20)]), moment), "on the limits"),
    ]


def make(tx, moment, until=7, known=True, only_reported=False):
    rows = tx[tx["ts"] <= moment - until * DAY]
    fraud = rows["label_ts"] < moment if known else rows["label_ts"].notna()
    if only_reported:
        rows, fraud = rows[fraud], fraud[fraud]
    return dict(zip(rows["tx_id"], fraud.astype(int), strict=True))


def answer(tx, moment):
    return make(tx, moment)


MISCONCEPTIONS = (
    Misconception(
        "sees_the_future",
        "You use reports that arrived after the model went live. In the test the model "
        "looks better than it will ever be.",
        lambda tx, moment: make(tx, moment, known=False),
    ),
    Misconception(
        "young_rows",
        "The last week is in your set. Most of its frauds are not reported yet, so the "
        "model learns that they are genuine.",
        lambda tx, moment: make(tx, moment, until=0),
    ),
    Misconception(
        "only_frauds",
        "A transaction without a report is a label too: genuine. A model cannot learn "
        "from frauds alone.",
        lambda tx, moment: make(tx, moment, only_reported=True),
    ),
)
