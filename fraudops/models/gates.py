"""The gates: what a challenger must show before it is promoted."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from fraudops.features import list_model_inputs
from fraudops.models.compromises import assign_compromises, find_stopped_frauds
from fraudops.models.decision import DecisionPolicy, amount_to_cents
from fraudops.models.inference import CompactPipeline, predict_probability, split_model_inputs
from fraudops.models.metrics import average_precision, bootstrap_interval
from fraudops.models.training_set import LabelledRows

# share of the fraud that a simpler challenger may lose, with 95 % confidence
SIMPLER_MODEL_TOLERANCE = 0.02
# a challenger with a smaller share of the champion's file is simpler
SIMPLER_MODEL_SIZE_RATIO = 0.8
AP_TOLERANCE = 0.05
SEGMENT_LOSS_TOLERANCE = 0.1  # share of the fraud in a segment
NEW_ENTITY_TRANSACTIONS = 10  # a customer or terminal with fewer transactions in 30 days is new
DRIFT_COST_TOLERANCE = 0.1  # share of the fraud in the test
MIN_TEST_FRAUDS = 20
MIN_SEGMENT_FRAUDS = 10  # a segment with fewer proves nothing
MAX_CALIBRATION_RATIO = 2.0  # factor by which a model may expect too many or too few frauds
LOGGED_DAYS = 2  # days of the champion's log on which a challenger is tested
MAX_REVIEW_SHARE = 0.05  # share of a day's transactions that a team can review
MAX_LATENCY_MILLISECONDS = 50.0
MAX_FILE_MEGABYTES = 50.0


@dataclass(frozen=True)
class GateResult:
    """The result of one gate.

    Attributes
    ----------
    name : str
    figure : float
        What was measured.
    limit : float
    passed : bool
    unit : str
    parts : dict of str to float
        Further figures by name, in the same unit: of each segment or drift if the gate reports the
        worst of them, or the ends of an interval.
    """

    name: str
    figure: float
    limit: float
    passed: bool
    unit: str
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A model that the gates test.

    Attributes
    ----------
    model : BaseEstimator
        Its probabilities are calibrated.
    megabytes : float
        Size of its file.
    """

    model: BaseEstimator
    megabytes: float


def gates_to_json(gates: list[GateResult]) -> list[dict]:
    """Convert gates to JSON values; a figure that does not exist becomes None.

    Parameters
    ----------
    gates : list of GateResult

    Returns
    -------
    list of dict

    Examples
    --------
    >>> gates_to_json([GateResult("time for one row", 2.0, 50.0, True, "ms")])[0]["passed"]
    True
    """
    return [
        asdict(gate) | {"figure": gate.figure if np.isfinite(gate.figure) else None}
        for gate in gates
    ]


class _Evaluation(NamedTuple):
    """What a candidate says of the same rows (n,), and what its decisions cost in cents."""

    p: np.ndarray
    costs: np.ndarray
    compromise_costs: np.ndarray


def evaluate_gates(
    champion: Candidate,
    challenger: Candidate,
    rows: LabelledRows,
    logged: pd.DataFrame,
    policy: DecisionPolicy,
    weight: np.ndarray | None = None,
    ap_tolerance: float = AP_TOLERANCE,
    logged_days: float = LOGGED_DAYS,
) -> list[GateResult]:
    """Test a challenger against the champion on rows that neither was trained on.

    Both models decide on the same rows by the same policy, day by day, and each decision has its
    cost. Where the team has a capacity, each model has its own price of capacity (see
    `DecisionPolicy.make_daily_decisions`). Intervals resample whole customers.

    Parameters
    ----------
    champion : Candidate
    challenger : Candidate
    rows : LabelledRows
        Later than both training sets.
    logged : DataFrame of shape (n, 41)
        Model inputs of the champion's last days, as the service stored them.
    policy : DecisionPolicy
    weight : ndarray of shape (n,), optional
        How many frauds an early report stands for (see `LabelledRows.select_weighted`); default 1.
    ap_tolerance : float, optional
        How much average precision may fall. In a small test chance moves it more than most
        differences do.
    logged_days : float, optional
        How many days `logged` holds.

    Returns
    -------
    list of GateResult
    """
    weight = np.ones(len(rows.y)) if weight is None else weight
    old, new = (_evaluate_candidate(who, rows, weight, policy) for who in (champion, challenger))
    return [
        _check_savings(champion, challenger, old, new, rows, weight),
        _check_compromise_savings(champion, challenger, old, new, rows, weight),
        _check_average_precision(old, new, rows, ap_tolerance),
        _check_fraud_count(rows),
        _check_calibration(old, new, rows, weight),
        _check_segments(old, new, rows, weight),
        _check_drift_scenarios((champion, challenger), rows, weight, policy),
        _check_review_load(challenger, logged, policy, logged_days),
        _check_input_columns(champion, challenger),
        _check_latency(challenger, rows),
        GateResult(
            "size of the file",
            challenger.megabytes,
            MAX_FILE_MEGABYTES,
            challenger.megabytes <= MAX_FILE_MEGABYTES,
            "MB",
        ),
    ]


def _evaluate_candidate(
    who: Candidate, rows: LabelledRows, weight: np.ndarray, policy: DecisionPolicy
) -> _Evaluation:
    """Compute probabilities and costs; a weighted fraud replaces unreported ones.

    Once per compromise, a stopped fraud costs nothing, and so do those that it stands for. This is
    right if each fraud that the candidate would catch is known, as in a trial: what either model
    flags is reviewed. Otherwise an unknown earlier catch is missing, and the cost is too high.
    """
    p = predict_probability(who.model, rows.X)
    decision = policy.make_daily_decisions(p, rows.cents, rows.ts)
    if_fraud, if_genuine = (
        policy.compute_decision_costs(np.full(len(p), y), decision, rows.cents)
        for y in (True, False)
    )
    compromise = assign_compromises(rows.y, rows.customer, rows.ts)
    caught = (rows.y == 1) & (decision != "approve")
    stopped = find_stopped_frauds(caught, rows.ts, compromise)

    def weigh(fraud_costs: np.ndarray) -> np.ndarray:
        weighted = weight * fraud_costs - (weight - 1) * if_genuine
        return np.where(rows.y == 1, weighted, if_genuine)

    return _Evaluation(p, weigh(if_fraud), weigh(np.where(stopped, 0, if_fraud)))


def _gain_interval(
    old: np.ndarray, new: np.ndarray, customer: np.ndarray, level: float
) -> tuple[float, float]:
    """Compute the interval of the cents that the challenger saves, from both models' costs (n,)."""
    gain = pd.Series(old - new).groupby(customer).sum().to_numpy()
    return bootstrap_interval(
        lambda chosen: float(gain[chosen].sum()), np.arange(len(gain)), rounds=1000, level=level
    )


def _sum_fraud_cents(rows: LabelledRows, weight: np.ndarray) -> float:
    """Sum the fraud in cents, at least one cent."""
    return max(float((weight * rows.cents)[rows.y == 1].sum()), 1.0)


def _compute_loss_limit(
    champion: Candidate, challenger: Candidate, rows: LabelledRows, weight: np.ndarray
) -> float:
    """Compute the cents below which a gain is refused: a simpler challenger may lose a little."""
    simpler = challenger.megabytes <= SIMPLER_MODEL_SIZE_RATIO * champion.megabytes
    return -SIMPLER_MODEL_TOLERANCE * _sum_fraud_cents(rows, weight) if simpler else 0.0


def _check_savings(
    champion: Candidate,
    challenger: Candidate,
    old: _Evaluation,
    new: _Evaluation,
    rows: LabelledRows,
    weight: np.ndarray,
) -> GateResult:
    low, _ = _gain_interval(old.costs, new.costs, rows.customer, level=0.90)  # 5 % lie below
    limit = _compute_loss_limit(champion, challenger, rows, weight)
    return GateResult("money gained, lower end of 95 %", low / 100, limit / 100, low > limit, "EUR")


def _check_compromise_savings(
    champion: Candidate,
    challenger: Candidate,
    old: _Evaluation,
    new: _Evaluation,
    rows: LabelledRows,
    weight: np.ndarray,
) -> GateResult:
    """Refuse a challenger that loses money if each compromise counts once.

    Such a challenger gains on later frauds of cards whose first fraud the champion has caught, or
    catches cards later. The gate looks at the gain itself, not at the lower end of its interval.
    The gate on money per transaction already asks for 95 % confidence; to ask for it twice would
    refuse more challengers that are better, and the two gains are of the same rows.
    """
    gain = float((old.compromise_costs - new.compromise_costs).sum())
    low, high = _gain_interval(old.compromise_costs, new.compromise_costs, rows.customer, 0.90)
    limit = _compute_loss_limit(champion, challenger, rows, weight)
    name = "money gained once per compromise"
    ends = {"lower end of 95 %": low / 100, "upper end of 95 %": high / 100}
    return GateResult(name, gain / 100, limit / 100, gain >= limit, "EUR", ends)


def _check_average_precision(
    old: _Evaluation, new: _Evaluation, rows: LabelledRows, tolerance: float
) -> GateResult:
    change = average_precision(rows.y, new.p) - average_precision(rows.y, old.p)
    return GateResult("change of average precision", change, -tolerance, change >= -tolerance, "AP")


def _check_fraud_count(rows: LabelledRows) -> GateResult:
    frauds = float(rows.y.sum())
    return GateResult(
        "known frauds in the test", frauds, MIN_TEST_FRAUDS, frauds >= MIN_TEST_FRAUDS, "frauds"
    )


def _check_calibration(
    old: _Evaluation, new: _Evaluation, rows: LabelledRows, weight: np.ndarray
) -> GateResult:
    """Check the sum of probabilities: a wrong one blocks honest customers."""

    def wrong_by(p: np.ndarray) -> float:
        ratio = max(p.sum(), 1e-9) / max(float(weight[rows.y == 1].sum()), 1.0)
        return float(max(ratio, 1 / ratio))

    # after drift the champion itself may be worse
    limit = max(MAX_CALIBRATION_RATIO, wrong_by(old.p))
    return GateResult(
        "frauds expected against known", wrong_by(new.p), limit, wrong_by(new.p) <= limit, "times"
    )


def build_segment_masks(X: pd.DataFrame) -> dict[str, np.ndarray]:
    """Find the rows of each group of customers or terminals that must not lose for the others.

    Parameters
    ----------
    X : DataFrame
        Feature rows, with channel, c_n_30d and t_n_30d.

    Returns
    -------
    dict of str to ndarray of bool
        One mask per group; a row belongs to three of them.
    """
    return {
        "online": (X["channel"] == "online").to_numpy(),
        "card present": (X["channel"] != "online").to_numpy(),
        "new customers": (X["c_n_30d"] < NEW_ENTITY_TRANSACTIONS).to_numpy(),
        "known customers": (X["c_n_30d"] >= NEW_ENTITY_TRANSACTIONS).to_numpy(),
        "new terminals": (X["t_n_30d"] < NEW_ENTITY_TRANSACTIONS).to_numpy(),
        "known terminals": (X["t_n_30d"] >= NEW_ENTITY_TRANSACTIONS).to_numpy(),
    }


def _check_segments(
    old: _Evaluation, new: _Evaluation, rows: LabelledRows, weight: np.ndarray
) -> GateResult:
    """Refuse if the loss of a segment is beyond the tolerance with 97.5 % confidence."""
    losses = {}
    for name, inside in build_segment_masks(rows.X).items():
        part = rows.take(np.flatnonzero(inside))
        if part.y.sum() >= MIN_SEGMENT_FRAUDS:
            _, high = _gain_interval(old.costs[inside], new.costs[inside], part.customer, 0.95)
            losses[name] = -high / _sum_fraud_cents(part, weight[inside])
    where = max(losses, key=losses.get, default="all")
    worst = max(losses.get(where, -1.0), -1.0)
    return GateResult(
        f"loss in a segment for certain (most: {where})",
        worst,
        SEGMENT_LOSS_TOLERANCE,
        worst <= SEGMENT_LOSS_TOLERANCE,
        "of its fraud",
        losses,
    )


def _raise_prices(X: pd.DataFrame) -> pd.DataFrame:
    moved = ["amount", "c_amount_ratio", "c_scale_ratio", "t_amount_ratio"]
    return X.assign(**{name: X[name] * 1.35 for name in moved})


def _make_terminals_new(X: pd.DataFrame) -> pd.DataFrame:
    none = {name: 0.0 for name in X if name.startswith(("t_n_", "t_fraud_", "ct_"))}
    unknown = dict.fromkeys(
        ("t_mean_30d", "t_amount_ratio", "t_reported_7d", "t_fraud_rate_30d"), np.nan
    )
    return X.assign(**none | unknown, t_first_report_hours=720.0, t_last_report_hours=720.0)


def _drop_category(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(category="")


# inputs under the strongest drift of a known kind
DRIFT_SCENARIOS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "prices up by a third": _raise_prices,
    "terminals all new": _make_terminals_new,
    "category lost": _drop_category,
}


def _check_drift_scenarios(
    candidates: tuple[Candidate, Candidate],
    rows: LabelledRows,
    weight: np.ndarray,
    policy: DecisionPolicy,
) -> GateResult:
    """Refuse if the extra cost under a drift is beyond the tolerance with 97.5 % confidence."""
    extra = {}
    for name, moved in DRIFT_SCENARIOS.items():
        drifted = LabelledRows(moved(rows.X), rows.y, rows.cents, rows.ts, rows.customer)
        old, new = (_evaluate_candidate(who, drifted, weight, policy).costs for who in candidates)
        _, high = _gain_interval(old, new, rows.customer, 0.95)
        extra[name] = -high / _sum_fraud_cents(rows, weight)
    where = max(extra, key=extra.get)
    worst = extra[where]
    return GateResult(
        f"extra cost under drift for certain (most: {where})",
        worst,
        DRIFT_COST_TOLERANCE,
        worst <= DRIFT_COST_TOLERANCE,
        "of the fraud",
        extra,
    )


def _check_review_load(
    challenger: Candidate, logged: pd.DataFrame, policy: DecisionPolicy, days: float
) -> GateResult:
    """Check how many reviews the challenger asks for on the champion's last days."""
    name = "reviews on the champion's last logged days"
    if not len(logged):
        return GateResult(name, float("nan"), MAX_REVIEW_SHARE, False, "of transactions")
    p = predict_probability(challenger.model, logged)
    cents = amount_to_cents(logged["amount"])
    decisions = policy.learn_capacity_price(p, cents, days).make_decisions(p, cents)
    share = float((decisions == "review").mean())
    return GateResult(name, share, MAX_REVIEW_SHARE, share <= MAX_REVIEW_SHARE, "of transactions")


def _check_input_columns(champion: Candidate, challenger: Candidate) -> GateResult:
    names = list(champion.model.feature_names_in_)
    same = list(challenger.model.feature_names_in_) == names == list_model_inputs(names)
    return GateResult("same input columns", float(same), 1.0, same, "yes = 1")


def _check_latency(challenger: Candidate, rows: LabelledRows) -> GateResult:
    """Measure one row at a time, as the service scores."""
    model = CompactPipeline(challenger.model)
    numbers, texts, given = split_model_inputs(rows.X.head(1))
    began = time.perf_counter()
    for _ in range(20):
        model.probability(model.encode(numbers, *texts, given=given))
    milliseconds = (time.perf_counter() - began) / 20 * 1000
    return GateResult(
        "time for one row",
        milliseconds,
        MAX_LATENCY_MILLISECONDS,
        milliseconds <= MAX_LATENCY_MILLISECONDS,
        "ms",
    )
