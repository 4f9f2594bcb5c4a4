"""Operating policies: what one day of operation does under each of them.

A day reads only what had arrived by then. Its result and the state that the next day needs are
stored in one transaction with the ledger entries, so an interrupted run continues with the day that
it had begun.
"""

import math
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from fraudops.backtest.backtest_data import (
    DEFAULT_VERDICT,
    BacktestData,
    BacktestSettings,
    PolicyState,
)
from fraudops.features import FEATURES
from fraudops.models import (
    EMPTY_REVIEWS,
    MAX_REVIEW_SHARE,
    RECENT_DAYS,
    Candidate,
    DecisionPolicy,
    FittedModel,
    GateResult,
    LabelledRows,
    amount_to_cents,
    evaluate_gates,
    fit_strategy,
    predict_probability,
)
from fraudops.monitoring import RetrainPolicy
from fraudops.review import compute_cost_with_review_errors
from fraudops.timeline import DAY, day_of

REPLAYED_DAYS = 2  # days of the champion on which the challenger is tested


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
        gates = evaluate_gates(
            champion, challenger, test, logged, self.settings.decision_policy, weight
        )
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
            fit_strategy(settings.strategy, rows, settings.decision_policy), rows, morning
        )

    def _reviews(self, state: PolicyState) -> pd.DataFrame:
        return pd.DataFrame(state.reviews, columns=list(EMPTY_REVIEWS))

    def _decide(
        self,
        candidate: Candidate,
        today: pd.DataFrame,
        recent: pd.DataFrame,
        policy: DecisionPolicy,
    ) -> np.ndarray:
        """Decide on a day by the policy, with the price of capacity that recent days teach."""
        if policy.capacity is not None and len(recent):
            p = predict_probability(candidate.model, recent[list(FEATURES)])
            days = recent["ts"].floordiv(DAY).nunique()
            policy = policy.learn_capacity_price(p, amount_to_cents(recent["amount"]), days)
        p = predict_probability(candidate.model, today[list(FEATURES)])
        return policy.make_decisions(p, amount_to_cents(today["amount"]))

    def _select_trial_reviews(self, state: PolicyState, today: pd.DataFrame) -> np.ndarray:
        """Select what a challenger on trial wants to review, at most as much as a team can do.

        A trial chooses in the evening, so its price of capacity is that of the day itself.
        """
        if not (state.challenger and len(today)):
            return np.zeros(len(today), bool)
        capacity = math.ceil(MAX_REVIEW_SHARE * len(today))
        policy = replace(
            self.settings.decision_policy,
            capacity=min(capacity, self.settings.decision_policy.capacity or capacity),
        )
        wanted = self._decide(self.model_store.load(state.challenger), today, today, policy)
        return wanted == "review"

    def _operate(self, state: PolicyState, now: int, row: dict) -> PolicyState:
        """Score the day, review what is flagged, and count the costs.

        The champion decides. What it approves and a challenger on trial would flag is reviewed too.
        So the frauds in which the two models differ are known on the same evening, and the trial
        pays for its reviews.
        """
        data, policy, candidate = (
            self.data,
            self.settings.decision_policy,
            self.model_store.load(state.champion),
        )
        today = data.day(now, now + DAY)
        fraud = today["tx_id"].isin(data.labels["tx_id"]).to_numpy()
        cents = amount_to_cents(today["amount"])
        recent = data.day(now - RECENT_DAYS * DAY, now)
        decision = (
            self._decide(candidate, today, recent, policy) if len(today) else np.empty(0, "<U7")
        )
        on_trial = self._select_trial_reviews(state, today) & (decision == "approve")
        decision = np.where(on_trial, "review", decision)
        called = self.settings.reviewer.call_fraud(today["tx_id"], fraud)
        cost = compute_cost_with_review_errors(fraud, decision, called, cents, policy)
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
