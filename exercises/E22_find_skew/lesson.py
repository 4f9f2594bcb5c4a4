# ---
# title: Find training-serving skew
# level: 2
# minutes: 15
# notebook: 3_3_skew
# section: One row, twice
# function: find_skewed_columns
# ---
# %% [markdown]
# The service stores the inputs of each prediction. The same features are computed again
# offline. If a cell differs, the model sees something else in service than in training: this
# is skew.
#
# Repair `find_skewed_columns(offline, online)`. Both tables have the column `tx_id`, the same
# transactions, and the same features, but the rows may be in another order. Return the sorted
# list of features with at least one cell that differs. Two missing values are equal.
# %%
import pandas as pd


# %% tags=["starter"]
def find_skewed_columns(offline: pd.DataFrame, online: pd.DataFrame) -> list[str]:
    features = offline.columns.drop("tx_id")
    differs = offline[features].mean() != online[features].mean()
    return sorted(differs.index[differs])


# %% tags=["solution"]
def find_skewed_columns(offline: pd.DataFrame, online: pd.DataFrame) -> list[str]:
    left = offline.set_index("tx_id").sort_index()
    right = online.set_index("tx_id").sort_index()
    same = (left == right) | (left.isna() & right.isna())
    is_skewed = ~same.all()
    return sorted(is_skewed.index[is_skewed])


# %% [markdown] tags=["hint"]
# One cell is too large by three and another too small by three. What do the means say?
# %% [markdown] tags=["hint"]
# Which rows belong together? And what is `float("nan") == float("nan")`?
# %% [markdown] tags=["hint"]
# Sort both tables by `tx_id`. Cells are the same if they are equal, or both missing.
