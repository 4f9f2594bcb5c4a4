# ---
# title: Two sides of a drift report
# level: 1
# minutes: 10
# notebook: 2_2_drift_monitor
# section: Evidently beside it
# function: report_drift
# ---
# %% [markdown]
# A drift report compares two tables: `reference` is the time that we know, `current` is what
# we judge. Evidently's `Report.run(current, reference)` takes them in this order. Every
# column of the tables is compared, so a column that is different in each row drifts always.
#
# Complete `report_drift(run, table, live)`. Call `run(current, reference)` once and return
# what it gives. Rows before `live` are the reference, rows from `live` on are current. Leave
# out the columns `tx_id` and `ts`.
# %%
import pandas as pd


# %% tags=["starter"]
def report_drift(run, table: pd.DataFrame, live: int):
    columns = ...  # fill in
    before = table.loc[table["ts"] < live, columns]
    after = table.loc[table["ts"] >= live, columns]
    return run(..., ...)  # fill in


# %% tags=["solution"]
def report_drift(run, table: pd.DataFrame, live: int):
    columns = table.columns.drop(["tx_id", "ts"])
    before = table.loc[table["ts"] < live, columns]
    after = table.loc[table["ts"] >= live, columns]
    return run(after, before)


# %% [markdown] tags=["hint"]
# Read the order of the arguments of `run` once more.
# %% [markdown] tags=["hint"]
# No transaction id of today occurs in the reference. What would a drift test say about it?
# %% [markdown] tags=["hint"]
# `table.columns.drop(["tx_id", "ts"])` and `run(after, before)`.
