"""Check of E22: two tables of features, compared cell by cell."""

import numpy as np
import pandas as pd

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    start = int(random.integers(10, 90))
    offline = pd.DataFrame(
        {
            "tx_id": ["a", "b", "c", "d"],
            "c_n_7d": [start, start + 4, start + 9, start + 1],
            "c_mean_30d": [12.5, np.nan, 30.25, start + 0.5],
        }
    )

    def change(**cells):
        online = offline.copy()
        for name, values in cells.items():
            online[name] = online[name] + values
        return online

    shuffled = offline.iloc[[2, 0, 3, 1]].reset_index(drop=True)
    return [
        Probe((offline.drop(columns="c_mean_30d"), offline.drop(columns="c_mean_30d")), "equal"),
        Probe((offline, change(c_n_7d=[3, -3, 0, 0])), "two cells are changed"),
        Probe((offline, offline.copy()), "a customer without a past"),
        Probe((offline.dropna(), shuffled.dropna()), "another order"),
        Probe((offline, change(c_mean_30d=[0.5, 0, 0, 0])), "one cell is changed"),
    ]


def find(offline, online, sort=True, equal_nan=True):
    if sort:
        offline, online = offline.sort_values("tx_id"), online.sort_values("tx_id")
    found = []
    for name in offline.columns.drop("tx_id"):
        left, right = (table[name].to_numpy(dtype=float) for table in (offline, online))
        if not np.array_equal(left, right, equal_nan=equal_nan):
            found.append(name)
    return sorted(found)


def answer(offline, online):
    return find(offline, online)


def compare_means(offline, online):
    names = offline.columns.drop("tx_id")
    return sorted(n for n in names if not np.isclose(offline[n].mean(), online[n].mean()))


MISCONCEPTIONS = (
    Misconception(
        "means",
        "Errors of opposite sign cancel in a mean. The model sees cells, not means.",
        compare_means,
    ),
    Misconception(
        "missing_differs",
        "A missing value is not equal to itself in a comparison. Both sides say that "
        "there is no past, so this is no skew.",
        lambda offline, online: find(offline, online, equal_nan=False),
    ),
    Misconception(
        "by_position",
        "You compare rows by their position. The service stored them in another order: "
        "the id says which rows belong together.",
        lambda offline, online: find(offline, online, sort=False),
    ),
)
