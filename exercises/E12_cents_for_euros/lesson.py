# ---
# title: Cents for euros
# level: 2
# minutes: 15
# notebook: 2_1_data_quality
# section: The unit of the amounts
# function: find_terminals_in_cents
# ---
# %% [markdown]
# A payment provider changes its interface. Some terminals now send cents where they used to
# send euros. Each single amount looks possible, so no check of a single row notices it.
#
# Write `find_terminals_in_cents(reference, today)`. Both tables have the columns
# `terminal_id` and `amount`. Return the sorted list of terminals whose middle amount of today
# is at least ten times their middle amount in the reference. One large purchase must not put
# a terminal on the list.
# %%
import pandas as pd


# %% tags=["starter"]
def find_terminals_in_cents(reference: pd.DataFrame, today: pd.DataFrame) -> list[str]:
    usual = reference["amount"].mean()
    now = today["amount"].mean()
    return sorted(today["terminal_id"].unique()) if now >= 10 * usual else []


# %% tags=["solution"]
def find_terminals_in_cents(reference: pd.DataFrame, today: pd.DataFrame) -> list[str]:
    usual = reference.groupby("terminal_id")["amount"].median()
    now = today.groupby("terminal_id")["amount"].median()
    ratio = now / usual
    return sorted(ratio[ratio >= 10].index)


# %% [markdown] tags=["hint"]
# If a third of the terminals sends cents, what happens to the middle amount of the whole day?
# %% [markdown] tags=["hint"]
# Look at each terminal on its own. Which figure of a terminal does one large purchase not
# move?
# %% [markdown] tags=["hint"]
# `groupby("terminal_id")["amount"].median()` for both tables. Divide one by the other.
