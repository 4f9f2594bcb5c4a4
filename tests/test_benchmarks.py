"""Both sides of a benchmark compute the same numbers, and its rules hold; nothing is timed."""

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from benchmarks import handbook, rival_features, rival_handbook, rival_oracle, rival_simulator
from fraudops.errors import UserError
from fraudops.features import compute_sums_duckdb
from fraudops.simulator import SimulatorConfig, simulate_world
from fraudops.timeline import DAY


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """A small Handbook world over the protocol's days, with enough fraud to see something."""
    made = simulate_world(
        SimulatorConfig(
            preset="handbook",
            seed=11,
            customers=120,
            terminals=300,
            days=137,
            start=date(2018, 4, 1),
        )
    )
    tx = made.transactions.astype({"category": str, "channel": str})
    tx = tx.assign(is_fraud=(tx["kind"] != "").astype(np.int64))
    return tx.assign(
        **{name: tx[name].astype(str) for name in ("tx_id", "customer_id", "terminal_id")}
    )


@pytest.fixture(scope="module")
def reports(world) -> pd.DataFrame:
    fraud = world.loc[world["is_fraud"] == 1, ["tx_id", "customer_id", "terminal_id"]]
    return fraud.assign(label_ts=world["ts"] + 7 * DAY)


def test_numpy_by_hand_and_the_reduced_text_agree_with_the_whole_text_in_every_cell(world, reports):
    whole = (
        compute_sums_duckdb(world, reports)
        .set_index("tx_id")
        .loc[world["tx_id"], list(rival_features.SUMS)]
    )
    by_hand = rival_features.by_numpy(world, reports).set_index("tx_id")
    with duckdb.connect() as db:
        db.register("tx", world.assign(wanted=1).drop(columns="kind"))
        db.register("fraud", reports)
        reduced = (
            db.execute(rival_features.reduced_sql()).df().set_index("tx_id").loc[world["tx_id"]]
        )
    assert (whole.max() > 0).all()
    assert (by_hand == whole).all(axis=None) and (reduced[whole.columns] == whole).all(axis=None)


def test_pandas_in_the_handbooks_style_agrees_up_to_the_edges_of_its_windows():
    random = np.random.default_rng(3)
    n = 1500  # no two within a minute, and none a whole number of days apart
    tx = pd.DataFrame(
        {
            "tx_id": np.arange(n).astype(str),
            "ts": 1_522_540_800 + np.arange(n) * 4001,
            "customer_id": random.integers(0, 9, n).astype(str),
            "terminal_id": random.integers(0, 12, n).astype(str),
            "amount_cents": random.integers(1, 9000, n),
            "fraud": random.integers(0, 2, n),
        }
    )
    assert not set((np.arange(1, n) * 4001) % DAY) & set(range(-60, 61))
    theirs = (
        rival_features.by_groups(tx.assign(at=pd.to_datetime(tx["ts"], unit="s")))
        .set_index("tx_id")
        .loc[tx["tx_id"]]
    )
    fraud = tx.loc[tx["fraud"] == 1, ["tx_id", "customer_id", "terminal_id"]].assign(
        label_ts=tx["ts"] + 7 * DAY
    )
    ours = rival_features.by_numpy(tx, fraud).set_index("tx_id")
    own = tx.set_index("tx_id")["amount_cents"]
    for days in rival_features.DAYS:
        count = ours[f"c_n_{days}d"] + 1  # theirs counts the transaction itself
        assert (theirs[f"c_n_{days}d"] == count).all() and (
            theirs[f"t_n_{days}d"] == ours[f"t_n_{days}d"] + 1
        ).all()
        assert np.allclose(theirs[f"c_mean_{days}d"], (ours[f"c_sum_{days}d"] + own) / count)
        assert (theirs[f"t_fraud_{days}d"] == ours[f"t_fraud_{days}d"]).all() and ours[
            f"t_fraud_{days}d"
        ].max() > 0


def test_a_card_counts_once_a_day_and_no_more_once_it_is_found():
    rows = [  # day, card, fraud, score
        (0, "a", 1, 0.9),
        (0, "a", 0, 0.1),
        (0, "b", 0, 0.8),
        (0, "c", 1, 0.7),
        (1, "a", 1, 0.9),
        (1, "c", 1, 0.8),
        (1, "d", 0, 0.7),
        (1, "e", 1, 0.6),
    ]
    day, card, y, p = map(np.array, zip(*rows, strict=True))
    # a of a, b; then c of c, d
    assert handbook.card_precision(day * DAY, card, y, p, k=2) == (1 / 2 + 1 / 2) / 2
    # a and c; then e alone is left
    assert handbook.card_precision(day * DAY, card, y, y, k=2) == (2 / 2 + 1 / 2) / 2
    assert (
        handbook.card_precision(day * DAY, card, y, p, k=2, weight=np.where(card == "a", 0, 1))
        == (1 / 2 + 1 / 2) / 2
    )
    assert (
        handbook.card_precision(day * DAY, card, y, p, k=2, weight=np.where(card == "a", 2, 1))
        == (2 / 2 + 1 / 2) / 2
    )


def test_the_test_days_leave_out_cards_whose_fraud_was_known_as_the_day_began(world):
    rows = handbook.split(world)
    assert (
        (rows.train["ts"] >= handbook.TRAIN) & (rows.train["ts"] < handbook.TRAIN + 7 * DAY)
    ).all()
    frauds = world[(world["is_fraud"] == 1) & (world["ts"] >= handbook.TRAIN)]
    kept = set(rows.test["tx_id"])
    left_out = 0
    for row in world[
        (world["ts"] >= handbook.TEST) & (world["ts"] < handbook.TEST + 7 * DAY)
    ].itertuples():
        midnight = row.ts // DAY * DAY
        known = (
            (frauds["customer_id"] == row.customer_id) & (frauds["ts"] + 7 * DAY < midnight)
        ).any()
        assert (row.tx_id in kept) != known
        left_out += known
    assert 0 < left_out and kept


def test_outcomes_that_are_not_known_yet_move_no_input(world):
    start = handbook.TEST
    tx = world.assign(wanted=((world["ts"] >= start) & (world["ts"] < start + DAY)).astype(int))
    wanted = tx[tx["wanted"] == 1]
    unknown = tx["ts"] > start - 7 * DAY + DAY
    turned = tx.assign(is_fraud=tx["is_fraud"].where(~unknown, 1 - tx["is_fraud"]))
    before = handbook.inputs(tx, wanted)
    pd.testing.assert_frame_equal(before, handbook.inputs(turned, wanted), check_exact=True)
    all_turned = handbook.inputs(tx.assign(is_fraud=1 - tx["is_fraud"]), wanted)
    assert (all_turned["t_hot_hours"] != before["t_hot_hours"]).any() and (
        before["t_hot_hours"] >= 0
    ).any()


def test_the_books_features_take_a_terminals_share_of_fraud_from_payments_of_known_outcome(world):
    got = rival_handbook.table(world)
    seen = 0
    for i in np.flatnonzero(got["t_risk_7d"] > 0)[::25]:
        row = world.iloc[i]
        there = world[(world["terminal_id"] == row["terminal_id"])]
        ended = there[
            (there["ts"] <= row["ts"] - 7 * DAY - 60) & (there["ts"] >= row["ts"] - 14 * DAY)
        ]
        assert got["t_n_7d"][i] == len(ended) and got["t_risk_7d"][i] == pytest.approx(
            ended["is_fraud"].mean()
        )
        seen += 1
    assert seen > 5
    assert (got["c_n_1d"] >= 1).all() and set(got["weekend"]) == set(got["night"]) == {0.0, 1.0}


def test_published_files_of_too_few_days_are_refused(tmp_path):
    few = pd.DataFrame(
        {
            "TRANSACTION_ID": [1, 2],
            "TX_DATETIME": pd.to_datetime(["2018-07-01 10:00", "2018-07-02 10:00"]),
            "CUSTOMER_ID": [1, 2],
            "TERMINAL_ID": [3, 3],
            "TX_AMOUNT": [10.5, 20.0],
            "TX_FRAUD": [0, 1],
        }
    )
    few.to_parquet(tmp_path / "2018-07-01.parquet")
    with pytest.raises(UserError, match="does not hold all days"):
        handbook.published(str(tmp_path))


def test_the_oracle_counts_the_days_on_which_a_compromise_can_have_begun():
    def chance(today: int, good: list[int], bad: list[int]) -> float:
        days = np.array(good + bad)
        return rival_oracle.terminal_chance(today, days, np.arange(len(days)) >= len(good))

    assert chance(50, [20, 42], []) == pytest.approx(8 * rival_oracle.TERMINAL_RATE)
    assert chance(50, [30], [31, 40]) == 1  # begun on day 31, ends with day 58
    assert chance(59, [30], [31, 40]) == pytest.approx(0, abs=0.01)
    assert chance(58, [29], [31, 40]) == pytest.approx(1 / 2, abs=0.01)  # begun on day 30 or 31
    calm, odd = (
        rival_oracle.customer_chance(50, np.array([45, 48]), np.array([2 / 3, ratio]))
        for ratio in (2 / 3, 1000)
    )
    assert calm < 14 * rival_oracle.CUSTOMER_RATE < odd


def test_the_rival_simulates_the_handbooks_law():
    people, shops = rival_simulator.profiles(40, 3000, seed=2)
    tx = rival_simulator.payments(people, date(2018, 4, 1), 60)
    honest = tx["amount"].to_numpy(copy=True)
    pd.testing.assert_frame_equal(
        tx, rival_simulator.payments(people, date(2018, 4, 1), 60, as_tuples=True)
    )
    tx = rival_simulator.add_frauds(tx, people, shops, 60, seed=2)
    assert (
        tx["at"].is_monotonic_increasing
        and (tx["amount"] >= 0).all()
        and (tx["second"] // DAY == tx["day"]).all()
    )
    # 3 % fall outside the day
    assert len(tx) == pytest.approx(60 * people["mean_nb_tx_per_day"].sum() * 0.969, rel=0.1)
    near = people.set_index("customer_id")["available_terminals"]
    assert all(row.terminal_id in near[row.customer_id] for row in tx.itertuples())
    assert (tx["fraud"] == (tx["scenario"] > 0)).all() and set(tx["scenario"]) >= {0, 2, 3}
    assert (tx.loc[honest > rival_simulator.LARGE, "fraud"] == 1).all()
    raised = tx["amount"].to_numpy() > honest
    assert (tx.loc[raised, "scenario"] == 3).all() and raised.any()
