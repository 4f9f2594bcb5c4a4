"""Gates: what wins AUC and loses money is refused, what breaks one thing is refused by the gate for
it.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score

from fraudops import models
from fraudops.features import CATEGORICAL_FEATURES, FEATURES, NUMERIC_FEATURES
from fraudops.models import (
    Candidate,
    DecisionPolicy,
    LabelledRows,
    average_precision,
    build_pipeline,
    evaluate_gates,
    gates,
)

POLICY = DecisionPolicy()


class Says(ClassifierMixin, BaseEstimator):
    """Gives each row the probability that a column says (the last step of a pipeline, after the
    columns are numbers).
    """

    def __init__(self, column: str = "c_n_1h"):
        self.column = column

    def fit(self, X, y):
        self.fitted_ = True
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X):
        return self.predict_proba(X)[:, 1] >= 0.5

    def predict_proba(self, X):
        p = np.clip(np.nan_to_num(X[:, NUMERIC_FEATURES.index(self.column)]), 0, 1)
        return np.column_stack([1 - p, p])


class AsItIs:
    """A calibrator that changes nothing."""

    def predict(self, p):
        return p


@pytest.fixture(scope="module")
def rows() -> LabelledRows:
    """6000 rows, 120 frauds; a fifth of the frauds is large and holds most of the money. Columns
    serve as scores.
    """
    random = np.random.default_rng(0)
    n = 6000
    y = (np.arange(n) % 50 == 0).astype(np.int8)
    large = (np.arange(n) % 250 == 0) | (random.random(n) < 0.05)
    cents = np.where(large, 60_000, 1_500).astype(np.int64)
    X = pd.DataFrame(random.random((n, len(NUMERIC_FEATURES))), columns=list(NUMERIC_FEATURES))
    X["amount"], X["c_n_30d"], X["t_n_30d"] = cents / 100, 20.0, 20.0
    for name in CATEGORICAL_FEATURES:
        X[name] = "online"
    genuine = random.uniform(0, 0.004, n)
    # finds the large ones, blind for the others
    X["c_n_1h"] = np.where(y == 1, np.where(large, 0.8, 0.001), genuine)
    # finds the many small ones, blind for the money
    X["c_n_7d"] = np.where(y == 1, np.where(large, 0.002, 0.8), genuine)
    X["c_n_1d"] = np.where(y == 1, 0.8, genuine)  # finds both
    ts = np.sort(random.integers(0, 14 * 86_400, n))
    return LabelledRows(X[list(FEATURES)], y, cents, ts, random.integers(0, 800, n).astype(str))


def entrant(rows: LabelledRows, column: str, megabytes: float = 1.0) -> Candidate:
    pipeline = build_pipeline(Says(column)).fit(rows.X, rows.y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(pipeline), ensemble=False)
    calibrated.fit(rows.X, rows.y).calibrated_classifiers_[0].calibrators = [AsItIs()]
    return Candidate(calibrated, megabytes)


def failed(rows: LabelledRows, champion: Candidate, challenger: Candidate, **more) -> list[str]:
    judged = evaluate_gates(champion, challenger, rows, more.pop("logged", rows.X), POLICY, **more)
    return [gate.name.split(" (")[0] for gate in judged if not gate.passed]


def test_who_finds_more_of_everything_passes(rows):
    assert failed(rows, entrant(rows, "c_n_1h"), entrant(rows, "c_n_1d")) == []


def test_who_wins_auc_and_loses_money_is_refused(rows):
    champion, challenger = (np.asarray(rows.X[name]) for name in ("c_n_1h", "c_n_7d"))
    assert roc_auc_score(rows.y, challenger) > roc_auc_score(rows.y, champion) + 0.1
    assert average_precision(rows.y, challenger) > average_precision(rows.y, champion)
    assert "money gained, lower end of 95 %" in failed(
        rows, entrant(rows, "c_n_1h"), entrant(rows, "c_n_7d")
    )


def test_the_same_again_passes_only_if_it_is_simpler(rows):
    champion = entrant(rows, "c_n_1d")
    assert failed(rows, champion, champion) == ["money gained, lower end of 95 %"]
    assert failed(rows, champion, entrant(rows, "c_n_1d", megabytes=0.5)) == []


def test_probabilities_that_are_off_by_a_factor_are_refused(rows):
    loud = LabelledRows(
        rows.X.assign(c_n_1d=np.where(rows.y == 1, 0.9, 0.2)),
        rows.y,
        rows.cents,
        rows.ts,
        rows.customer,
    )
    assert failed(loud, entrant(loud, "c_n_1h"), entrant(loud, "c_n_1d")) == [
        "frauds expected against known"
    ]


def test_a_group_that_pays_for_the_others_is_a_reason(rows):
    X = rows.X.assign(channel=np.where(np.arange(len(rows.y)) % 100 == 0, "chip", "online"))
    betrayed = (X["channel"] == "chip").to_numpy()
    X["c_n_1d"] = np.where(betrayed, 0.0, X["c_n_1d"])
    # the group's frauds are many and cheap, so that the sum still gains
    cents = np.where(betrayed & (rows.y == 1), 4_000, rows.cents)
    X["c_n_1h"] = np.where(betrayed & (rows.y == 1), 0.8, X["c_n_1h"] * 0.001)
    moved = LabelledRows(X, rows.y, cents, rows.ts, rows.customer)
    found = failed(moved, entrant(moved, "c_n_1h"), entrant(moved, "c_n_1d"))
    assert (
        "loss in a segment for certain" in found and "money gained, lower end of 95 %" not in found
    )


def test_more_reviews_than_a_team_can_do_are_refused_and_so_is_a_champion_without_a_log(rows):
    name = "reviews on the champion's last logged days"
    busy = rows.X.assign(c_n_1d=np.where(np.arange(len(rows.X)) % 10 == 0, 0.6, 0.0))
    assert failed(rows, entrant(rows, "c_n_1h"), entrant(rows, "c_n_1d"), logged=busy) == [name]
    assert failed(
        rows, entrant(rows, "c_n_1h"), entrant(rows, "c_n_1d"), logged=rows.X.iloc[:0]
    ) == [name]


def test_few_frauds_prove_nothing(rows):
    few = rows.take(np.flatnonzero(np.cumsum(rows.y) <= 15))
    assert "known frauds in the test" in failed(few, entrant(few, "c_n_1h"), entrant(few, "c_n_1d"))


def test_an_early_report_stands_for_those_to_come(rows):
    # Of the frauds only the challenger finds, two thirds are not reported yet and look genuine.
    random = np.random.default_rng(1)
    only_new = (rows.y == 1) & (rows.X["c_n_1h"] < 0.5).to_numpy()
    hidden = only_new & (random.random(len(rows.y)) < 2 / 3)
    early = LabelledRows(
        rows.X, np.where(hidden, 0, rows.y).astype(np.int8), rows.cents, rows.ts, rows.customer
    )
    weight = np.where(only_new & ~hidden, 3.0, 1.0)
    old, new = entrant(rows, "c_n_1h"), entrant(rows, "c_n_1d")

    def gain(r: LabelledRows, w: np.ndarray) -> float:
        tries = [gates._evaluate_candidate(who, r, w, POLICY)[1].sum() for who in (old, new)]
        return float(tries[0] - tries[1])

    truth, plainly, weighed = (
        gain(rows, np.ones(len(rows.y))),
        gain(early, np.ones(len(rows.y))),
        gain(early, weight),
    )
    assert abs(weighed - truth) < 0.2 * abs(truth) < abs(plainly - truth)


def test_a_figure_that_does_not_exist_is_null(rows):
    judged = evaluate_gates(
        entrant(rows, "c_n_1h"), entrant(rows, "c_n_1d"), rows, rows.X.iloc[:0], POLICY
    )
    assert [one["figure"] for one in models.gates_to_json(judged)].count(None) == 1
