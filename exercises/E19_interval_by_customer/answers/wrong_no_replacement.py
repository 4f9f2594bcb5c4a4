import numpy as np


def compute_interval(table, seed):
    random = np.random.default_rng(seed)
    means = table.groupby("customer_id")["saved"].mean().to_numpy()
    draws = [random.permutation(means).mean() for _ in range(500)]
    return np.quantile(draws, 0.025), np.quantile(draws, 0.975)
