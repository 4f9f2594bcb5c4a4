import numpy as np
import pandas as pd


def compute_interval(table, seed):
    random = np.random.default_rng(seed)
    rows = [part["saved"].to_numpy() for _, part in table.groupby("customer_id")]
    means = []
    for _ in range(400):
        drawn = random.choice(len(rows), size=len(rows))
        means.append(np.concatenate([rows[k] for k in drawn]).mean())
    return tuple(pd.Series(means).quantile([0.025, 0.975]))
