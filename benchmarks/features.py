"""Point-in-time features against pandas and NumPy at 1.75 million rows.

Three comparisons on one Handbook world: the features that the Handbook knows (see `rival_features`)
by our SQL, by pandas in the Handbook's style and by NumPy by hand, equal in every cell to the NumPy
ones; then all of our features, as they are used. Ours runs in DuckDB on all cores and, for a fair
line, on one; the rivals use one.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from benchmarks import rival_features, verdict
from fraudops import features
from fraudops.simulator import SimulatorConfig, simulate_world
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS

RUNS = 3
PANDAS_RATIO, NUMPY_RATIO = 20, 4


def main() -> None:
    """Print seconds, ratios and peak memory with their targets."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_world(folder, 0)
        _rivals(folder)
        _all(folder)


def write_world(folder: Path, number: int) -> int:
    """One Handbook world with ids of its own as ``tx_{number}.parquet`` and
    ``fraud_{number}.parquet``; gives its rows.
    """
    config = SimulatorConfig(
        preset="handbook",
        seed=number,
        customers=5000,
        terminals=10_000,
        days=183,
        start=date(2018, 4, 1),
    )
    world = simulate_world(config)
    tx = world.transactions.drop(columns=["kind", "warm_up"]).astype(
        {"category": str, "channel": str}
    )
    tx = tx.assign(
        **{
            name: f"{number}-" + tx[name].astype(str)
            for name in ("tx_id", "customer_id", "terminal_id")
        }
    )
    tx.to_parquet(folder / f"tx_{number}.parquet", index=False)
    fraud = tx.loc[world.transactions["kind"] != "", ["tx_id", "customer_id", "terminal_id"]]
    fraud = fraud.assign(label_ts=tx["ts"] + LABEL_MATURITY_DAYS * DAY)
    fraud.to_parquet(folder / f"fraud_{number}.parquet", index=False)
    return len(tx)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _reduced(folder: Path, threads: int) -> None:
    """The Handbook's features alone, Parquet to Parquet."""
    with duckdb.connect(config={"threads": threads}) as db:
        db.read_parquet(str(folder / "tx_0.parquet")).project("*, 1 AS wanted").create_view("tx")
        db.read_parquet(str(folder / "fraud_0.parquet")).create_view("fraud")
        db.execute(f"COPY ({rival_features.reduced_sql()}) TO '{folder / 'reduced.parquet'}'")


def _numpy(folder: Path) -> None:
    tx, fraud = (pd.read_parquet(folder / f"{name}_0.parquet") for name in ("tx", "fraud"))
    rival_features.by_numpy(tx, fraud).to_parquet(folder / "numpy.parquet", index=False)


def _pandas(folder: Path) -> None:
    """The same in the Handbook's style: group, apply, roll; Parquet to Parquet."""
    tx, fraud = (pd.read_parquet(folder / f"{name}_0.parquet") for name in ("tx", "fraud"))
    tx = tx.assign(
        at=pd.to_datetime(tx["ts"], unit="s"), fraud=tx["tx_id"].isin(fraud["tx_id"]).astype(int)
    )
    rival_features.by_groups(tx).to_parquet(folder / "pandas.parquet", index=False)


def _rivals(folder: Path) -> None:
    threads = os.cpu_count() or 1
    runs = (lambda: _reduced(folder, threads), lambda: _reduced(folder, 1), lambda: _numpy(folder))
    # in turn, so that a slow minute strikes all three
    rounds = [[_seconds(run) for run in runs] for _ in range(RUNS)]
    ours, alone, numpy = (statistics.median(column) for column in zip(*rounds, strict=True))
    got, by_hand = (
        pd.read_parquet(folder / f"{name}.parquet").set_index("tx_id")
        for name in ("reduced", "numpy")
    )
    got = got.loc[by_hand.index, by_hand.columns]
    different = int((got != by_hand).to_numpy().sum())
    print(
        f"{len(by_hand):,} rows, the Handbook's {len(by_hand.columns)} sums and counts, "
        f"Parquet to Parquet, median of {RUNS}:"
    )
    print(
        f"ours {ours:.1f} s on {threads} threads, {alone:.1f} s on one; NumPy by hand "
        f"{numpy:.1f} s on one"
    )
    print(f"cells that differ from NumPy by hand: {different}, target 0: {verdict(different == 0)}")
    slower = ours / numpy
    print(
        f"ours takes {slower:.1f} times as long as NumPy, target at most {NUMPY_RATIO}: "
        f"{verdict(slower <= NUMPY_RATIO)}"
    )
    print(f"   on one thread {alone / numpy:.1f} times", flush=True)

    pandas = _seconds(lambda: _pandas(folder))
    print(f"pandas groupby, apply, rolling: {pandas:.0f} s on one thread, once, Parquet to Parquet")
    faster = pandas / ours
    print(
        f"ours is {faster:.0f} times faster than pandas, target at least {PANDAS_RATIO}: "
        f"{verdict(faster >= PANDAS_RATIO)}"
    )
    print(f"   on one thread {pandas / alone:.0f} times", flush=True)


def _all(folder: Path) -> None:
    tx, fraud = (pd.read_parquet(folder / f"{name}_0.parquet") for name in ("tx", "fraud"))
    seconds = _seconds(lambda: features.compute_features(tx, fraud))
    print(
        f"all {len(features.FEATURES)} features of the course, in memory: {seconds:.1f} s",
        flush=True,
    )
