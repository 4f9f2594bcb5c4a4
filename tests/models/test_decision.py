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
        ({"capacity": 0}, "capacity = 0"),
        ({"miss_rate": 1.0}, "miss_rate = 1.0"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_in_words(values, message):
    with pytest.raises(UserError, match=message):
        DecisionPolicy(**values)


def test_scores_that_are_no_probabilities_and_negative_amounts_are_refused():
    for p, cents in (([1.5], [100]), ([np.nan], [100]), ([0.5], [-1])):
        with pytest.raises(UserError, match="A policy needs"):
            DecisionPolicy().make_decisions(p, cents)
    assert DecisionPolicy().make_decisions([1.0], [0]).tolist() == ["approve"]


def test_a_record_gives_the_same_policy_and_an_unknown_one_is_refused():
    policy = DecisionPolicy(review=500, capacity=40, capacity_price=12.5)
    assert DecisionPolicy.from_record(policy.to_record()) == policy
    with pytest.raises(UserError, match="Train the model again"):
        DecisionPolicy.from_record({"threshold": 0.2})
