"""The labelled rows that a model learns from and is judged by.

Labels that had arrived at a given moment count, and no others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fraudops.errors import UserError
from fraudops.features import list_model_inputs
from fraudops.models.compromises import (
    FirstCatches,
    assign_compromises,
    compute_compromise_costs,
    summarize_first_catches,
)
from fraudops.models.decision import DecisionPolicy, amount_to_cents
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, Timeline, day_of

# A younger transaction is not trained on: hardly any report of it can have arrived.
MIN_TRANSACTION_AGE_DAYS = 2
MAX_REPORT_WEIGHT = 4.0
MIN_REPORTS_FOR_DELAY = 30  # with fewer, the delay of reports is unknown: early reports count once
EMPTY_REVIEWS = pd.DataFrame({"tx_id": [], "is_fraud": [], "label_ts": []})


@dataclass(frozen=True)
class LabelledRows:
    """Labelled rows of a period.

    Attributes
    ----------
    X : DataFrame of shape (n, 41)
        Model inputs (`list_model_inputs`).
    y : ndarray of int8, shape (n,)
        1 is a fraud.
    cents : ndarray of int64, shape (n,)
        Amounts.
    ts : ndarray of int64, shape (n,)
        Seconds since 1970.
    customer : ndarray of str, shape (n,)
    """

    X: pd.DataFrame
    y: np.ndarray
    cents: np.ndarray
    ts: np.ndarray
    customer: np.ndarray

    def describe(self) -> str:
        """Write how many rows and frauds there are, and their first and last day.

        Returns
        -------
        str
        """
        if not len(self.y):
            return "0 rows"
        first, last = day_of(self.ts.min()), day_of(self.ts.max())
        return f"{len(self.y):,} rows with {self.y.sum():,} frauds, {first} to {last}"

    def take(self, chosen: np.ndarray) -> LabelledRows:
        """Take some of the rows.

        Parameters
        ----------
        chosen : array
            Row numbers, or a mask of shape (n,).

        Returns
        -------
        LabelledRows
        """
        columns = (self.y, self.cents, self.ts, self.customer)
        return LabelledRows(self.X.iloc[chosen], *(column[chosen] for column in columns))

    def sample_customers(self, max_rows: int, seed: int = 0) -> LabelledRows:
        """Take all rows of some customers, who are drawn at random.

        Whole customers keep what an interval over customers and a split by customers rest on.

        Parameters
        ----------
        max_rows : int
            Fewer rows are returned as they are. Otherwise customers are added as long as their rows
            fit. If not even the first customer fits, rows are drawn instead.
        seed : int, optional

        Returns
        -------
        LabelledRows
            In the order of these rows.

        Raises
        ------
        UserError
            If `max_rows` is below 1.

        Examples
        --------
        >>> ones = np.ones(4, np.int64)
        >>> customer = np.array(["a", "a", "b", "b"])
        >>> rows = LabelledRows(pd.DataFrame({"amount": [1, 2, 3, 4]}), ones, ones, ones, customer)
        >>> len(rows.sample_customers(3).y), len(rows.sample_customers(1).y)
        (2, 1)
        """
        if max_rows < 1:
            raise UserError(f"A sample has at least 1 row, not {max_rows}.")
        if len(self.y) <= max_rows:
            return self
        random = np.random.default_rng(seed)
        codes, customers = pd.factorize(self.customer)
        order = random.permutation(len(customers))
        total = np.cumsum(np.bincount(codes)[order])
        chosen = order[total <= max_rows]
        if not len(chosen):
            return self.take(np.sort(random.choice(len(self.y), max_rows, replace=False)))
        return self.take(np.isin(codes, chosen))

    def repeat_by_weight(self, weight: np.ndarray, seed: int = 0) -> LabelledRows:
        """Repeat rows by their weight, so that every strategy can use weights, samplers too.

        Parameters
        ----------
        weight : ndarray of shape (n,)
            A weight of 1.3 gives one row, and with probability 0.3 a second one.
        seed : int, optional

        Returns
        -------
        LabelledRows

        Examples
        --------
        >>> y = np.array([0, 1])
        >>> rows = LabelledRows(pd.DataFrame({"amount": [1.0, 2.0]}), y, y * 100, y, y.astype(str))
        >>> rows.repeat_by_weight(np.array([1.0, 3.0])).y.tolist()
        [0, 1, 1, 1]
        """
        counts = np.floor(weight + np.random.default_rng(seed).random(len(weight))).astype(int)
        return self.take(np.repeat(np.arange(len(counts)), counts))

    def compute_compromise_costs(self, policy: DecisionPolicy, decision: np.ndarray) -> np.ndarray:
        """Compute what decisions about these rows have cost, counted once per compromise.

        After the first caught fraud of a card, its later frauds cost nothing: see
        `fraudops.models.compute_compromise_costs`.

        Parameters
        ----------
        policy : DecisionPolicy
        decision : array of str, shape (n,)

        Returns
        -------
        ndarray of int64, shape (n,)
            Cents.
        """
        compromise = assign_compromises(self.y, self.customer, self.ts)
        return compute_compromise_costs(policy, self.y, decision, self.cents, self.ts, compromise)

    def summarize_first_catches(self, decision: np.ndarray) -> FirstCatches:
        """Count how many compromises decisions have caught, and how early.

        Parameters
        ----------
        decision : array of str, shape (n,)

        Returns
        -------
        FirstCatches
        """
        compromise = assign_compromises(self.y, self.customer, self.ts)
        caught = np.asarray(decision) != "approve"
        return summarize_first_catches(caught, self.cents, self.ts, compromise)

    @classmethod
    def select_mature(
        cls,
        features: pd.DataFrame,
        transactions: pd.DataFrame,
        labels: pd.DataFrame,
        start: int,
        end: int,
        known_at: int,
    ) -> LabelledRows:
        """Select rows that were old enough at a moment, with the labels known then.

        A transaction without a report after `LABEL_MATURITY_DAYS` counts as genuine.

        Parameters
        ----------
        features : DataFrame
            ``tx_id``, ``ts`` and `list_model_inputs`.
        transactions : DataFrame
            ``tx_id`` and ``customer_id``.
        labels : DataFrame
            Fraud reports: ``tx_id`` and ``label_ts``.
        start, end : int
            Transactions with ``start <= ts < end``, in seconds since 1970.
        known_at : int
            Seconds since 1970.

        Returns
        -------
        LabelledRows
        """
        end = min(end, Timeline.get_mature_end(known_at))
        rows = features[(features["ts"] >= start) & (features["ts"] < end)]
        arrived = labels.loc[labels["label_ts"] < known_at, "tx_id"]
        customer = transactions.set_index("tx_id")["customer_id"].reindex(rows["tx_id"])
        return cls._from_features(rows, rows["tx_id"].isin(arrived), customer)

    @classmethod
    def select_weighted(
        cls,
        features: pd.DataFrame,
        labels: pd.DataFrame,
        reviews: pd.DataFrame,
        start: int,
        end: int,
        known_at: int,
        min_age_days: int = MIN_TRANSACTION_AGE_DAYS,
    ) -> tuple[LabelledRows, np.ndarray]:
        """Select recent rows too, and weight early reports for those that are still to come.

        Of young transactions only some frauds are known, and these are no random sample: a
        reviewed fraud is known on the same evening, an approved one when the card holder
        complains. A model that learns from them unweighted repeats the old model. Therefore an
        early report of a fraud that no analyst reviewed gets a weight: the inverse of the share
        of reports that arrive so early (inverse probability weighting).

        Parameters
        ----------
        features : DataFrame
            ``tx_id``, ``ts``, ``customer_id`` and `list_model_inputs`.
        labels : DataFrame
            Fraud reports: ``tx_id`` and ``label_ts``. A report overrules a review.
        reviews : DataFrame
            Decisions of reviewers: ``tx_id``, ``is_fraud`` and ``label_ts``.
        start, end : int
            Transactions with ``start <= ts < end``, in seconds since 1970.
        known_at : int
            Seconds since 1970.
        min_age_days : int, optional
            Younger transactions are left out.

        Returns
        -------
        rows : LabelledRows
        weight : ndarray of shape (n,)
            1, except for early reports.
        """
        end = min(end, known_at - min_age_days * DAY)
        rows = features[(features["ts"] >= start) & (features["ts"] < end)]
        arrived = labels[labels["label_ts"] < known_at]
        known_reviews = reviews[reviews["label_ts"] < known_at]
        confirmed = known_reviews.loc[known_reviews["is_fraud"] == 1, "tx_id"]
        is_reported = rows["tx_id"].isin(arrived["tx_id"])
        is_reviewed = rows["tx_id"].isin(known_reviews["tx_id"])
        age = known_at - rows["ts"].to_numpy()
        is_early = is_reported & ~is_reviewed & (age < LABEL_MATURITY_DAYS * DAY)
        share = _estimate_reported_share(features, arrived, known_at, age)
        is_fraud = is_reported | rows["tx_id"].isin(confirmed)
        selected = cls._from_features(rows, is_fraud, rows["customer_id"])
        return selected, np.where(is_early, 1 / share, 1.0)

    @classmethod
    def _from_features(
        cls, rows: pd.DataFrame, is_fraud: pd.Series, customer: pd.Series
    ) -> LabelledRows:
        return cls(
            rows[list_model_inputs(rows)].reset_index(drop=True),
            is_fraud.to_numpy().astype(np.int8),
            amount_to_cents(rows["amount"]),
            rows["ts"].to_numpy(),
            customer.to_numpy(),
        )


def _estimate_reported_share(
    features: pd.DataFrame, arrived: pd.DataFrame, known_at: int, age: np.ndarray
) -> np.ndarray:
    """Share of all reports that arrive by each age in seconds, at least 1 / MAX_REPORT_WEIGHT.

    The delays are those of transactions that are old enough to have all their reports.
    """
    ts = features.set_index("tx_id")["ts"].reindex(arrived["tx_id"]).to_numpy(float)
    is_complete = ts < known_at - 2 * LABEL_MATURITY_DAYS * DAY
    delay = np.sort((arrived["label_ts"].to_numpy() - ts)[is_complete])
    if len(delay) < MIN_REPORTS_FOR_DELAY:
        return np.ones(len(age))
    return np.maximum(np.searchsorted(delay, age, side="right") / len(delay), 1 / MAX_REPORT_WEIGHT)
