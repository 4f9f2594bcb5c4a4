"""Young labels are used with a correction, nothing is known before it arrived, and a wish is granted only for a reason."""

import numpy as np
import pandas as pd
import pytest

from fraudops.features import CATEGORICAL, FEATURES, NUMERIC
from fraudops.timeline import DAY, MATURE_DAYS
from fraudops.training import NO_REVIEWS, YOUNG_DAYS, Wish, known_rows, repeated, why_retrain
from fraudops.verdicts import Verdict
from fraudops.workspace import UserError

START, NOW = 20_000 * DAY, 20_060 * DAY


@pytest.fixture(scope="module")
def world():
    """60 days with 3000 frauds whose reports take 0 to 8 days; every second fraud is reviewed on its day and found."""
    random = np.random.default_rng(0)
    n = 60_000
    ts = np.sort(START + random.integers(0, 60 * DAY, n))
    features = pd.DataFrame(np.zeros((n, len(NUMERIC))), columns=list(NUMERIC))
    for name in CATEGORICAL:
        features[name] = "a"
    features = features[list(FEATURES)].assign(tx_id=[f"T{i}" for i in range(n)], ts=ts, customer_id="c")
    fraud = np.arange(n) % 20 == 0
    reviewed = fraud & (np.arange(n) % 40 == 0)
    labels = pd.DataFrame({"tx_id": features["tx_id"][fraud], "label_ts": ts[fraud] + random.integers(0, 8 * DAY, fraud.sum())})
    reviews = pd.DataFrame({"tx_id": features["tx_id"][reviewed], "is_fraud": 1, "label_ts": ts[reviewed] + DAY})
    return features, labels, reviews, fraud, reviewed


def test_weights_give_back_the_frauds_that_are_still_to_be_reported(world):
    features, labels, reviews, fraud, reviewed = world
    rows, weight = known_rows(features, labels, reviews, START, NOW, NOW)
    young = rows.ts >= NOW - MATURE_DAYS * DAY
    inside = (features["ts"] >= NOW - MATURE_DAYS * DAY) & (features["ts"] < NOW - YOUNG_DAYS * DAY)
    hidden_truth = int((fraud & ~reviewed & inside).sum())
    seen = reviewed[(features["ts"] < NOW - YOUNG_DAYS * DAY).to_numpy()]
    found = (rows.y == 1) & young & ~seen
    assert found.sum() < 0.75 * hidden_truth  # as they stand, frauds that nobody reviewed are too few
    assert abs(weight[found].sum() - hidden_truth) < 0.1 * hidden_truth
    assert set(weight[(rows.y == 1) & seen]) == {1.0} and set(weight[rows.y == 0]) == {1.0}


def test_nothing_is_known_before_it_arrived(world):
    features, labels, reviews, *_ = world
    rows, weight = known_rows(features, labels, reviews, START, NOW, NOW)
    later = labels.assign(label_ts=labels["label_ts"].where(labels["label_ts"] < NOW, NOW + 90 * DAY))
    more = pd.concat([reviews, pd.DataFrame({"tx_id": features["tx_id"], "is_fraud": 1, "label_ts": NOW})])
    again, same = known_rows(features, later, more, START, NOW, NOW)
    np.testing.assert_array_equal(rows.y, again.y)
    np.testing.assert_array_equal(weight, same)
    assert rows.ts.max() < NOW - YOUNG_DAYS * DAY


def test_a_report_goes_before_a_reviewers_word(world):
    features, labels, *_ = world
    wrong = pd.DataFrame({"tx_id": labels["tx_id"], "is_fraud": 0, "label_ts": 0})
    rows, _ = known_rows(features, labels, wrong, START, NOW, NOW)
    plainly, _ = known_rows(features, labels, NO_REVIEWS, START, NOW, NOW)
    np.testing.assert_array_equal(rows.y, plainly.y)


def test_rows_are_repeated_as_they_weigh(world):
    features, labels, reviews, *_ = world
    rows, weight = known_rows(features, labels, reviews, START, NOW, NOW)
    assert abs(len(repeated(rows, weight).y) - weight.sum()) < 60
    assert len(repeated(rows, np.ones(len(rows.y))).y) == len(rows.y)


def verdict(action: str) -> Verdict:
    return Verdict(as_of=0, day="2026-01-01", severity="act", action=action, evidence="amount moved", moved=[], findings=[])


@pytest.mark.parametrize(
    ("wish", "action", "days", "labels", "wanted", "why"),
    [
        (Wish("verdict"), "retrain", 9, 0, True, "amount moved"),
        (Wish("verdict"), "nothing", 9, 999, False, "did not ask"),
        (Wish("verdict"), "retrain", 4, 0, False, "have to lie between"),
        (Wish("schedule"), "nothing", 7, 0, True, "every 7 days"),
        (Wish("schedule"), "nothing", 6, 0, False, "6 days ago"),
        (Wish("labels"), "nothing", 9, 100, True, "100 new labels"),
        (Wish("labels"), "nothing", 9, 99, False, "100 wanted"),
        (Wish("schedule"), "fix data", 99, 999, False, "broken"),
        (Wish("labels"), "fix data", 99, 999, False, "broken"),
    ],
)
def test_a_wish_is_granted_for_a_reason(wish, action, days, labels, wanted, why):
    granted, text = why_retrain(wish, verdict(action), days, labels)
    assert granted is wanted and why in text


def test_an_unknown_trigger_is_refused():
    with pytest.raises(UserError, match="verdict, schedule, labels"):
        why_retrain(Wish("mood"), verdict("nothing"), 9, 0)
