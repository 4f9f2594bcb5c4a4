"""One SQL text, four engines, the same integers in every cell."""

import numpy as np
import pandas as pd
import pytest

from fraudops.features import compute_sums_duckdb
from tests.support.engines import in_postgres, in_spark, in_sqlite

DAY = 86_400


@pytest.fixture(scope="module")
def rows() -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Transactions with ties, gaps and unknown places, reports and refunds of some of them, and
    what DuckDB says.
    """
    random = np.random.default_rng(5)
    n = 4000
    # half minutes: windows end inside and on the edge
    ts = 1_767_225_600 + random.integers(0, 90 * DAY // 30, n) * 30
    place = random.random(n) < 0.7
    tx = pd.DataFrame(
        {
            "tx_id": [f"T{i}" for i in range(n)],
            "ts": np.sort(ts),
            "customer_id": [f"c é {i}" for i in random.integers(0, 25, n)],
            "terminal_id": [f"m'{i}" for i in random.integers(0, 40, n)],
            "amount_cents": random.integers(0, 10**8, n),
            "category": random.choice(["food", "fuel", ""], n),
            "channel": np.where(place, "chip", "online"),
            "lat_cdeg": pd.array(random.integers(-9000, 9001, n), "Int64"),
            "lon_cdeg": pd.array(random.integers(-18000, 18001, n), "Int64"),
            "wanted": (random.random(n) < 0.9).astype(np.int64),
        }
    )
    tx.loc[~place, ["lat_cdeg", "lon_cdeg"]] = pd.NA
    fraud = tx.iloc[::9][["tx_id", "customer_id", "terminal_id"]].assign(
        label_ts=tx["ts"].iloc[::9] + 3 * DAY
    )
    refund = tx.iloc[::7][["customer_id"]].assign(ts=tx["ts"].iloc[::7] + 2 * DAY)
    inputs = [tx, fraud, refund.reset_index(drop=True)]
    duck = compute_sums_duckdb(*inputs)
    assert len(duck) == tx["wanted"].sum() and (duck.drop(columns="tx_id").nunique() > 1).all()
    return inputs, duck


def assert_equal(got: pd.DataFrame, duck: pd.DataFrame) -> None:
    a, b = (frame.sort_values("tx_id").reset_index(drop=True) for frame in (got, duck))
    assert list(a.columns) == list(b.columns) and len(a) == len(b)
    assert a["tx_id"].equals(b["tx_id"].astype(a["tx_id"].dtype))
    for name in b.columns.drop("tx_id"):
        left, right = (frame[name].fillna(-1).astype("int64") for frame in (a, b))
        assert left.equals(right), f"{name}: {(left != right).sum()} of {len(b)} cells differ"


def test_sqlite_gives_the_same(rows):
    inputs, duck = rows
    assert_equal(in_sqlite(*inputs), duck)


def test_postgresql_gives_the_same(rows, postgres):
    inputs, duck = rows
    assert_equal(in_postgres(postgres, *inputs), duck)


def test_spark_gives_the_same(rows, tmp_path):
    inputs, duck = rows
    assert_equal(in_spark(tmp_path, *inputs), duck)
