"""Features of transactions that arrive, from the stored past: the windows of `features.sql` over what the database holds of
their customers and terminals. They are the integers that the offline run gives.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store, windows
from fraudops.features import CUSTOMER_HISTORY, MAYBE, SETTLE_SECONDS, SUMS, TERMINAL_HISTORY, Columns, sums_in_duckdb

TX_COLUMNS = list(windows.TX)
PER_QUERY = 400  # keys in one IN (...): below every engine's limit


def _seen(name: str, reach: int, columns: tuple[sa.ColumnElement, ...]) -> tuple[int, sa.Select, sa.Select]:
    """How far back the windows of an owner reach, and the queries for transactions and fraud reports of some owners."""
    t, f = store.transactions.c, store.labels.c
    keys, since, until = sa.bindparam("keys", expanding=True), sa.bindparam("since"), sa.bindparam("until")
    reports = sa.select(f.tx_id, f.label_ts, f.customer_id, f.terminal_id).distinct()
    reports = reports.where(f[name].in_(keys), f.label_ts.between(since, until), f.source == "chargeback", f.is_fraud == 1)
    return reach, sa.select(*columns).where(t[name].in_(keys), t.ts.between(since, until)), reports


# made once: to put such a query together takes as long as to ask it
_STORED = sa.select(store.transactions.c.tx_id).where(store.transactions.c.tx_id.in_(sa.bindparam("ids", expanding=True)))
_EVENT = {name: sa.literal_column(text, sa.BigInteger) for name, text in windows.EXPRESSIONS.items()}
_SEEN = {
    name: _seen(name, reach, tuple(_EVENT.get(one, store.transactions.c.get(one)) for one in columns))
    for name, reach, columns in (
        ("customer_id", CUSTOMER_HISTORY, windows.OF_CUSTOMERS),
        ("terminal_id", TERMINAL_HISTORY, windows.AT_TERMINALS),
    )
}


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
    return pd.concat(past).drop_duplicates("tx_id"), pd.concat(reports).drop_duplicates()


def together(connection: sa.Connection, rows: list[dict]) -> Columns:
    """`sums` by the text itself, run by DuckDB: to compare with, and where `windows.agrees` is false."""
    tx = pd.DataFrame(rows, columns=TX_COLUMNS)
    past, reports = history(connection, tx)
    past = past[~past["tx_id"].isin(tx["tx_id"])]
    every = pd.concat([past.assign(wanted=0), tx.assign(wanted=1)], ignore_index=True)
    whole = {"ts": np.int64, "amount_cents": np.int64, "lat_cdeg": "Int64", "lon_cdeg": "Int64"}
    found = sums_in_duckdb(every.astype(whole), reports).set_index("tx_id").loc[tx["tx_id"]]
    return _arrays({name: found[name].to_numpy() for name in found})


def _arrays(found: Mapping[str, Sequence]) -> Columns:
    """The sums as `features.divide` takes them: whole numbers, and NaN where a time is missing."""
    return {
        name: np.array([np.nan if value is None else value for value in values], float)
        if name in MAYBE
        else np.asarray(values, np.int64)
        for name, values in found.items()
        if name.startswith(SUMS)
    }


def _plain(connection: sa.Connection, query: sa.Select, of: dict) -> list[tuple]:
    """The rows as the driver gives them: thousands of whole numbers and short texts need no conversion, which takes longer."""
    with connection.execute(query, of) as result:
        return result.cursor.fetchall()


def past(connection: sa.Connection, rows: list[dict]) -> windows.Past:
    """What is stored of the customers and terminals of some transactions, as far back as a window of theirs reaches."""
    first, until = min(row["ts"] for row in rows), max(row["ts"] for row in rows) - SETTLE_SECONDS
    parts = chunks([row["tx_id"] for row in rows])
    stored = [tx_id for ids in parts for tx_id in connection.scalars(_STORED, {"ids": ids})]
    found = []
    for name, (reach, seen, reported) in _SEEN.items():
        if stored:  # what a row says goes before what is stored of it
            seen = seen.where(store.transactions.c.tx_id.not_in(stored))
        made: list = []
        reports: list = []
        for keys in chunks(sorted({row[name] for row in rows})):
            of = {"keys": keys, "since": first - reach, "until": until}
            made += _plain(connection, seen, of)
            reports += _plain(connection, reported, of)
        found += [made, reports]
    return windows.Past(*found)


def sums(connection: sa.Connection, rows: list[dict]) -> Columns:
    """What `features.sql` gives for raw transactions, from the stored past and from one another.

    Parameters
    ----------
    rows : transactions with distinct ids, keys `TX_COLUMNS`

    Returns
    -------
    (n,) arrays by name, in the order of `rows`, as `features.divide` takes them
    """
    return windows.sums(rows, past(connection, rows)) if windows.agrees() else together(connection, rows)


def columns(rows: list[dict]) -> Columns:
    """Time, amount and place of raw transactions as `features.divide` takes them."""
    whole = {name: np.array([row[name] for row in rows], np.int64) for name in ("ts", "amount_cents")}
    places = {name: [np.nan if row[name] is None else row[name] for row in rows] for name in ("lat_cdeg", "lon_cdeg")}
    return whole | {name: np.array(values, float) for name, values in places.items()}
