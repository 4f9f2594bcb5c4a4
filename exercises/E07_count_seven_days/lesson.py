# ---
# title: Count seven days
# level: 1
# minutes: 5
# notebook: 1_2_features
# section: By hand, for one customer
# function: count_seven_days
# ---
# %% [markdown]
# How many transactions has a customer made in the last seven days? The model may use this
# number at the moment of a payment. So the number may hold only what was known at that
# moment.
#
# Write `count_seven_days(ts, moment)`. `ts` holds the times of one customer's transactions,
# `moment` is the time of the payment, both in seconds. Count the transactions from seven days
# before `moment` to sixty seconds before `moment`. Both ends count. Two payments within one
# minute may arrive in any order, so neither may count the other.
# %%
import pandas as pd

DAY = 86_400


# %% tags=["starter"]
def count_seven_days(ts: pd.Series, moment: int) -> int:
    start = ...  # fill in
    end = ...  # fill in
    return int(ts.between(start, end).sum())


# %% tags=["solution"]
def count_seven_days(ts: pd.Series, moment: int) -> int:
    start = moment - 7 * DAY
    end = moment - 60
    return int(ts.between(start, end).sum())


# %% [markdown] tags=["hint"]
# Draw a line of time. Where is the payment, and where does the window end?
# %% [markdown] tags=["hint"]
# The payment itself is one of the transactions in `ts`.
# %% [markdown] tags=["hint"]
# The window begins at `moment - 7 * DAY` and ends at `moment - 60`.
