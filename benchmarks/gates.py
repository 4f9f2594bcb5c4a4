"""How often gates are right: two hundred challengers whose worth is known from many worlds, each
judged on two weeks of one.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from benchmarks import verdict
from fraudops import models, monitoring
from fraudops.features import FEATURES, compute_features
from fraudops.models import (
    DecisionPolicy,
    FittedModel,
    LabelledRows,
    build_boosting,
    build_pipeline,
    fit_model,
)
from fraudops.simulator import make_course_config, simulate_world
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, Timeline

TAUGHT = 6101  # the world in which everybody is trained
WORTH = range(6102, 6106)  # where worth is measured, on frauds whether reported or not
JUDGED = range(6111, 6113)  # where gates judge, on what had been reported
CHALLENGERS = 200
TEST_DAYS = 14
CLEARLY = 0.15  # of the fraud at stake: a challenger that saves so much more is clearly better
SURE = 2.0  # standard errors between a challenger's worth and nothing
POLICY = DecisionPolicy()


@dataclass(frozen=True)
class Court:
    """A world for judging: rows with labels that had arrived, and the champion's last days."""

    rows: LabelledRows
    logged: pd.DataFrame


def _world(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, Timeline, np.ndarray]:
    """A world without drift: features, transactions, reports, timeline, and which transactions are
    fraud in truth.
    """
    world = simulate_world(make_course_config("course", seed, "none"))
    tx, reports = monitoring.make_canonical_tables(world)
    table = compute_features(tx, reports).assign(
        tx_id=tx["tx_id"].to_numpy(), ts=tx["ts"].to_numpy()
    )
    return (
        table,
        tx,
        reports,
        monitoring.plan_world_timeline(world),
        world.transactions["kind"].to_numpy() != "",
    )


def _rows(seed: int, everything: bool) -> Court:
    """The live days of a world; with `everything`, labelled by the truth."""
    table, tx, reports, timeline, truth = _world(seed)
    end = timeline.as_of - LABEL_MATURITY_DAYS * DAY
    rows = LabelledRows.select_mature(
        table,
        tx,
        reports,
        timeline.live if everything else end - TEST_DAYS * DAY,
        end,
        timeline.as_of,
    )
    if everything:
        inside = ((table["ts"] >= timeline.live) & (table["ts"] < end)).to_numpy()
        rows = LabelledRows(
            rows.X, truth[inside].astype(np.int8), rows.cents, rows.ts, rows.customer
        )
    logged = table.loc[(table["ts"] >= end - 2 * DAY) & (table["ts"] < end), list(FEATURES)]
    return Court(rows, logged)


def _school() -> LabelledRows:
    table, tx, reports, timeline, _ = _world(TAUGHT)
    return LabelledRows.select_mature(
        table, tx, reports, timeline.train, timeline.as_of, timeline.as_of
    )


def _pupil(number: int, school: LabelledRows) -> FittedModel:
    """A model that learnt from more or fewer days, with more or fewer trees, and expects too many
    or too few frauds.
    """
    random = np.random.default_rng(number)
    days = random.integers(15, 105)
    rows = school.take(school.ts < school.ts.min() + days * DAY)
    model = build_boosting(
        max_iter=int(random.integers(10, 120)), max_leaf_nodes=int(random.integers(4, 32))
    )
    fitted = fit_model(build_pipeline(model), rows, POLICY, "")
    (calibrator,) = fitted.model.calibrated_classifiers_[0].calibrators
    calibrator.b_ += random.normal(0, 0.8)  # of the sigmoid: the odds are off by a factor
    return fitted


def _champion(school: LabelledRows) -> FittedModel:
    """A few rules, as in notebook 4.3: challengers may be clearly better, and as easily worse."""
    rules = DecisionTreeClassifier(max_depth=3, min_samples_leaf=100, random_state=0)
    return fit_model(
        build_pipeline(rules, impute=True),
        school.take(school.ts < school.ts.min() + 60 * DAY),
        POLICY,
        "",
    )


def _spent(fitted: FittedModel, rows: LabelledRows) -> np.ndarray:
    return POLICY.compute_decision_costs(
        rows.y, POLICY.make_decisions(fitted.predict_probability(rows.X), rows.cents), rows.cents
    )


def _entrant(fitted: FittedModel) -> models.Candidate:
    return models.Candidate(fitted.model, 1.0)


_ready: dict = {}


def _prepare() -> None:
    _ready["school"] = school = _school()
    _ready["champion"] = champion = _champion(school)
    _ready["worth"] = [_rows(seed, True).rows for seed in WORTH]
    _ready["spent"] = [_spent(champion, rows) for rows in _ready["worth"]]
    _ready["courts"] = [_rows(seed, False) for seed in JUDGED]


def trial(number: int) -> list[dict]:
    """One challenger: what it is worth, and what gates say of it in each court."""
    pupil = _pupil(number, _ready["school"])
    gains, stake = [], 0.0
    for rows, before in zip(_ready["worth"], _ready["spent"], strict=True):
        gain = pd.Series(before - _spent(pupil, rows)).groupby(rows.customer).sum()
        gains.append(gain.to_numpy())
        stake += float(rows.cents[rows.y == 1].sum())
    each = np.concatenate(gains)
    worth, error = each.sum() / stake, each.std() * np.sqrt(len(each)) / stake
    found = []
    for court in _ready["courts"]:
        judged = models.evaluate_gates(
            _entrant(_ready["champion"]), _entrant(pupil), court.rows, court.logged, POLICY
        )
        failed = [gate.name for gate in judged if not gate.passed]
        found.append(
            {
                "number": number,
                "worth": worth,
                "error": error,
                "promoted": not failed,
                "failed": failed,
            }
        )
    return found


def main() -> None:
    """Print how many challengers gates let pass, by what they are worth."""
    with ProcessPoolExecutor(2, initializer=_prepare) as pool:
        rows = [row for found in pool.map(trial, range(CHALLENGERS)) for row in found]
    table = pd.DataFrame(rows)
    worse = table["worth"] < -SURE * table["error"]
    clearly = (table["worth"] >= CLEARLY) & (table["worth"] > SURE * table["error"])
    for name, chosen in (
        ("truly worse", worse),
        ("clearly better", clearly),
        ("in between", ~worse & ~clearly),
    ):
        part = table[chosen]
        if len(part):
            pupils = part["number"].nunique()
            print(
                f"{name}: {pupils} challengers in {len(JUDGED)} worlds, "
                f"{part['promoted'].mean():.1%} of the trials promoted"
            )
    print(
        "worth of the fraud at stake: "
        f"{table['worth'].quantile([0.05, 0.5, 0.95]).round(3).tolist()} (5, 50, 95 %)"
    )
    print(
        table[clearly]
        .explode("failed")["failed"]
        .str.split(" (", regex=False)
        .str[0]
        .value_counts()
        .to_string()
    )
    low, high = table.loc[worse, "promoted"].mean(), table.loc[clearly, "promoted"].mean()
    print(f"truly worse promoted: {low:.1%}, target 5 %: {verdict(low <= 0.05)}")
    print(f"clearly better promoted: {high:.1%}, target 80 %: {verdict(high >= 0.8)}")
