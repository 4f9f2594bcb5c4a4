# ---
# title: Ids are text
# level: 1
# minutes: 5
# notebook: 1_1_ingest
# section: Three decisions before the first row
# function: read_ids
# ---
# %% [markdown]
# An id looks like a number, but it is a name. `0042` and `42` are two customers.
#
# Write `read_ids(text)`. `text` is a CSV file with the columns `customer_id` and `amount`.
# Return the list of ids as texts, exactly as they stand in the file. An empty id is the empty
# text. An id may be any text, also `NA`.
# %%
import io

import pandas as pd

example = "customer_id,amount\n0042,10.5\n117,3.2\n"
pd.read_csv(io.StringIO(example))


# %% [markdown]
# The table above shows what pandas does without instructions: it has lost two characters.
# %% tags=["starter"]
def read_ids(text: str) -> list[str]:
    table = pd.read_csv(io.StringIO(text), dtype=...)  # fill in
    return table["customer_id"].tolist()


# %% tags=["solution"]
def read_ids(text: str) -> list[str]:
    table = pd.read_csv(io.StringIO(text), dtype={"customer_id": str}, keep_default_na=False)
    return table["customer_id"].tolist()


# %% [markdown] tags=["hint"]
# Which type must the column have, so that pandas does not compute with it?
# %% [markdown] tags=["hint"]
# pandas also takes some words, such as `NA`, for a missing value. `pd.read_csv` has an
# argument for that.
# %% [markdown] tags=["hint"]
# Use `dtype={"customer_id": str}` and `keep_default_na=False`.
