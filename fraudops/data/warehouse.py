"""Read the stored transactions and labels as they were known at a moment."""

from pathlib import Path

import duckdb
import pandas as pd

from fraudops.data.columns import (
    IS_PURCHASE_SQL,
    IS_REFUND_SQL,
    STORED_COLUMNS,
    TRANSACTION_COLUMNS,
)
from fraudops.data.parquet import read_days_sql
from fraudops.errors import MissingInputError
from fraudops.timeline import day_start, parse_day
from fraudops.workspace import Workspace, read_json


def _load_as_of(workspace: Workspace) -> int:
    """Load the end of the data in seconds since 1970, also for data without a timeline."""
    return read_json(workspace.require_path("data", "dataset.json", made_by="1_1_ingest"))["as_of"]


def _load_rows(
    workspace: Workspace,
    start: int | None,
    end: int | None,
    given: bool,
    held: bool,
    is_purchase: bool,
) -> pd.DataFrame:
    as_of = _load_as_of(workspace)
    folder = workspace.require_path("data", "transactions", made_by="1_1_ingest")
    more = (
        ", COLUMNS('given_.*')"
        if given and read_json(workspace.path("data", "dataset.json"))["given"]
        else ""
    )
    broken = (
        []
        if held
        else [day_start(parse_day(day, "a day of held.json")) for day in workspace.held_days()]
    )
    db = duckdb.connect()
    db.execute("SET enable_progress_bar = false")  # a notebook would keep the bar in its page
    condition, names = IS_PURCHASE_SQL, TRANSACTION_COLUMNS
    if not is_purchase:
        condition, names = IS_REFUND_SQL, STORED_COLUMNS
        _check_kind_is_stored(db, folder)
    return (
        db.execute(
            f"SELECT {', '.join(names)}{more} FROM {read_days_sql(folder)} "
            f"WHERE {condition} AND ts >= ? AND ts < ? "
            "AND NOT list_contains(?::BIGINT[], ts - ts % 86400) ORDER BY ts, tx_id",
            [start or 0, min(end or as_of, as_of), broken],
        )
        .df()
        .astype({"lat_cdeg": "Int64", "lon_cdeg": "Int64"})
    )


def load_transactions(
    workspace: Workspace,
    start: int | None = None,
    end: int | None = None,
    given: bool = True,
    held: bool = False,
) -> pd.DataFrame:
    """Load the accepted purchases of a period in time order, each in its current version.

    Refunds are left out; see `load_refunds`.

    Parameters
    ----------
    workspace : Workspace
    start : int, optional
        First second, since 1970. None: from the first transaction.
    end : int, optional
        This second and later ones are left out. None: the run's `as_of`, after which nothing is
        read.
    given : bool, optional
        Load the columns ``given_*`` too, which some sources bring already computed.
    held : bool, optional
        Load the days that are held back too.

    Returns
    -------
    DataFrame
        Columns `TRANSACTION_COLUMNS`: ids are text, money is cents, places are hundredths of a
        degree (null if unknown). After them the columns ``given_*``, if the source has some.
    """
    return _load_rows(workspace, start, end, given, held, is_purchase=True)


def _check_kind_is_stored(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    names = db.execute(f"SELECT * FROM {read_days_sql(folder)} LIMIT 0").description
    if "kind" not in [name for name, *_ in names]:
        raise MissingInputError(
            f"{folder} comes from an earlier version of this library, which did not store whether "
            "money that goes back is a refund or a reversal. Run 1_1_ingest again."
        )


def load_refunds(
    workspace: Workspace, start: int | None = None, end: int | None = None, held: bool = False
) -> pd.DataFrame:
    """Load the refunds and reversals of a period in time order. No model scores them.

    Parameters
    ----------
    workspace : Workspace
    start, end, held : optional
        See `load_transactions`.

    Returns
    -------
    DataFrame
        Columns `TRANSACTION_COLUMNS`, with negative amounts, and ``kind``.

    Raises
    ------
    MissingInputError
        If an earlier version of the course has stored the data.
    """
    return _load_rows(workspace, start, end, False, held, is_purchase=False)


def load_labels(workspace: Workspace, known_at: int | None = None) -> pd.DataFrame:
    """Load the fraud reports that had arrived at a moment.

    Parameters
    ----------
    workspace : Workspace
    known_at : int, optional
        Seconds since 1970. None: the run's `as_of`.

    Returns
    -------
    DataFrame
        ``tx_id, customer_id, terminal_id, label_ts``.
    """
    as_of = _load_as_of(workspace)
    labels = pd.read_parquet(workspace.require_path("data", "labels.parquet", made_by="1_1_ingest"))
    return labels[labels["label_ts"] < min(known_at or as_of, as_of)].reset_index(drop=True)
