"""Compute features of arriving transactions from the stored past."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

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


class LateEvents(NamedTuple):
    """Stored events that were recorded after an answer, so that the answer could not know them.

    Attributes
    ----------
    transactions : frozenset of str
        Their ``tx_id``.
    reports : frozenset of tuple of str and int
        ``(tx_id, label_ts)`` of fraud reports.
    refunds : frozenset of str
        Their ``tx_id``.
    """

    transactions: frozenset[str]
    reports: frozenset[tuple[str, int]]
    refunds: frozenset[str]


# built once, because that takes as long as to run it
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


@cache
def _build_refund_query() -> sa.Select:
    """The query for refunds of some customers."""
    r = store.refunds.c
    keys = sa.bindparam("keys", expanding=True)
    since, until = sa.bindparam("since"), sa.bindparam("until")
    columns = (r[name] for name in numpy_windows.REFUND_EVENT_COLUMNS)
    return sa.select(*columns).where(r.customer_id.in_(keys), r.ts.between(since, until))


def _build_key_queries(
    key_column: str, columns: list[sa.ColumnElement]
) -> tuple[sa.Select, sa.Select]:
    """The queries for transactions and for fraud reports of some customers or terminals."""
    t, f = store.transactions.c, store.labels.c
    keys = sa.bindparam("keys", expanding=True)
    since, until = sa.bindparam("since"), sa.bindparam("until")
    transactions = sa.select(*columns).where(t[key_column].in_(keys), t.ts.between(since, until))
    reports = sa.select(*(f[name] for name in numpy_windows.REPORT_EVENT_COLUMNS)).distinct()
    reports = reports.where(
        f[key_column].in_(keys),
        f.label_ts.between(since, until),
        f.source == "chargeback",
        f.is_fraud == 1,
    )
    return transactions, reports


def load_history_frames(
    connection: sa.Connection, tx: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Load the stored past that the features of some transactions can depend on.

    Parameters
    ----------
    connection : Connection
    tx : DataFrame
        (n, 9) raw transactions.

    Returns
    -------
    tuple of DataFrame
        Earlier transactions of the same customers and terminals, the chargebacks that had
        arrived on them, and the refunds of the customers.
    """
    high = int(tx["ts"].max()) - WINDOW_GAP_SECONDS
    past, reports, refunds = [], [], []
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
    low = int(tx["ts"].min()) - CUSTOMER_HISTORY_SECONDS
    for keys in split_keys(sorted(set(tx["customer_id"]))):
        query = _build_refund_query().add_columns(store.refunds.c.tx_id)
        query = query.params(keys=keys, since=low, until=high)
        refunds.append(store.read_frame(connection, query))
    return (
        pd.concat(past).drop_duplicates("tx_id"),
        pd.concat(reports).drop_duplicates(),
        pd.concat(refunds).astype({"ts": np.int64, "customer_id": "str"}),
    )


def compute_sums_sql(
    connection: sa.Connection, rows: list[dict], left_out: LateEvents | None = None
) -> ColumnArrays:
    """Compute the same as `compute_online_sums` by running `features.sql` in DuckDB.

    Parameters
    ----------
    connection : Connection
    rows : list of dict
        Transactions with distinct ids, keys `TRANSACTION_COLUMNS`.
    left_out : LateEvents, optional
        Stored events that do not count. Default: all count.

    Returns
    -------
    dict of str to (n,) array
        In the order of `rows`, as `compute_feature_matrix` takes them.
    """
    tx = pd.DataFrame(rows, columns=list(TRANSACTION_COLUMNS))
    past, reports, refunds = load_history_frames(connection, tx)
    past = past[~past["tx_id"].isin(tx["tx_id"])]
    if left_out:
        keys = pd.Series(
            list(zip(reports["tx_id"], reports["label_ts"], strict=True)), dtype=object
        )
        past = past[~past["tx_id"].isin(left_out.transactions)]
        reports = reports[~keys.isin(left_out.reports).to_numpy()]
        refunds = refunds[~refunds["tx_id"].isin(left_out.refunds)]
    events = pd.concat([past.assign(wanted=0), tx.assign(wanted=1)], ignore_index=True)
    types = {"ts": np.int64, "amount_cents": np.int64, "lat_cdeg": "Int64", "lon_cdeg": "Int64"}
    sums = compute_sums_duckdb(events.astype(types), reports, refunds)
    sums = sums.set_index("tx_id").loc[tx["tx_id"]]
    return _to_sum_arrays({name: sums[name].to_numpy() for name in sums})


def _to_sum_arrays(sums: Mapping[str, Sequence]) -> ColumnArrays:
    """The sums as int64, and as float64 with NaN where a time can be missing."""
    return {
        name: np.array([np.nan if value is None else value for value in values], float)
        if name in NULLABLE_SUMS
        else np.asarray(values, np.int64)
        for name, values in sums.items()
        if name.startswith(SUM_PREFIXES)
    }


def _fetch_driver_rows(
    connection: sa.Connection, query: sa.Select, parameters: dict
) -> list[tuple]:
    """Fetch the rows as the driver returns them, because converting thousands takes longer."""
    with connection.execute(query, parameters) as result:
        return result.cursor.fetchall()


def load_event_history(connection: sa.Connection, rows: list[dict]) -> numpy_windows.EventHistory:
    """Load what is stored of the customers and terminals of some transactions.

    Parameters
    ----------
    connection : Connection
    rows : list of dict
        Transactions, keys `TRANSACTION_COLUMNS`.

    Returns
    -------
    EventHistory
        As far back as a window of theirs reaches, without `rows` themselves.
    """
    first, until = (
        min(row["ts"] for row in rows),
        max(row["ts"] for row in rows) - WINDOW_GAP_SECONDS,
    )
    parts = split_keys([row["tx_id"] for row in rows])
    stored = [
        tx_id for ids in parts for tx_id in connection.scalars(_STORED_IDS_QUERY, {"ids": ids})
    ]
    history = []
    for name, (
        history_seconds,
        transaction_query,
        report_query,
    ) in _build_history_queries().items():
        if stored:  # a requested row replaces the stored one
            transaction_query = transaction_query.where(store.transactions.c.tx_id.not_in(stored))
        transactions: list = []
        reports: list = []
        for keys in split_keys(sorted({row[name] for row in rows})):
            parameters = {"keys": keys, "since": first - history_seconds, "until": until}
            transactions += _fetch_driver_rows(connection, transaction_query, parameters)
            reports += _fetch_driver_rows(connection, report_query, parameters)
        history += [transactions, reports]
    refunds: list = []
    for keys in split_keys(sorted({row["customer_id"] for row in rows})):
        since = first - CUSTOMER_HISTORY_SECONDS
        parameters = {"keys": keys, "since": since, "until": until}
        refunds += _fetch_driver_rows(connection, _build_refund_query(), parameters)
    return numpy_windows.EventHistory(*history, refunds)


def compute_online_sums(connection: sa.Connection, rows: list[dict]) -> ColumnArrays:
    """Compute the result of `features.sql` for raw transactions.

    Parameters
    ----------
    connection : Connection
    rows : list of dict
        Transactions with distinct ids, keys `TRANSACTION_COLUMNS`. Each also counts as the past
        of the others.

    Returns
    -------
    dict of str to (n,) array
        In the order of `rows`, as `compute_feature_matrix` takes them.
    """
    return (
        numpy_windows.compute_sums_numpy(rows, load_event_history(connection, rows))
        if load_plan()
        else compute_sums_sql(connection, rows)
    )


def to_column_arrays(rows: list[dict]) -> ColumnArrays:
    """Convert time, amount and place of raw transactions for `compute_feature_matrix`.

    Parameters
    ----------
    rows : list of dict
        Keys ts, amount_cents, lat_cdeg, lon_cdeg.

    Returns
    -------
    dict of str to (n,) array
        int64, and float64 with NaN for an unknown place.
    """
    whole = {
        name: np.array([row[name] for row in rows], np.int64) for name in ("ts", "amount_cents")
    }
    places = {
        name: [np.nan if row[name] is None else row[name] for row in rows]
        for name in ("lat_cdeg", "lon_cdeg")
    }
    return whole | {name: np.array(values, float) for name, values in places.items()}
