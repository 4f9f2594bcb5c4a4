"""Money, card precision and intervals against sums that can be done by hand."""

import numpy as np

from fraudops.models import DecisionPolicy, bootstrap_interval, card_precision_at_k

POLICY = DecisionPolicy(review=300)


def test_money_counts_reviews_and_missed_fraud():
    y, cents = [1, 1, 0, 0], [5000, 7000, 100, 100]
    decision = ["review", "approve", "review", "approve"]
    assert list(POLICY.compute_decision_costs(y, decision, cents)) == [300, 7000, 300, 0]


def test_card_precision_counts_a_card_once_a_day_and_knows_its_ceiling():
    day = 86_400
    ts = np.array([0, 10, 20, day, day + 1])
    cards = np.array(["a", "a", "b", "a", "c"])
    y, p = np.array([1, 1, 0, 0, 1]), np.array([0.9, 0.8, 0.7, 0.9, 0.1])
    assert card_precision_at_k(ts, cards, y, p, 1) == (0.5, 1.0)
    assert card_precision_at_k(ts, cards, y, p, 2) == (0.5, 0.5)


def test_a_bootstrap_interval_covers_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        groups = np.repeat(np.arange(60), 5)
        values = random.normal(size=60)[groups] + random.normal(size=300)
        low, high = bootstrap_interval(
            lambda chosen, v=values: v[chosen].mean(), groups, rounds=200, seed=seed
        )
        covered += low <= 0 <= high
    assert 85 <= covered <= 100  # 95 expected; below 85 would happen once in 10,000 times


def test_rows_of_one_customer_widen_the_interval():
    values = np.repeat(np.random.default_rng(1).normal(size=40), 25)
    by_customer = bootstrap_interval(
        lambda chosen: values[chosen].mean(), np.repeat(np.arange(40), 25)
    )
    by_row = bootstrap_interval(lambda chosen: values[chosen].mean(), np.arange(1000))
    assert by_customer[1] - by_customer[0] > 3 * (by_row[1] - by_row[0])
