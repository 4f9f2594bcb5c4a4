# ---
# title: How complete are the labels?
# level: 2
# minutes: 15
# notebook: 2_4_labels_arrive_late
# section: How late is late?
# function: compute_share_arrived
# ---
# %% [markdown]
# How many of the fraud reports are there seven days after the purchase? The answer says how
# old a row must be before a model may learn from it.
#
# Repair `compute_share_arrived(tx, now, days, complete_days)`. `tx` has the columns `ts` and
# `label_ts`, in seconds. `label_ts` is missing where no fraud was reported. Use only
# transactions that are at least `complete_days` days old at `now`: of younger ones the late
# reports cannot be there yet. Return the share of their reports that came within `days` days
# of the transaction.
# %%
import pandas as pd

DAY = 86_400


# %% tags=["starter"]
def compute_share_arrived(tx: pd.DataFrame, now: int, days: int, complete_days: int) -> float:
    delay = tx["label_ts"] - tx["ts"]
    return float((delay <= days * DAY).mean())


# %% tags=["solution"]
def compute_share_arrived(tx: pd.DataFrame, now: int, days: int, complete_days: int) -> float:
    old = tx[tx["ts"] <= now - complete_days * DAY]
    reported = old.dropna(subset="label_ts")
    delay = reported["label_ts"] - reported["ts"]
    return float((delay <= days * DAY).mean())


# %% [markdown] tags=["hint"]
# A fraud of yesterday whose report is there already: was it a quick or a slow report?
# %% [markdown] tags=["hint"]
# The share is of the *reports*. Which rows have none?
# %% [markdown] tags=["hint"]
# First keep the rows with `ts <= now - complete_days * DAY`, then drop those without
# `label_ts`.
