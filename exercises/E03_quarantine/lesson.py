# ---
# title: Reject rows without losing them
# level: 2
# minutes: 15
# notebook: 1_1_ingest
# section: A schema of four columns
# function: split_rows
# ---
# %% [markdown]
# A delivery contains rows that break the schema. They must not go into the pipeline, and they
# must not disappear: they have to be repaired. So each row is either accepted or in
# quarantine, and the quarantine says *all* reasons.
#
# Write `split_rows(table, schema)`. Return two lists: the index labels of the accepted rows,
# and the pairs `(index label, column)` of everything that breaks the schema, sorted.
# %%
import pandas as pd
import pandera.pandas as pa

schema = pa.DataFrameSchema(
    {"amount_cents": pa.Column(int, pa.Check.gt(0)), "customer_id": pa.Column(str, nullable=False)}
)
example = pd.DataFrame({"amount_cents": [500, -1], "customer_id": ["c1", None]})


# %% [markdown]
# For `example` the right answer is `([0], [(1, "amount_cents"), (1, "customer_id")])`. The
# version below only accepts; it quarantines nothing.
# %% tags=["starter"]
def split_rows(table: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[list, list]:
    accepted = table.dropna()
    accepted = accepted[accepted["amount_cents"] > 0]
    return accepted.index.tolist(), []


# %% tags=["solution"]
def split_rows(table: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[list, list]:
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        failures = error.failure_cases
        reasons = sorted(zip(failures["index"], failures["column"], strict=True))
        accepted = table.index.difference(failures["index"])
        return accepted.tolist(), reasons
    return table.index.tolist(), []


# %% [markdown] tags=["hint"]
# `schema.validate(table)` stops at the first check that fails. Which argument makes it go on?
# %% [markdown] tags=["hint"]
# With `lazy=True` pandera raises `pa.errors.SchemaErrors`. Its attribute `failure_cases` is a
# table with the columns `index` and `column`.
# %% [markdown] tags=["hint"]
# The accepted rows are those whose label is not in `failure_cases["index"]`. If nothing is
# raised, all rows are accepted.
