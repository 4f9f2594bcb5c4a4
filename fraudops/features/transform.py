"""Convert integer sums into the numbers that a model sees, for training and serving."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fraudops.features.definitions import (
    CATEGORICAL_FEATURES,
    FEATURES,
    NULLABLE_SUMS,
    NUMERIC_FEATURES,
    SUM_PREFIXES,
)

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG

ColumnArrays = Mapping[str, np.ndarray]


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Divide whole numbers; NaN if the divisor is 0."""
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def _distance_km(lat: np.ndarray, lon: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Compute the great-circle distance from the packed last places; NaN if unknown."""
    cell = place % 2**30
    known = place >= 0
    a, b = np.radians(np.where(known, cell // 36001 - 9000, np.nan) / 100), np.radians(lat / 100)
    turn = np.radians((np.where(known, cell % 36001 - 18000, np.nan) - lon) / 100)
    h = np.sin((a - b) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(turn / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(h, 1)))


def compute_feature_matrix(tx: ColumnArrays, sums: ColumnArrays) -> np.ndarray:
    """Compute the numbers that a model sees from the integer sums of `features.sql`.

    Parameters
    ----------
    tx : dict of str to (n,) array
        ts (s) and amount_cents as int64, lat_cdeg and lon_cdeg (hundredths of a degree) as
        float64.
    sums : dict of str to (n,) array
        The result of the SQL for the same transactions in the same order: int64, and float64
        with NaN for `NULLABLE_SUMS`.

    Returns
    -------
    (n, 39) array of float64
        Columns `NUMERIC_FEATURES`. Without history, means and ratios are NaN, counts 0 and
        distances -1.
    """
    ts, cents, s = tx["ts"], tx["amount_cents"], sums
    place = s["c_last_place"]
    distance = _distance_km(tx["lat_cdeg"], tx["lon_cdeg"], place)
    travelled = (ts - place // 2**30) / 3600  # hours, at least the minute that a window leaves out

    def hours_since(moment: np.ndarray) -> np.ndarray:
        return np.nan_to_num((ts - moment) / 3600, nan=720.0)

    features = {
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
        "c_last_refund_hours": hours_since(s["c_last_refund_ts"]),
        # scikit-learn cannot bin a column of NaN alone, as from a source without places
        "c_distance_km": np.nan_to_num(distance, nan=-1.0),
        "c_speed_kmh": np.nan_to_num(distance / travelled, nan=-1.0),
        "t_mean_30d": _ratio(s["t_sum_30d"], s["t_n_30d"] * 100),
        "t_amount_ratio": _ratio(cents * s["t_n_30d"], s["t_sum_30d"]),
        "t_first_report_hours": hours_since(s["t_first_report_ts"]),
        "t_last_report_hours": hours_since(s["t_last_report_ts"]),
        "t_reported_7d": _ratio(s["t_fraud_7d"], s["t_n_14d"] - s["t_n_7d"]),
        "t_fraud_rate_30d": _ratio(s["t_fraud_30d"], s["t_n_30d"]),
    }
    return np.column_stack(
        [features[name] if name in features else s[name] for name in NUMERIC_FEATURES]
    ).astype(np.float64)


def build_feature_frame(tx: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame:
    """Build the model's inputs from transactions and the integer sums of `features.sql`.

    Parameters
    ----------
    tx : DataFrame
        (n, ...) with tx_id, ts (s), amount_cents, category, channel, lat_cdeg, lon_cdeg
        (hundredths of a degree or null).
    sums : DataFrame
        (n, ...) the result of the SQL for the same tx_ids, in any order.

    Returns
    -------
    DataFrame
        (n, 41) columns `FEATURES`, in the order of `tx`.
    """
    s = sums.set_index("tx_id").reindex(tx["tx_id"])
    inputs = {name: tx[name].to_numpy(np.int64) for name in ("ts", "amount_cents")}
    # integers have no NaN: an unknown place is NaN from here on
    inputs |= {
        name: tx[name].astype("Float64").to_numpy(float, na_value=np.nan)
        for name in ("lat_cdeg", "lon_cdeg")
    }
    given = {
        name: s[name].to_numpy(float if name in NULLABLE_SUMS else np.int64)
        for name in s
        if name.startswith(SUM_PREFIXES)
    }
    out = pd.DataFrame(compute_feature_matrix(inputs, given), columns=list(NUMERIC_FEATURES))
    for name in CATEGORICAL_FEATURES:
        out[name] = tx[name].astype("str").to_numpy()
    return out[list(FEATURES)]
