import numpy as np


def compute_interval(table, seed):
    random = np.random.default_rng(seed)
    means = table.groupby("customer_id")["saved"].mean().to_numpy()
    draws = [random.choice(means, len(means)).mean() for _ in range(1000)]
    return min(draws), max(draws)
