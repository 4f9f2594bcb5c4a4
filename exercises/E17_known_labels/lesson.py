# ---
# title: A training set that was known
# level: 1
# minutes: 10
# notebook: 3_1_champion
# section: What was known on the day the model went live?
# function: make_labels
# ---
# %% [markdown]
# A model goes live at `moment`. It may learn only from what was known then. A fraud report
# that arrives later is not known. And a transaction without a report counts as genuine only
# when it is at least seven days old: before that its report may still come.
#
# Complete `make_labels(tx, moment)`. `tx` has the columns `tx_id`, `ts` and `label_ts`
# (missing where no fraud was reported). Return a dictionary from `tx_id` to 1 (fraud) or 0
# (genuine) for all transactions with `ts` of at most `moment` less seven days. A report
# counts if `label_ts` is before `moment`.
# %%
import pandas as pd

DAY = 86_400


# %% tags=["starter"]
def make_labels(tx: pd.DataFrame, moment: int) -> dict[str, int]:
    old_enough = tx[...]  # fill in
    is_fraud = old_enough["label_ts"].notna()  # is this what was known?
    return dict(zip(old_enough["tx_id"], is_fraud.astype(int), strict=True))


# %% tags=["solution"]
def make_labels(tx: pd.DataFrame, moment: int) -> dict[str, int]:
    old_enough = tx[tx["ts"] <= moment - 7 * DAY]
    is_fraud = old_enough["label_ts"] < moment
    return dict(zip(old_enough["tx_id"], is_fraud.astype(int), strict=True))


# %% [markdown] tags=["hint"]
# `tx` was written long after `moment`. Which of its reports had arrived at `moment`?
# %% [markdown] tags=["hint"]
# What would the model think of yesterday's frauds, if their reports come next week?
# %% [markdown] tags=["hint"]
# Rows: `ts <= moment - 7 * DAY`. Fraud: `label_ts < moment`. A comparison with a missing
# value is False.
