"""Money once per compromise: the first catch of a card stops the rest."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudops.errors import UserError
from fraudops.models import (
    DecisionPolicy,
    LabelledRows,
    assign_compromises,
    compute_compromise_costs,
    find_stopped_frauds,
    summarize_first_catches,
)
from fraudops.models.decision import DECISIONS
from fraudops.timeline import DAY

# few cards, and few moments up to day 99, so that ties and long gaps both come up
rows = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from("abc"),
        st.integers(0, 99).map(lambda day: day * DAY),
        st.integers(0, 90_000),
        st.sampled_from(DECISIONS),
    ),
    min_size=1,
    max_size=30,
).map(lambda some: [np.array(column) for column in zip(*some, strict=True)])
policies = st.builds(
    DecisionPolicy,
    review=st.integers(0, 2_000),
    goodwill=st.integers(1, 20_000),
    chargeback_fee=st.integers(0, 3_000),
)


def count_by_hand(policy: DecisionPolicy, y, customer, ts, cents, decision) -> int:
    """The cost once per compromise, card by card and second by second."""
    total = 0
    for card in set(customer):
        begun, is_caught = None, False
        mine = np.flatnonzero(customer == card)
        for at in sorted(set(ts[mine])):
            now = [i for i in mine if ts[i] == at]
            if any(y[i] for i in now) and (begun is None or at - begun >= 30 * DAY):
                begun, is_caught = at, False
            was_caught = is_caught
            for i in now:
                if not y[i]:
                    total += {"review": policy.review, "block": policy.goodwill}.get(decision[i], 0)
                elif not was_caught:
                    lost = cents[i] + policy.chargeback_fee
                    total += {"review": policy.review, "approve": lost}.get(decision[i], 0)
                    is_caught |= decision[i] != "approve"
    return total


@settings(deadline=None)
@given(rows, policies)
def test_the_costs_are_those_of_a_count_by_hand(some, policy):
    y, customer, ts, cents, decision = some
    found = assign_compromises(y, customer, ts)
    costs = compute_compromise_costs(policy, y, decision, cents, ts, found)
    assert costs.sum() == count_by_hand(policy, y, customer, ts, cents, decision)


@settings(deadline=None)
@given(rows, policies)
def test_no_row_costs_more_than_per_transaction_and_genuine_ones_cost_the_same(some, policy):
    y, customer, ts, cents, decision = some
    each = policy.compute_decision_costs(y, decision, cents)
    found = assign_compromises(y, customer, ts)
    once = compute_compromise_costs(policy, y, decision, cents, ts, found)
    assert ((once == each) | (y & (once == 0))).all() and (once <= each).all()


@settings(deadline=None)
@given(rows, policies)
def test_where_each_compromise_is_one_fraud_both_costs_are_equal(some, policy):
    y, _, ts, cents, decision = some
    alone = np.where(y, np.arange(len(y)), -1)
    once = compute_compromise_costs(policy, y, decision, cents, ts, alone)
    assert (once == policy.compute_decision_costs(y, decision, cents)).all()


@settings(deadline=None)
@given(rows, policies, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(some, policy, random):
    y, customer, ts, cents, decision = some
    order = np.array(random.sample(range(len(y)), len(y)))
    found = assign_compromises(y, customer, ts)
    assert (assign_compromises(y[order], customer[order], ts[order]) == found[order]).all()
    once = compute_compromise_costs(policy, y, decision, cents, ts, found)
    shuffled = (y, decision, cents, ts, found)
    moved = compute_compromise_costs(policy, *(column[order] for column in shuffled))
    assert (moved == once[order]).all()
    caught = decision != "approve"
    summaries = [
        summarize_first_catches(*(column[some_order] for column in (caught, cents, ts, found)))
        for some_order in (np.arange(len(y)), order)
    ]
    assert repr(summaries[0]) == repr(summaries[1])  # NaN is not equal to itself


@settings(deadline=None)
@given(rows, policies, st.data())
def test_an_earlier_first_catch_by_the_same_decision_never_costs_more(some, policy, data):
    _, _, ts, cents, _ = some
    order = np.argsort(ts, kind="stable")
    ts, cents, y = ts[order], cents[order], np.ones(len(ts), int)
    one = np.zeros(len(ts), int)
    early = data.draw(st.integers(0, len(ts) - 1))
    late = data.draw(st.integers(early, len(ts) - 1))
    kind = data.draw(st.sampled_from(("review", "block")))

    def total(first_catch: int) -> int:
        decision = np.full(len(ts), "approve", dtype="<U7")
        decision[first_catch] = kind
        return compute_compromise_costs(policy, y, decision, cents, ts, one).sum()

    # at the same second neither is the earlier one
    assert ts[early] == ts[late] or total(early) <= total(late)


def test_an_early_review_can_cost_more_than_a_late_block():
    """Why the property above speaks of the same decision: a review of three euros is dear."""
    policy, ones = DecisionPolicy(review=300), np.ones(2, int)
    early, late = (
        compute_compromise_costs(policy, ones, decision, [100, 100], [1, 2], [0, 0]).sum()
        for decision in (["review", "approve"], ["approve", "block"])
    )
    assert (early, late) == (300, 100)


@settings(deadline=None)
@given(rows)
def test_a_compromise_is_of_one_card_and_shorter_than_thirty_days(some):
    y, customer, ts, *_ = some
    found = assign_compromises(y, customer, ts)
    assert ((found >= 0) == y).all()
    frauds = pd.DataFrame({"card": customer, "ts": ts, "found": found})[y]
    groups = frauds.groupby("found")
    assert (groups["card"].nunique() == 1).all()
    assert (groups["ts"].max() - groups["ts"].min() < 30 * DAY).all()
    begun = groups.agg(card=("card", "first"), ts=("ts", "min")).sort_values(["card", "ts"])
    assert (begun.groupby("card")["ts"].diff().dropna() >= 30 * DAY).all()


def test_a_thirtieth_day_begins_a_new_compromise_and_the_second_before_does_not():
    ts = np.array([0, 30 * DAY - 1, 30 * DAY])
    assert assign_compromises([1, 1, 1], ["a"] * 3, ts).tolist() == [0, 0, 1]


@settings(deadline=None)
@given(rows)
def test_the_shares_of_catches_follow_from_each_compromise(some):
    y, customer, ts, cents, decision = some
    found = assign_compromises(y, customer, ts)
    caught = decision != "approve"
    catches = summarize_first_catches(caught, cents, ts, found)
    frame = pd.DataFrame({"found": found, "ts": ts, "caught": caught, "cents": cents})[y]
    first_ts = frame.groupby("found")["ts"].transform("min")
    at_first = frame[frame["ts"] == first_ts].groupby("found")["caught"].any()
    ever = frame.groupby("found")["caught"].any()
    assert catches.compromises == len(ever)
    if not len(ever):
        assert math.isnan(catches.caught) and math.isnan(catches.caught_at_first)
        return
    assert catches.caught_at_first == at_first.mean() <= catches.caught == ever.mean()
    # with free reviews the cost of frauds is what was lost
    free = DecisionPolicy(review=0)
    once = compute_compromise_costs(free, y, decision, cents, ts, found)
    lost = catches.lost_before_catch_cents + catches.lost_uncaught_cents
    assert once[y].sum() == lost
    missed = ~frame["found"].map(ever).astype(bool)
    assert catches.lost_uncaught_cents == frame.loc[missed, "cents"].sum()


def test_bad_columns_are_refused_in_words():
    with pytest.raises(UserError, match="differ in length"):
        assign_compromises([1, 0], ["a"], [1, 2])
    with pytest.raises(UserError, match="at least 1 day"):
        assign_compromises([1], ["a"], [1], days=0)
    with pytest.raises(UserError, match="Each fraud needs a compromise"):
        compute_compromise_costs(DecisionPolicy(), [1], ["review"], [100], [1], [-1])
    with pytest.raises(UserError, match="Each fraud needs a compromise"):
        compute_compromise_costs(DecisionPolicy(), [0], ["review"], [100], [1], [0])


def test_nothing_is_stopped_where_there_is_no_row():
    none = np.zeros(0, int)
    assert len(assign_compromises(none, none, none)) == 0
    assert len(find_stopped_frauds(none, none, none)) == 0
    assert summarize_first_catches(none, none, none, none).compromises == 0


def test_labelled_rows_count_the_same():
    ts = np.array([1, 2, 3])
    customer = np.array(["a", "a", "b"])
    some = LabelledRows(pd.DataFrame(index=ts), np.array([1, 1, 0]), ts * 1000, ts, customer)
    decision = np.array(["review", "approve", "review"])
    assert some.compute_compromise_costs(DecisionPolicy(), decision).tolist() == [300, 0, 300]
    catches = some.summarize_first_catches(decision)
    assert (catches.compromises, catches.caught_at_first) == (1, 1.0)
