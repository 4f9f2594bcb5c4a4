import numpy as np


def compute_interval(table, seed):
    random = np.random.default_rng(seed)
    by_customer = table.groupby("customer_id")["saved"].agg(["sum", "size"])
    n = len(by_customer)
    times = random.multinomial(n, np.full(n, 1 / n), size=800)
    means = (times @ by_customer["sum"]) / (times @ by_customer["size"])
    return np.percentile(means, 2.5), np.percentile(means, 97.5)
