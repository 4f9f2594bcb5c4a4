import numpy as np


def compute_interval(table, seed):
    saved = table["saved"].to_numpy()
    random = np.random.default_rng(seed)
    draws = [random.choice(saved, size=len(saved), replace=True).mean() for _ in range(500)]
    return np.quantile(draws, 0.025), np.quantile(draws, 0.975)
