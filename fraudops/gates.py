"""What a challenger has to show before it may decide: each gate with its figure, its limit and its verdict."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from fraudops.features import FEATURES
from fraudops.metrics import Costs, average_precision, bootstrap, cost, decide
from fraudops.models import Compact, Rows, probability

TIE = 0.02  # of the fraud in the test: so much a simpler challenger may be behind, with 95 % confidence
SIMPLER = 0.8  # of the champion's file: a challenger below it is the simpler one
AP_TOLERANCE = 0.05
SEGMENT_TOLERANCE = 0.1  # of the fraud in a segment
NEW = 10  # transactions in 30 days, below which a customer or terminal is new
DRIFT_TOLERANCE = 0.1  # of the fraud in the test
FEWEST_FRAUDS = 20
SEGMENT_FRAUDS = 10  # a segment with fewer proves nothing
MISJUDGED = 2.0  # times too many or too few frauds that a model may expect
MOST_REVIEWS = 0.05  # of the transactions of a day: what a team can look at
MILLISECONDS = 50.0
MEGABYTES = 50.0


@dataclass(frozen=True)
class Gate:
    """One condition of promotion: its figure, what it is held against, and whether it passed."""

    name: str
    figure: float
    limit: float
    passed: bool
    unit: str


@dataclass(frozen=True)
class Entrant:
    """A model on trial, with the threshold from which on it asks for review and the size of its file in MB."""

    model: BaseEstimator
    threshold: float
    megabytes: float


def as_json(gates: list[Gate]) -> list[dict]:
    """Gates as the ledger and other files keep them: a figure that does not exist is null."""
    return [asdict(gate) | {"figure": gate.figure if np.isfinite(gate.figure) else None} for gate in gates]


Trial = tuple[np.ndarray, np.ndarray]  # of the same rows: probabilities (n,) and costs in cents (n,)


def judge(
    champion: Entrant,
    challenger: Entrant,
    rows: Rows,
    logged: pd.DataFrame,
    costs: Costs,
    weight: np.ndarray | None = None,
    ap_tolerance: float = AP_TOLERANCE,
) -> list[Gate]:
    """Judge a challenger against the champion on rows that neither was trained on.

    Both models decide on the same rows, and each decision costs what it costs; where an interval is asked for, whole
    customers are drawn again.

    Parameters
    ----------
    rows : labelled rows that are later than both training sets
    weight : (n,) how many frauds an early report stands for (see `training.known_rows`); 1 each unless given
    logged : model inputs (n, 39) of the champion's last days in service, as it stored them
    ap_tolerance : how much average precision may fall (a small test moves it by more than most differences)
    """
    weight = np.ones(len(rows.y)) if weight is None else weight
    old, new = (_try(who, rows, weight, costs) for who in (champion, challenger))
    return [
        _money(champion, challenger, old, new, rows, weight),
        _precision(old, new, rows, ap_tolerance),
        _enough(rows),
        _calibration(old, new, rows, weight),
        _segments(old, new, rows, weight),
        _drifts(champion, challenger, rows, weight, costs),
        _replayed(challenger, logged),
        _columns(champion, challenger),
        _latency(challenger, rows),
        Gate("size of the file", challenger.megabytes, MEGABYTES, challenger.megabytes <= MEGABYTES, "MB"),
    ]


def _try(who: Entrant, rows: Rows, weight: np.ndarray, costs: Costs) -> Trial:
    """Of the frauds that an early report stands for, those still to be reported are among the rows as genuine ones."""
    p = probability(who.model, rows.X)
    decision = decide(p, who.threshold, costs)
    if_fraud, if_genuine = (cost(np.full(len(p), y), decision, rows.cents, costs) for y in (True, False))
    return p, np.where(rows.y == 1, weight * if_fraud - (weight - 1) * if_genuine, if_genuine)


def _gain(old: Trial, new: Trial, customer: np.ndarray, level: float) -> tuple[float, float]:
    """Interval of the cents that the challenger saves."""
    gain = pd.Series(old[1] - new[1]).groupby(customer).sum().to_numpy()
    return bootstrap(lambda chosen: float(gain[chosen].sum()), np.arange(len(gain)), rounds=1000, level=level)


def _stake(rows: Rows, weight: np.ndarray) -> float:
    """The fraud in the rows, in cents, at least one cent."""
    return max(float((weight * rows.cents)[rows.y == 1].sum()), 1.0)


def _money(champion: Entrant, challenger: Entrant, old: Trial, new: Trial, rows: Rows, weight: np.ndarray) -> Gate:
    low, _ = _gain(old, new, rows.customer, level=0.90)  # what lies below it has 5 %
    simpler = challenger.megabytes <= SIMPLER * champion.megabytes
    limit = -TIE * _stake(rows, weight) if simpler else 0.0
    return Gate("money gained, lower end of 95 %", low / 100, limit / 100, low > limit, "EUR")


def _precision(old: Trial, new: Trial, rows: Rows, tolerance: float) -> Gate:
    change = average_precision(rows.y, new[0]) - average_precision(rows.y, old[0])
    return Gate("change of average precision", change, -tolerance, change >= -tolerance, "AP")


def _enough(rows: Rows) -> Gate:
    frauds = float(rows.y.sum())
    return Gate("known frauds in the test", frauds, FEWEST_FRAUDS, frauds >= FEWEST_FRAUDS, "frauds")


def _calibration(old: Trial, new: Trial, rows: Rows, weight: np.ndarray) -> Gate:
    """A probability that is wrong by a factor blocks honest customers and misorders the queue."""

    def wrong_by(p: np.ndarray) -> float:
        ratio = max(p.sum(), 1e-9) / max(float(weight[rows.y == 1].sum()), 1.0)
        return float(max(ratio, 1 / ratio))

    limit = max(MISJUDGED, wrong_by(old[0]))  # after a change of the world the champion may be further off itself
    return Gate("frauds expected against known", wrong_by(new[0]), limit, wrong_by(new[0]) <= limit, "times")


def segments(X: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which rows (n,) of model inputs belong to each group of customers or shops that must not pay for the others."""
    return {
        "online": (X["channel"] == "online").to_numpy(),
        "card present": (X["channel"] != "online").to_numpy(),
        "new customers": (X["c_n_30d"] < NEW).to_numpy(),
        "known customers": (X["c_n_30d"] >= NEW).to_numpy(),
        "new terminals": (X["t_n_30d"] < NEW).to_numpy(),
        "known terminals": (X["t_n_30d"] >= NEW).to_numpy(),
    }


def _segments(old: Trial, new: Trial, rows: Rows, weight: np.ndarray) -> Gate:
    """Refuses where the loss of a segment is beyond the tolerance with 97.5 % confidence: chance alone is no reason."""
    worst, where = -np.inf, "all"
    for name, inside in segments(rows.X).items():
        part = rows.take(np.flatnonzero(inside))
        if part.y.sum() >= SEGMENT_FRAUDS:
            _, high = _gain((old[0][inside], old[1][inside]), (new[0][inside], new[1][inside]), part.customer, level=0.95)
            worst, where = max((worst, where), (-high / _stake(part, weight[inside]), name))
    worst = max(worst, -1.0)
    return Gate(
        f"loss in a segment for certain (most: {where})", worst, SEGMENT_TOLERANCE, worst <= SEGMENT_TOLERANCE, "of its fraud"
    )


def _prices_up(X: pd.DataFrame) -> pd.DataFrame:
    moved = ["amount", "c_amount_ratio", "c_scale_ratio", "t_amount_ratio"]
    return X.assign(**{name: X[name] * 1.35 for name in moved})


def _terminals_new(X: pd.DataFrame) -> pd.DataFrame:
    none = {name: 0.0 for name in X if name.startswith(("t_n_", "t_fraud_", "ct_"))}
    unknown = dict.fromkeys(("t_mean_30d", "t_amount_ratio", "t_reported_7d", "t_fraud_rate_30d"), np.nan)
    return X.assign(**none | unknown, t_first_report_hours=720.0, t_last_report_hours=720.0)


def _category_lost(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(category="")


# how the inputs look when a known kind of drift is at its worst
DRIFTED: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "prices up by a third": _prices_up,
    "terminals all new": _terminals_new,
    "category lost": _category_lost,
}


def _drifts(champion: Entrant, challenger: Entrant, rows: Rows, weight: np.ndarray, costs: Costs) -> Gate:
    worst, where = -np.inf, ""
    for name, moved in DRIFTED.items():
        drifted = Rows(moved(rows.X), rows.y, rows.cents, rows.ts, rows.customer)
        spent = [float(_try(who, drifted, weight, costs)[1].sum()) for who in (champion, challenger)]
        worst, where = max((worst, where), ((spent[1] - spent[0]) / _stake(rows, weight), name))
    return Gate(f"extra cost under drift (most: {where})", worst, DRIFT_TOLERANCE, worst <= DRIFT_TOLERANCE, "of the fraud")


def _replayed(challenger: Entrant, logged: pd.DataFrame) -> Gate:
    """In the champion's place, on what it was really asked on its last days: how much work for the reviewers."""
    name = "reviews on the champion's last logged days"
    if not len(logged):
        return Gate(name, float("nan"), MOST_REVIEWS, False, "of transactions")
    share = float((probability(challenger.model, logged) >= challenger.threshold).mean())
    return Gate(name, share, MOST_REVIEWS, share <= MOST_REVIEWS, "of transactions")


def _columns(champion: Entrant, challenger: Entrant) -> Gate:
    same = list(challenger.model.feature_names_in_) == list(champion.model.feature_names_in_) == list(FEATURES)
    return Gate("same input columns", float(same), 1.0, same, "yes = 1")


def _latency(challenger: Entrant, rows: Rows) -> Gate:
    """As the service scores: one row at a time, without a frame."""
    model, row = Compact(challenger.model), rows.X.head(1)
    numbers = row.drop(columns=["category", "channel"]).to_numpy(float)
    texts = [row[name].tolist() for name in ("category", "channel")]
    began = time.perf_counter()
    for _ in range(20):
        model.probability(model.encode(numbers, *texts))
    milliseconds = (time.perf_counter() - began) / 20 * 1000
    return Gate("time for one row", milliseconds, MILLISECONDS, milliseconds <= MILLISECONDS, "ms")
