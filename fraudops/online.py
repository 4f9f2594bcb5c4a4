"""Features of transactions that arrive, from the stored past: the same `features.sql`, run where the past is.

A few transactions are looked up in the database itself, one by one; many at once go through DuckDB, over the rows of their
customers and terminals. Both give the integers that the offline run gives.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.features import CUSTOMER_HISTORY, MAYBE, SETTLE_SECONDS, SQL, SUMS, TERMINAL_HISTORY, Columns, sums_in_duckdb

TX_COLUMNS = ["tx_id", "ts", "customer_id", "terminal_id", "amount_cents", "category", "channel", "lat_cdeg", "lon_cdeg"]
PER_QUERY = 400  # keys in one IN (...): below every engine's limit
POINT_ROWS = 32  # transactions from which on one query for all is quicker than one for each

_NEW = {
    "tx_id": "VARCHAR(200)", "ts": "BIGINT", "customer_id": "VARCHAR(200)", "terminal_id": "VARCHAR(200)",
    "amount_cents": "BIGINT", "category": "VARCHAR(200)", "channel": "VARCHAR(200)",
    "lat_cdeg": "INTEGER", "lon_cdeg": "INTEGER",
}  # fmt: skip
_COLUMNS = ", ".join(TX_COLUMNS)
# The past of one transaction as the tables that `features.sql` reads. At one terminal the customer's own rows are in the first
# part already.
_POINT = sa.text(
    f"""WITH tx AS (
    SELECT {_COLUMNS}, 0 AS wanted FROM transactions
    WHERE customer_id = :customer_id AND ts BETWEEN :customer_since AND :until AND tx_id <> :tx_id
    UNION ALL
    SELECT {_COLUMNS}, 0 AS wanted FROM transactions
    WHERE terminal_id = :terminal_id AND ts BETWEEN :terminal_since AND :until AND customer_id <> :customer_id
    UNION ALL
    SELECT {", ".join(f"CAST(:{name} AS {kind})" for name, kind in _NEW.items())}, 1
),
fraud AS (
    SELECT tx_id, customer_id, terminal_id, label_ts FROM labels
    WHERE customer_id = :customer_id AND label_ts BETWEEN :customer_since AND :until
      AND source = 'chargeback' AND is_fraud = 1
    UNION
    SELECT tx_id, customer_id, terminal_id, label_ts FROM labels
    WHERE terminal_id = :terminal_id AND label_ts BETWEEN :terminal_since AND :until
      AND source = 'chargeback' AND is_fraud = 1
),
{SQL[SQL.index("WITH customer_event") + len("WITH ") :]}"""
)


def chunks(values: list[str]) -> list[list[str]]:
    """The values in parts that fit one IN (...)."""
    return [values[i : i + PER_QUERY] for i in range(0, len(values), PER_QUERY)]


def history(connection: sa.Connection, tx: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stored past that the features of some transactions can depend on.

    Parameters
    ----------
    tx : (n, 9) raw transactions, columns `TX_COLUMNS`

    Returns
    -------
    Earlier transactions of the same customers and terminals, and the chargebacks that had arrived on them.
    """
    high = int(tx["ts"].max()) - SETTLE_SECONDS
    past, reports = [], []
    for name, reach in (("customer_id", CUSTOMER_HISTORY), ("terminal_id", TERMINAL_HISTORY)):
        low = int(tx["ts"].min()) - reach
        for keys in chunks(sorted(set(tx[name]))):
            t, f = store.transactions, store.labels
            past.append(store.frame(connection, sa.select(t).where(t.c[name].in_(keys), t.c.ts >= low, t.c.ts <= high)))
            known = (f.c.source == "chargeback") & (f.c.is_fraud == 1) & (f.c.label_ts >= low) & (f.c.label_ts <= high)
            columns = (f.c.tx_id, f.c.customer_id, f.c.terminal_id, f.c.label_ts)
            reports.append(store.frame(connection, sa.select(*columns).where(f.c[name].in_(keys), known)))
    return pd.concat(past).drop_duplicates("tx_id"), pd.concat(reports).drop_duplicates("tx_id")


def together(connection: sa.Connection, rows: list[dict]) -> Columns:
    """`sums` by one query of DuckDB, whatever the number of rows."""
    tx = pd.DataFrame(rows, columns=TX_COLUMNS)
    past, reports = history(connection, tx)
    past = past[~past["tx_id"].isin(tx["tx_id"])]
    every = pd.concat([past.assign(wanted=0), tx.assign(wanted=1)], ignore_index=True)
    whole = {"ts": np.int64, "amount_cents": np.int64, "lat_cdeg": "Int64", "lon_cdeg": "Int64"}
    found = sums_in_duckdb(every.astype(whole), reports).set_index("tx_id").loc[tx["tx_id"]]
    return _arrays({name: found[name].to_numpy() for name in found})


def one_by_one(connection: sa.Connection, rows: list[dict]) -> Columns:
    """`sums` by one query of the database for each row; only for rows that are `apart`."""
    found = []
    for row in rows:
        since = {"customer_since": row["ts"] - CUSTOMER_HISTORY, "terminal_since": row["ts"] - TERMINAL_HISTORY}
        result = connection.execute(_POINT, row | since | {"until": row["ts"] - SETTLE_SECONDS})
        found.append(result.one())
    return _arrays(dict(zip(result.keys(), zip(*found, strict=True), strict=True)))


def _arrays(found: Mapping[str, Sequence]) -> Columns:
    """The sums as `features.divide` takes them: whole numbers, and NaN where a time is missing."""
    return {
        name: np.array([np.nan if value is None else value for value in values], float)
        if name in MAYBE
        else np.asarray(values, np.int64)
        for name, values in found.items()
        if name.startswith(SUMS)
    }


def apart(rows: list[dict]) -> bool:
    """Whether no two of the transactions have a customer or a terminal in common, so that none is the other's past."""
    return all(len({row[name] for row in rows}) == len(rows) for name in ("customer_id", "terminal_id"))


def sums(connection: sa.Connection, rows: list[dict]) -> Columns:
    """What `features.sql` gives for raw transactions, from the stored past and from one another.

    Parameters
    ----------
    rows : transactions with distinct ids, keys `TX_COLUMNS`

    Returns
    -------
    (n,) arrays by name, in the order of `rows`, as `features.divide` takes them
    """
    return (one_by_one if len(rows) <= POINT_ROWS and apart(rows) else together)(connection, rows)


def columns(rows: list[dict]) -> Columns:
    """Time, amount and place of raw transactions as `features.divide` takes them."""
    whole = {name: np.array([row[name] for row in rows], np.int64) for name in ("ts", "amount_cents")}
    places = {name: [np.nan if row[name] is None else row[name] for row in rows] for name in ("lat_cdeg", "lon_cdeg")}
    return whole | {name: np.array(values, float) for name, values in places.items()}
