# ---
# title: The largest amount of seven days, in SQL
# level: 2
# minutes: 15
# notebook: 1_2_features
# section: The same in SQL
# function: write_query
# ---
# %% [markdown]
# A window in SQL looks at other rows of the same table. The query below shall give, for each
# transaction, the customer's largest amount from seven days before to sixty seconds before.
# It has two faults.
#
# Repair the text that `write_query()` returns. The table is called `tx`. Keep the two result
# columns and the order of the rows.
# %%
import pandas as pd

tx = pd.DataFrame(
    {
        "tx_id": ["a", "b", "c"],
        "customer_id": ["c1", "c1", "c2"],
        "ts": [0, 3600, 7200],
        "amount_cents": [500, 900, 100],
    }
)


# %% [markdown]
# You can try your text with `import duckdb` and `duckdb.sql(write_query()).df()`.
# %% tags=["starter"]
def write_query() -> str:
    return """
        SELECT tx_id, MAX(amount_cents) OVER week AS largest
        FROM tx
        WINDOW week AS (ORDER BY ts ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING)
        ORDER BY tx_id
    """


# %% tags=["solution"]
def write_query() -> str:
    return """
        SELECT tx_id, MAX(amount_cents) OVER week AS largest
        FROM tx
        WINDOW week AS (
            PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 604800 PRECEDING AND 60 PRECEDING
        )
        ORDER BY tx_id
    """


# %% [markdown] tags=["hint"]
# Whose amounts does the window see? And what does `ROWS` count?
# %% [markdown] tags=["hint"]
# `PARTITION BY` keeps customers apart. `RANGE` measures the value of the column in `ORDER
# BY`.
# %% [markdown] tags=["hint"]
# `ts` is in seconds: seven days are 604800 of them.
