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


def test_a_model_that_collapses_under_a_known_drift_is_refused(rows):
    X = rows.X.assign(t_n_7d=rows.X["c_n_1d"])  # it finds all frauds, until all terminals are new
    fragile = LabelledRows(X, rows.y, rows.cents, rows.ts, rows.customer)
    found = failed(fragile, entrant(fragile, "c_n_1h"), entrant(fragile, "t_n_7d"))
    assert found == ["extra cost under drift for certain"]


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


@pytest.fixture(scope="module")
def campaigns(rows) -> LabelledRows:
    """The frauds of the rows come in campaigns of four on one card, all of the same amount."""
    fraud = rows.y == 1
    number = np.cumsum(fraud) - 1
    customer = np.where(fraud, np.char.add("card ", (number // 4).astype(str)), rows.customer)
    cents = np.where(fraud, 30_000, rows.cents)
    is_first = number % 4 == 0
    X = rows.X.assign(
        c_n_1h=np.where(fraud, np.where(is_first, 0.8, 0.001), rows.X["c_n_1h"]),
        c_n_1d=np.where(fraud, np.where(is_first, 0.001, 0.8), rows.X["c_n_1d"]),
    )
    return LabelledRows(X, rows.y, cents, rows.ts, customer)


def test_who_finds_more_frauds_but_each_card_later_is_refused_once_per_compromise(campaigns):
    first, later = entrant(campaigns, "c_n_1h"), entrant(campaigns, "c_n_1d")
    assert failed(campaigns, first, later) == ["money gained once per compromise"]
    # and the other way round money per transaction refuses
    back = failed(campaigns, later, first)
    assert "money gained, lower end of 95 %" in back
    assert "money gained once per compromise" not in back


def test_once_per_compromise_an_early_report_stands_for_those_to_come(campaigns):
    # either model finds some frauds, all of which are known; of the others a third is reported
    random = np.random.default_rng(2)
    fraud, n = campaigns.y == 1, len(campaigns.y)
    X = campaigns.X.assign(
        c_n_1h=np.where(fraud & (random.random(n) < 0.2), 0.8, 0.001),
        c_n_1d=np.where(fraud & (random.random(n) < 0.4), 0.8, 0.001),
    )
    is_found = (X[["c_n_1h", "c_n_1d"]] > 0.5).any(axis=1).to_numpy()
    hidden = fraud & ~is_found & (random.random(n) < 2 / 3)
    weight = np.where(fraud & ~is_found & ~hidden, 3.0, 1.0)
    shared = (campaigns.cents, campaigns.ts, campaigns.customer)
    all_known = LabelledRows(X, campaigns.y, *shared)
    early = LabelledRows(X, np.where(hidden, 0, campaigns.y).astype(np.int8), *shared)
    for column in ("c_n_1h", "c_n_1d"):
        who = entrant(all_known, column)

        def cost(rows, weight, who=who):
            found = gates._evaluate_candidate(who, rows, weight, POLICY)
            return float(found.compromise_costs.sum())

        truth, plainly = cost(all_known, np.ones(n)), cost(early, np.ones(n))
        weighed = cost(early, weight)
        assert abs(weighed - truth) < 0.15 * truth < abs(plainly - truth)


def test_a_gate_reports_the_figure_of_each_segment_and_each_drift(rows):
    X = rows.X.assign(channel=np.where(np.arange(len(rows.y)) % 100 < 50, "chip", "online"))
    mixed = LabelledRows(X, rows.y, rows.cents, rows.ts, rows.customer)
    old, new = entrant(mixed, "c_n_1h"), entrant(mixed, "c_n_1d")
    judged = {gate.name.split(" (")[0]: gate for gate in evaluate_gates(old, new, mixed, X, POLICY)}
    segments = judged["loss in a segment for certain"]
    assert set(segments.parts) == {
        "online",
        "card present",
        "known customers",
        "known terminals",
    }  # too few frauds of new ones
    assert segments.figure == max(segments.parts.values())
    drifts = judged["extra cost under drift for certain"]
    assert set(drifts.parts) == set(gates.DRIFT_SCENARIOS)
    assert drifts.figure == max(drifts.parts.values())
    once = judged["money gained once per compromise"]
    low, high = once.parts["lower end of 95 %"], once.parts["upper end of 95 %"]
    assert low < once.figure < high


def test_a_figure_that_does_not_exist_is_null(rows):
    judged = evaluate_gates(
        entrant(rows, "c_n_1h"), entrant(rows, "c_n_1d"), rows, rows.X.iloc[:0], POLICY
    )
    assert [one["figure"] for one in models.gates_to_json(judged)].count(None) == 1
