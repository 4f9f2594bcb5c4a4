# ---
# title: The gate on money
# level: 2
# minutes: 20
# notebook: 4_2_retrain
# section: The gates
# function: compute_lower_bound
# ---
# %% [markdown]
# A challenger saves more than the champion on the test days. Is it better, or was it lucky?
# Both models decided about the *same* customers, so we look at the difference for each
# customer. The gate asks for the lower bound of the mean difference: with 95 % confidence the
# true one is not lower.
#
# Repair `compute_lower_bound(champion, challenger)`. Both are arrays of euros saved, one
# value for each customer, in the same order. Return `mean − 1.645 × standard error` of the
# difference. The standard error is the standard deviation (`ddof=1`) divided by the root of
# the number of customers.
# %%
import numpy as np


# %% tags=["starter"]
def compute_lower_bound(champion: np.ndarray, challenger: np.ndarray) -> float:
    gain = challenger.mean() - champion.mean()
    spread = champion.var(ddof=1) / len(champion) + challenger.var(ddof=1) / len(challenger)
    return float(gain - 1.645 * np.sqrt(spread))


# %% tags=["solution"]
def compute_lower_bound(champion: np.ndarray, challenger: np.ndarray) -> float:
    difference = challenger - champion
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return float(difference.mean() - 1.645 * error)


# %% [markdown] tags=["hint"]
# Large customers save much with both models. Does that make the *difference* uncertain?
# %% [markdown] tags=["hint"]
# Compute one difference for each customer first.
# %% [markdown] tags=["hint"]
# `difference.mean() - 1.645 * difference.std(ddof=1) / np.sqrt(len(difference))`
