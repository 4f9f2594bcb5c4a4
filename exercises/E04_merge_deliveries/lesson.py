# ---
# title: Merge two deliveries
# level: 2
# minutes: 10
# notebook: 1_1_ingest
# section: The same file twice, late rows, a corrected row
# function: merge_deliveries
# ---
# %% [markdown]
# A file comes twice, or a later file corrects an amount. Each transaction must count once,
# with the newest content. What the new delivery does not mention stays.
#
# The function below has a fault. Find it: `merge_deliveries(stored, delivered)` returns one
# table with one row for each `tx_id`. `delivered` is newer than `stored`.
# %%
import pandas as pd

stored = pd.DataFrame({"tx_id": ["a", "b"], "amount_cents": [500, 800]})
delivered = pd.DataFrame({"tx_id": ["b", "c"], "amount_cents": [850, 300]})


# %% tags=["starter"]
def merge_deliveries(stored: pd.DataFrame, delivered: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([stored, delivered]).drop_duplicates()


# %% tags=["solution"]
def merge_deliveries(stored: pd.DataFrame, delivered: pd.DataFrame) -> pd.DataFrame:
    both = pd.concat([stored, delivered])
    return both.drop_duplicates(subset="tx_id", keep="last")


# %% [markdown] tags=["hint"]
# Which columns say that two rows are the same transaction?
# %% [markdown] tags=["hint"]
# After `pd.concat([stored, delivered])`, which of two rows with one `tx_id` is the newer one?
# %% [markdown] tags=["hint"]
# `drop_duplicates` has the arguments `subset` and `keep`. By default it keeps the first row.
