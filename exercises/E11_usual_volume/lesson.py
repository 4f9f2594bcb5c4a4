# ---
# title: The usual volume of a weekday
# level: 1
# minutes: 5
# notebook: 2_1_data_quality
# section: Volume by weekday
# function: get_usual_volume
# ---
# %% [markdown]
# How many transactions does an ordinary Sunday have? A monitor needs this number before it
# can call a Sunday unusual.
#
# Write `get_usual_volume(history, weekday)`. `history` has one row for each past day, with
# the columns `weekday` (0 is Monday) and `transactions`. One holiday among the Sundays must
# not move the answer.
# %%
import pandas as pd

history = pd.DataFrame({"weekday": [5, 6, 0, 5, 6], "transactions": [900, 400, 980, 920, 410]})


# %% tags=["starter"]
def get_usual_volume(history: pd.DataFrame, weekday: int) -> float:
    same_weekday = ...  # fill in
    return float(same_weekday["transactions"].mean())


# %% tags=["solution"]
def get_usual_volume(history: pd.DataFrame, weekday: int) -> float:
    same_weekday = history[history["weekday"] == weekday]
    return float(same_weekday["transactions"].median())


# %% [markdown] tags=["hint"]
# Which days of `history` may a Sunday be compared with?
# %% [markdown] tags=["hint"]
# One day of four is a holiday with almost no transactions. What happens to the mean? And to
# the middle?
# %% [markdown] tags=["hint"]
# Keep the rows with `history["weekday"] == weekday`, and take the `median` of their
# `transactions`.
