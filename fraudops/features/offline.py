"""Compute point-in-time features of stored transactions with DuckDB."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fraudops.data_version import check_data_version, compute_data_version
from fraudops.errors import MissingInputError
from fraudops.features.definitions import FEATURE_SQL, FEATURES, KEY_COLUMNS, list_given_features
from fraudops.features.transform import build_feature_frame
from fraudops.workspace import Workspace, atomic_write

FEATURE_ROW_GROUP_SIZE = 20_000  # rows
FEATURES_FILE = ("features", "features.parquet")
DATA_VERSION_KEY = b"fraudops.data_version"  # in the metadata of the file


def compute_sums_duckdb(
    tx: pd.DataFrame, fraud: pd.DataFrame, refunds: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Run `features.sql` over frames in memory.

    Parameters
    ----------
    tx : DataFrame
        (n, 9) transactions. With a column `wanted`, only rows with 1 get a result.
    fraud : DataFrame
        (m, 4) fraud reports: tx_id, customer_id, terminal_id, label_ts.
    refunds : DataFrame, optional
        (k, ...) refunds and reversals: customer_id, ts. Default: there were none.

    Returns
    -------
    DataFrame
        Integer counts and sums of each wanted transaction, in any order.
    """
    import duckdb  # 15 MB, which the service does without

    db = duckdb.connect()
    db.execute("SET enable_progress_bar = false")  # it would stay in the page
    db.register("tx", tx if "wanted" in tx else tx.assign(wanted=1))
    db.register("fraud", fraud[["tx_id", "customer_id", "terminal_id", "label_ts"]])
    if refunds is None:
        refunds = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "ts": np.array([], int)})
    db.register("refund", refunds[["customer_id", "ts"]])
    return db.execute(FEATURE_SQL).df()


def compute_features(
    tx: pd.DataFrame, fraud: pd.DataFrame, refunds: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Compute the features of every transaction.

    Parameters
    ----------
    tx : DataFrame
        (n, 9) transactions.
    fraud : DataFrame
        (m, 4) fraud reports: tx_id, customer_id, terminal_id, label_ts.
    refunds : DataFrame, optional
        (k, ...) refunds and reversals: customer_id, ts. Default: there were none.

    Returns
    -------
    DataFrame
        (n, 41) columns `FEATURES`, in the order of `tx`.

    Examples
    --------
    >>> row = {"customer_id": "c1", "terminal_id": "m1", "amount_cents": 1000, "category": "food"}
    >>> row |= {"channel": "chip", "lat_cdeg": None, "lon_cdeg": None}
    >>> tx = pd.DataFrame([row | {"tx_id": f"t{day}", "ts": day * 86_400} for day in range(1, 4)])
    >>> reports = pd.DataFrame(columns=["tx_id", "customer_id", "terminal_id", "label_ts"])
    >>> compute_features(tx, reports.astype({"label_ts": "int64"}))["c_n_7d"].tolist()
    [0.0, 1.0, 2.0]
    """
    return build_feature_frame(tx, compute_sums_duckdb(tx, fraud, refunds))


def write_features(workspace: Workspace, tx: pd.DataFrame, features: pd.DataFrame) -> None:
    """Write features to ``features/features.parquet`` of the workspace.

    Parameters
    ----------
    workspace : Workspace
    tx : DataFrame
        (n, ...) with `KEY_COLUMNS`. Its columns ``given_*`` are written too.
    features : DataFrame
        (n, 41) in the order of `tx`.
    """
    more = (*KEY_COLUMNS, *list_given_features(tx))
    frame = features.assign(**{name: tx[name].to_numpy() for name in more})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    version = {DATA_VERSION_KEY: compute_data_version(workspace.root).encode()}
    table = table.replace_schema_metadata((table.schema.metadata or {}) | version)
    with atomic_write(workspace.path(*FEATURES_FILE)) as temporary:
        pq.write_table(table, temporary, row_group_size=FEATURE_ROW_GROUP_SIZE)


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
        Columns tx_id, ts, customer_id and those of `list_model_inputs`, in time order.

    Raises
    ------
    MissingInputError
        If 1_2_features has not been run, or the data or the list of features has changed since.
    """
    path = workspace.require_path(*FEATURES_FILE, made_by="1_2_features")
    schema = pq.read_schema(path)
    made_from = (schema.metadata or {}).get(DATA_VERSION_KEY, b"").decode()
    command = workspace.format_command("run", "--until", "1_2_features")
    name = "/".join(FEATURES_FILE)
    check_data_version(workspace.root, name, made_from, "1_2_features", command)
    if missing := [one for one in FEATURES if one not in schema.names]:
        raise MissingInputError(
            f"{path} lacks the feature {missing[0]}: an earlier version of the course made it. Run "
            f"1_2_features again: `{command}`."
        )
    filters = [("ts", ">=", start or 0), ("ts", "<", end or 2**62)]
    return pd.read_parquet(path, filters=filters).reset_index(drop=True)
