"""Features of transactions that arrive, from the stored past: the windows of `features.sql` over what the database holds of
their customers and terminals. They are the integers that the offline run gives.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.data import TRANSACTION_COLUMNS
from fraudops.features import numpy_windows
from fraudops.features.definitions import (
    CUSTOMER_HISTORY_SECONDS,
    NULLABLE_SUMS,
    SUM_PREFIXES,
    TERMINAL_HISTORY_SECONDS,
    WINDOW_GAP_SECONDS,
)
from fraudops.features.offline import compute_sums_duckdb
from fraudops.features.sql_plan import load_plan
from fraudops.features.transform import ColumnArrays
from fraudops.store import split_keys


# made once: to build such a query takes as long as to run it
_STORED_IDS_QUERY = sa.select(store.transactions.c.tx_id).where(
    store.transactions.c.tx_id.in_(sa.bindparam("ids", expanding=True))
)


@cache
def _build_history_queries() -> dict[str, tuple[int, sa.Select, sa.Select]]:
    """For each key: seconds of history, the query for transactions and that for fraud reports."""
    plan = load_plan()
    assert plan, "only NumPy needs these queries"
    t = store.transactions.c
    marks = [
        sa.literal_column(
            f"COALESCE({mark.sql}, {numpy_windows.UNKNOWN_VALUE})", sa.BigInteger
        ).label(name)
        for name, mark in plan.row_marks.items()
    ]
    customer_columns = [*(t[name] for name in numpy_windows.CUSTOMER_COLUMNS), *marks]
    terminal_columns = [t[name] for name in numpy_windows.TERMINAL_COLUMNS]
    return {
        "customer_id": (
            CUSTOMER_HISTORY_SECONDS,
            *_build_key_queries("customer_id", customer_columns),
        ),
        "terminal_id": (
            TERMINAL_HISTORY_SECONDS,
            *_build_key_queries("terminal_id", terminal_columns),
        ),
    }


def _build_key_queries(
    key_column: str, columns: list[sa.ColumnElement]
) -> tuple[sa.Select, sa.Select]:
    """The queries for transactions and for fraud reports of some customers or terminals."""
    t, f = store.transactions.c, store.labels.c
    keys = sa.bindparam("keys", expanding=True)
    since, until = sa.bindparam("since"), sa.bindparam("until")
    transactions = sa.select(*columns).where(t[key_column].in_(keys), t.ts.between(since, until))
    reports = sa.select(*(f[name] for name in numpy_windows.REPORT_COLUMNS)).distinct()
    reports = reports.where(
        f[key_column].in_(keys),
        f.label_ts.between(since, until),
        f.source == "chargeback",
        f.is_fraud == 1,
    )
    return transactions, reports


def load_history_frames(
    connection: sa.Connection, tx: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stored past that the features of some transactions can depend on.

    Parameters
    ----------
    tx : (n, 9) raw transactions, columns `TX_COLUMNS`

    Returns
    -------
    Earlier transactions of the same customers and terminals, and the chargebacks that had arrived on them.
    """
    high = int(tx["ts"].max()) - WINDOW_GAP_SECONDS
    past, reports = [], []
    for name, reach in (
        ("customer_id", CUSTOMER_HISTORY_SECONDS),
        ("terminal_id", TERMINAL_HISTORY_SECONDS),
    ):
        low = int(tx["ts"].min()) - reach
        for keys in split_keys(sorted(set(tx[name]))):
            t, f = store.transactions, store.labels
            past.append(
                store.read_frame(
                    connection,
                    sa.select(t).where(t.c[name].in_(keys), t.c.ts >= low, t.c.ts <= high),
                )
            )
            known = (
                (f.c.source == "chargeback")
                & (f.c.is_fraud == 1)
                & (f.c.label_ts >= low)
                & (f.c.label_ts <= high)
            )
            columns = (f.c.tx_id, f.c.customer_id, f.c.terminal_id, f.c.label_ts)
            reports.append(
                store.read_frame(connection, sa.select(*columns).where(f.c[name].in_(keys), known))
            )
    return pd.concat(past).drop_duplicates("tx_id"), pd.concat(reports).drop_duplicates()


def compute_sums_sql(connection: sa.Connection, rows: list[dict]) -> ColumnArrays:
    """`sums` by the text itself, run by DuckDB: to compare with, and where `windows.agrees` is false."""
    tx = pd.DataFrame(rows, columns=list(TRANSACTION_COLUMNS))
    past, reports = load_history_frames(connection, tx)
    past = past[~past["tx_id"].isin(tx["tx_id"])]
    every = pd.concat([past.assign(wanted=0), tx.assign(wanted=1)], ignore_index=True)
    whole = {"ts": np.int64, "amount_cents": np.int64, "lat_cdeg": "Int64", "lon_cdeg": "Int64"}
    found = compute_sums_duckdb(every.astype(whole), reports).set_index("tx_id").loc[tx["tx_id"]]
    return _to_sum_arrays({name: found[name].to_numpy() for name in found})


def _to_sum_arrays(found: Mapping[str, Sequence]) -> ColumnArrays:
    """The sums as `features.divide` takes them: whole numbers, and NaN where a time is missing."""
    return {
        name: np.array([np.nan if value is None else value for value in values], float)
        if name in NULLABLE_SUMS
        else np.asarray(values, np.int64)
        for name, values in found.items()
        if name.startswith(SUM_PREFIXES)
    }


def _fetch_driver_rows(connection: sa.Connection, query: sa.Select, of: dict) -> list[tuple]:
    """The rows as the driver gives them: thousands of whole numbers and short texts need no conversion, which takes longer."""
    with connection.execute(query, of) as result:
        return result.cursor.fetchall()


def load_event_history(connection: sa.Connection, rows: list[dict]) -> numpy_windows.EventHistory:
    """What is stored of the customers and terminals of some transactions, as far back as a window of theirs reaches."""
    first, until = (
        min(row["ts"] for row in rows),
        max(row["ts"] for row in rows) - WINDOW_GAP_SECONDS,
    )
    parts = split_keys([row["tx_id"] for row in rows])
    stored = [
        tx_id for ids in parts for tx_id in connection.scalars(_STORED_IDS_QUERY, {"ids": ids})
    ]
    found = []
    for name, (reach, seen, reported) in _build_history_queries().items():
        if stored:  # what a row says goes before what is stored of it
            seen = seen.where(store.transactions.c.tx_id.not_in(stored))
        made: list = []
        reports: list = []
        for keys in split_keys(sorted({row[name] for row in rows})):
            of = {"keys": keys, "since": first - reach, "until": until}
            made += _fetch_driver_rows(connection, seen, of)
            reports += _fetch_driver_rows(connection, reported, of)
        found += [made, reports]
    return numpy_windows.EventHistory(*found)


def compute_online_sums(connection: sa.Connection, rows: list[dict]) -> ColumnArrays:
    """What `features.sql` gives for raw transactions, from the stored past and from one another.

    Parameters
    ----------
    rows : transactions with distinct ids, keys `TX_COLUMNS`

    Returns
    -------
    (n,) arrays by name, in the order of `rows`, as `features.divide` takes them
    """
    return (
        numpy_windows.compute_sums_numpy(rows, load_event_history(connection, rows))
        if load_plan()
        else compute_sums_sql(connection, rows)
    )


def to_column_arrays(rows: list[dict]) -> ColumnArrays:
    """Time, amount and place of raw transactions as `features.divide` takes them."""
    whole = {
        name: np.array([row[name] for row in rows], np.int64) for name in ("ts", "amount_cents")
    }
    places = {
        name: [np.nan if row[name] is None else row[name] for row in rows]
        for name in ("lat_cdeg", "lon_cdeg")
    }
    return whole | {name: np.array(values, float) for name, values in places.items()}
