"""Check of E19: the width of a bootstrap interval."""

import numpy as np
import pandas as pd

from fraudops.exercises import Misconception, Probe

DRAWS = 600


def describe_width(ratio):
    if ratio < 0.1:
        return "no width"
    if ratio < 0.72:
        return "too narrow"
    return "about right" if ratio < 1.28 else "too wide"


def observe(function, table, seed):
    low, high = function(table, seed)
    means = table.groupby("customer_id")["saved"].mean()  # customers have as many rows each
    return describe_width((high - low) / (3.92 * means.std(ddof=0) / np.sqrt(len(means))))


def make_probes(random):
    def make_table(customers, rows):
        own = random.normal(5, 20, size=customers)
        names = np.repeat([f"c{k}" for k in range(customers)], rows)
        return pd.DataFrame({"customer_id": names, "saved": np.repeat(own, rows).round(2)})

    seed = int(random.integers(1_000))
    return [
        Probe((make_table(40, 12), seed), "twelve equal rows for each customer", observe),
        Probe((make_table(120, 1), seed), "one row for each customer", observe),
    ]


def draw_customers(table, seed, quantiles=(0.025, 0.975)):
    groups = table.groupby("customer_id")["saved"].agg(["sum", "count"]).to_numpy()
    n = len(groups)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS) @ groups
    return np.quantile(drawn[:, 0] / drawn[:, 1], quantiles)


def answer(table, seed):
    return draw_customers(table, seed)


def draw_rows(table, seed):
    return draw_customers(table.assign(customer_id=range(len(table))), seed)


MISCONCEPTIONS = (
    Misconception(
        "rows_drawn",
        "You draw rows. Twelve equal rows of one customer are one piece of evidence and "
        "not twelve, so the interval is too narrow.",
        draw_rows,
    ),
    Misconception(
        "no_replacement",
        "Without replacement each draw is the same set in another order. The mean never "
        "moves, and the interval has no width.",
        lambda table, seed: (table["saved"].mean(), table["saved"].mean()),
    ),
    Misconception(
        "smallest_and_largest",
        "The smallest and the largest mean grow apart with the number of draws. Take the "
        "quantiles 2.5 % and 97.5 %.",
        lambda table, seed: draw_customers(table, seed, quantiles=(0, 1)),
    ),
)
