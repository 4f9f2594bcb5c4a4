# ---
# title: Write a test that finds a leak
# level: 3
# minutes: 25
# notebook: 1_2_features
# section: A test that no feature sees the future
# function: has_leak
# ---
# %% [markdown]
# A feature leaks if something that happens later changes its value. You do not need to read
# its code to find out. Decide how you test it, and defend your test against features that you
# do not know.
#
# Write `has_leak(compute, tx, moment)`. `compute(tx)` returns one value for each row of `tx`,
# in the order of its rows. `tx` has the columns `ts` and `amount`. Return `True` if what
# happens after `moment` changes a value of a row with `ts <= moment`.
# %%
import numpy as np
import pandas as pd

tx = pd.DataFrame({"ts": [10, 20, 30, 40], "amount": [5.0, 7.0, 6.0, 90.0]})


def mean_of_all(tx: pd.DataFrame) -> np.ndarray:
    return np.full(len(tx), tx["amount"].mean())


# %% [markdown]
# `mean_of_all` leaks: a later amount moves the mean of an earlier row. The test below
# shuffles the rows, as one often sees. It finds nothing.
# %% tags=["starter"]
def has_leak(compute, tx: pd.DataFrame, moment: int) -> bool:
    shuffled = tx.sample(frac=1, random_state=0)
    values = pd.Series(compute(tx), tx.index)
    again = pd.Series(compute(shuffled), shuffled.index)
    return not np.allclose(values, again.sort_index())


# %% tags=["solution"]
def has_leak(compute, tx: pd.DataFrame, moment: int) -> bool:
    past = (tx["ts"] <= moment).to_numpy()
    values = np.asarray(compute(tx))[past]
    without_future = np.asarray(compute(tx[past]))
    return not np.allclose(values, without_future, equal_nan=True)


# %% [markdown] tags=["hint"]
# Change the future, compute again, and compare the past.
# %% [markdown] tags=["hint"]
# A feature may depend on how *many* rows come later, and not on their amounts. Which change
# of the future finds both?
# %% [markdown] tags=["hint"]
# Compute once with all rows and once with the rows up to `moment` only. Compare the rows up
# to `moment`.
