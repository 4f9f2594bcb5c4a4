"""Young labels are used with a correction, nothing is known before it arrived, and a wish is
granted only for a reason.
"""

import numpy as np
import pandas as pd
import pytest

from fraudops.errors import UserError
from fraudops.features import CATEGORICAL_FEATURES, FEATURES, NUMERIC_FEATURES
from fraudops.models import EMPTY_REVIEWS, LabelledRows
from fraudops.models.training_set import MIN_TRANSACTION_AGE_DAYS
from fraudops.monitoring import RetrainPolicy, Verdict
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS

START, NOW = 20_000 * DAY, 20_060 * DAY


@pytest.fixture(scope="module")
def world():
    """60 days with 3000 frauds whose reports take 0 to 8 days; every second fraud is reviewed on
    its day and found.
    """
    random = np.random.default_rng(0)
    n = 60_000
    ts = np.sort(START + random.integers(0, 60 * DAY, n))
    features = pd.DataFrame(np.zeros((n, len(NUMERIC_FEATURES))), columns=list(NUMERIC_FEATURES))
    for name in CATEGORICAL_FEATURES:
        features[name] = "a"
    features = features[list(FEATURES)].assign(
        tx_id=[f"T{i}" for i in range(n)], ts=ts, customer_id="c"
    )
    fraud = np.arange(n) % 20 == 0
    reviewed = fraud & (np.arange(n) % 40 == 0)
    labels = pd.DataFrame(
        {
            "tx_id": features["tx_id"][fraud],
            "label_ts": ts[fraud] + random.integers(0, 8 * DAY, fraud.sum()),
        }
    )
    reviews = pd.DataFrame(
        {"tx_id": features["tx_id"][reviewed], "is_fraud": 1, "label_ts": ts[reviewed] + DAY}
    )
    return features, labels, reviews, fraud, reviewed


def test_weights_give_back_the_frauds_that_are_still_to_be_reported(world):
    features, labels, reviews, fraud, reviewed = world
    rows, weight = LabelledRows.select_weighted(features, labels, reviews, START, NOW, NOW)
    young = rows.ts >= NOW - LABEL_MATURITY_DAYS * DAY
    inside = (features["ts"] >= NOW - LABEL_MATURITY_DAYS * DAY) & (
        features["ts"] < NOW - MIN_TRANSACTION_AGE_DAYS * DAY
    )
    hidden_truth = int((fraud & ~reviewed & inside).sum())
    seen = reviewed[(features["ts"] < NOW - MIN_TRANSACTION_AGE_DAYS * DAY).to_numpy()]
    found = (rows.y == 1) & young & ~seen
    # as they stand, frauds that nobody reviewed are too few
    assert found.sum() < 0.75 * hidden_truth
    assert abs(weight[found].sum() - hidden_truth) < 0.1 * hidden_truth
    assert set(weight[(rows.y == 1) & seen]) == {1.0} and set(weight[rows.y == 0]) == {1.0}


def test_nothing_is_known_before_it_arrived(world):
    features, labels, reviews, *_ = world
    rows, weight = LabelledRows.select_weighted(features, labels, reviews, START, NOW, NOW)
    later = labels.assign(
        label_ts=labels["label_ts"].where(labels["label_ts"] < NOW, NOW + 90 * DAY)
    )
    more = pd.concat(
        [reviews, pd.DataFrame({"tx_id": features["tx_id"], "is_fraud": 1, "label_ts": NOW})]
    )
    again, same = LabelledRows.select_weighted(features, later, more, START, NOW, NOW)
    np.testing.assert_array_equal(rows.y, again.y)
    np.testing.assert_array_equal(weight, same)
    assert rows.ts.max() < NOW - MIN_TRANSACTION_AGE_DAYS * DAY


def test_a_report_goes_before_a_reviewers_word(world):
    features, labels, *_ = world
    wrong = pd.DataFrame({"tx_id": labels["tx_id"], "is_fraud": 0, "label_ts": 0})
    rows, _ = LabelledRows.select_weighted(features, labels, wrong, START, NOW, NOW)
    plainly, _ = LabelledRows.select_weighted(features, labels, EMPTY_REVIEWS, START, NOW, NOW)
    np.testing.assert_array_equal(rows.y, plainly.y)


def test_rows_are_repeated_as_they_weigh(world):
    features, labels, reviews, *_ = world
    rows, weight = LabelledRows.select_weighted(features, labels, reviews, START, NOW, NOW)
    assert abs(len(rows.repeat_by_weight(weight).y) - weight.sum()) < 60
    assert len(rows.repeat_by_weight(np.ones(len(rows.y))).y) == len(rows.y)


def verdict(action: str) -> Verdict:
    return Verdict(
        as_of=0,
        day="2026-01-01",
        severity="act",
        action=action,
        evidence="amount moved",
        moved=[],
        findings=[],
    )


@pytest.mark.parametrize(
    ("wish", "action", "days", "labels", "wanted", "why"),
    [
        (RetrainPolicy("verdict"), "retrain", 9, 0, True, "amount moved"),
        (RetrainPolicy("verdict"), "nothing", 9, 999, False, "did not ask"),
        (RetrainPolicy("verdict"), "retrain", 4, 0, False, "have to lie between"),
        (RetrainPolicy("schedule"), "nothing", 7, 0, True, "every 7 days"),
        (RetrainPolicy("schedule"), "nothing", 6, 0, False, "6 days ago"),
        (RetrainPolicy("labels"), "nothing", 9, 100, True, "100 new labels"),
        (RetrainPolicy("labels"), "nothing", 9, 99, False, "100 wanted"),
        (RetrainPolicy("schedule"), "fix data", 99, 999, False, "broken"),
        (RetrainPolicy("labels"), "fix data", 99, 999, False, "broken"),
    ],
)
def test_a_wish_is_granted_for_a_reason(wish, action, days, labels, wanted, why):
    granted, text = wish.should_retrain(verdict(action), days, labels)
    assert granted is wanted and why in text


def test_an_unknown_trigger_is_refused():
    with pytest.raises(UserError, match="verdict, schedule, labels"):
        RetrainPolicy("mood").should_retrain(verdict("nothing"), 9, 0)


def test_a_sample_holds_whole_customers_and_no_more_rows_than_asked():
    random = np.random.default_rng(3)
    customer = random.choice([f"c{i}" for i in range(40)], 500)
    number = np.arange(500)
    rows = LabelledRows(
        pd.DataFrame({"amount": number}),
        (number % 7 == 0).astype(np.int8),
        number,
        number,
        customer,
    )
    for max_rows in (60, 200, 499):
        sample = rows.sample_customers(max_rows)
        assert 0.5 * max_rows < len(sample.y) <= max_rows
        assert (
            len(sample.y) == np.isin(customer, sample.customer).sum()
        )  # all rows of each customer
        assert (np.diff(sample.ts) > 0).all() and (sample.X["amount"] == sample.cents).all()
    assert rows.sample_customers(500) is rows
    assert set(rows.sample_customers(200, seed=1).customer) != set(
        rows.sample_customers(200, seed=2).customer
    )
    one = LabelledRows(rows.X, rows.y, rows.cents, rows.ts, np.full(500, "unknown"))
    assert len(one.sample_customers(50).y) == 50  # a source without customers
    with pytest.raises(UserError, match="at least 1 row"):
        rows.sample_customers(0)
