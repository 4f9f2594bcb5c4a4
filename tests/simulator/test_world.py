"""The simulator: the same bytes again, each entity on its own, and the published law of the
Handbook preset.
"""

import hashlib
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from fraudops.errors import UserError
from fraudops.simulator import (
    CounterRng,
    SimulatorConfig,
    find_true_compromises,
    make_course_config,
    simulate_world,
)
from fraudops.simulator.config import TX_ID_SLOTS_PER_DAY, PlantedDrift

HANDBOOK = SimulatorConfig(
    preset="handbook", seed=1, customers=1000, terminals=2000, days=60, start=date(2018, 4, 1)
)
DEFAULT_SIZE = SimulatorConfig(
    preset="handbook", customers=5000, terminals=10_000, days=183, start=date(2018, 4, 1)
)
CALM = make_course_config("smoke", seed=2, drift="none")
ONSET = 60
PINNED_COURSE = "c4d4ea7bd7068c7e3e9a06fa7b9962e2955a61c4af9b1e418a5e49a8aa182c5b"
PINNED_LABELS = "9ecb1401718ea55398f05b869bc47e2ec7da217d3d89d79b02ea2c31afa5fc68"
PINNED_BOOK = "200a2c8dfec3eed1694cc6839d42ac93cf16718c51231f20199e1ec92503e1fe"


def fingerprint(frame: pd.DataFrame) -> str:
    """SHA-256 of the frame as text, one line a row."""
    return hashlib.sha256(frame.to_csv(index=False, lineterminator="\n").encode()).hexdigest()


def drifting(kind: str, shape: str = "sudden", **changes) -> pd.DataFrame:
    return simulate_world(
        replace(CALM, drifts=(PlantedDrift(kind, ONSET, CALM.days, shape),), **changes)
    ).transactions


def day_of(frame: pd.DataFrame) -> np.ndarray:
    return ((frame["ts"] - frame["ts"].min() // 86_400 * 86_400) // 86_400).to_numpy()


def test_equal_configurations_give_equal_worlds():
    first, again = (
        simulate_world(make_course_config("smoke")),
        simulate_world(make_course_config("smoke")),
    )
    for name in ("transactions", "labels", "compromises", "drifts"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    assert fingerprint(
        simulate_world(make_course_config("smoke", seed=8)).transactions
    ) != fingerprint(first.transactions)


def test_the_bytes_of_two_worlds_are_pinned():
    # A change here changes every figure that anybody has written down: make it on purpose, and say
    # so.
    course, book = simulate_world(make_course_config("smoke")), simulate_world(HANDBOOK)
    assert fingerprint(course.transactions) == PINNED_COURSE
    assert fingerprint(course.labels) == PINNED_LABELS
    assert fingerprint(book.transactions) == PINNED_BOOK


@pytest.mark.slow
@pytest.mark.parametrize(
    "config", [make_course_config("smoke"), HANDBOOK], ids=["course", "handbook"]
)
def test_threads_change_nothing(config):
    alone = simulate_world(config)
    for workers in (2, 3):
        shared = simulate_world(config, workers)
        pd.testing.assert_frame_equal(alone.transactions, shared.transactions)
        pd.testing.assert_frame_equal(alone.labels, shared.labels)


@pytest.mark.parametrize("kind", ["handbook", "course"])
def test_a_customer_lives_alike_among_few_and_many(kind):
    base = SimulatorConfig(preset=kind, seed=3, customers=40, terminals=200, days=30)
    few, many = (
        simulate_world(base).transactions,
        simulate_world(replace(base, customers=90)).transactions,
    )
    # customers compromised by lot are another matter
    columns = [name for name in few if name != "kind"]
    busiest = few["customer_id"].mode()[0]
    of_few = few[(few["customer_id"] == busiest) & (few["kind"] == "")][columns].reset_index(
        drop=True
    )
    of_many = many[(many["customer_id"] == busiest) & many["tx_id"].isin(of_few["tx_id"])][
        columns
    ].reset_index(drop=True)
    assert len(of_few) > 60
    same = of_few["amount_cents"].to_numpy() == of_many["amount_cents"].to_numpy()
    # an amount may differ only where fraud struck in one of the two worlds
    assert same.mean() > 0.9
    pd.testing.assert_frame_equal(
        of_few[same].drop(columns="amount_cents"), of_many[same].drop(columns="amount_cents")
    )


def test_the_handbook_preset_follows_the_published_law():
    tx = simulate_world(HANDBOOK).transactions
    # Customers make Poisson(U(0, 4)) a day, mean 2; times are N(43200, 20000) s cut to the day,
    # which keeps 96.9 %.
    expected = 1000 * 60 * 2 * 0.969
    error = 4 * np.sqrt(1000) * 60 * 4 / np.sqrt(12)  # four standard errors of the customers' rates
    assert abs(len(tx) - expected) < error
    assert (tx["kind"] != "").mean() > 0
    assert (tx.loc[tx["amount_cents"] > 22_000, "kind"] != "").all()
    second = tx["ts"] % 86_400
    assert abs(second.mean() - 43_200) < 200
    genuine = tx[tx["kind"] == ""]
    per_customer = (
        genuine.groupby("customer_id")["amount_cents"]
        .agg(["mean", "std", "size"])
        .query("size > 100")
    )
    # std is half the mean
    assert 0.4 < (per_customer["std"] / per_customer["mean"]).median() < 0.55


def test_the_handbook_preset_has_the_published_statistics_at_default_size():
    # The default seed is the project's, not one chosen for this test. By the law the expected size
    # is 1.774 million and
    # a seed moves it by 0.8 %, so about every second seed meets the first line; the next test asks
    # for the law itself.
    tx = simulate_world(DEFAULT_SIZE).transactions
    assert abs(len(tx) / 1_754_155 - 1) < 0.01
    assert abs(100 * (tx["kind"] != "").mean() - 0.837) < 0.05
    share = 100 * tx.loc[tx["kind"] != "", "kind"].value_counts(normalize=True)
    for kind, published in (("large_amount", 6.6), ("terminal", 61.8), ("customer", 31.5)):
        assert abs(share[kind] - published) < 2, kind


def test_over_seeds_the_handbook_preset_has_the_size_its_law_gives():
    sizes = [
        len(simulate_world(replace(HANDBOOK, seed=seed)).transactions) for seed in range(20, 30)
    ]
    inside = norm.cdf(43_200 / 20_000) - norm.cdf(-43_200 / 20_000)
    expected = 1000 * 60 * 2 * inside
    # of the mean; rates are U(0, 4)
    error = np.sqrt(1000) * 60 * inside * 4 / np.sqrt(12) / np.sqrt(len(sizes))
    assert abs(np.mean(sizes) - expected) < 4 * error


@pytest.mark.parametrize("profile, rows", [("smoke", 19_000), ("course", 210_000)])
def test_the_course_world_has_every_kind_of_fraud_and_its_size(profile, rows):
    world = simulate_world(make_course_config(profile))
    tx = world.transactions
    assert abs(len(tx) / rows - 1) < 0.1
    kinds = tx["kind"].value_counts()
    for kind in (
        "terminal",
        "card_testing",
        "leaked_card",
        "stolen_card",
        "account_takeover",
        "friendly",
    ):
        assert kinds[kind] > 0
    assert 0.003 < (tx["kind"] != "").mean() < 0.02
    assert tx["tx_id"].is_unique and tx["ts"].is_monotonic_increasing
    frauds = tx[tx["kind"] != ""].set_index("tx_id")
    assert set(world.labels["tx_id"]) < set(frauds.index)  # some are never reported
    assert (
        world.labels["label_ts"].to_numpy() >= frauds["ts"].loc[world.labels["tx_id"]].to_numpy()
    ).all()
    assert (tx["warm_up"] == (day_of(tx) < 30)).all()
    assert tx["lat_cdeg"].isna().equals(tx["channel"] == "online")


def test_labels_come_by_a_delay_of_their_own_for_each_kind():
    world = simulate_world(make_course_config("course"))
    sent = world.transactions.set_index("tx_id").loc[world.labels["tx_id"]]
    days = (world.labels["label_ts"].to_numpy() - sent["ts"].to_numpy()) / 86_400
    median = pd.Series(days).groupby(sent["kind"].astype(str).to_numpy()).median()
    assert (
        median["stolen_card"]
        < median["card_testing"]
        < median["terminal"]
        < median["leaked_card"]
        < median["friendly"]
    )
    assert 0.9 < len(world.labels) / (world.transactions["kind"] != "").sum() < 1


def test_no_single_column_gives_the_fraud_away():
    tx = simulate_world(make_course_config("course", drift="none")).transactions
    fraud, hour = tx["kind"] != "", tx["ts"] % 86_400
    for column in (
        tx["amount_cents"],
        hour,
        tx["category"].cat.codes,
        tx["channel"].cat.codes,
        tx["lat_cdeg"].fillna(0),
    ):
        bins = pd.qcut(column.rank(method="first"), 50, labels=False)
        # the most suspicious fiftieth is still nine parts genuine
        assert fraud.groupby(bins).mean().max() < 0.1


def test_people_and_merchants_come_and_go():
    tx = simulate_world(make_course_config("course", drift="none")).transactions
    seen = (
        tx[tx["kind"] == ""]
        .assign(day=day_of(tx[tx["kind"] == ""]))
        .groupby("customer_id")["day"]
        .agg(["min", "max", "size"])
    )
    regular = seen[seen["size"] > 40]
    assert (
        0.05 < (regular["min"] > 20).mean() < 0.25 and 0.03 < (regular["max"] < 130).mean() < 0.25
    )
    busy = (
        tx.assign(day=day_of(tx))
        .groupby("terminal_id")["day"]
        .agg(["min", "max", "size"])
        .query("size > 60")
    )
    assert (busy["min"] > 20).any() and (busy["max"] < 130).any()


def test_a_stolen_card_travels_faster_than_its_owner_could():
    tx = simulate_world(make_course_config("course", drift="none", difficulty=0.0)).transactions
    place = tx[tx["lat_cdeg"].notna()].sort_values(["customer_id", "ts"])
    same = place["customer_id"].to_numpy()[1:] == place["customer_id"].to_numpy()[:-1]
    km = 1.112 * np.hypot(
        np.diff(place["lat_cdeg"].astype(float)), 0.63 * np.diff(place["lon_cdeg"].astype(float))
    )
    hours = np.maximum(np.diff(place["ts"]), 60) / 3600
    fast = pd.Series((km / hours > 150)[same])
    stolen = (place["kind"] == "stolen_card").to_numpy()[1:][same]
    assert fast[stolen].mean() > 20 * fast[~stolen].mean()


def test_difficulty_makes_fraud_look_like_the_card_holder():
    def ratio(difficulty: float) -> float:
        tx = simulate_world(
            make_course_config("course", drift="none", difficulty=difficulty)
        ).transactions
        usual = tx[tx["kind"] == ""].groupby("customer_id")["amount_cents"].mean()
        fraud = tx[tx["kind"] == "account_takeover"]
        return (fraud["amount_cents"] / usual.reindex(fraud["customer_id"]).to_numpy()).median()

    easy, middle, hard = ratio(0.0), ratio(0.5), ratio(1.0)
    assert easy > middle > hard and easy > 3 and hard < 2


def test_price_inflation_moves_amounts_from_its_onset_on():
    a, b = simulate_world(CALM).transactions, drifting("price_inflation")
    day, ratio = day_of(a), b["amount_cents"] / a["amount_cents"]
    assert (ratio[day < ONSET] == 1).all() and abs(ratio[day >= ONSET].median() - 1.35) < 0.01


def test_shapes_of_drift():
    a, day = simulate_world(CALM).transactions, day_of(simulate_world(CALM).transactions)
    gradual = (
        (drifting("price_inflation", "gradual")["amount_cents"] / a["amount_cents"])
        .groupby(day)
        .median()
    )
    assert abs(gradual[ONSET + 14] - 1.175) < 0.02 and abs(gradual.iloc[-1] - 1.35) < 0.02
    recurring = (
        (drifting("price_inflation", "recurring")["amount_cents"] / a["amount_cents"])
        .groupby(day)
        .median()
    )
    assert (
        recurring[ONSET + 6] > 1.3
        and abs(recurring[ONSET + 7] - 1) < 1e-9
        and recurring[ONSET + 21] > 1.3
    )


def test_a_fraud_wave_brings_more_leaked_cards():
    big = replace(make_course_config("course", drift="none"), days=100)
    waved = replace(big, drifts=(PlantedDrift("fraud_wave", ONSET, 100),))
    calm, wave = (
        simulate_world(c).compromises.query("kind == 'leaked_card' and start >= @ONSET")
        for c in (big, waved)
    )
    assert len(wave) > 2 * len(calm)


def test_adapting_fraud_moves_no_genuine_row():
    a, b = simulate_world(CALM).transactions, drifting("adapting_fraud")
    genuine = a[(a["kind"] == "")].merge(b, on="tx_id", suffixes=("", "_b"))
    assert (genuine["amount_cents"] == genuine["amount_cents_b"])[genuine["kind_b"] == ""].all()
    late = make_course_config("course", drift="adapting_fraud")
    hidden, open_ = (
        simulate_world(late).transactions,
        simulate_world(replace(late, drifts=())).transactions,
    )
    testing = [
        t[(t["kind"] == "card_testing") & (day_of(t) >= late.drifts[0].onset)]["amount_cents"]
        for t in (hidden, open_)
    ]
    # no more trying out with small change
    assert (testing[0] < 450).mean() < 0.2 < (testing[1] < 450).mean()


def test_new_terminals_take_a_share_of_the_purchases():
    tx = drifting("new_terminals")
    new = tx["terminal_id"] >= CALM.terminals
    day = day_of(tx)
    assert not new[day < ONSET].any() and 0.1 < new[day >= ONSET].mean() < 0.4


def test_a_benign_season_brings_more_purchases_and_not_more_fraud():
    a, b = simulate_world(CALM).transactions, drifting("benign_season")
    late = [t[day_of(t) >= ONSET] for t in (a, b)]
    assert 1.2 < len(late[1]) / len(late[0]) < 1.4
    assert abs((late[1]["kind"] != "").sum() / max((late[0]["kind"] != "").sum(), 1) - 1) < 0.3


def test_broken_units_nulls_and_a_renamed_column():
    a = simulate_world(CALM).transactions
    day = day_of(a)
    units = drifting("broken_units")["amount_cents"] / a["amount_cents"]
    assert (units[day < ONSET] == 1).all() and set(units[day >= ONSET].round(9)) == {1.0, 100.0}
    assert abs((units[day >= ONSET] > 1).mean() - 1 / 3) < 0.15
    nulls = drifting("nulls")["category"].isna()
    assert not nulls[day < ONSET].any() and abs(nulls[day >= ONSET].mean() - 0.6) < 0.03
    renamed = drifting("renamed_column")["channel"].isna()
    assert not renamed[day < ONSET].any() and renamed[day >= ONSET].all()


def test_the_answer_key_names_what_was_planted_and_nothing_in_the_control():
    world = simulate_world(make_course_config("course", drift="nulls, price_inflation:gradual"))
    assert list(world.drifts.columns) == [
        "id",
        "kind",
        "shape",
        "onset",
        "end",
        "columns",
        "entities",
        "harmful",
    ]
    assert world.drifts[["kind", "shape"]].to_numpy().tolist() == [
        ["nulls", "sudden"],
        ["price_inflation", "gradual"],
    ]
    assert simulate_world(CALM).drifts.empty
    tx, key = world.transactions, world.compromises
    assert {"terminal", "card_testing", "leaked_card", "stolen_card", "account_takeover"} == set(
        key["kind"]
    )
    hit = tx[tx["kind"] == "terminal"].assign(day=day_of(tx)[tx["kind"] == "terminal"])
    joined = hit.assign(entity="M" + hit["terminal_id"].astype(str)).merge(
        key[key["kind"] == "terminal"], on="entity"
    )
    inside = joined[(joined["day"] >= joined["start"]) & (joined["day"] < joined["end"])]
    # each such fraud lies in a campaign of its terminal
    assert set(inside["tx_id"]) == set(hit["tx_id"])


def test_true_compromises_are_campaigns_by_card():
    world = simulate_world(make_course_config("course", seed=3, drift="none"))
    found = find_true_compromises(world)
    tx = world.transactions.assign(found=found, day=day_of(world.transactions))
    assert ((found >= 0) == (tx["kind"] != "")).all()
    fraud = tx[tx["kind"] != ""].astype({"kind": str})
    by_compromise = fraud.groupby("found")
    assert (by_compromise["customer_id"].nunique() == 1).all()
    assert (by_compromise["kind"].nunique() == 1).all()
    # the id of an added transaction says on which day its campaign has begun
    added = fraud[~fraud["kind"].isin(["terminal", "friendly"])]
    days = make_course_config("course").days
    begun = added["tx_id"] // TX_ID_SLOTS_PER_DAY % days
    campaign = pd.MultiIndex.from_arrays([added["kind"], added["customer_id"], begun]).factorize()
    pairs = {*zip(campaign[0], added["found"], strict=True)}
    n_campaigns = len(campaign[1])
    # two campaigns of one kind on one card seldom overlap
    assert n_campaigns <= len(pairs) < 1.02 * n_campaigns
    assert n_campaigns - added["found"].nunique() <= len(pairs) - n_campaigns
    # a skimmed terminal is one compromise for each of its cards, in one campaign
    skimmed = fraud[fraud["kind"] == "terminal"].groupby("found")
    assert (skimmed["terminal_id"].nunique() == 1).all()
    assert (skimmed["day"].max() - skimmed["day"].min() < 14).all()
    friendly = fraud.loc[fraud["kind"] == "friendly", "found"]
    assert len(friendly) and friendly.is_unique


def test_draws_are_uniform_and_depend_on_everything_named():
    u = CounterRng(0, "a").uniform(np.arange(100_000))
    counts, _ = np.histogram(u, bins=50, range=(0, 1))
    chi_square = ((counts - 2000) ** 2 / 2000).sum()
    assert chi_square < 95  # 49 degrees of freedom: exceeded once in ten thousand seeds
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.02
    for other in (CounterRng(1, "a"), CounterRng(0, "b")):
        assert (other.uniform(np.arange(1000)) != u[:1000]).all()


def test_poisson_draws_have_their_mean_and_variance():
    counts = CounterRng(0, "p").poisson(np.full(50_000, 3.0), np.arange(50_000))
    assert abs(counts.mean() - 3) < 0.04 and abs(counts.var() - 3) < 0.1


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: make_course_config("smok"), "smoke"),
        (lambda: SimulatorConfig(customers=0), "at least one"),
        (lambda: SimulatorConfig(difficulty=2), "from 0"),
        (lambda: make_course_config("smoke", drift="price_inflaton"), "price_inflation"),
        (lambda: make_course_config("smoke", drift="nulls:slow"), "sudden, gradual, recurring"),
        (lambda: PlantedDrift("nulls", 9, 9), "not after its onset"),
        (
            lambda: SimulatorConfig(preset="handbook", drifts=(PlantedDrift("nulls", 1, 9),)),
            "published law",
        ),
    ],
)
def test_impossible_worlds_are_refused(make, said):
    with pytest.raises(UserError, match=said):
        make()
