"""Compute point-in-time features of stored transactions with DuckDB."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fraudops.features.definitions import CATEGORICAL_FEATURES, FEATURE_SQL, KEY_COLUMNS
from fraudops.features.transform import build_feature_frame
from fraudops.workspace import Workspace, atomic_write

FEATURE_ROW_GROUP_SIZE = 20_000  # rows
DUCKDB_BATCH_ROWS = 200_000  # rows that are divided at once


def compute_sums_duckdb(tx: pd.DataFrame, fraud: pd.DataFrame) -> pd.DataFrame:
    """Run `features.sql` over frames in memory.

    Parameters
    ----------
    tx : DataFrame
        (n, 9) transactions. With a column `wanted`, only rows with 1 get a result.
    fraud : DataFrame
        (m, 4) fraud reports: tx_id, customer_id, terminal_id, label_ts.

    Returns
    -------
    DataFrame
        Integer counts and sums of each wanted transaction, in any order.
    """
    import duckdb  # 15 MB, which the service does without

    db = duckdb.connect()
    db.register("tx", tx if "wanted" in tx else tx.assign(wanted=1))
    db.register("fraud", fraud[["tx_id", "customer_id", "terminal_id", "label_ts"]])
    return db.execute(FEATURE_SQL).df()


def compute_features(tx: pd.DataFrame, fraud: pd.DataFrame) -> pd.DataFrame:
    """Compute the features of every transaction.

    Parameters
    ----------
    tx : DataFrame
        (n, 9) transactions.
    fraud : DataFrame
        (m, 4) fraud reports: tx_id, customer_id, terminal_id, label_ts.

    Returns
    -------
    DataFrame
        (n, 39) columns `FEATURES`, in the order of `tx`.
    """
    return build_feature_frame(tx, compute_sums_duckdb(tx, fraud))


def compute_features_parquet(
    tx_files: str, fraud_file: str, out: Path, memory_limit: str = "1GB", threads: int | None = None
) -> int:
    """Compute features from Parquet to Parquet, of more transactions than fit in memory.

    Parameters
    ----------
    tx_files : str
        A file or a pattern of files: tx_id (unique), ts, customer_id, terminal_id, amount_cents,
        category, channel, lat_cdeg, lon_cdeg.
    fraud_file : str
        A file or a pattern of files: tx_id, customer_id, terminal_id, label_ts.
    out : Path
        File for tx_id, ts and `FEATURES`, in no particular order.
    memory_limit : str
        Memory of DuckDB; more is spilled to disk beside `out`. Arrow and pandas need some 300 MB
        in addition.
    threads : int, optional
        Threads of DuckDB; all cores by default.

    Returns
    -------
    int
        The number of rows written.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    import duckdb

    rows = 0
    with (
        atomic_write(out) as temporary,
        tempfile.TemporaryDirectory(dir=out.parent) as spill,
        duckdb.connect() as db,
    ):
        db.execute("SET memory_limit = ?", [memory_limit])
        db.execute("SET temp_directory = ?", [spill])
        db.execute("SET preserve_insertion_order = false")
        db.execute("SET enable_progress_bar = false")
        if threads:
            db.execute("SET threads = ?", [threads])
        db.read_parquet(tx_files).project("*, 1 AS wanted").create_view("tx")
        db.read_parquet(fraud_file).create_view("fraud")
        inputs = ", ".join(
            f"tx.{name}" for name in ("amount_cents", *CATEGORICAL_FEATURES, "lat_cdeg", "lon_cdeg")
        )
        joined = db.sql(
            f"SELECT sums.*, {inputs} FROM ({FEATURE_SQL}\n) AS sums JOIN tx USING (tx_id)"
        )
        with ExitStack() as stack:
            writer = None
            for batch in joined.to_arrow_reader(DUCKDB_BATCH_ROWS):
                part = batch.to_pandas()
                table = build_feature_frame(part, part).assign(tx_id=part["tx_id"], ts=part["ts"])
                arrow = pa.Table.from_pandas(table, preserve_index=False)
                writer = writer or stack.enter_context(pq.ParquetWriter(temporary, arrow.schema))
                writer.write_table(arrow.cast(writer.schema))
                rows += len(table)
    return rows


def write_features(workspace: Workspace, tx: pd.DataFrame, features: pd.DataFrame) -> None:
    """Write features to ``features/features.parquet`` of the workspace.

    Parameters
    ----------
    workspace : Workspace
    tx : DataFrame
        (n, ...) with `KEY_COLUMNS`.
    features : DataFrame
        (n, 39) in the order of `tx`.
    """
    table = features.assign(**{name: tx[name].to_numpy() for name in KEY_COLUMNS})
    with atomic_write(workspace.path("features", "features.parquet")) as temporary:
        table.to_parquet(temporary, index=False, row_group_size=FEATURE_ROW_GROUP_SIZE)


def load_features(
    workspace: Workspace, start: int | None = None, end: int | None = None
) -> pd.DataFrame:
    """Load the features of transactions with ``start <= ts < end``.

    Parameters
    ----------
    workspace : Workspace
    start, end : int, optional
        Seconds since 1970; without them, all transactions.

    Returns
    -------
    DataFrame
        Columns tx_id, ts, customer_id and `FEATURES`, in time order.

    Raises
    ------
    MissingInputError
        If 1_2_features has not been run.
    """
    path = workspace.require_path("features", "features.parquet", made_by="1_2_features")
    filters = [("ts", ">=", start or 0), ("ts", "<", end or 2**62)]
    return pd.read_parquet(path, filters=filters).reset_index(drop=True)
