"""Check of E13: which rows and columns a drift report compares."""

import pandas as pd

from fraudops.exercises import Misconception, Probe


def observe(function, table, live):
    def run(current=None, reference=None, **options):
        return {
            "columns": sorted(current.columns),
            "current amounts": sorted(current["amount"]),
            "reference amounts": sorted(reference["amount"]),
        }

    return function(run, table, live)


def make_probes(random):
    size = int(random.integers(5, 8))
    table = pd.DataFrame(
        {
            "tx_id": [f"t{k}" for k in range(size)],
            "ts": range(100, 100 + size),
            "amount": random.uniform(5, 80, size=size).round(2),
            "channel": ["online", "store"] * (size // 2) + ["store"] * (size % 2),
        }
    )
    return [
        Probe((table, 103), "three days of reference", observe),
        Probe((table, 102), "two days of reference", observe),
    ]


def imitate(run, table, live, columns=("amount", "channel"), swap=False, whole=False):
    before = table if whole else table[table["ts"] < live]
    sides = table[table["ts"] >= live][list(columns)], before[list(columns)]
    return run(*(reversed(sides) if swap else sides))


def answer(run, table, live):
    return imitate(run, table, live)


MISCONCEPTIONS = (
    Misconception(
        "swapped",
        "The sides are swapped: the time that you know is judged by the time that you do "
        "not know. The report describes the wrong table.",
        lambda run, table, live: imitate(run, table, live, swap=True),
    ),
    Misconception(
        "ids_included",
        "An id or a time is new in each row, so it always drifts, and it counts in the "
        "share of drifted columns.",
        lambda run, table, live: imitate(run, table, live, columns=table.columns),
    ),
    Misconception(
        "overlap",
        "The reference contains the days that are judged. A drift then hides in its own reference.",
        lambda run, table, live: imitate(run, table, live, whole=True),
    ),
)
