"""The refunds of a simulated world: they follow from purchases, and change nothing of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fraudops.simulator import SimulatorConfig, World, make_course_config, simulate_world

DAY = 86_400
CONFIG = make_course_config("smoke", seed=3, drift="price_inflation, broken_units")


@pytest.fixture(scope="module")
def world() -> World:
    return simulate_world(replace(CONFIG, customers=500, terminals=1000))


def pair(world: World) -> pd.DataFrame:
    """Each refund beside its purchase, whose columns end in ``_bought``."""
    return world.refunds.merge(world.transactions, on="tx_id", suffixes=("", "_bought"))


def test_purchases_frauds_and_answer_key_do_not_depend_on_refunds():
    with_refunds = simulate_world(CONFIG)
    without = simulate_world(replace(CONFIG, refunds=False))
    for name in ("transactions", "labels", "compromises", "drifts"):
        pd.testing.assert_frame_equal(getattr(with_refunds, name), getattr(without, name))
    assert len(with_refunds.refunds) > 100 and without.refunds.empty
    assert list(without.refunds) == list(with_refunds.refunds)


def test_two_or_three_in_a_hundred_purchases_come_back(world):
    share = len(world.refunds) / len(world.transactions)
    assert 0.02 < share < 0.03
    is_refund = world.refunds["kind"] == "refund"
    assert 0.75 < is_refund.mean() < 0.95


def test_a_refund_follows_its_purchase_at_the_same_terminal(world):
    both = pair(world)
    assert len(both) == len(world.refunds) and both["tx_id"].is_unique
    for name in ("customer_id", "terminal_id"):
        assert (both[name] == both[f"{name}_bought"]).all()
    wait = both["ts"] - both["ts_bought"]
    is_refund = both["kind"] == "refund"
    assert wait[is_refund].min() >= 0.3 * DAY and 3 * DAY < wait[is_refund].median() < 8 * DAY
    assert wait[~is_refund].between(60, 15 * 60).all()
    days = (both["ts"] - world.transactions["ts"].min() // DAY * DAY) // DAY
    assert days.max() < CONFIG.days  # no day has refunds alone


def test_most_refunds_give_everything_back_and_some_a_part(world):
    both = pair(world)
    # a terminal may change its unit between the two
    same_unit = both[both["ts"] < both["ts"].min() + 40 * DAY]
    back = -same_unit["amount_cents"] / same_unit["amount_cents_bought"]
    assert (back > 0).all() and back.max() <= 1
    is_refund = same_unit["kind"] == "refund"
    assert (back[~is_refund] == 1).all()
    assert 0.65 < (back[is_refund] == 1).mean() < 0.85


def test_no_fraud_is_refunded_but_tests_of_a_card_are_cancelled(world):
    both = pair(world)
    is_fraud = both["kind_bought"] != ""
    assert set(both.loc[is_fraud, "kind_bought"]) == {"card_testing"}
    assert set(both.loc[is_fraud, "kind"]) == {"reversal"}
    tests = world.transactions["kind"] == "card_testing"
    small = tests & (world.transactions["amount_cents"] < 500)
    assert 0.2 < is_fraud.sum() / small.sum() < 0.9


def test_a_terminal_with_wrong_units_refunds_in_them(world):
    broken = simulate_world(replace(CONFIG, customers=500, terminals=1000))
    sound = simulate_world(replace(CONFIG, customers=500, terminals=1000, drifts=CONFIG.drifts[:1]))
    factor = broken.refunds["amount_cents"] / sound.refunds["amount_cents"]
    assert set(factor) == {1.0, 100.0}


def test_the_handbook_preset_has_no_refunds():
    config = SimulatorConfig(preset="handbook", customers=30, terminals=60, days=10)
    assert simulate_world(config).refunds.empty


def test_threads_change_no_refund():
    pd.testing.assert_frame_equal(
        simulate_world(CONFIG).refunds, simulate_world(CONFIG, workers=3).refunds
    )


def test_a_customer_has_the_same_refunds_among_few_and_many():
    base = SimulatorConfig(seed=3, customers=40, terminals=200, days=60)
    few, many = simulate_world(base), simulate_world(replace(base, customers=90))
    both = few.transactions.merge(many.transactions, on=["customer_id", "amount_cents", "ts"])
    same = few.refunds[few.refunds["customer_id"].isin(both["customer_id"])]
    assert len(same) > 30
    there = same.merge(many.refunds, on=["customer_id", "ts", "amount_cents"])
    assert np.isclose(len(there) / len(same), 1, atol=0.1)  # fraud may strike in one of the two
