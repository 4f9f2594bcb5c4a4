"""Training sets know only what was known; probabilities are calibrated on customers that the model
was not fitted on.
"""

import numpy as np
import pytest

from fraudops import models, timeline
from fraudops.errors import UserError
from fraudops.models import DecisionPolicy
from fraudops.timeline import DAY
from tests.support.worlds import START, world


def test_a_label_that_had_not_arrived_is_not_in_the_training_set():
    features, tx, labels = world()
    known_at = START + 30 * DAY
    rows = models.LabelledRows.select_mature(
        features, tx, labels, START, START + 40 * DAY, known_at
    )
    assert rows.ts.max() < known_at - timeline.LABEL_MATURITY_DAYS * DAY
    arrived = labels[labels["label_ts"] < known_at]
    in_time = features[
        (features["ts"] < known_at - timeline.LABEL_MATURITY_DAYS * DAY)
        & features["tx_id"].isin(arrived["tx_id"])
    ]
    assert rows.y.sum() == len(in_time)
    later = models.LabelledRows.select_mature(
        features, tx, labels, START, known_at - timeline.LABEL_MATURITY_DAYS * DAY, START + 60 * DAY
    )
    assert later.y.sum() > rows.y.sum()  # reports that came late are counted once they are there


def test_labels_after_known_at_change_nothing():
    features, tx, labels = world()
    known_at = START + 30 * DAY
    rows = models.LabelledRows.select_mature(features, tx, labels, START, known_at, known_at)
    moved = labels.assign(
        label_ts=np.where(
            labels["label_ts"] >= known_at, labels["label_ts"] + DAY, labels["label_ts"]
        )
    )
    again = models.LabelledRows.select_mature(features, tx, moved, START, known_at, known_at)
    np.testing.assert_array_equal(rows.y, again.y)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", models.STRATEGIES)
def test_every_strategy_fits_and_ranks(strategy):
    features, tx, labels = world()
    rows = models.LabelledRows.select_mature(
        features, tx, labels, START, START + 40 * DAY, START + 60 * DAY
    )
    fitted = models.fit_strategy(strategy, rows, DecisionPolicy())
    p = fitted.predict_probability(rows.X)
    assert p.shape == rows.y.shape and ((p >= 0) & (p <= 1)).all()
    assert p[rows.y == 1].mean() > 2 * p[rows.y == 0].mean()


@pytest.mark.parametrize("strategy", ["plain", "smote"])
def test_a_column_that_is_empty_in_training_has_no_effect_later(strategy):
    features, tx, labels = world(1500)
    features["c_mean_7d"] = np.nan  # each customer came once
    rows = models.LabelledRows.select_mature(
        features, tx, labels, START, START + 40 * DAY, START + 60 * DAY
    )
    fitted = models.fit_strategy(strategy, rows, DecisionPolicy())
    p = fitted.predict_probability(rows.X)
    assert np.array_equal(p, fitted.predict_probability(rows.X.assign(c_mean_7d=5.0)))
    compact = models.CompactPipeline(fitted.model)
    numbers, texts, given = models.split_model_inputs(rows.X)
    assert np.array_equal(p, compact.probability(compact.encode(numbers, *texts, given=given)))


def test_a_category_never_seen_gets_an_answer():
    features, tx, labels = world()
    rows = models.LabelledRows.select_mature(
        features, tx, labels, START, START + 40 * DAY, START + 60 * DAY
    )
    fitted = models.fit_strategy("plain", rows, DecisionPolicy())
    strange = rows.X.head(2).assign(category="never seen", channel="teleport")
    assert np.isfinite(fitted.predict_probability(strange)).all()


def test_too_few_frauds_and_unknown_strategies_are_refused_in_words():
    features, tx, labels = world()
    rows = models.LabelledRows.select_mature(
        features, tx, labels.head(3), START, START + 40 * DAY, START + 60 * DAY
    )
    with pytest.raises(UserError, match="Only 3 frauds"):
        models.fit_strategy("plain", rows, DecisionPolicy())
    with pytest.raises(UserError, match="smote"):
        models.fit_strategy("smoothe", rows, DecisionPolicy())
