"""Check of E23: copies of frauds are made of training rows, and only for the training."""

import numpy as np
import pandas as pd

from fraudops.exercises import Misconception, Probe


def split(table):
    is_test = np.arange(len(table)) % 2 == 1
    return table[~is_test], table[is_test]


def oversample(part):
    frauds = part[part["fraud"] == 1]
    return pd.concat([part, frauds, frauds], ignore_index=True)


def observe(function, table):
    train, test = function(table, split, oversample)
    return {
        "training rows": len(train),
        "training rows made of test rows": int(train["tx_id"].isin(test["tx_id"]).sum()),
        "share of frauds in the test": round(float(test["fraud"].mean()), 4),
        "frauds in the training": int(train["fraud"].sum()),
    }


def make_probes(random):
    def make_table(size, frauds):
        fraud = np.zeros(size, dtype=int)
        fraud[random.permutation(size - 2)[: frauds - 2]] = 1
        fraud[-2:] = 1  # one for each part
        return pd.DataFrame({"tx_id": [f"t{k}" for k in range(size)], "fraud": fraud})

    size = int(random.integers(12, 18))
    return [
        Probe((make_table(size, 3),), "three frauds", observe),
        Probe((make_table(size + 6, 5),), "five frauds", observe),
    ]


def answer(table, split, oversample):
    train, test = split(table)
    return oversample(train), test


def resample_both(table, split, oversample):
    train, test = split(table)
    return oversample(train), oversample(test)


MISCONCEPTIONS = (
    Misconception(
        "before_the_split",
        "Copies of one fraud lie on both sides of the split. The model is tested on rows "
        "that it was trained on, and an average precision near 1 means nothing.",
        lambda table, split, oversample: split(oversample(table)),
    ),
    Misconception(
        "test_resampled",
        "The test has more frauds than the world. Precision looks far better than it will"
        " be in service.",
        resample_both,
    ),
    Misconception(
        "not_resampled",
        "The training part was not resampled: the method that you wanted to try was never used.",
        lambda table, split, oversample: split(table),
    ),
)
