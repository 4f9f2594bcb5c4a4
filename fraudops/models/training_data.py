"""What training and test rows are selected from, loaded together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.data import load_labels, load_transactions
from fraudops.errors import UserError
from fraudops.features import load_features
from fraudops.models.fitting import MIN_TRAINING_FRAUDS
from fraudops.models.training_set import LabelledRows
from fraudops.timeline import DAY, Timeline, load_timeline
from fraudops.workspace import Workspace

MIN_WEEK_FRAUDS = 3  # a validation week with fewer cannot rank anything


@dataclass(frozen=True)
class TrainingData:
    """Transactions, fraud reports, features and the timeline of a workspace.

    Attributes
    ----------
    transactions : DataFrame
        See `fraudops.data.load_transactions`.
    labels : DataFrame
        Fraud reports: ``tx_id``, ``customer_id`` and ``label_ts``, the time of arrival.
    features : DataFrame
        ``tx_id``, ``ts``, ``customer_id`` and the model inputs.
    timeline : Timeline
    """

    transactions: pd.DataFrame
    labels: pd.DataFrame
    features: pd.DataFrame
    timeline: Timeline

    @classmethod
    def load(cls, workspace: Workspace) -> TrainingData:
        """Load what stage 1 has stored.

        Parameters
        ----------
        workspace : Workspace

        Returns
        -------
        TrainingData

        Raises
        ------
        MissingInputError
            If a notebook of stage 1 has not run.
        TooFewDaysError
            If the data has too few days for a timeline.
        """
        return cls(
            load_transactions(workspace),
            load_labels(workspace),
            load_features(workspace),
            load_timeline(workspace),
        )

    def select_mature(self, start: int, end: int, known_at: int) -> LabelledRows:
        """Select rows that were old enough at a moment, with the labels known then.

        Parameters
        ----------
        start, end : int
            Transactions with ``start <= ts < end``, in seconds since 1970.
        known_at : int
            Seconds since 1970.

        Returns
        -------
        LabelledRows
            See `LabelledRows.select_mature`.
        """
        return LabelledRows.select_mature(
            self.features, self.transactions, self.labels, start, end, known_at
        )

    def select_weighted(
        self, engine: sa.Engine, start: int, end: int, known_at: int
    ) -> tuple[LabelledRows, np.ndarray]:
        """Select recent rows too, with the weight that corrects for missing reports.

        Parameters
        ----------
        engine : Engine
            Its database holds what reviewers have decided.
        start, end : int
            Transactions with ``start <= ts < end``, in seconds since 1970.
        known_at : int
            Seconds since 1970.

        Returns
        -------
        rows : LabelledRows
        weight : ndarray of shape (n,)
            See `LabelledRows.select_weighted`.
        """
        reviews = store.load_reviewer_labels(engine, known_at)
        return LabelledRows.select_weighted(
            self.features, self.labels, reviews, start, end, known_at
        )

    def make_validation_folds(
        self, weeks: int, train_days: int, max_train_rows: int, max_test_rows: int
    ) -> list[tuple[LabelledRows, LabelledRows]]:
        """Make folds for prequential validation before go-live.

        Each fold tests on one week, whose labels have arrived at go-live, and trains on what was
        known when this week began. Weeks with too few frauds to train or to test are left out. If
        no week is left, one split by time takes their place. It does not wait for labels.

        Parameters
        ----------
        weeks : int
            At most so many folds, the latest ones.
        train_days : int
            Training rows come from at most so many days before the week.
        max_train_rows, max_test_rows : int
            See `LabelledRows.sample_customers`.

        Returns
        -------
        list of (LabelledRows, LabelledRows)
            Training and test rows of each fold, the oldest first.

        Raises
        ------
        UserError
            If there are too few frauds for one split.

        References
        ----------
        Dawid (1984), Statistical theory: the prequential approach.
        """
        folds: list[tuple[LabelledRows, LabelledRows]] = []
        live = self.timeline.live
        end = self.timeline.get_mature_end(known_at=live)
        while len(folds) < weeks and end - 7 * DAY > self.timeline.train:
            begin = end - 7 * DAY
            oldest = max(self.timeline.train, begin - train_days * DAY)
            train = self.select_mature(oldest, begin, known_at=begin)
            test = self.select_mature(begin, end, known_at=live)
            train, test = (
                train.sample_customers(max_train_rows),
                test.sample_customers(max_test_rows),
            )
            if train.y.sum() >= MIN_TRAINING_FRAUDS and test.y.sum() >= MIN_WEEK_FRAUDS:
                folds.insert(0, (train, test))
            end = begin
        return folds or [self._split_by_time(max_train_rows, max_test_rows)]

    def _split_by_time(
        self, max_train_rows: int, max_test_rows: int
    ) -> tuple[LabelledRows, LabelledRows]:
        """Split what is known at go-live by time, 70 to 30, where no week has enough frauds."""
        live = self.timeline.live
        known = self.select_mature(self.timeline.train, live, known_at=live)
        is_early = known.ts < np.quantile(known.ts, 0.7) if len(known.ts) else known.ts < 0
        train = known.take(is_early).sample_customers(max_train_rows)
        test = known.take(~is_early).sample_customers(max_test_rows)
        if train.y.sum() < MIN_TRAINING_FRAUDS or test.y.sum() < MIN_WEEK_FRAUDS:
            raise UserError(
                f"Too few frauds are known before go-live: {int(train.y.sum())} of at least "
                f"{MIN_TRAINING_FRAUDS} to train, {int(test.y.sum())} of at least "
                f"{MIN_WEEK_FRAUDS} to test. Bring more days, or a later live_start."
            )
        return train, test
