"""Thirty days of operation, played day by day: monitor, gates, retraining, scoring, review; and
what others would have done.

A day is one step: what came of it, and what the next day has to know, is kept in one transaction
with the ledger's entries. So a month that is interrupted goes on with the day that was under way,
and tells the same story.
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

POLICY_NAMES = ("loop", "daily", "never", "oracle", "nothing")
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
    """How the month is played.

    Attributes
    ----------
    wish : when the loop wants to retrain
    judge_after_days : days after a training on which its challenger meets the gates; after the last
        it is dropped
    strategy : imbalance strategy of every model
    """

    days: int = 30
    wish: RetrainPolicy = field(default_factory=lambda: RetrainPolicy(cooldown_days=4))
    judge_after_days: tuple[int, ...] = (4,)
    strategy: str = "plain"
    reviewer: SimulatedReviewer = field(default_factory=SimulatedReviewer)
    costs: Costs = field(default_factory=Costs)


@dataclass(frozen=True)
class BacktestData:
    """What the month is played on.

    Attributes
    ----------
    rows : tx_id, ts, customer_id and `FEATURES`, of all days
    labels : every fraud report that ever arrives: tx_id, label_ts. A day reads those that had
        arrived; the bill reads all
    verdicts : of each live day, by its first second
    """

    rows: pd.DataFrame
    labels: pd.DataFrame
    timeline: Timeline
    verdicts: dict[int, Verdict]

    def day(self, start: int, end: int) -> pd.DataFrame:
        """Rows of ``[start, end)``."""
        return self.rows[(self.rows["ts"] >= start) & (self.rows["ts"] < end)]


class ModelStore(Protocol):
    """Where models are kept, by version."""

    def keep(self, fitted: FittedModel, rows: LabelledRows, day: int) -> str:
        """Keep a model that was trained on the morning of a day (its first second); the same day
        again, the same version.
        """
        ...

    def take(self, version: str) -> Candidate:
        """A model that was kept; KeyError if it is gone."""
        ...


@dataclass
class PolicyState:
    """What a day has to know of the days before it; everything in it can be written as JSON.

    Attributes
    ----------
    champion, challenger : versions; challenger '' where none is on trial
    trained : the morning of the last training (s); 0 before the first
    reviews : what the reviewer said of the last days: [tx_id, is_fraud, label_ts]
    """

    champion: str
    challenger: str = ""
    trained: int = 0
    reviews: list[list] = field(default_factory=list)


class OperatingPolicy:
    """One way to operate: the loop with its gates, or a training every day, or none."""

    def __init__(
        self, name: str, ground: BacktestData, setting: BacktestSettings, shelf: ModelStore
    ):
        self.name, self.ground, self.setting, self.shelf = name, ground, setting, shelf
        every_day = RetrainPolicy(trigger="schedule", every_days=1, cooldown_days=0)
        self.wish = {"loop": setting.wish, "daily": every_day, "never": None}[name]

    def play(self, state: PolicyState, now: int) -> tuple[dict, PolicyState, list[GateResult]]:
        """One day, from its first second `now` to its evening.

        Returns
        -------
        What came of it (a row of the story), the state of the evening, and the gates that met today
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
            state, gates = self._judge(state, now, row)
        if self.wish:
            state = self._train(state, now, row)
        state = self._work(state, now, row)
        return row | {"champion": state.champion, "challenger": state.challenger}, state, gates

    def _judge(
        self, state: PolicyState, now: int, row: dict
    ) -> tuple[PolicyState, list[GateResult]]:
        age = (now - state.trained) // DAY
        if age not in self.setting.judge_after_days:
            return state, []
        ground, champion, challenger = (
            self.ground,
            self.shelf.take(state.champion),
            self.shelf.take(state.challenger),
        )
        test, weight = LabelledRows.select_weighted(
            ground.rows,
            ground.labels,
            self._reviews(state),
            state.trained,
            now,
            now,
            min_age_days=0,
        )
        logged = ground.day(now - REPLAYED_DAYS * DAY, now)[list(FEATURES)]
        gates = evaluate_gates(champion, challenger, test, logged, self.setting.costs, weight)
        refused = [gate.name for gate in gates if not gate.passed]
        row |= {
            "judged": True,
            "tried": state.challenger,
            "refused": refused,
            "promoted": not refused,
        }
        if not refused:
            return PolicyState(state.challenger, "", state.trained, state.reviews), gates
        over = age >= max(self.setting.judge_after_days)
        return PolicyState(
            state.champion, "" if over else state.challenger, state.trained, state.reviews
        ), gates

    def _train(self, state: PolicyState, now: int, row: dict) -> PolicyState:
        ground = self.ground
        if state.challenger:
            return state
        new = ground.labels[
            (ground.labels["label_ts"] >= state.trained) & (ground.labels["label_ts"] < now)
        ]
        since = (now - state.trained) / DAY if state.trained else float("inf")
        wanted, row["why"] = self.wish.should_retrain(
            ground.verdicts.get(now - DAY, DEFAULT_VERDICT), since, len(new)
        )
        if not wanted:
            return state
        version = self.learn(state, now)
        row["trained"] = True
        if self.name == "daily":
            return PolicyState(version, "", now, state.reviews)
        return PolicyState(state.champion, version, now, state.reviews)

    def learn(self, state: PolicyState, morning: int) -> str:
        """Train on what was known on a morning; returns the version."""
        ground, setting = self.ground, self.setting
        rows, weight = LabelledRows.select_weighted(
            ground.rows,
            ground.labels,
            self._reviews(state),
            ground.timeline.train,
            morning,
            known_at=morning,
        )
        rows = rows.repeat_by_weight(weight)
        return self.shelf.keep(fit_strategy(setting.strategy, rows, setting.costs), rows, morning)

    def _reviews(self, state: PolicyState) -> pd.DataFrame:
        return pd.DataFrame(state.reviews, columns=list(EMPTY_REVIEWS))

    def _trial(self, state: PolicyState, today: pd.DataFrame) -> np.ndarray:
        """Which transactions (n,) a challenger on trial would have had looked at, at most as many
        as a team can do.
        """
        if not (state.challenger and len(today)):
            return np.zeros(len(today), bool)
        who = self.shelf.take(state.challenger)
        p = predict_probability(who.model, today[list(FEATURES)])
        return p >= max(who.threshold, float(np.quantile(p, 1 - MAX_REVIEW_SHARE)))

    def _work(self, state: PolicyState, now: int, row: dict) -> PolicyState:
        """Score the day, review what was flagged, and count what it cost.

        The champion decides. What it would let through and a challenger on trial would not is
        reviewed too: so all that the two differ in is known in the evening, for both alike, and the
        trial pays for its reviews.
        """
        ground, costs, who = self.ground, self.setting.costs, self.shelf.take(state.champion)
        today = ground.day(now, now + DAY)
        fraud = today["tx_id"].isin(ground.labels["tx_id"]).to_numpy()
        cents = np.rint(today["amount"].to_numpy() * 100).astype(np.int64)
        p = predict_probability(who.model, today[list(FEATURES)]) if len(today) else np.empty(0)
        decision = costs.make_decisions(p, who.threshold)
        on_trial = self._trial(state, today) & (decision == "approve")
        decision = np.where(on_trial, "review", decision)
        called = self.setting.reviewer.call_fraud(today["tx_id"], fraud)
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
        seen = decision == "review"
        said = [
            [tx_id, int(one), now + DAY - 1]
            for tx_id, one in zip(today["tx_id"][seen], called[seen], strict=True)
        ]
        return PolicyState(state.champion, state.challenger, state.trained, state.reviews + said)


def compute_baseline_costs(
    ground: BacktestData, setting: BacktestSettings, now: int
) -> dict[str, int]:
    """Cents that a day costs an oracle, who reviews just the frauds that are worth it, and one who
    does nothing.
    """
    today = ground.day(now, now + DAY)
    lost = np.rint(
        today.loc[today["tx_id"].isin(ground.labels["tx_id"]), "amount"].to_numpy() * 100
    ).astype(np.int64)
    return {"oracle": int(np.minimum(lost, setting.costs.review).sum()), "nothing": int(lost.sum())}


def iterate_day_starts(ground: BacktestData, setting: BacktestSettings) -> Iterator[int]:
    """The first second of each day of the month."""
    yield from ground.timeline.live_days[: setting.days]


def summarize_day(ground: BacktestData, setting: BacktestSettings, now: int) -> dict:
    """What the days of all policies have in common: the verdict, and how late the reports of the
    day were.
    """
    verdict = ground.verdicts.get(now, DEFAULT_VERDICT)
    today = ground.day(now, now + DAY).set_index("tx_id")["ts"]
    reports = ground.labels[ground.labels["tx_id"].isin(today.index)]
    delay = (reports["label_ts"].to_numpy() - today.reindex(reports["tx_id"]).to_numpy()) / DAY
    wait = float(np.median(delay)) if len(delay) else float("nan")
    return {
        "day": str(day_of(now)),
        "severity": verdict.severity,
        "action": verdict.action,
        "evidence": verdict.evidence,
        "median_report_days": None if np.isnan(wait) else round(wait, 2),
        **compute_baseline_costs(ground, setting, now),
    }
