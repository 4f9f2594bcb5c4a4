"""What a retrained model learns from: mature labels, early ones with a correction, reviewers'
words; and when to retrain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fraudops.features import FEATURES
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS

MIN_TRANSACTION_AGE_DAYS = (
    2  # a younger transaction is not trained on: hardly any report of it can have arrived
)
MAX_REPORT_WEIGHT = 4.0  # of an early report
EMPTY_REVIEWS = pd.DataFrame({"tx_id": [], "is_fraud": [], "label_ts": []})
MIN_REPORTS_FOR_DELAY = (
    30  # below which the delay of reports is not known, and early reports count once
)


def select_weighted_rows(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    reviews: pd.DataFrame,
    start: int,
    end: int,
    known_at: int,
    young_days: int = MIN_TRANSACTION_AGE_DAYS,
) -> tuple[LabelledRows, np.ndarray]:
    """Rows of ``[start, end)`` that are old enough at `known_at`, with every label that had arrived
    by then, and its weight.

    Of young transactions only some frauds are known, and which ones is no chance: what the model
    sent to review is known the same evening, what it let through only when the card holder
    complains. A model that learnt from them as they are would learn to repeat the last one. So an
    early report of a fraud that nobody reviewed counts for those that are still to come: by the
    inverse of the share of reports that arrive so early (inverse probability weights; the delay is
    that of arrived reports on transactions old enough to have all of theirs).

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
    early = reported & ~seen & (age < LABEL_MATURITY_DAYS * DAY)
    weight = np.where(early, 1 / _estimate_reported_share(features, arrived, known_at, age), 1.0)
    cents = np.rint(rows["amount"].to_numpy() * 100).astype(np.int64)
    y, x = (reported | called).astype(np.int8), rows[list(FEATURES)].reset_index(drop=True)
    return LabelledRows(x, y, cents, rows["ts"].to_numpy(), rows["customer_id"].to_numpy()), weight


def _estimate_reported_share(
    features: pd.DataFrame, arrived: pd.DataFrame, known_at: int, age: np.ndarray
) -> np.ndarray:
    """Share (n,) of the reports that arrive by each age (s), at least 1 / `MAX_REPORT_WEIGHT`."""
    ts = features.set_index("tx_id")["ts"].reindex(arrived["tx_id"]).to_numpy(float)
    delay = np.sort(
        (arrived["label_ts"].to_numpy() - ts)[ts < known_at - 2 * LABEL_MATURITY_DAYS * DAY]
    )
    if len(delay) < MIN_REPORTS_FOR_DELAY:
        return np.ones(len(age))
    return np.maximum(np.searchsorted(delay, age, side="right") / len(delay), 1 / MAX_REPORT_WEIGHT)


def repeat_by_weight(rows: LabelledRows, weight: np.ndarray, seed: int = 0) -> LabelledRows:
    """Rows as often as they weigh, so that every strategy can use the weights, samplers too.

    A weight of 1.3 is one row always and a second one in three times out of ten.
    """
    times = np.floor(weight + np.random.default_rng(seed).random(len(weight))).astype(int)
    return rows.take(np.repeat(np.arange(len(times)), times))


@dataclass(frozen=True)
class LabelledRows:
    """Labelled rows of a stretch of time: X (n, 39) frame, y, cents, ts (n,) integers, customer
    (n,) text.
    """

    X: pd.DataFrame
    y: np.ndarray
    cents: np.ndarray
    ts: np.ndarray
    customer: np.ndarray

    def take(self, chosen: np.ndarray) -> LabelledRows:
        """Some of the rows, by mask or number."""
        return LabelledRows(
            self.X.iloc[chosen],
            self.y[chosen],
            self.cents[chosen],
            self.ts[chosen],
            self.customer[chosen],
        )


def select_mature_rows(
    features: pd.DataFrame,
    tx: pd.DataFrame,
    labels: pd.DataFrame,
    start: int,
    end: int,
    known_at: int,
) -> LabelledRows:
    """Rows of ``[start, end)`` old enough at `known_at` to have a label, with the labels that had
    arrived by then.

    A transaction without a report after `MATURE_DAYS` counts as genuine, as it would have on that
    day.

    Parameters
    ----------
    features : tx_id, ts and `FEATURES`
    tx : tx_id, customer_id
    labels : fraud reports: tx_id, label_ts
    """
    end = min(end, known_at - LABEL_MATURITY_DAYS * DAY)
    rows = features[(features["ts"] >= start) & (features["ts"] < end)]
    arrived = set(labels.loc[labels["label_ts"] < known_at, "tx_id"])
    customer = tx.set_index("tx_id")["customer_id"].reindex(rows["tx_id"]).to_numpy()
    y = rows["tx_id"].isin(arrived).to_numpy().astype(np.int8)
    cents = np.rint(rows["amount"].to_numpy() * 100).astype(np.int64)
    return LabelledRows(
        rows[list(FEATURES)].reset_index(drop=True), y, cents, rows["ts"].to_numpy(), customer
    )
