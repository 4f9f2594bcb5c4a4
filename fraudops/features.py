"""Point-in-time features: `features.sql` gives exact integer sums, and this module divides them, once, for everyone."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fraudops.workspace import Workspace, atomic

SQL = files("fraudops").joinpath("features.sql").read_text(encoding="utf-8")
SETTLE_SECONDS = 60  # every window of the SQL ends this long before the transaction
# No window reaches further back: a customer's unusual amounts of 14 days are each judged by the 60 days before them.
CUSTOMER_HISTORY = (60 + 14) * 86_400
TERMINAL_HISTORY = 30 * 86_400

ABOUT = ("tx_id", "ts", "customer_id")  # kept beside the features
GROUP_ROWS = 20_000  # of the file's row groups
BATCH_ROWS = 200_000  # of what is divided at once where memory is short

EARTH_KM = 6371.0088  # mean radius, IUGG

# name: (unit, meaning); the order is the model's
DICTIONARY = {
    "amount": ("money", "amount of the transaction"),
    "hour": ("h", "hour of the day, UTC, with minutes as a fraction"),
    "weekday": ("0-6", "day of the week, Monday is 0"),
    "c_n_1h": ("count", "the customer's transactions in the last hour"),
    "c_n_1d": ("count", "the customer's transactions in the last day"),
    "c_n_7d": ("count", "the customer's transactions in 7 days"),
    "c_n_30d": ("count", "the customer's transactions in 30 days"),
    "c_mean_7d": ("money", "the customer's mean amount in 7 days"),
    "c_mean_30d": ("money", "the customer's mean amount in 30 days"),
    "c_mean_60d": ("money", "the customer's mean amount in 60 days"),
    "c_max_30d": ("money", "the customer's largest amount in 30 days"),
    "c_sum_1d": ("money", "the customer's total in the last day"),
    "c_amount_ratio": ("ratio", "this amount over the customer's mean of 30 days"),
    "c_scale_ratio": ("ratio", "this amount over the customer's mean of 60 days"),
    "c_unusual_1d": (
        "count",
        "the customer's transactions of the last day over three times the mean of the 60 days before them",
    ),
    "c_unusual_14d": ("count", "the same in 14 days"),
    "c_online_1d": ("count", "the customer's online purchases in the last day"),
    "c_online_share_30d": ("share", "online purchases among the customer's transactions of 30 days"),
    "c_fraud_30d": ("count", "fraud reports on the customer's card that arrived in 30 days"),
    "c_idle_hours": ("h", "time since the customer's last transaction, at most 30 days"),
    "c_distance_km": (
        "km",
        "from the place of the customer's last located transaction of 30 days to this one's; -1 if unknown",
    ),
    "c_speed_kmh": ("km/h", "that distance over the time between the two; -1 if unknown"),
    "ct_n_30d": ("count", "this customer's transactions at this terminal in 30 days"),
    "cc_n_30d": ("count", "this customer's transactions in this category in 30 days"),
    "t_n_1h": ("count", "the terminal's transactions in the last hour"),
    "t_n_1d": ("count", "the terminal's transactions in the last day"),
    "t_n_7d": ("count", "the terminal's transactions in 7 days"),
    "t_n_30d": ("count", "the terminal's transactions in 30 days"),
    "t_mean_30d": ("money", "the terminal's mean amount in 30 days"),
    "t_amount_ratio": ("ratio", "this amount over the terminal's mean of 30 days"),
    "t_fraud_1d": ("count", "fraud reports on the terminal that arrived in the last day"),
    "t_fraud_7d": ("count", "fraud reports on the terminal that arrived in 7 days"),
    "t_fraud_30d": ("count", "fraud reports on the terminal that arrived in 30 days"),
    "t_first_report_hours": ("h", "time since the first fraud report of 30 days on the terminal arrived"),
    "t_last_report_hours": ("h", "time since the last fraud report of 30 days on the terminal arrived"),
    "t_reported_7d": ("ratio", "fraud reports of 7 days over the terminal's transactions of the 7 days before those"),
    "t_fraud_rate_30d": ("ratio", "fraud reports of 30 days over the terminal's transactions of 30 days"),
}
NUMERIC = tuple(DICTIONARY)
CATEGORICAL = ("category", "channel")
FEATURES = NUMERIC + CATEGORICAL
MAYBE = ("c_last_ts", "t_first_report_ts", "t_last_report_ts")  # of the sums: null without such an event
SUMS = ("c_", "ct_", "cc_", "t_")  # how their names begin

Columns = Mapping[str, np.ndarray]


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient (n,) of whole numbers; NaN where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def _kilometres(lat: np.ndarray, lon: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Great-circle distance (n,) from the packed last places of `features.sql` to places in hundredths; NaN where unknown."""
    cell = place % 2**30
    known = place >= 0
    a, b = np.radians(np.where(known, cell // 36001 - 9000, np.nan) / 100), np.radians(lat / 100)
    turn = np.radians((np.where(known, cell % 36001 - 18000, np.nan) - lon) / 100)
    h = np.sin((a - b) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(turn / 2) ** 2
    return 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(h, 1)))


def divide(tx: Columns, sums: Columns) -> np.ndarray:
    """The numbers that a model sees, from transactions and the integer sums of `features.sql`.

    Parameters
    ----------
    tx : (n,) arrays by name: ts (s) and amount_cents as int64, lat_cdeg and lon_cdeg (hundredths of a degree) as float64
    sums : (n,) arrays by name, what the SQL returned for the same transactions in the same order: int64, and float64 with
        NaN for c_last_ts, t_first_report_ts and t_last_report_ts

    Returns
    -------
    (n, 37) float64, columns `NUMERIC`; no history gives NaN in means and ratios, 0 in counts, -1 in distances
    """
    ts, cents, s = tx["ts"], tx["amount_cents"], sums
    place = s["c_last_place"]
    distance = _kilometres(tx["lat_cdeg"], tx["lon_cdeg"], place)
    travelled = (ts - place // 2**30) / 3600  # hours, at least the minute that a window leaves out

    def hours_since(moment: np.ndarray) -> np.ndarray:
        return np.nan_to_num((ts - moment) / 3600, nan=720.0)

    made = {
        "amount": cents / 100,
        "hour": ts % 86_400 / 3600,
        "weekday": (ts // 86_400 + 3) % 7,
        "c_mean_7d": _ratio(s["c_sum_7d"], s["c_n_7d"] * 100),
        "c_mean_30d": _ratio(s["c_sum_30d"], s["c_n_30d"] * 100),
        "c_mean_60d": _ratio(s["c_sum_60d"], s["c_n_60d"] * 100),
        "c_max_30d": s["c_max_30d"] / 100,
        "c_sum_1d": s["c_sum_1d"] / 100,
        "c_amount_ratio": _ratio(cents * s["c_n_30d"], s["c_sum_30d"]),
        "c_scale_ratio": _ratio(cents * s["c_n_60d"], s["c_sum_60d"]),
        "c_online_share_30d": _ratio(s["c_online_30d"], s["c_n_30d"]),
        "c_idle_hours": hours_since(s["c_last_ts"]),
        # a column of nothing but NaN, as from a source without places, is more than a histogram of scikit-learn can bin
        "c_distance_km": np.nan_to_num(distance, nan=-1.0),
        "c_speed_kmh": np.nan_to_num(distance / travelled, nan=-1.0),
        "t_mean_30d": _ratio(s["t_sum_30d"], s["t_n_30d"] * 100),
        "t_amount_ratio": _ratio(cents * s["t_n_30d"], s["t_sum_30d"]),
        "t_first_report_hours": hours_since(s["t_first_report_ts"]),
        "t_last_report_hours": hours_since(s["t_last_report_ts"]),
        "t_reported_7d": _ratio(s["t_fraud_7d"], s["t_n_14d"] - s["t_n_7d"]),
        "t_fraud_rate_30d": _ratio(s["t_fraud_30d"], s["t_n_30d"]),
    }
    return np.column_stack([made[name] if name in made else s[name] for name in NUMERIC]).astype(np.float64)


def finish(tx: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame:
    """Model inputs from transactions and the integer sums of `features.sql` (see `divide`).

    Parameters
    ----------
    tx : (n, ...) with tx_id, ts (s), amount_cents, category, channel, lat_cdeg, lon_cdeg (hundredths of a degree or null)
    sums : (n, ...) what the SQL returned for the same tx_ids, in any order

    Returns
    -------
    (n, 39) frame in the order of `tx`, columns `FEATURES`
    """
    s = sums.set_index("tx_id").reindex(tx["tx_id"])
    inputs = {name: tx[name].to_numpy(np.int64) for name in ("ts", "amount_cents")}
    # integers have no NaN: an unknown place is NaN from here on
    inputs |= {name: tx[name].astype("Float64").to_numpy(float, na_value=np.nan) for name in ("lat_cdeg", "lon_cdeg")}
    given = {name: s[name].to_numpy(float if name in MAYBE else np.int64) for name in s if name.startswith(SUMS)}
    out = pd.DataFrame(divide(inputs, given), columns=list(NUMERIC))
    for name in CATEGORICAL:
        out[name] = tx[name].astype("str").to_numpy()
    return out[list(FEATURES)]


def sums_in_duckdb(tx: pd.DataFrame, fraud: pd.DataFrame) -> pd.DataFrame:
    """Run `features.sql` over frames in memory: the integer sums of every row of `tx` with wanted = 1."""
    import duckdb  # 15 MB, which the service does without

    db = duckdb.connect()
    db.register("tx", tx if "wanted" in tx else tx.assign(wanted=1))
    db.register("fraud", fraud[["tx_id", "customer_id", "terminal_id", "label_ts"]])
    return db.execute(SQL).df()


def compute(tx: pd.DataFrame, fraud: pd.DataFrame) -> pd.DataFrame:
    """Features of every transaction: (n, 39), in the order of `tx`."""
    return finish(tx, sums_in_duckdb(tx, fraud))


def compute_parquet(tx_files: str, fraud_file: str, out: Path, memory_limit: str = "1GB", threads: int | None = None) -> int:
    """Features of more transactions than fit in memory, from Parquet to Parquet, by the same SQL and the same division.

    Parameters
    ----------
    tx_files : a file or a pattern of files: tx_id (unique), ts, customer_id, terminal_id, amount_cents, category, channel,
        lat_cdeg, lon_cdeg
    fraud_file : tx_id, customer_id, terminal_id, label_ts
    out : where tx_id, ts and `FEATURES` go, in no particular order
    memory_limit : what DuckDB may hold before it spills to disk beside `out`; Arrow and pandas need some 300 MB on top
    threads : of DuckDB; all cores unless given

    Returns
    -------
    The number of rows written.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    import duckdb

    rows = 0
    with atomic(out) as temporary, tempfile.TemporaryDirectory(dir=out.parent) as spill, duckdb.connect() as db:
        db.execute("SET memory_limit = ?", [memory_limit])
        db.execute("SET temp_directory = ?", [spill])
        db.execute("SET preserve_insertion_order = false")
        db.execute("SET enable_progress_bar = false")
        if threads:
            db.execute("SET threads = ?", [threads])
        db.read_parquet(tx_files).project("*, 1 AS wanted").create_view("tx")
        db.read_parquet(fraud_file).create_view("fraud")
        inputs = ", ".join(f"tx.{name}" for name in ("amount_cents", *CATEGORICAL, "lat_cdeg", "lon_cdeg"))
        joined = db.sql(f"SELECT sums.*, {inputs} FROM ({SQL}\n) AS sums JOIN tx USING (tx_id)")
        with ExitStack() as stack:
            writer = None
            for batch in joined.to_arrow_reader(BATCH_ROWS):
                part = batch.to_pandas()
                table = finish(part, part).assign(tx_id=part["tx_id"], ts=part["ts"])
                arrow = pa.Table.from_pandas(table, preserve_index=False)
                writer = writer or stack.enter_context(pq.ParquetWriter(temporary, arrow.schema))
                writer.write_table(arrow.cast(writer.schema))
                rows += len(table)
    return rows


def write_features(workspace: Workspace, tx: pd.DataFrame, features: pd.DataFrame) -> None:
    """Keep the features with tx_id, ts and customer_id as one Parquet file, in groups of rows that a reader can skip."""
    table = features.assign(**{name: tx[name].to_numpy() for name in ABOUT})
    with atomic(workspace.path("features", "features.parquet")) as temporary:
        table.to_parquet(temporary, index=False, row_group_size=GROUP_ROWS)


def load_features(workspace: Workspace, start: int | None = None, end: int | None = None) -> pd.DataFrame:
    """Features with ``start <= ts < end``: columns tx_id, ts, customer_id and `FEATURES`, in time order."""
    path = workspace.need("features", "features.parquet", made_by="1_2_features")
    filters = [("ts", ">=", start or 0), ("ts", "<", end or 2**62)]
    return pd.read_parquet(path, filters=filters).reset_index(drop=True)
