"""The simulator: the same bytes again, each entity on its own, and the published law of the Handbook preset."""

import hashlib
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from fraudops.draws import Draws
from fraudops.plan import Config, Drift, preset
from fraudops.workspace import UserError
from fraudops.world import simulate

HANDBOOK = Config(preset="handbook", seed=1, customers=1000, terminals=2000, days=60, start=date(2018, 4, 1))


def fingerprint(frame: pd.DataFrame) -> str:
    text = frame.astype({name: str for name in ("category", "channel", "kind")})
    return hashlib.sha256(pd.util.hash_pandas_object(text, index=False).to_numpy().tobytes()).hexdigest()


def test_equal_configurations_give_equal_worlds():
    first, again = simulate(preset("smoke")), simulate(preset("smoke"))
    pd.testing.assert_frame_equal(first.transactions, again.transactions)
    pd.testing.assert_frame_equal(first.labels, again.labels)
    other = simulate(preset("smoke", seed=8))
    assert fingerprint(other.transactions) != fingerprint(first.transactions)


@pytest.mark.parametrize("kind", ["handbook", "course"])
def test_a_customer_lives_alike_among_few_and_many(kind):
    base = Config(preset=kind, seed=3, customers=40, terminals=200, days=30)
    few, many = simulate(base).transactions, simulate(replace(base, customers=90)).transactions
    columns = [name for name in few if name != "kind"]  # customers compromised by lot are another matter
    busiest = few["customer_id"].mode()[0]
    of_few = few[(few["customer_id"] == busiest) & (few["kind"] == "")][columns].reset_index(drop=True)
    of_many = many[(many["customer_id"] == busiest) & many["tx_id"].isin(of_few["tx_id"])][columns].reset_index(drop=True)
    assert len(of_few) > 60
    same = of_few["amount_cents"].to_numpy() == of_many["amount_cents"].to_numpy()
    assert same.mean() > 0.9  # an amount may differ only where fraud struck in one of the two worlds
    pd.testing.assert_frame_equal(of_few[same].drop(columns="amount_cents"), of_many[same].drop(columns="amount_cents"))


def test_the_handbook_preset_follows_the_published_law():
    tx = simulate(HANDBOOK).transactions
    # Customers make Poisson(U(0, 4)) a day, mean 2; times are N(43200, 20000) s cut to the day, which keeps 96.9 %.
    expected = 1000 * 60 * 2 * 0.969
    error = 4 * np.sqrt(1000) * 60 * 4 / np.sqrt(12)  # four standard errors of the customers' rates
    assert abs(len(tx) - expected) < error
    assert (tx["kind"] != "").mean() > 0
    assert (tx.loc[tx["amount_cents"] > 22_000, "kind"] != "").all()
    second = tx["ts"] % 86_400
    assert abs(second.mean() - 43_200) < 200
    genuine = tx[tx["kind"] == ""]
    per_customer = genuine.groupby("customer_id")["amount_cents"].agg(["mean", "std", "size"]).query("size > 100")
    assert 0.4 < (per_customer["std"] / per_customer["mean"]).median() < 0.55  # std is half the mean


@pytest.mark.parametrize("profile, rows", [("smoke", 20_000), ("course", 230_000)])
def test_the_course_world_has_every_kind_of_fraud_and_its_size(profile, rows):
    world = simulate(preset(profile))
    tx = world.transactions
    assert abs(len(tx) / rows - 1) < 0.15
    kinds = tx["kind"].value_counts()
    for kind in ("terminal", "card_testing", "leaked_card", "stolen_card", "account_takeover", "friendly"):
        assert kinds[kind] > 0
    assert 0.003 < (tx["kind"] != "").mean() < 0.02
    assert tx["tx_id"].is_unique and tx["ts"].is_monotonic_increasing
    frauds = tx[tx["kind"] != ""].set_index("tx_id")
    assert set(world.labels["tx_id"]) < set(frauds.index)  # some are never reported
    assert (world.labels["label_ts"].to_numpy() >= frauds["ts"].loc[world.labels["tx_id"]].to_numpy()).all()


def test_planted_drift_moves_what_it_says_from_its_onset_on():
    calm = preset("smoke", seed=2)
    calm = replace(calm, drifts=())
    onset = 60
    inflated = replace(calm, drifts=(Drift("price_inflation", onset, calm.days, "amount", True),))
    a, b = simulate(calm).transactions, simulate(inflated).transactions
    day = (a["ts"] - a["ts"].min() // 86_400 * 86_400) // 86_400
    ratio = b["amount_cents"] / a["amount_cents"]
    assert (ratio[day < onset] == 1).all()
    assert abs(ratio[day >= onset].median() - 1.35) < 0.01


def test_draws_are_uniform_and_depend_on_everything_named():
    u = Draws(0, "a").uniform(np.arange(100_000))
    counts, _ = np.histogram(u, bins=50, range=(0, 1))
    chi_square = ((counts - 2000) ** 2 / 2000).sum()
    assert chi_square < 95  # 49 degrees of freedom: exceeded once in ten thousand seeds
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.02
    for other in (Draws(1, "a"), Draws(0, "b")):
        assert (other.uniform(np.arange(1000)) != u[:1000]).all()


def test_poisson_draws_have_their_mean_and_variance():
    counts = Draws(0, "p").poisson(np.full(50_000, 3.0), np.arange(50_000))
    assert abs(counts.mean() - 3) < 0.04 and abs(counts.var() - 3) < 0.1


def test_impossible_worlds_are_refused():
    with pytest.raises(UserError, match="smoke"):
        preset("smok")
    with pytest.raises(UserError, match="at least one"):
        Config(customers=0)
