"""How often gates are right: challengers whose worth is known from many worlds, each judged on two
and on four weeks of one.

Worth is counted on the truth, under the same policy as the gates: day by day, with the capacity of
the course's team. It is counted per transaction, and once per compromise with the true campaigns.

Every second challenger meets a young champion and the others a grown one. Both know all columns:
the young one has learnt from `YOUNG_DAYS` days, so that challengers can be clearly better, and the
grown one from `GROWN_DAYS`, so that as many are worse. These days were chosen by the worth of
sixteen other challengers, before any gate had judged. The report counts the trials that one gate
alone has refused.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from benchmarks import verdict
from fraudops import models, monitoring
from fraudops.features import FEATURES, compute_features
from fraudops.models import (
    DecisionPolicy,
    FittedModel,
    LabelledRows,
    build_boosting,
    build_pipeline,
    compute_compromise_costs,
    fit_model,
    wilson_interval,
)
from fraudops.simulator import find_true_compromises, make_course_config, simulate_world
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, Timeline

TAUGHT = 6401  # the world in which all models are trained
WORTH = range(6402, 6405)  # where worth is measured, on frauds whether reported or not
JUDGED = range(6411, 6413)  # where gates judge, on what had been reported
CHALLENGERS = 120
TEST_DAYS = (14, 28)  # the targets are for the first
CLEARLY = 0.15  # of the fraud at stake: a challenger that saves so much more is clearly better
YOUNG_DAYS, GROWN_DAYS = 10, 21  # days from which the two champions have learnt
SURE = 2.0  # standard errors between a challenger's worth and nothing
POLICY = DecisionPolicy(capacity=60)  # reviews a day, as in notebook 3.1
ONCE = "money gained once per compromise"
RULES = ("none", "gain at least 0", "no certain loss", "certain gain")  # for the gate ONCE


@dataclass(frozen=True)
class Court:
    """A world for judging: labelled rows, their true compromises, and the champion's last days."""

    rows: LabelledRows
    compromise: np.ndarray
    logged: pd.DataFrame

    def take_last(self, days: int) -> LabelledRows:
        """The rows of the last days."""
        end = (self.rows.ts.max() // DAY + 1) * DAY
        return self.rows.take(self.rows.ts >= end - days * DAY)


def _world(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, Timeline, np.ndarray]:
    """A world without drift: features, transactions, reports, timeline, and true compromises."""
    world = simulate_world(make_course_config("course", seed, "none"))
    tx, reports, refunds = monitoring.make_canonical_tables(world)
    table = compute_features(tx, reports, refunds).assign(
        tx_id=tx["tx_id"].to_numpy(), ts=tx["ts"].to_numpy()
    )
    timeline = monitoring.plan_world_timeline(world)
    return table, tx, reports, timeline, find_true_compromises(world)


def _court(seed: int, everything: bool) -> Court:
    """The live days of a world; with `everything`, labelled by the truth."""
    table, tx, reports, timeline, compromise = _world(seed)
    end = timeline.as_of - LABEL_MATURITY_DAYS * DAY
    inside = ((table["ts"] >= timeline.live) & (table["ts"] < end)).to_numpy()
    rows = LabelledRows.select_mature(table, tx, reports, timeline.live, end, timeline.as_of)
    compromise = compromise[inside]
    if everything:
        truth = (compromise >= 0).astype(np.int8)
        rows = LabelledRows(rows.X, truth, rows.cents, rows.ts, rows.customer)
    logged = table.loc[(table["ts"] >= end - 2 * DAY) & (table["ts"] < end), list(FEATURES)]
    return Court(rows, compromise, logged)


def _school() -> LabelledRows:
    table, tx, reports, timeline, _ = _world(TAUGHT)
    return LabelledRows.select_mature(
        table, tx, reports, timeline.train, timeline.as_of, timeline.as_of
    )


def _hide(rows: LabelledRows, share: float, random: np.random.Generator) -> LabelledRows:
    """Shuffle some of the columns, so that a model cannot learn from them."""
    hidden = [name for name in FEATURES if random.random() < share]
    X = rows.X.assign(**{name: random.permutation(rows.X[name].to_numpy()) for name in hidden})
    return LabelledRows(X, rows.y, rows.cents, rows.ts, rows.customer)


def _pupil(number: int, school: LabelledRows) -> FittedModel:
    """A model that learnt from more or fewer days and columns, with more or fewer trees, and
    expects too many or too few frauds.
    """
    random = np.random.default_rng(number)
    days = random.integers(15, 105)
    rows = school.take(school.ts < school.ts.min() + days * DAY)
    model = build_boosting(
        max_iter=int(random.integers(10, 120)), max_leaf_nodes=int(random.integers(4, 32))
    )
    rows = _hide(rows, random.random(), random)
    fitted = fit_model(build_pipeline(model), rows, POLICY, "")
    part = fitted.model.calibrated_classifiers_[0]
    part.calibrators = [WrongOdds(part.calibrators[0], random.normal(0, 0.8))]
    return fitted


class WrongOdds:
    """A calibrator whose odds are off by a factor."""

    def __init__(self, right: object, log_factor: float):
        self.right, self.log_factor = right, log_factor

    def predict(self, score: np.ndarray) -> np.ndarray:
        """Get probabilities with wrong odds."""
        return expit(logit(np.clip(self.right.predict(score), 1e-9, 1)) + self.log_factor)


def _champion(school: LabelledRows, days: int) -> FittedModel:
    """A small model of all columns that has learnt from the first days."""
    rows = school.take(school.ts < school.ts.min() + days * DAY)
    return fit_model(build_pipeline(build_boosting(max_iter=30)), rows, POLICY, "")


def _spent(fitted: FittedModel, court: Court) -> dict[str, np.ndarray]:
    """Cents (n,) per transaction, and once per compromise."""
    rows = court.rows
    p = fitted.predict_probability(rows.X)
    decision = POLICY.make_daily_decisions(p, rows.cents, rows.ts)
    once = compute_compromise_costs(POLICY, rows.y, decision, rows.cents, rows.ts, court.compromise)
    return {"each": POLICY.compute_decision_costs(rows.y, decision, rows.cents), "once": once}


def _entrant(fitted: FittedModel) -> models.Candidate:
    return models.Candidate(fitted.model, 1.0)


_ready: dict = {}


def _prepare() -> None:
    _ready["school"] = school = _school()
    _ready["champions"] = [_champion(school, days) for days in (YOUNG_DAYS, GROWN_DAYS)]
    _ready["worth"] = [_court(seed, True) for seed in WORTH]
    _ready["spent"] = [
        [_spent(one, court) for court in _ready["worth"]] for one in _ready["champions"]
    ]
    _ready["courts"] = [_court(seed, False) for seed in JUDGED]


def _measure_worth(pupil: FittedModel, champion: int) -> dict[str, float]:
    """What a challenger saves more than one of the champions, as a share of the fraud at stake."""
    gains: dict[str, list] = {"each": [], "once": []}
    for court, before in zip(_ready["worth"], _ready["spent"][champion], strict=True):
        after = _spent(pupil, court)
        for name, found in gains.items():
            gain = pd.Series(before[name] - after[name]).groupby(court.rows.customer).sum()
            found.append(gain.to_numpy())
    stake = sum(float(court.rows.cents[court.rows.y == 1].sum()) for court in _ready["worth"])
    worth = {}
    for name, found in gains.items():
        each = np.concatenate(found)
        worth[name] = each.sum() / stake
        worth[f"{name} error"] = each.std() * np.sqrt(len(each)) / stake
    return worth


def trial(number: int) -> list[dict]:
    """One challenger: what it is worth, and what gates say of it in each court."""
    pupil = _pupil(number, _ready["school"])
    champion = number % 2
    worth = _measure_worth(pupil, champion)
    found = []
    for world, court in zip(JUDGED, _ready["courts"], strict=True):
        for days in TEST_DAYS:
            judged = models.evaluate_gates(
                _entrant(_ready["champions"][champion]),
                _entrant(pupil),
                court.take_last(days),
                court.logged,
                POLICY,
            )
            once = next(gate for gate in judged if gate.name == ONCE)
            refused = [gate.name for gate in judged if not gate.passed]
            others_passed = not {*refused} - {ONCE}
            low, high = once.parts.values()
            passed = (True, once.passed, high >= once.limit, low > once.limit)
            row = {"number": number, "world": world, "days": days, "refused": refused}
            row |= {rule: others_passed and one for rule, one in zip(RULES, passed, strict=True)}
            found.append(row | worth | {"promoted": not refused})
    return found


def _classify(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Which trials are of truly worse challengers, and which of clearly better ones."""
    worse = {name: table[name] < -SURE * table[f"{name} error"] for name in ("each", "once")}
    clearly = (table["each"] >= CLEARLY) & (table["each"] > SURE * table["each error"])
    return {
        "truly worse": worse["each"],
        "truly worse once per compromise": worse["once"],
        "clearly better": clearly & ~worse["once"],
        "in between": ~worse["each"] & ~worse["once"] & ~clearly,
    }


def _describe_share(promoted: pd.Series) -> str:
    low, high = wilson_interval(int(promoted.sum()), len(promoted))
    share = promoted.mean() if len(promoted) else float("nan")
    return f"{share:.1%} ({low:.1%} to {high:.1%})"


def _is_only(name: str) -> Callable[[list[str]], bool]:
    return lambda refused: len(refused) == 1 and refused[0].split(" (")[0] == name


def report(table: pd.DataFrame) -> None:
    """Print how many challengers gates let pass, by what they are worth."""
    spread = table[["each", "once"]].quantile([0.05, 0.5, 0.95]).round(3)
    print(f"worth, of the fraud at stake, at 5, 50 and 95 %:\n{spread.to_string()}")
    print("promoted, with 95 % intervals of Wilson, which take trials as independent:")
    for days in TEST_DAYS:
        part = table[table["days"] == days]
        print(f"{days} days of test, {part['number'].nunique()} challengers, {len(JUDGED)} worlds:")
        for name, chosen in _classify(part).items():
            print(f"  {name}: {chosen.sum()} trials, {_describe_share(part[chosen]['promoted'])}")
            shares = [f"{rule}: {part[chosen][rule].mean():.1%}" for rule in RULES]
            print(f"     by the rule for money once per compromise: {'; '.join(shares)}")
        print("  clearly better ones that one gate alone has refused:")
        refused = part[_classify(part)["clearly better"]]["refused"]
        alone = refused[refused.str.len() == 1].explode().astype(str)
        counts = alone.str.split(" (", regex=False).str[0].value_counts()
        for name, count in counts.items():
            without = _describe_share((refused.str.len() == 0) | refused.map(_is_only(name)))
            print(f"    {name}: {count}; without this gate {without} promoted")
    first = table[table["days"] == TEST_DAYS[0]]
    kinds = _classify(first)
    low, high = (first[kinds[name]]["promoted"] for name in ("truly worse", "clearly better"))
    met = verdict(low.mean() <= 0.05)
    print(f"truly worse promoted: {_describe_share(low)}, target at most 5 %: {met}")
    met = verdict(high.mean() >= 0.85)
    print(f"clearly better promoted: {_describe_share(high)}, target 85 %: {met}", flush=True)


def main() -> None:
    """Train and judge the challengers, and print the report."""
    _prepare()  # a forked process has it without a second preparation
    with ProcessPoolExecutor(2, get_context("fork")) as pool:
        found = [row for rows in pool.map(trial, range(CHALLENGERS)) for row in rows]
    report(pd.DataFrame(found))
