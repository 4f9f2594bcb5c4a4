"""Settings, data and state of a backtest, and what all policies have in common on a day."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fraudops.models import DecisionPolicy, amount_to_cents
from fraudops.monitoring import RetrainPolicy, Verdict
from fraudops.review import SimulatedReviewer
from fraudops.timeline import DAY, Timeline, day_of

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
    wait_days : int
        Days since the monitor began to ask before ``loop`` retrains, if a verdict is the trigger.
        A model that is trained at once has seen next to nothing of the change.
    judge_after_days : tuple of int
        Days after a training on which the gates test its challenger. After the last one the
        challenger is dropped.
    max_trials : int
        How many challengers can be on trial at once. While one is on trial, a later training learns
        from more days of the change.
    strategy : str
        Imbalance strategy of every model.
    reviewer : SimulatedReviewer
    decision_policy : DecisionPolicy
        What decides under every policy, with the price of capacity learnt from recent days. Its
        ``capacity`` is what the team can review in a day, with the reviews of trials.
    """

    days: int = 30
    retrain_policy: RetrainPolicy = field(default_factory=lambda: RetrainPolicy(cooldown_days=3))
    wait_days: int = 9
    judge_after_days: tuple[int, ...] = (7, 10, 14)
    max_trials: int = 3
    strategy: str = "plain"
    reviewer: SimulatedReviewer = field(default_factory=SimulatedReviewer)
    decision_policy: DecisionPolicy = field(default_factory=DecisionPolicy)


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


@dataclass
class PolicyState:
    """What a day must know of the days before it. It can be written as JSON.

    Attributes
    ----------
    champion : str
        Version.
    trials : list of list
        The challengers on trial, in the order of their trainings: ``[version, trained]``, with the
        morning of the training in seconds since 1970.
    first : str
        The champion of the first day; default: `champion`.
    trained : int
        Morning of the last training in seconds since 1970; 0 before the first.
    reviews : list of list
        Decisions of the reviewer: ``[tx_id, is_fraud, label_ts]``.
    """

    champion: str
    trials: list[list] = field(default_factory=list)
    first: str = ""
    trained: int = 0
    reviews: list[list] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first = self.first or self.champion


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
        Cents. ``oracle`` reviews exactly the frauds that are worth a review, the largest first, as
        many as the team can; ``nothing`` approves everything.
    """
    today = data.day(now, now + DAY)
    lost_cents = amount_to_cents(today.loc[today["tx_id"].isin(data.labels["tx_id"]), "amount"])
    policy = settings.decision_policy
    saved = np.sort(np.maximum(lost_cents - policy.review, 0))[::-1][: policy.capacity]
    return {"oracle": int(lost_cents.sum() - saved.sum()), "nothing": int(lost_cents.sum())}


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
