"""Training sets know only what was known; a fit chooses its threshold without seeing what it is chosen on."""

import numpy as np
import pandas as pd
import pytest

from fraudops import models
from fraudops.features import CATEGORICAL, FEATURES, NUMERIC
from fraudops.metrics import Costs
from fraudops.timeline import DAY
from fraudops.workspace import UserError

START = 20_000 * DAY


def world(n: int = 3000, days: int = 40, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Features, transactions and labels in which a high amount is often fraud."""
    random = np.random.default_rng(seed)
    ts = np.sort(START + random.integers(0, days * DAY, n))
    X = pd.DataFrame(random.normal(size=(n, len(NUMERIC))), columns=list(NUMERIC))
    X["amount"] = random.lognormal(3, 1, n).round(2)
    for name in CATEGORICAL:
        X[name] = random.choice(["a", "b"], n)
    tx_id = [f"T{i}" for i in range(n)]
    fraud = random.random(n) < np.where(X["amount"] > 80, 0.3, 0.01)
    tx = pd.DataFrame({"tx_id": tx_id, "ts": ts, "customer_id": random.choice(["c1", "c2", "c3"], n)})
    labels = pd.DataFrame({"tx_id": np.array(tx_id)[fraud], "label_ts": ts[fraud] + random.integers(0, 10 * DAY, fraud.sum())})
    return X.assign(tx_id=tx_id, ts=ts)[["tx_id", "ts", *FEATURES]], tx, labels


def test_a_label_that_had_not_arrived_is_not_in_the_training_set():
    features, tx, labels = world()
    known_at = START + 30 * DAY
    rows = models.labelled(features, tx, labels, START, START + 40 * DAY, known_at)
    assert rows.ts.max() < known_at - models.MATURE_DAYS * DAY
    arrived = labels[labels["label_ts"] < known_at]
    in_time = features[(features["ts"] < known_at - models.MATURE_DAYS * DAY) & features["tx_id"].isin(arrived["tx_id"])]
    assert rows.y.sum() == len(in_time)
    later = models.labelled(features, tx, labels, START, known_at - models.MATURE_DAYS * DAY, START + 60 * DAY)
    assert later.y.sum() > rows.y.sum()  # reports that came late are counted once they are there


def test_labels_after_known_at_change_nothing():
    features, tx, labels = world()
    known_at = START + 30 * DAY
    rows = models.labelled(features, tx, labels, START, known_at, known_at)
    moved = labels.assign(label_ts=np.where(labels["label_ts"] >= known_at, labels["label_ts"] + DAY, labels["label_ts"]))
    again = models.labelled(features, tx, moved, START, known_at, known_at)
    np.testing.assert_array_equal(rows.y, again.y)


@pytest.mark.parametrize("strategy", ["plain", "class_weight", "smote", "undersample", "balanced_bagging", "balanced_forest"])
def test_every_strategy_fits_and_ranks(strategy):
    features, tx, labels = world()
    rows = models.labelled(features, tx, labels, START, START + 40 * DAY, START + 60 * DAY)
    fitted = models.fit(strategy, rows, Costs())
    p = models.probability(fitted.model, rows.X)
    assert p.shape == rows.y.shape and ((p >= 0) & (p <= 1)).all()
    assert p[rows.y == 1].mean() > 2 * p[rows.y == 0].mean()
    assert 0 < fitted.threshold <= 1.01


def test_a_category_never_seen_gets_an_answer():
    features, tx, labels = world()
    rows = models.labelled(features, tx, labels, START, START + 40 * DAY, START + 60 * DAY)
    fitted = models.fit("plain", rows, Costs())
    strange = rows.X.head(2).assign(category="never seen", channel="teleport")
    assert np.isfinite(models.probability(fitted.model, strange)).all()


def test_too_few_frauds_and_unknown_strategies_are_refused_in_words():
    features, tx, labels = world()
    rows = models.labelled(features, tx, labels.head(3), START, START + 40 * DAY, START + 60 * DAY)
    with pytest.raises(UserError, match="Only 3 frauds"):
        models.fit("plain", rows, Costs())
    with pytest.raises(UserError, match="smote"):
        models.fit("smoothe", rows, Costs())
