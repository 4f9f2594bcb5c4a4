"""Validation folds keep to the calendar, and training data comes from one load."""

import numpy as np
import pandas as pd
import pytest

from fraudops import store
from fraudops.errors import UserError
from fraudops.features import CATEGORICAL_FEATURES, FEATURES, NUMERIC_FEATURES
from fraudops.models import LabelledRows, TrainingData
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, Timeline
from tests.support.cases import drop_ledger_triggers

START = 20_000 * DAY
TIMELINE = Timeline(START, START + 7 * DAY, START + 49 * DAY, START + 63 * DAY)
DELAY = 4 * DAY  # of each fraud report


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """63 days with 100 transactions a day. Five of them are frauds, reported four days later."""
    n = 63 * 100
    ts = START + np.arange(n) * DAY // 100
    features = pd.DataFrame(np.zeros((n, len(NUMERIC_FEATURES))), columns=list(NUMERIC_FEATURES))
    for name in CATEGORICAL_FEATURES:
        features[name] = "a"
    ids = pd.DataFrame(
        {
            "tx_id": [f"T{i}" for i in range(n)],
            "ts": ts,
            "customer_id": [f"C{i % 50}" for i in range(n)],
        }
    )
    frauds = ids[np.arange(n) % 20 == 0]
    labels = pd.DataFrame({"tx_id": frauds["tx_id"], "label_ts": frauds["ts"] + DELAY})
    return TrainingData(ids, labels, features[list(FEATURES)].join(ids), TIMELINE)


def test_a_fold_trains_on_what_was_known_when_its_week_began(data):
    folds = data.make_validation_folds(3, 21, 10_000, 10_000)
    end = TIMELINE.live - LABEL_MATURITY_DAYS * DAY
    starts = [end - 21 * DAY, end - 14 * DAY, end - 7 * DAY]
    assert [test.ts.min() for _, test in folds] == starts
    for start, (train, test) in zip(starts, folds, strict=True):
        assert train.ts.max() < start - LABEL_MATURITY_DAYS * DAY
        assert train.ts.min() == max(TIMELINE.train, start - 21 * DAY)
        assert start <= test.ts.min() and test.ts.max() < start + 7 * DAY
        assert len(test.y) == 700 and test.y.sum() == 35


def test_a_fold_does_not_know_reports_that_come_after_its_week_began(data):
    """Reports of the last training days are late here, and known at go-live only."""
    (train, _), *_ = data.make_validation_folds(1, 21, 10_000, 10_000)
    border = TIMELINE.live - 14 * DAY
    ts = data.transactions.set_index("tx_id")["ts"].reindex(data.labels["tx_id"]).to_numpy()
    late = (ts >= train.ts.max() - 2 * DAY) & (ts <= train.ts.max())
    label_ts = np.where(late, border + DAY, data.labels["label_ts"])
    moved = TrainingData(
        data.transactions, data.labels.assign(label_ts=label_ts), data.features, TIMELINE
    )
    (known, _), *_ = moved.make_validation_folds(1, 21, 10_000, 10_000)
    assert late.any() and known.y.sum() == train.y.sum() - late.sum()


def test_large_folds_are_samples_of_whole_customers(data):
    (train, test), *_ = data.make_validation_folds(1, 21, 500, 300)
    (all_train, all_test), *_ = data.make_validation_folds(1, 21, 10_000, 10_000)
    for sample, every, limit in ((train, all_train, 500), (test, all_test, 300)):
        inside = np.isin(every.customer, sample.customer)
        assert len(sample.y) <= limit < len(every.y) and inside.sum() == len(sample.y)


def test_weeks_without_enough_frauds_are_refused_with_words(data):
    few = TrainingData(data.transactions, data.labels.head(5), data.features, TIMELINE)
    with pytest.raises(UserError, match="Too few frauds are known"):
        few.make_validation_folds(2, 21, 10_000, 10_000)


def test_one_split_by_time_takes_the_place_of_weeks_with_too_few_frauds(data):
    sparse = data.labels.iloc[:: max(len(data.labels) // 40, 1)]
    few = TrainingData(data.transactions, sparse, data.features, TIMELINE)
    ((train, test),) = few.make_validation_folds(2, 7, 10_000, 10_000)
    assert train.ts.max() < test.ts.min() < TIMELINE.live
    assert train.y.sum() >= 15 and test.y.sum() >= 3


def test_weighted_rows_use_the_reviews_of_the_database(data, engine):
    known_at, recent = TIMELINE.live, TIMELINE.live - 4 * DAY
    unreported = data.transactions[data.transactions["ts"] >= recent].iloc[1]
    rows, _ = data.select_weighted(engine, recent, known_at, known_at)
    review = {"tx_id": unreported["tx_id"], "source": "reviewer", "actor": "ann"}
    review |= {"customer_id": unreported["customer_id"], "terminal_id": "M1"}
    review |= {"is_fraud": 1, "label_ts": int(unreported["ts"]) + 60}
    with store.write_transaction(engine) as connection:
        drop_ledger_triggers(connection)  # a reviewer's label without its decision
        store.insert_new(connection, store.labels, [review])
    again, _ = data.select_weighted(engine, recent, known_at, known_at)
    assert again.y.sum() == rows.y.sum() + 1


def test_rows_are_described_in_words():
    day = np.array([0, DAY])
    rows = LabelledRows(pd.DataFrame(index=range(2)), np.array([0, 1]), day, day, day)
    assert rows.describe() == "2 rows with 1 frauds, 1970-01-01 to 1970-01-02"
    assert rows.take(np.array([], int)).describe() == "0 rows"
