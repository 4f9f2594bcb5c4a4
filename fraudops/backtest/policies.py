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
from fraudops.backtest.team import DayWishes, learn_price
from fraudops.features import list_model_inputs
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

ALARM_PAUSE_DAYS = 7
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
        self._scores: dict[tuple[str, int], np.ndarray] = {}  # by version and day
        daily_policy = RetrainPolicy(trigger="schedule", every_days=1, cooldown_days=0)
        self.retrain_policy = {
            "loop": settings.retrain_policy,
            "daily": daily_policy,
            "never": None,
        }[name]

    def run_day(
        self, state: PolicyState, now: int
    ) -> tuple[dict, PolicyState, dict[str, list[GateResult]]]:
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
        gates : dict of str to list of GateResult
            The gates of this day, by the version that they tested.
        """
        row: dict = {
            "day": str(day_of(now)),
            "trained": False,
            "judged": [],
            "promoted": False,
            "why": "",
        }
        gates = {}
        for version, trained in state.trials:
            if (now - trained) // DAY in self.settings.judge_after_days:
                gates[version] = self._evaluate_challenger(state, version, trained, now)
                state = self._conclude(state, version, trained, now, gates[version], row)
        if self.retrain_policy:
            state = self._maybe_train(state, now, row)
        state = self._operate(state, now, row)
        on_trial = [version for version, _ in state.trials]
        return row | {"champion": state.champion, "on_trial": on_trial}, state, gates

    def _evaluate_challenger(
        self, state: PolicyState, version: str, trained: int, now: int
    ) -> list[GateResult]:
        """Test a challenger on the days since its training, against the champion of this morning.

        The champion is not younger than the challenger, so neither was trained on these days.
        """
        data, load = self.data, self.model_store.load
        test, weight = LabelledRows.select_weighted(
            data.rows, data.labels, self._reviews(state), trained, now, now, min_age_days=0
        )
        logged = data.day(now - REPLAYED_DAYS * DAY, now)
        logged = logged[list_model_inputs(logged)]
        policy = self.settings.decision_policy
        return evaluate_gates(load(state.champion), load(version), test, logged, policy, weight)

    def _conclude(
        self,
        state: PolicyState,
        version: str,
        trained: int,
        now: int,
        gates: list[GateResult],
        row: dict,
    ) -> PolicyState:
        """Promote a challenger whose gates passed, or drop one whose trial is over.

        A promotion also ends the trials of older challengers: they know less of the change.
        """
        refused = [gate.name for gate in gates if not gate.passed]
        row["judged"].append({"version": version, "refused": refused})
        if not refused:
            row["promoted"] = True
            younger = [one for one in state.trials if one[1] > trained]
            return replace(state, champion=version, trials=younger)
        if (now - trained) // DAY < max(self.settings.judge_after_days):
            return state
        return replace(state, trials=[one for one in state.trials if one[0] != version])

    def _maybe_train(self, state: PolicyState, now: int, row: dict) -> PolicyState:
        data = self.data
        if len(state.trials) >= self.settings.max_trials:
            return state
        new_labels = data.labels[
            (data.labels["label_ts"] >= state.trained) & (data.labels["label_ts"] < now)
        ]
        since = (now - state.trained) / DAY if state.trained else float("inf")
        wanted, row["why"] = self.retrain_policy.should_retrain(
            data.verdicts.get(now - DAY, DEFAULT_VERDICT), since, len(new_labels)
        )
        if wanted and self.name == "loop" and self.retrain_policy.trigger == "verdict":
            asked = self._count_days_in_alarm(now)
            wanted = asked > self.settings.wait_days
            if not wanted:
                row["why"] = (
                    f"the monitor asked {asked} day{'s' * (asked != 1)} ago, and a training waits "
                    f"{self.settings.wait_days} days for labels of the changed days"
                )
        if not wanted:
            return state
        version = self.train(state, now)
        row["trained"] = True
        row["version"] = version
        if self.name == "daily":
            return replace(state, champion=version, trained=now)
        return replace(state, trials=[*state.trials, [version, now]], trained=now)

    def _count_days_in_alarm(self, now: int) -> int:
        """Count the days since the monitor began to ask for a training.

        An alarm that pauses for less than `ALARM_PAUSE_DAYS` is the same alarm.
        """
        asked = [day for day, one in self.data.verdicts.items() if one.action == "retrain"]
        begun = now
        for day in sorted((day for day in asked if day < now), reverse=True):
            if begun - day > ALARM_PAUSE_DAYS * DAY:
                break
            begun = day
        return (now - begun) // DAY

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

    def _score(self, version: str, rows: pd.DataFrame) -> np.ndarray:
        """Compute the probabilities of a model for whole days, each day once."""
        model, p = self.model_store.load(version).model, np.empty(len(rows))
        for day, places in rows.groupby(rows["ts"] // DAY).indices.items():
            if (version, day) not in self._scores:
                scores = predict_probability(model, rows.iloc[places])
                self._scores[version, day] = scores
            p[places] = self._scores[version, day]
        return p

    def _learn_price(self, version: str, now: int, policy: DecisionPolicy) -> DecisionPolicy:
        """Learn the price of capacity from the scores of a model on the days before a morning."""
        if policy.capacity is None:
            return policy
        recent = self.data.day(now - RECENT_DAYS * DAY, now)
        return learn_price(policy, self._score(version, recent), recent)

    def _decide_for_trial(
        self, version: str, now: int, today: pd.DataFrame, cents: np.ndarray
    ) -> DayWishes:
        """Decide for a challenger on trial, which may want at most as much as a team can do."""
        capacity = max(math.ceil(MAX_REVIEW_SHARE * len(today)), 1)
        policy = self.settings.decision_policy
        policy = replace(policy, capacity=min(capacity, policy.capacity or capacity))
        policy = self._learn_price(version, now, policy)
        wishes = DayWishes.decide(self._score(version, today), cents, policy)
        return replace(wishes, decision=wishes.limit(policy.capacity))

    def _operate(self, state: PolicyState, now: int, row: dict) -> PolicyState:
        """Score the day, review what is flagged, and count the costs.

        The champion decides. What it approves and a challenger on trial would flag is reviewed too,
        by the same team: its day has room for the most useful cases of all. So the frauds in which
        the models differ are known on the same evening, and a trial pays for its reviews.
        """
        today = self.data.day(now, now + DAY)
        fraud = today["tx_id"].isin(self.data.labels["tx_id"]).to_numpy()
        cents = amount_to_cents(today["amount"])
        called = self.settings.reviewer.call_fraud(today["tx_id"], fraud)
        capacity = self.settings.decision_policy.capacity

        def decide(version: str, priced_by: str) -> DayWishes:
            policy = self._learn_price(priced_by, now, self.settings.decision_policy)
            return DayWishes.decide(self._score(version, today), cents, policy)

        def count_cost(decision: np.ndarray) -> int:
            policy = self.settings.decision_policy
            cost = compute_cost_with_review_errors(fraud, decision, called, cents, policy)
            return int(cost.sum())

        wishes = decide(state.champion, state.champion)
        alone = wishes.limit(capacity)
        for version, _ in state.trials:
            wishes = wishes.add_reviews(self._decide_for_trial(version, now, today, cents))
        decision = wishes.limit(capacity)
        on_trial = (decision == "review") & (alone != "review")
        # the same day once more: by the first model, then by today's model, then at today's price
        first = count_cost(decide(state.first, state.first).limit(capacity))
        model = count_cost(decide(state.champion, state.first).limit(capacity))
        own = count_cost(alone)
        cost = count_cost(decision)
        row |= {
            "transactions": len(today),
            "frauds": int(fraud.sum()),
            "at_stake_cents": int(cents[fraud].sum()),
            "cost_cents": cost,
            "lead_cents": {"model": first - model, "policy": model - own, "reviews": own - cost},
            "reviews": int((decision == "review").sum()),
            "trial_reviews": int(on_trial.sum()),
            "trial_frauds": int((on_trial & fraud & called).sum()),
            "trial_accused": int((on_trial & ~fraud & called).sum()),
            "trial_found_cents": int(cents[on_trial & fraud & called].sum()),
            "displaced_reviews": int(((alone == "review") & (decision != "review")).sum()),
            "blocked": int((decision == "block").sum()),
            "caught": int((fraud & (decision != "approve")).sum()),
        }
        is_reviewed = decision == "review"
        new_reviews = [
            [tx_id, int(one), now + DAY - 1]
            for tx_id, one in zip(today["tx_id"][is_reviewed], called[is_reviewed], strict=True)
        ]
        return replace(state, reviews=state.reviews + new_reviews)
