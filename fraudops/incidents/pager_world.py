"""The world of a pager week: transactions, reports, verdicts, and the models that are there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from fraudops.features import compute_features
from fraudops.incidents.schedule import (
    NEW_FRAUD_KINDS,
    PAGER_DAYS,
    REFERENCE,
    WARM_UP,
    Incident,
    draw_schedule,
    plant_incidents,
)
from fraudops.models import (
    EMPTY_REVIEWS,
    Candidate,
    DecisionPolicy,
    LabelledRows,
    amount_to_cents,
    build_boosting,
    build_pipeline,
    fit_model,
)
from fraudops.monitoring import (
    DataProfile,
    DriftMonitor,
    DriftStatistics,
    Verdict,
    make_canonical_tables,
    make_verdicts,
    reference_window,
)
from fraudops.simulator import SimulatorConfig, find_true_compromises, simulate_world
from fraudops.timeline import DAY, Timeline

CUSTOMERS = 300


@dataclass(frozen=True)
class PagerWorld:
    """What a seed gives; no player changes it.

    Attributes
    ----------
    incidents : dict of str to Incident
        By kind.
    timeline : Timeline
    feeds : dict of str to DataFrame
        ``sound`` and ``faulty``: features with ``tx_id, ts, customer_id, cents`` (the amounts as
        the feed says them), and the truth in ``fraud``, ``true_cents`` and ``compromise``.
    verdicts : dict of str to list of Verdict
        The monitor's verdict of each day, by feed.
    labels : DataFrame
        Every fraud report that ever arrives: ``tx_id`` and ``label_ts``.
    """

    incidents: dict[str, Incident]
    timeline: Timeline
    feeds: dict[str, pd.DataFrame]
    verdicts: dict[str, list[Verdict]]
    labels: pd.DataFrame

    @classmethod
    def build(cls, seed: int, customers: int = CUSTOMERS) -> PagerWorld:
        """Simulate the world of a seed, compute its features, and let the monitor judge its days.

        Parameters
        ----------
        seed : int
        customers : int, optional

        Returns
        -------
        PagerWorld
        """
        incidents = draw_schedule(seed)
        days = WARM_UP + REFERENCE + PAGER_DAYS
        first = SimulatorConfig().start
        start = int(pd.Timestamp(first).timestamp())
        live = start + (WARM_UP + REFERENCE) * DAY
        timeline = Timeline(start, start + WARM_UP * DAY, live, start + days * DAY)
        onset = live + incidents["new-fraud"].onset * DAY
        feeds, verdicts = {}, {}
        for feed in ("sound", "faulty"):
            drifts = plant_incidents(incidents, feed == "faulty")
            config = SimulatorConfig("course", seed, customers, 2 * customers, days, first, drifts)
            world = simulate_world(config)
            kind, ts = world.transactions["kind"], world.transactions["ts"]
            is_early = (kind == NEW_FRAUD_KINDS[incidents["new-fraud"].variant]) & (ts < onset)
            world.transactions = world.transactions[~is_early].reset_index(drop=True)
            tx, reports, _ = make_canonical_tables(world)
            keys = {name: tx[name].to_numpy() for name in ("tx_id", "ts", "customer_id")}
            rows = compute_features(tx, reports).assign(**keys)
            if feed == "sound":  # a fault of the data changes no purchase
                truth = {
                    "fraud": (world.transactions["kind"] != "").to_numpy(),
                    "true_cents": tx["amount_cents"].to_numpy(),
                    "compromise": find_true_compromises(world),
                }
                # like the course's chain, the statistics leave broken days out
                statistics = _compute_statistics(rows, reports, timeline)
            feeds[feed] = rows.assign(cents=amount_to_cents(rows["amount"]), **truth)
            profile = DataProfile.learn(tx, *reference_window(timeline))
            verdicts[feed] = make_verdicts(statistics, profile.check_days(tx, timeline))
        labels = reports[["tx_id", "label_ts"]].drop_duplicates("tx_id")
        return cls(incidents, timeline, feeds, verdicts, labels)

    def get_start(self, day: int) -> int:
        """Get the first second of a day of the game.

        Parameters
        ----------
        day : int
            From 0.

        Returns
        -------
        int
            Seconds since 1970.
        """
        return self.timeline.live + day * DAY

    def select_rows(self, faulty_days: list[int], start: int, end: int) -> pd.DataFrame:
        """Select the rows of some days, as they were delivered.

        Parameters
        ----------
        faulty_days : list of int
            Days of the game that have the rows of the faulty feed.
        start, end : int
            Seconds since 1970; `end` is excluded.

        Returns
        -------
        DataFrame
        """
        sound, faulty = (
            rows[(rows["ts"] >= start) & (rows["ts"] < end)] for rows in self.feeds.values()
        )
        if not faulty_days:
            return sound
        is_faulty = ((sound["ts"] - self.timeline.live) // DAY).isin(faulty_days)
        return pd.concat([sound[~is_faulty], faulty[is_faulty.to_numpy()]]).sort_index()

    def train(
        self, policy: DecisionPolicy, faulty_days: list[int], reviews: list, morning: int
    ) -> Candidate:
        """Train a model on what is known on a morning.

        Parameters
        ----------
        policy : DecisionPolicy
        faulty_days : list of int
            See `select_rows`.
        reviews : list of list
            Decisions of reviewers: ``[tx_id, is_fraud, label_ts]``.
        morning : int
            Seconds since 1970.

        Returns
        -------
        Candidate
        """
        features = self.select_rows(faulty_days, self.timeline.first, morning)
        known = pd.DataFrame(reviews, columns=list(EMPTY_REVIEWS))
        rows, weight = LabelledRows.select_weighted(
            features, self.labels, known, self.timeline.train, morning, known_at=morning
        )
        return _fit(rows.repeat_by_weight(weight), policy)

    @cached_property
    def first_champion(self) -> Candidate:
        """The champion of the first morning."""
        return self.train(DecisionPolicy(), [], [], self.timeline.live)

    @cached_property
    def bad_challenger(self) -> Candidate:
        """The challenger that should not be promoted."""
        incident = self.incidents["bad-challenger"]
        rows = self._select_first_rows(incident.onset)
        if incident.variant == "online only":
            rows = rows.take((rows.X["channel"] == "online").to_numpy())
        else:  # a feature that holds the label, as if later reports were counted too
            noise = np.random.default_rng(0).random(len(rows.y)) < 0.01
            leak = np.where((rows.y == 1) | noise, 0.9, 0.0)
            columns = {"t_fraud_rate_30d": leak, "t_reported_7d": leak}
            rows = LabelledRows(
                rows.X.assign(**columns), rows.y, rows.cents, rows.ts, rows.customer
            )
        return _fit(rows, DecisionPolicy())

    @cached_property
    def night_model(self) -> Candidate:
        """The model that the insider puts in the champion's place: its labels are wrong."""
        rows = self._select_first_rows(0)
        y = np.roll(rows.y, len(rows.y) // 2)
        wrong = LabelledRows(rows.X, y, rows.cents, rows.ts, rows.customer)
        return _fit(wrong, DecisionPolicy())

    def _select_first_rows(self, day: int) -> LabelledRows:
        sound, end = self.feeds["sound"], self.get_start(day)
        return LabelledRows.select_mature(
            sound, sound, self.labels, self.timeline.train, end, known_at=end
        )


def _compute_statistics(
    rows: pd.DataFrame, reports: pd.DataFrame, timeline: Timeline
) -> DriftStatistics:
    monitor = DriftMonitor.from_rows(rows, reports, timeline)
    return DriftStatistics(monitor.statistics(), monitor.live // DAY)


def _fit(rows: LabelledRows, policy: DecisionPolicy) -> Candidate:
    """Fit a small model in one thread, so that it is the same on every machine."""
    with threadpool_limits(1):
        model = build_pipeline(build_boosting(max_iter=60, learning_rate=0.12))
        return Candidate(fit_model(model, rows, policy, "plain").model, 1.0)
