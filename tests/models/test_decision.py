"""The decision policy: the cheapest decision, within the team's capacity; bad values are
refused.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudops.errors import UserError
from fraudops.models import DecisionPolicy
from fraudops.models.decision import DECISIONS
from fraudops.timeline import DAY

transactions = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 200_000)), min_size=1, max_size=30
).map(lambda rows: [np.array(column) for column in zip(*rows, strict=True)])
policies = st.builds(
    DecisionPolicy,
    review=st.integers(0, 2_000),
    goodwill=st.integers(1, 20_000),
    chargeback_fee=st.integers(0, 3_000),
    miss_rate=st.floats(0, 0.5),
    capacity_price=st.floats(0, 5_000),
)


@given(transactions, policies)
def test_no_other_decision_is_expected_to_cost_less(rows, policy):
    p, cents = rows
    decisions = policy.make_decisions(p, cents)
    losses = policy.compute_expected_loss(p, cents, decisions)
    price = policy.capacity_price * (decisions == "review")
    for other in DECISIONS:
        others = policy.compute_expected_loss(p, cents, np.full(len(p), other))
        other_price = policy.capacity_price * (other == "review")
        assert (losses + price <= others + other_price + 1e-5).all()


@given(transactions, policies)
def test_the_threshold_of_an_amount_is_where_approval_ends(rows, policy):
    p, cents = rows
    thresholds = policy.compute_thresholds(cents)
    clear = np.abs(p - thresholds) > 1e-9
    approved = policy.make_decisions(p, cents) == "approve"
    assert (approved == (p < thresholds))[clear].all()


def test_under_capacity_the_reviews_that_save_most_are_kept():
    """Against all subsets of reviews, by brute force."""
    random = np.random.default_rng(0)
    for _ in range(20):
        p, cents = random.uniform(0, 0.3, 9), random.integers(100, 60_000, 9)
        policy = DecisionPolicy(goodwill=10**9, capacity=3)
        costs = policy.compute_expected_costs(p, cents)
        best = min(
            costs[:, 0].sum() + sum(costs[i, 1] - costs[i, 0] for i in chosen)
            for size in range(4)
            for chosen in itertools.combinations(range(9), size)
        )
        learnt = policy.learn_capacity_price(p, cents, days=1)
        decisions = learnt.make_decisions(p, cents)
        assert (decisions == "review").sum() <= 3
        assert learnt.compute_expected_loss(p, cents, decisions).sum() == pytest.approx(best)


def test_a_day_is_decided_by_the_days_before_it_alone():
    random = np.random.default_rng(1)
    ts = np.repeat(np.arange(6), 200) * DAY + 5
    p, cents = random.uniform(0, 0.1, 1200), random.integers(100, 90_000, 1200)
    policy = DecisionPolicy(capacity=20)
    decisions = policy.make_daily_decisions(p, cents, ts)
    changed = np.where(ts >= 4 * DAY, 1 - p, p)
    again = policy.make_daily_decisions(changed, cents, ts)
    assert (decisions == again)[ts < 4 * DAY].all() and (decisions != again)[ts >= 4 * DAY].any()
    reviews = [(decisions[ts // DAY == day] == "review").sum() for day in range(6)]
    assert reviews[0] > 60 and 10 < np.mean(reviews[2:]) < 30  # the first day has nothing to learn


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"review": -1}, "review = -1"),
        ({"goodwill": 0}, "every transaction would be blocked"),
        ({"goodwill": float("nan")}, "goodwill = nan"),
        ({"goodwill": 0.4}, "goodwill = 0.4"),
        ({"review": True}, "review = True"),
        ({"review": "300"}, "review = '300'"),
        ({"chargeback_fee": 10**13}, "at most"),
        ({"capacity": 1.5}, "capacity = 1.5"),
        ({"capacity_price": float("inf")}, "capacity_price = inf"),
        ({"capacity": 0}, "capacity = 0"),
        ({"miss_rate": 1.0}, "miss_rate = 1.0"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_in_words(values, message):
    with pytest.raises(UserError, match=message):
        DecisionPolicy(**values)


def test_probabilities_amounts_and_times_out_of_range_are_refused():
    for p, cents in (([1.5], [100]), ([np.nan], [100]), ([0.5], [-1]), ([0.5], [np.nan])):
        with pytest.raises(UserError, match="The decision policy needs"):
            DecisionPolicy().make_decisions(p, cents)
    assert DecisionPolicy().make_decisions([1.0], [0]).tolist() == ["approve"]
    with pytest.raises(UserError, match="Divide milliseconds by 1,000"):
        DecisionPolicy().make_daily_decisions([0.5], [100], [1_780_000_000_000])


@pytest.mark.parametrize(
    ("y", "decision", "cents", "message"),
    [
        ([1], ["Review"], [100], "Unknown decisions"),
        ([1], ["BLOCK"], [100], "Unknown decisions"),
        ([np.nan], ["review"], [100], "Labels must be"),
        ([-1], ["review"], [100], "Labels must be"),
        (["0"], ["review"], [100], "Labels must be"),
        ([1], ["review"], [-100], "at least 0 cents"),
        ([1], ["review"], [np.inf], "at least 0 cents"),
        ([[1]], ["review"], [100], "one value for each transaction"),
        ([1, 0], ["review"], [100, 200], "one value for each transaction"),
    ],
)
def test_what_cannot_be_priced_is_refused(y, decision, cents, message):
    with pytest.raises(UserError, match=message):
        DecisionPolicy().compute_decision_costs(y, decision, cents)


def test_other_methods_refuse_the_same():
    policy = DecisionPolicy()
    with pytest.raises(UserError, match="Unknown decisions"):
        policy.describe_decision(0.5, 100, "Block")
    with pytest.raises(UserError, match="one value for each transaction"):
        policy.compute_expected_loss([0.5, 0.5], [100, 200], ["review"])
    with pytest.raises(UserError, match="one value for each transaction"):
        policy.make_decisions([0.5], [100, 200])
    with pytest.raises(UserError, match="at least 0 cents"):
        policy.compute_thresholds([-1])


def test_small_integers_do_not_overflow():
    cents = np.array([250, 200], np.uint8)
    costs = DecisionPolicy(chargeback_fee=100).compute_decision_costs(
        [1, 1], ["approve"] * 2, cents
    )
    assert costs.tolist() == [350, 300]


def test_equal_savings_do_not_leave_the_team_without_work():
    ts = np.repeat(np.arange(3), 100) * DAY
    policy = DecisionPolicy(goodwill=10**9, capacity=50)
    decisions = policy.make_daily_decisions(np.full(300, 0.2), np.full(300, 5_000), ts)
    assert [(decisions[ts // DAY == day] == "review").sum() for day in range(3)] == [100] * 3


def test_missed_frauds_cost_their_share_as_expected():
    policy = DecisionPolicy(review=300, chargeback_fee=1_000, miss_rate=0.25)
    costs = policy.compute_decision_costs([1, 0], ["review", "review"], [5_000, 5_000])
    expected = policy.compute_expected_costs([1.0, 0.0], [5_000, 5_000])[:, 1]
    assert costs.tolist() == expected.tolist() == [1_800, 300]


def test_a_record_gives_the_same_policy_and_an_unknown_one_is_refused():
    policy = DecisionPolicy(review=500, capacity=40, capacity_price=12.5)
    assert DecisionPolicy.from_record(policy.to_record()) == policy
    with pytest.raises(UserError, match="Train the model again"):
        DecisionPolicy.from_record({"threshold": 0.2})
