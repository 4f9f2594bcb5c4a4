"""Operating policies: what one day of operation does under each of them.

A day reads only what had arrived by then. Its result and the state that the next day needs are
stored in one transaction with the ledger entries, so an interrupted run continues with the day that
it had begun.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from fraudops.features import FEATURES
from fraudops.models import (
    EMPTY_REVIEWS,
    MAX_REVIEW_SHARE,
    Candidate,
    Costs,
    FittedModel,
    GateResult,
    LabelledRows,
    evaluate_gates,
    fit_strategy,
    predict_probability,
)
from fraudops.monitoring import RetrainPolicy, Verdict
from fraudops.review import SimulatedReviewer, compute_cost_with_review_errors
from fraudops.timeline import DAY, Timeline, day_of

REPLAYED_DAYS = 2  # of the champion, on which the challenger is tried in its place
DEFAULT_VERDICT = Verdict(
    as_of=0,
    day="",
    severity="ok",
    action="nothing",
    evidence="the first day",
    moved=[],
    findings=[],
)


@dataclass(frozen=True)
class BacktestSettings:
    """The settings of a backtest.

    Attributes
    ----------
    days : int
    retrain_policy : RetrainPolicy
        When the policy ``loop`` retrains.
    judge_after_days : tuple of int
        Days after a training on which the gates test its challenger. After the last one the
        challenger is dropped.
    strategy : str
        Imbalance strategy of every model.
    reviewer : SimulatedReviewer
    costs : Costs
    """

    days: int = 30
    retrain_policy: RetrainPolicy = field(default_factory=lambda: RetrainPolicy(cooldown_days=4))
    judge_after_days: tuple[int, ...] = (4,)
    strategy: str = "plain"
    reviewer: SimulatedReviewer = field(default_factory=SimulatedReviewer)
    costs: Costs = field(default_factory=Costs)


@dataclass(frozen=True)
class BacktestData:
    """The data of a backtest.

    Attributes
    ----------
    rows : DataFrame
        ``tx_id``, ``ts``, ``customer_id`` and `FEATURES` of all days.
    labels : DataFrame
        Every fraud report that ever arrives: ``tx_id`` and ``label_ts``. A day reads those that
        have arrived. The costs count all.
    timeline : Timeline
    verdicts : dict of int to Verdict
        The monitor's verdict by the first second of the day.
    """

    rows: pd.DataFrame
    labels: pd.DataFrame
    timeline: Timeline
    verdicts: dict[int, Verdict]

    def day(self, start: int, end: int) -> pd.DataFrame:
        """Select the rows with ``start <= ts < end``.

        Parameters
        ----------
        start : int
            Seconds since 1970.
        end : int

        Returns
        -------
        DataFrame
        """
        return self.rows[(self.rows["ts"] >= start) & (self.rows["ts"] < end)]


class ModelStore(Protocol):
    """A place that keeps models by version."""

    def save(self, fitted: FittedModel, rows: LabelledRows, day: int) -> str:
        """Keep a model that was trained on the morning of a day; return its version.

        The same day gives the same version.
        """
        ...

    def load(self, version: str) -> Candidate:
        """Load a model; raise KeyError if it is missing."""
        ...


@dataclass
class PolicyState:
    """What a day must know of the days before it. It can be written as JSON.

    Attributes
    ----------
    champion, challenger : str
        Versions; the challenger is '' if none is on trial.
    trained : int
        Morning of the last training in seconds since 1970; 0 before the first.
    reviews : list of list
        Decisions of the reviewer: ``[tx_id, is_fraud, label_ts]``.
    """

    champion: str
    challenger: str = ""
    trained: int = 0
    reviews: list[list] = field(default_factory=list)


class OperatingPolicy:
    """One way to operate.

    Parameters
    ----------
    name : str
        ``loop`` retrains when the monitor asks and tests challengers with the gates, ``daily``
        retrains every day, ``never`` does not retrain.
    data : BacktestData
    settings : BacktestSettings
    model_store : ModelStore
    """

    def __init__(
        self, name: str, data: BacktestData, settings: BacktestSettings, model_store: ModelStore
    ):
        self.name, self.data, self.settings, self.model_store = name, data, settings, model_store
        daily_policy = RetrainPolicy(trigger="schedule", every_days=1, cooldown_days=0)
        self.retrain_policy = {
            "loop": settings.retrain_policy,
            "daily": daily_policy,
            "never": None,
        }[name]

    def run_day(self, state: PolicyState, now: int) -> tuple[dict, PolicyState, list[GateResult]]:
        """Run one day.

        Parameters
        ----------
        state : PolicyState
            Of the evening before.
        now : int
            First second of the day, since 1970.

        Returns
        -------
        row : dict
            The results of the day.
        state : PolicyState
            Of the evening.
        gates : list of GateResult
            The gates of this day.
        """
        row: dict = {
            "day": str(day_of(now)),
            "trained": False,
            "judged": False,
            "promoted": False,
            "refused": [],
            "why": "",
        }
        gates: list[GateResult] = []
        if state.challenger:
            state, gates = self._evaluate_challenger(state, now, row)
        if self.retrain_policy:
            state = self._maybe_train(state, now, row)
        state = self._operate(state, now, row)
        return row | {"champion": state.champion, "challenger": state.challenger}, state, gates

    def _evaluate_challenger(
        self, state: PolicyState, now: int, row: dict
    ) -> tuple[PolicyState, list[GateResult]]:
        age = (now - state.trained) // DAY
        if age not in self.settings.judge_after_days:
            return state, []
        data, champion, challenger = (
            self.data,
            self.model_store.load(state.champion),
            self.model_store.load(state.challenger),
        )
        test, weight = LabelledRows.select_weighted(
            data.rows, data.labels, self._reviews(state), state.trained, now, now, min_age_days=0
        )
        logged = data.day(now - REPLAYED_DAYS * DAY, now)[list(FEATURES)]
        gates = evaluate_gates(champion, challenger, test, logged, self.settings.costs, weight)
        refused = [gate.name for gate in gates if not gate.passed]
        row |= {
            "judged": True,
            "tried": state.challenger,
            "refused": refused,
            "promoted": not refused,
        }
        if not refused:
            return PolicyState(state.challenger, "", state.trained, state.reviews), gates
        is_last_try = age >= max(self.settings.judge_after_days)
        return PolicyState(
            state.champion, "" if is_last_try else state.challenger, state.trained, state.reviews
        ), gates

    def _maybe_train(self, state: PolicyState, now: int, row: dict) -> PolicyState:
        data = self.data
        if state.challenger:
            return state
        new_labels = data.labels[
            (data.labels["label_ts"] >= state.trained) & (data.labels["label_ts"] < now)
        ]
        since = (now - state.trained) / DAY if state.trained else float("inf")
        wanted, row["why"] = self.retrain_policy.should_retrain(
            data.verdicts.get(now - DAY, DEFAULT_VERDICT), since, len(new_labels)
        )
        if not wanted:
            return state
        version = self.train(state, now)
        row["trained"] = True
        if self.name == "daily":
            return PolicyState(version, "", now, state.reviews)
        return PolicyState(state.champion, version, now, state.reviews)

    def train(self, state: PolicyState, morning: int) -> str:
        """Train a model on what was known on a morning.

        Parameters
        ----------
        state : PolicyState
        morning : int
            Seconds since 1970.

        Returns
        -------
        str
            The version.
        """
        data, settings = self.data, self.settings
        rows, weight = LabelledRows.select_weighted(
            data.rows,
            data.labels,
            self._reviews(state),
            data.timeline.train,
            morning,
            known_at=morning,
        )
        rows = rows.repeat_by_weight(weight)
        return self.model_store.save(
            fit_strategy(settings.strategy, rows, settings.costs), rows, morning
        )

    def _reviews(self, state: PolicyState) -> pd.DataFrame:
        return pd.DataFrame(state.reviews, columns=list(EMPTY_REVIEWS))

    def _select_trial_reviews(self, state: PolicyState, today: pd.DataFrame) -> np.ndarray:
        """Select what a challenger on trial wants to review, at most as much as a team can do."""
        if not (state.challenger and len(today)):
            return np.zeros(len(today), bool)
        candidate = self.model_store.load(state.challenger)
        p = predict_probability(candidate.model, today[list(FEATURES)])
        return p >= max(candidate.threshold, float(np.quantile(p, 1 - MAX_REVIEW_SHARE)))

    def _operate(self, state: PolicyState, now: int, row: dict) -> PolicyState:
        """Score the day, review what is flagged, and count the costs.

        The champion decides. What it approves and a challenger on trial would flag is reviewed too.
        So the frauds in which the two models differ are known on the same evening, and the trial
        pays for its reviews.
        """
        data, costs, candidate = (
            self.data,
            self.settings.costs,
            self.model_store.load(state.champion),
        )
        today = data.day(now, now + DAY)
        fraud = today["tx_id"].isin(data.labels["tx_id"]).to_numpy()
        cents = np.rint(today["amount"].to_numpy() * 100).astype(np.int64)
        p = (
            predict_probability(candidate.model, today[list(FEATURES)])
            if len(today)
            else np.empty(0)
        )
        decision = costs.make_decisions(p, candidate.threshold)
        on_trial = self._select_trial_reviews(state, today) & (decision == "approve")
        decision = np.where(on_trial, "review", decision)
        called = self.settings.reviewer.call_fraud(today["tx_id"], fraud)
        cost = compute_cost_with_review_errors(fraud, decision, called, cents, costs)
        row |= {
            "transactions": len(today),
            "frauds": int(fraud.sum()),
            "at_stake_cents": int(cents[fraud].sum()),
            "cost_cents": int(cost.sum()),
            "reviews": int((decision == "review").sum()),
            "trial_reviews": int(on_trial.sum()),
            "blocked": int((decision == "block").sum()),
            "caught": int((fraud & (decision != "approve")).sum()),
        }
        is_reviewed = decision == "review"
        new_reviews = [
            [tx_id, int(one), now + DAY - 1]
            for tx_id, one in zip(today["tx_id"][is_reviewed], called[is_reviewed], strict=True)
        ]
        return PolicyState(
            state.champion, state.challenger, state.trained, state.reviews + new_reviews
        )


def compute_baseline_costs(
    data: BacktestData, settings: BacktestSettings, now: int
) -> dict[str, int]:
    """Compute what a day costs without a model.

    Parameters
    ----------
    data : BacktestData
    settings : BacktestSettings
    now : int
        First second of the day, since 1970.

    Returns
    -------
    dict of str to int
        Cents. ``oracle`` reviews exactly the frauds that are worth a review; ``nothing`` approves
        everything.
    """
    today = data.day(now, now + DAY)
    lost_cents = np.rint(
        today.loc[today["tx_id"].isin(data.labels["tx_id"]), "amount"].to_numpy() * 100
    ).astype(np.int64)
    return {
        "oracle": int(np.minimum(lost_cents, settings.costs.review).sum()),
        "nothing": int(lost_cents.sum()),
    }


def iterate_day_starts(data: BacktestData, settings: BacktestSettings) -> Iterator[int]:
    """Iterate over the days of the backtest.

    Parameters
    ----------
    data : BacktestData
    settings : BacktestSettings

    Yields
    ------
    int
        First second of the day, since 1970.
    """
    yield from data.timeline.live_days[: settings.days]


def summarize_day(data: BacktestData, settings: BacktestSettings, now: int) -> dict:
    """Summarize what the policies have in common on a day: the verdict and the delay of reports."""
    verdict = data.verdicts.get(now, DEFAULT_VERDICT)
    today = data.day(now, now + DAY).set_index("tx_id")["ts"]
    reports = data.labels[data.labels["tx_id"].isin(today.index)]
    delay = (reports["label_ts"].to_numpy() - today.reindex(reports["tx_id"]).to_numpy()) / DAY
    wait = float(np.median(delay)) if len(delay) else float("nan")
    return {
        "day": str(day_of(now)),
        "severity": verdict.severity,
        "action": verdict.action,
        "evidence": verdict.evidence,
        "median_report_days": None if np.isnan(wait) else round(wait, 2),
        **compute_baseline_costs(data, settings, now),
    }
