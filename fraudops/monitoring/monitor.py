"""The drift monitor of one data set: it learns the reference, then computes statistics per day."""

from collections.abc import Callable, Iterator

import pandas as pd

from fraudops.features import load_features
from fraudops.monitoring import data_quality
from fraudops.monitoring.daily_statistics import (
    SCORE_COLUMN,
    ReferenceDistribution,
    compute_daily_statistics,
)
from fraudops.monitoring.reference_model import ReferenceModel
from fraudops.timeline import DAY, Timeline
from fraudops.workspace import Workspace

DayReader = Callable[[int], pd.DataFrame]

REFERENCE_ROWS_PER_DAY = 3000


class DriftMonitor:
    """The monitor of one data set, up to `as_of`.

    It holds one day in memory at a time, besides a limited part of the reference.

    Parameters
    ----------
    read_day : callable
        Takes a day (days since 1970) and returns its rows: ``tx_id``, ``ts``, ``customer_id`` and
        `FEATURES`.
    labels : DataFrame
        Fraud reports that have arrived: ``tx_id`` and ``label_ts``.
    timeline : Timeline

    Attributes
    ----------
    start, live : int
        First second of the reference, and of the live days, since 1970.
    """

    def __init__(self, read_day: DayReader, labels: pd.DataFrame, timeline: Timeline):
        self.read_day, self.labels, self.timeline = read_day, labels, timeline
        self.start, self.live = data_quality.reference_window(timeline)
        known = labels[labels["label_ts"] < self.live]
        known_ids = set(known["tx_id"])
        days = range(self.start // DAY, self.live // DAY)
        parts = [_sample_reference_day(read_day(day), known_ids) for day in days]
        rows, is_sampled = (pd.concat(part, ignore_index=True) for part in zip(*parts, strict=True))
        self.reference_model = ReferenceModel(rows, known, self.start, self.live)
        self.reference = self.score(rows[is_sampled])

    @classmethod
    def from_workspace(
        cls, workspace: Workspace, labels: pd.DataFrame, timeline: Timeline
    ) -> "DriftMonitor":
        """Monitor the features of a workspace.

        Parameters
        ----------
        workspace : Workspace
        labels : DataFrame
        timeline : Timeline

        Returns
        -------
        DriftMonitor
        """
        return cls(
            lambda day: load_features(workspace, day * DAY, (day + 1) * DAY), labels, timeline
        )

    @classmethod
    def from_rows(
        cls, rows: pd.DataFrame, labels: pd.DataFrame, timeline: Timeline
    ) -> "DriftMonitor":
        """Monitor rows that are in memory.

        Parameters
        ----------
        rows : DataFrame
            ``tx_id``, ``ts``, ``customer_id`` and `FEATURES`.
        labels : DataFrame
        timeline : Timeline

        Returns
        -------
        DriftMonitor
        """
        rows_by_day = dict(list(rows.groupby(rows["ts"] // DAY)))
        return cls(lambda day: rows_by_day.get(day, rows.iloc[:0]), labels, timeline)

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add the score of the monitor's own reference model.

        Parameters
        ----------
        rows : DataFrame

        Returns
        -------
        DataFrame
            With one more column, `SCORE_COLUMN`.
        """
        return rows.assign(**{SCORE_COLUMN: self.reference_model.score(rows)})

    def statistics(self) -> pd.DataFrame:
        """Compute the statistics of each day from the start of the reference to `as_of`.

        Returns
        -------
        DataFrame of shape (days, statistics)
            The index is the day since 1970.
        """
        distribution = ReferenceDistribution.learn(self.reference)
        by_day = dict(compute_daily_statistics(distribution, self._iter_days()))
        return pd.DataFrame(by_day.values(), index=pd.Index(by_day, name="day")).astype(float)

    def _iter_days(self) -> Iterator[tuple[int, pd.DataFrame, pd.DataFrame]]:
        """Day, its rows, and the reports that arrived on it, also those of earlier transactions."""
        arrival = self.labels.drop_duplicates("tx_id").set_index("tx_id")["label_ts"]
        pending = self.score(self.read_day(self.timeline.first // DAY)).iloc[:0].assign(arrives=0)
        for day in range(self.timeline.first // DAY, self.timeline.as_of // DAY):
            rows = self.score(self.read_day(day))
            arrives = rows["tx_id"].map(arrival) // DAY
            reported = rows.assign(arrives=arrives)[arrives.notna()]
            pending = pd.concat([pending, reported]) if len(pending) else reported
            if day >= self.start // DAY:
                yield day, rows, pending[pending["arrives"] == day]
            pending = pending[pending["arrives"] > day]


def _sample_reference_day(
    rows: pd.DataFrame, known_ids: set[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """Some rows of a day and all its reported frauds, and which of them were drawn at random."""
    sampled = rows.sample(min(REFERENCE_ROWS_PER_DAY, len(rows)), random_state=0)
    is_sampled = pd.Series(rows.index.isin(sampled.index), rows.index)
    is_kept = is_sampled | rows["tx_id"].isin(known_ids)
    return rows[is_kept], is_sampled[is_kept]
