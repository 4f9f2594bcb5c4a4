"""Read and write rows: streams, data frames, and rows that are new."""

from collections.abc import Iterator

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

from fraudops.store.schema import refunds, transactions


def stream_rows(connection: sa.Connection, query: sa.Select) -> Iterator[sa.Row]:
    """Read the rows of a query a part at a time.

    Parameters
    ----------
    connection : Connection
    query : Select

    Yields
    ------
    Row
    """
    yield from connection.execute(
        query, execution_options={"stream_results": True, "yield_per": 5_000}
    )


def insert_new(connection: sa.Connection, table: sa.Table, rows: list[dict]) -> int:
    """Insert the rows whose key is new; the others stay as they are.

    Parameters
    ----------
    connection : Connection
    table : Table
    rows : list of dict

    Returns
    -------
    int
        Number of new rows.
    """
    if not rows:
        return 0
    insert = (
        (sqlite_dialect if connection.dialect.name == "sqlite" else postgresql)
        .insert(table)
        .on_conflict_do_nothing()
    )
    return connection.execute(insert, rows, execution_options={"preserve_rowcount": True}).rowcount


def read_frame(connection: sa.Connection, query: sa.Select) -> pd.DataFrame:
    """Read the rows of a query into a data frame.

    Parameters
    ----------
    connection : Connection
    query : Select

    Returns
    -------
    DataFrame
    """
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))


def to_transaction_rows(tx: pd.DataFrame) -> list[dict]:
    """Convert canonical columns to rows of `transactions`.

    Parameters
    ----------
    tx : DataFrame
        Columns `data.TRANSACTION_COLUMNS`. An unknown place becomes NULL.

    Returns
    -------
    list of dict
    """
    rows = tx[[column.name for column in transactions.columns]]
    places = {
        name: rows[name].astype(object).where(rows[name].notna(), None)
        for name in ("lat_cdeg", "lon_cdeg")
    }
    return rows.assign(**places).to_dict("records")


def to_refund_rows(back: pd.DataFrame) -> list[dict]:
    """Convert refunds to rows of `refunds`.

    Parameters
    ----------
    back : DataFrame
        See `data.load_refunds`.

    Returns
    -------
    list of dict
    """
    return back[[column.name for column in refunds.columns]].to_dict("records")


def to_label_rows(known: pd.DataFrame, actor: str = "issuer") -> list[dict]:
    """Convert fraud reports to rows of `labels`, all chargebacks.

    Parameters
    ----------
    known : DataFrame
        ``tx_id, customer_id, terminal_id, label_ts``.
    actor : str, optional
        Who reported them.

    Returns
    -------
    list of dict
    """
    columns = ["tx_id", "customer_id", "terminal_id", "label_ts"]
    return known[columns].assign(source="chargeback", actor=actor, is_fraud=1).to_dict("records")


MAX_KEYS_PER_QUERY = 400  # keys in one IN (...): below every engine's limit


def split_keys(values: list[str]) -> list[list[str]]:
    """Split values into parts that fit one ``IN (...)``.

    Parameters
    ----------
    values : list of str

    Returns
    -------
    list of list of str
    """
    return [values[i : i + MAX_KEYS_PER_QUERY] for i in range(0, len(values), MAX_KEYS_PER_QUERY)]
