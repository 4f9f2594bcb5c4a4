# ---
# title: An interval by customers
# level: 2
# minutes: 20
# notebook: 3_1_champion
# section: Three views of the champion
# function: compute_interval
# ---
# %% [markdown]
# How much would the mean saving differ with other customers? The bootstrap draws the data
# again and again, with replacement, and looks at how the result moves. The transactions of
# one customer are alike. So you must draw *customers*, each with all their rows.
#
# Repair `compute_interval(table, seed)`. `table` has the columns `customer_id` and `saved`.
# Return the 2.5 % and the 97.5 % quantile of the mean of `saved` over at least 300 draws. In
# each draw take as many customers as there are. A customer who is drawn twice counts twice.
# %%
import numpy as np
import pandas as pd


# %% tags=["starter"]
def compute_interval(table: pd.DataFrame, seed: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    saved = table["saved"].to_numpy()
    means = []
    for _ in range(500):
        drawn = random.integers(len(saved), size=len(saved))
        means.append(saved[drawn].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return low, high


# %% tags=["solution"]
def compute_interval(table: pd.DataFrame, seed: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    customers = table.groupby("customer_id")["saved"]
    sums, counts = customers.sum().to_numpy(), customers.count().to_numpy()
    means = []
    for _ in range(500):
        drawn = random.integers(len(sums), size=len(sums))
        means.append(sums[drawn].sum() / counts[drawn].sum())
    low, high = np.quantile(means, [0.025, 0.975])
    return low, high


# %% [markdown] tags=["hint"]
# If each customer had a hundred equal rows, how many independent values would you have?
# %% [markdown] tags=["hint"]
# Sum and number of rows of each customer are enough. Then draw positions in these two arrays.
# %% [markdown] tags=["hint"]
# The mean of a draw is `sums[drawn].sum() / counts[drawn].sum()`.
