"""The daily measurement of one data set: learns from the reference, then turns every day into
statistics.
"""

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

REFERENCE_ROWS_PER_DAY = 3000  # of each day of the reference, to learn from


class DriftMonitor:
    """The monitor of one data set up to `as_of`: what it learnt from the reference, and the
    statistics of the days.

    Holds one day at a time, besides a bounded part of the reference.

    Parameters
    ----------
    read_day : gives the rows of a day (days since 1970): tx_id, ts, customer_id and `FEATURES`
    labels : fraud reports that have arrived: tx_id, label_ts
    """

    def __init__(self, read_day: DayReader, labels: pd.DataFrame, timeline: Timeline):
        self.read_day, self.labels, self.timeline = read_day, labels, timeline
        self.start, self.live = data_quality.reference_window(timeline)
        known = labels[labels["label_ts"] < self.live]
        ids = set(known["tx_id"])
        parts = [
            _sample_reference_day(read_day(day), ids)
            for day in range(self.start // DAY, self.live // DAY)
        ]
        rows, drawn = (pd.concat(part, ignore_index=True) for part in zip(*parts, strict=True))
        self.sentinel = ReferenceModel(
            rows, known, self.start, self.live
        )  # frauds are few, so it gets all of them
        self.reference = self.score(rows[drawn])

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with their score by the monitor's own model."""
        return rows.assign(**{SCORE_COLUMN: self.sentinel.score(rows)})

    def statistics(self) -> pd.DataFrame:
        """(days, statistics) from the start of the reference to `as_of`, index: day since 1970."""
        found = dict(
            compute_daily_statistics(ReferenceDistribution.learn(self.reference), self._days())
        )
        return pd.DataFrame(found.values(), index=pd.Index(found, name="day")).astype(float)

    def _days(self) -> Iterator[tuple[int, pd.DataFrame, pd.DataFrame]]:
        """Day, its rows, and the reports that arrived on it; reports of earlier transactions
        too.
        """
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


def _sample_reference_day(rows: pd.DataFrame, known: set[str]) -> tuple[pd.DataFrame, pd.Series]:
    """At most `REFERENCE_ROWS_PER_DAY` rows of a day and all that were reported, and which of them
    were drawn.
    """
    drawn = pd.Series(
        rows.index.isin(rows.sample(min(REFERENCE_ROWS_PER_DAY, len(rows)), random_state=0).index),
        rows.index,
    )
    kept = drawn | rows["tx_id"].isin(known)
    return rows[kept], drawn[kept]


def make_frame_reader(rows: pd.DataFrame) -> DayReader:
    """A reader of days from rows in memory."""
    each = dict(list(rows.groupby(rows["ts"] // DAY)))
    return lambda day: each.get(day, rows.iloc[:0])


def make_feature_reader(workspace: Workspace) -> DayReader:
    """A reader of days from the workspace's features, one day in memory at a time."""
    return lambda day: load_features(workspace, day * DAY, (day + 1) * DAY)
