"""Features know only the past, and every engine gives the same bits."""

import sqlite3

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudops import features
from fraudops.features import (
    FEATURE_SQL,
    FEATURES,
    NUMERIC_FEATURES,
    WINDOW_GAP_SECONDS,
    compute_features,
    compute_sums_duckdb,
    transform,
)
from fraudops.simulator import make_course_config, simulate_world

DAY = 86_400


def make_refunds(tx: pd.DataFrame) -> pd.DataFrame:
    """Refunds of every tenth purchase, six to 48 hours later."""
    some = tx.iloc[::10][["customer_id", "ts"]].reset_index(drop=True)
    return some.assign(ts=some["ts"] + (1 + some.index.to_numpy() % 8) * DAY // 4)


def small_world(rows: int = 1500) -> tuple[pd.DataFrame, pd.DataFrame]:
    world = simulate_world(make_course_config("smoke"))
    tx = (
        world.transactions.head(rows).drop(columns="kind").astype({"category": str, "channel": str})
    )
    tx = tx.assign(
        **{name: tx[name].astype(str) for name in ("tx_id", "customer_id", "terminal_id")}
    )
    fraud = tx.iloc[::40][["tx_id", "customer_id", "terminal_id"]].assign(
        label_ts=tx["ts"].iloc[::40] + 2 * DAY
    )
    return tx.reset_index(drop=True), fraud.reset_index(drop=True)


def test_sqlite_and_duckdb_give_the_same_integers_from_the_same_text():
    tx, fraud = small_world()
    refunds = make_refunds(tx)
    duck = compute_sums_duckdb(tx, fraud, refunds).sort_values("tx_id").reset_index(drop=True)
    with sqlite3.connect(":memory:") as db:
        tx.assign(wanted=1).to_sql("tx", db, index=False)
        fraud.to_sql("fraud", db, index=False)
        refunds.to_sql("refund", db, index=False)
        lite = pd.read_sql(FEATURE_SQL, db).sort_values("tx_id").reset_index(drop=True)
    for name in duck.columns.drop("tx_id"):
        assert (
            duck[name].fillna(-1).astype("int64").equals(lite[name].fillna(-1).astype("int64"))
        ), name


def test_windows_agree_with_a_loop_a_person_can_check():
    tx, fraud = small_world(600)
    refunds = make_refunds(tx)
    got = compute_features(tx, fraud, refunds)
    for i in range(0, 600, 7):
        row = tx.iloc[i]
        settled = tx[tx["ts"] <= row["ts"] - WINDOW_GAP_SECONDS]
        mine = settled[settled["customer_id"] == row["customer_id"]]
        week = mine[mine["ts"] >= row["ts"] - 7 * DAY]
        month = mine[mine["ts"] >= row["ts"] - 30 * DAY]
        assert got["c_n_7d"][i] == len(week)
        assert got["c_max_30d"][i] == (month["amount_cents"].max() / 100 if len(month) else 0)
        assert np.isclose(got["c_mean_30d"][i], month["amount_cents"].mean() / 100) or not len(
            month
        )
        reports = fraud[
            (fraud["terminal_id"] == row["terminal_id"])
            & (fraud["label_ts"] <= row["ts"] - WINDOW_GAP_SECONDS)
        ]
        assert got["t_fraud_30d"][i] == (reports["label_ts"] >= row["ts"] - 30 * DAY).sum()
        back = refunds.loc[refunds["customer_id"] == row["customer_id"], "ts"]
        back = back[back <= row["ts"] - WINDOW_GAP_SECONDS]
        assert got["c_refunds_7d"][i] == (back >= row["ts"] - 7 * DAY).sum()
        hours = (row["ts"] - back.max()) / 3600 if len(back) else 720
        assert got["c_last_refund_hours"][i] == min(hours, 720)
    assert got["c_refunds_7d"].max() >= 2


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    cut=st.integers(100, 1200),
    amount=st.integers(0, 10**6),
    drop=st.floats(0, 1),
    shift=st.integers(0, 20 * DAY),
    seed=st.integers(0, 1000),
)
def test_nothing_that_happens_later_moves_a_feature(cut, amount, drop, shift, seed):
    tx, fraud = small_world()
    t = tx["ts"][cut]
    random = np.random.default_rng(seed)
    later = tx["ts"] > t
    changed = tx.assign(amount_cents=np.where(later, amount, tx["amount_cents"]))
    changed = changed[~later | (random.random(len(tx)) > drop)]
    added = tx[later].sample(min(30, later.sum()), random_state=seed)
    added = added.assign(
        tx_id="N" + added["tx_id"], ts=added["ts"] + random.integers(0, DAY, len(added))
    )
    changed = pd.concat([changed, added], ignore_index=False)
    late_label = fraud["label_ts"] > t
    moved = fraud.assign(
        label_ts=np.where(late_label, fraud["label_ts"] + shift, fraud["label_ts"])
    )
    new = tx[later].sample(min(20, later.sum()), random_state=seed)[
        ["tx_id", "customer_id", "terminal_id"]
    ]
    moved = pd.concat([moved, new.assign(label_ts=t + 1)], ignore_index=True)
    refunds = make_refunds(tx)
    late_refund = refunds["ts"] > t
    other = refunds[~late_refund | (random.random(len(refunds)) > drop)]
    invented = added[["customer_id"]].assign(ts=t + 1 + random.integers(0, DAY, len(added)))
    other = pd.concat([other, invented], ignore_index=True)
    before = compute_features(tx[~later], fraud[~late_label], refunds[~late_refund])
    after = compute_features(changed.reset_index(drop=True), moved, other)[
        (changed["ts"] <= t).to_numpy()
    ].reset_index(drop=True)
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_what_arrives_within_the_same_minute_is_seen_by_neither():
    tx, fraud = small_world(300)
    last = tx.iloc[[-1]]
    near = last.assign(tx_id="near", ts=last["ts"] - WINDOW_GAP_SECONDS + 1, amount_cents=10**7)
    alone, together = compute_features(tx, fraud), compute_features(pd.concat([near, tx]), fraud)
    pd.testing.assert_frame_equal(
        alone.tail(1).reset_index(drop=True), together.tail(1).reset_index(drop=True)
    )


def test_a_refund_is_no_spending_and_counts_from_its_own_time():
    tx, fraud = small_world(300)
    last = tx.iloc[-1]
    at = last["ts"] - np.array([WINDOW_GAP_SECONDS - 1, WINDOW_GAP_SECONDS, 7 * DAY, 7 * DAY + 1])
    refunds = pd.DataFrame({"customer_id": last["customer_id"], "ts": at})
    alone, got = compute_features(tx, fraud), compute_features(tx, fraud, refunds)
    assert got["c_refunds_7d"].iloc[-1] == 2
    assert got["c_last_refund_hours"].iloc[-1] == WINDOW_GAP_SECONDS / 3600
    for window in ("c_refunds_7d", "c_last_refund_hours"):
        others = tx["customer_id"] != last["customer_id"]
        assert got.loc[others, window].equals(alone.loc[others, window])
    spending = alone.columns.drop(["c_refunds_7d", "c_last_refund_hours"])
    pd.testing.assert_frame_equal(got[spending], alone[spending])


def test_a_first_transaction_has_no_history_and_says_so():
    tx, fraud = small_world(1)
    row = compute_features(tx, fraud.iloc[:0]).iloc[0]
    assert row["c_n_30d"] == 0 and row["c_idle_hours"] == 720 and np.isnan(row["c_mean_30d"])


def test_the_dictionary_describes_every_column_in_order():
    tx, fraud = small_world(50)
    assert tuple(compute_features(tx, fraud).columns) == FEATURES
    assert all(unit and meaning for unit, meaning in features.FEATURE_DEFINITIONS.values()) and set(
        NUMERIC_FEATURES
    ) == set(features.FEATURE_DEFINITIONS)


def test_distance_and_speed_are_those_of_the_last_known_place():
    base = {
        "customer_id": "c",
        "terminal_id": "m",
        "amount_cents": 100,
        "category": "x",
        "channel": "chip",
    }
    rows = [(0, 5100, 900), (3600, None, None), (7200, 5100, 1000), (7230, 5200, 900)]
    tx = pd.DataFrame(
        [
            base | {"tx_id": f"T{ts}", "ts": 10**9 + ts, "lat_cdeg": lat, "lon_cdeg": lon}
            for ts, lat, lon in rows
        ]
    )
    tx = tx.astype({"lat_cdeg": "Int64", "lon_cdeg": "Int64"})
    got = compute_features(
        tx, pd.DataFrame(columns=["tx_id", "customer_id", "terminal_id", "label_ts"])
    )
    degree = np.pi * transform.EARTH_RADIUS_KM / 180  # of a great circle
    assert got["c_distance_km"].tolist()[:2] == [-1, -1]  # no place before; no place now
    assert np.isclose(got["c_distance_km"][2], degree * np.cos(np.radians(51)), rtol=1e-4)
    # two hours since the last known place
    assert np.isclose(got["c_speed_kmh"][2], got["c_distance_km"][2] / 2)
    # the one 30 seconds ago is not settled
    assert np.isclose(got["c_distance_km"][3], degree, rtol=1e-4)


def test_many_reports_on_one_customer_are_counted_one_by_one():
    """As in the public ULB data: one customer, one terminal, 492 reports."""
    random = np.random.default_rng(1)
    n = 20_000
    ts = np.sort(10**9 + random.integers(0, 2 * DAY, n))
    tx = pd.DataFrame({"tx_id": [f"T{i}" for i in range(n)], "ts": ts, "amount_cents": 100})
    tx = tx.assign(customer_id="c", terminal_id="m", category="", channel="chip")
    tx = tx.assign(lat_cdeg=pd.array([pd.NA] * n, "Int64"), lon_cdeg=pd.array([pd.NA] * n, "Int64"))
    fraud = tx.sample(492, random_state=1)[["tx_id", "customer_id", "terminal_id", "ts"]]
    fraud = fraud.rename(columns={"ts": "label_ts"})
    sums = compute_sums_duckdb(tx, fraud).set_index("tx_id").loc[tx["tx_id"]]
    known = np.searchsorted(np.sort(fraud["label_ts"]), ts - WINDOW_GAP_SECONDS, side="right")
    assert sums["c_fraud_30d"].tolist() == sums["t_fraud_30d"].tolist() == known.tolist()
