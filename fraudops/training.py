"""What a retrained model learns from: mature labels, early ones with a correction, reviewers' words; and when to retrain."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fraudops.features import FEATURES
from fraudops.models import Rows
from fraudops.timeline import DAY, MATURE_DAYS
from fraudops.verdicts import Verdict
from fraudops.workspace import UserError

YOUNG_DAYS = 2  # a younger transaction is not trained on: hardly any report of it can have arrived
MOST_WEIGHT = 4.0  # of an early report
NO_REVIEWS = pd.DataFrame({"tx_id": [], "is_fraud": [], "label_ts": []})
FEWEST_REPORTS = 30  # below which the delay of reports is not known, and early reports count once
TRIGGERS = ("verdict", "schedule", "labels")


def known_rows(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    reviews: pd.DataFrame,
    start: int,
    end: int,
    known_at: int,
    young_days: int = YOUNG_DAYS,
) -> tuple[Rows, np.ndarray]:
    """Rows of ``[start, end)`` that are old enough at `known_at`, with every label that had arrived by then, and its weight.

    Of young transactions only some frauds are known, and which ones is no chance: what the model sent to review is known the
    same evening, what it let through only when the card holder complains. A model that learnt from them as they are would
    learn to repeat the last one. So an early report of a fraud that nobody reviewed counts for those that are still to come:
    by the inverse of the share of reports that arrive so early (inverse probability weights; the delay is that of arrived
    reports on transactions old enough to have all of theirs).

    Parameters
    ----------
    features : tx_id, ts, customer_id and `FEATURES`
    labels : fraud reports: tx_id, label_ts
    reviews : what reviewers said: tx_id, is_fraud, label_ts; a report goes before it
    young_days : transactions younger than that are left out

    Returns
    -------
    The rows and their weights (n,), 1 except for early reports.
    """
    end = min(end, known_at - young_days * DAY)
    rows = features[(features["ts"] >= start) & (features["ts"] < end)]
    arrived = labels[labels["label_ts"] < known_at]
    said = reviews[reviews["label_ts"] < known_at]
    reported = rows["tx_id"].isin(arrived["tx_id"]).to_numpy()
    seen = rows["tx_id"].isin(said["tx_id"]).to_numpy()
    called = rows["tx_id"].isin(said.loc[said["is_fraud"] == 1, "tx_id"]).to_numpy()
    age = known_at - rows["ts"].to_numpy()
    early = reported & ~seen & (age < MATURE_DAYS * DAY)
    weight = np.where(early, 1 / _share_by(features, arrived, known_at, age), 1.0)
    cents = np.rint(rows["amount"].to_numpy() * 100).astype(np.int64)
    y, x = (reported | called).astype(np.int8), rows[list(FEATURES)].reset_index(drop=True)
    return Rows(x, y, cents, rows["ts"].to_numpy(), rows["customer_id"].to_numpy()), weight


def _share_by(features: pd.DataFrame, arrived: pd.DataFrame, known_at: int, age: np.ndarray) -> np.ndarray:
    """Share (n,) of the reports that arrive by each age (s), at least 1 / `MOST_WEIGHT`."""
    ts = features.set_index("tx_id")["ts"].reindex(arrived["tx_id"]).to_numpy(float)
    delay = np.sort((arrived["label_ts"].to_numpy() - ts)[ts < known_at - 2 * MATURE_DAYS * DAY])
    if len(delay) < FEWEST_REPORTS:
        return np.ones(len(age))
    return np.maximum(np.searchsorted(delay, age, side="right") / len(delay), 1 / MOST_WEIGHT)


def repeated(rows: Rows, weight: np.ndarray, seed: int = 0) -> Rows:
    """Rows as often as they weigh, so that every strategy can use the weights, samplers too.

    A weight of 1.3 is one row always and a second one in three times out of ten.
    """
    times = np.floor(weight + np.random.default_rng(seed).random(len(weight))).astype(int)
    return rows.take(np.repeat(np.arange(len(times)), times))


@dataclass(frozen=True)
class Wish:
    """When a team wants to retrain.

    Attributes
    ----------
    trigger : 'verdict' when the monitor asks, 'schedule' every `every_days`, 'labels' after `enough_labels` new fraud reports
    cooldown_days : so long after a training none follows, whatever asks for it
    """

    trigger: str = "verdict"
    cooldown_days: int = 5
    every_days: int = 7
    enough_labels: int = 100


def why_retrain(wish: Wish, verdict: Verdict, days_since: float, new_labels: int) -> tuple[bool, str]:
    """Whether to retrain, and why or why not, in words.

    Parameters
    ----------
    verdict : of the latest day; a model is never trained while it calls the data broken
    days_since : the last training
    new_labels : fraud reports and reviewers' words that arrived since then
    """
    if wish.trigger not in TRIGGERS:
        raise UserError(f"There is no trigger {wish.trigger!r}: choose one of {', '.join(TRIGGERS)}.")
    if verdict.action == "fix data":
        return False, f"the data is broken: {verdict.evidence}"
    if days_since < wish.cooldown_days:
        return False, f"the last training is {days_since:.0f} days ago, and {wish.cooldown_days} have to lie between two"
    if wish.trigger == "schedule":
        due = days_since >= wish.every_days
        return due, f"every {wish.every_days} days" if due else f"the last training is {days_since:.0f} days ago"
    if wish.trigger == "labels":
        enough = new_labels >= wish.enough_labels
        return enough, f"{new_labels} new labels, {wish.enough_labels} wanted"
    asked = verdict.action == "retrain"
    return asked, f"the monitor asked: {verdict.evidence}" if asked else "the monitor did not ask"
