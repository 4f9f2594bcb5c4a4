"""A benchmark of drift detectors on simulated worlds whose drift is known.

No other part of the library knows when a drift begins. The monitor gets transactions and the labels
that have arrived.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fraudops.data import iter_world_chunks
from fraudops.features import compute_features
from fraudops.monitoring import daily_statistics, data_quality, verdict
from fraudops.monitoring.daily_statistics import SCORE_COLUMN
from fraudops.monitoring.detectors import (
    DOMAIN_AUC_THRESHOLD,
    draw_sample,
    run_column_detectors,
    run_streaming_detectors,
)
from fraudops.monitoring.limits import DriftStatistics
from fraudops.monitoring.monitor import DriftMonitor
from fraudops.simulator import DRIFT_KINDS, World, make_course_config, simulate_world
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, Timeline, day_of, plan_timeline

MONITOR_NAME = "the monitor"
DETECTOR_REFERENCE_ROWS = 2000  # sample size of the textbook detectors


@dataclass(frozen=True)
class MeasuredWorld:
    """A simulated world, with everything that the daily job can know about it.

    Attributes
    ----------
    kind, shape : str
        Of the drift; the kind ``control`` has none.
    seed : int
    timeline : Timeline
    start : int
        First second of the reference, since 1970.
    live : int
        First live day, in days since 1970.
    onset : int or None
        Number of the live day on which the drift begins.
    findings : dict of str to list of dict
        Of the data quality, by date.
    rows : DataFrame
        Features and scores of the sound days.
    labels : DataFrame
        Fraud reports that have arrived.
    raw : DataFrame
        See `DriftMonitor.statistics`.
    frauds : Series of int
        The truth: defrauded customers by day.
    """

    kind: str
    shape: str
    seed: int
    timeline: Timeline
    start: int
    live: int
    onset: int | None
    findings: dict[str, list[data_quality.FindingRecord]]
    rows: pd.DataFrame
    labels: pd.DataFrame
    raw: pd.DataFrame
    frauds: pd.Series

    @classmethod
    def simulate(
        cls,
        kind: str,
        shape: str = "sudden",
        seed: int = 0,
        profile: str = "course",
        statistics: bool = True,
    ) -> MeasuredWorld:
        """Simulate a world and measure its days as the daily job does.

        Parameters
        ----------
        kind : str
            A key of `DRIFT_KINDS`, or ``control``.
        shape : str, optional
        seed : int, optional
        profile : str, optional
            ``smoke``, ``course`` or ``full``.
        statistics : bool, optional
            False checks the data quality only, which is enough for faults of the data.

        Returns
        -------
        MeasuredWorld
        """
        drift = "none" if kind == "control" else f"{kind}:{shape}"
        config = make_course_config(profile, seed, drift)
        world = simulate_world(config)
        tx, reports, refunds = make_canonical_tables(world)
        timeline = plan_world_timeline(world)
        start, live = data_quality.reference_window(timeline)
        onset = config.drifts[0].onset - (live - timeline.first) // DAY if config.drifts else None
        findings = data_quality.DataProfile.learn(tx, start, live).check_days(tx, timeline)
        labels = reports[reports["label_ts"] < timeline.as_of]
        rows = raw = pd.DataFrame()
        if statistics:
            broken = [day for day, found in findings.items() if data_quality.is_data_broken(found)]
            sound = tx[~pd.to_datetime(tx["ts"], unit="s").dt.strftime("%Y-%m-%d").isin(broken)]
            keys = {name: sound[name].to_numpy() for name in ("tx_id", "ts", "customer_id")}
            rows = compute_features(sound, reports, refunds).assign(**keys)
            monitor = DriftMonitor.from_rows(rows, labels, timeline)
            rows, raw = monitor.score(rows), monitor.statistics()
        return cls(
            kind,
            shape,
            seed,
            timeline,
            start,
            live // DAY,
            onset,
            findings,
            rows,
            labels,
            raw,
            frauds=_count_defrauded_customers(world),
        )

    def run_detectors(self, textbook: bool = True) -> DetectorRun:
        """Let the monitor judge the live days, and the textbook detectors too.

        Parameters
        ----------
        textbook : bool, optional
            False runs the monitor only.

        Returns
        -------
        DetectorRun
        """
        days = self.timeline.live_days
        if self.raw.empty:
            broken = [data_quality.is_data_broken(self.findings[str(day_of(day))]) for day in days]
            actions = ["fix data" if is_broken else "nothing" for is_broken in broken]
            return self._make_run(pd.DataFrame({MONITOR_NAME: broken}), actions)
        verdicts = verdict.make_verdicts(DriftStatistics(self.raw, self.live), self.findings)
        alarms = pd.DataFrame({MONITOR_NAME: [day.severity == "act" for day in verdicts]})
        if textbook:
            is_reference = self.rows["ts"].between(self.start, self.timeline.live, "left")
            reference = draw_sample(self.rows[is_reference], DETECTOR_REFERENCE_ROWS)
            rows_by_day = dict(list(self.rows.groupby(self.rows["ts"] // DAY * DAY)))
            live_rows = [rows_by_day.get(day, reference.iloc[:0]) for day in days]
            alarms = alarms.join(run_column_detectors(reference, live_rows))
            auc = self.raw.loc[self.live :, daily_statistics.DOMAIN_STATISTIC]
            alarms["domain classifier"] = (auc > DOMAIN_AUC_THRESHOLD).to_numpy()
            alarms = alarms.join(self._run_error_detectors())
        return self._make_run(alarms, [day.action for day in verdicts])

    def _make_run(self, alarms: pd.DataFrame, actions: list[str]) -> DetectorRun:
        return DetectorRun(self.kind, self.shape, self.seed, self.onset, alarms, actions)

    def _run_error_detectors(self) -> pd.DataFrame:
        """Streaming detectors on the model's errors, each known when its label is final."""
        maturity = LABEL_MATURITY_DAYS * DAY
        is_mature = self.rows["ts"].between(self.start, self.timeline.as_of - maturity, "left")
        rows = self.rows[is_mature].sort_values("ts")
        reported = rows["tx_id"].map(self.labels.set_index("tx_id")["label_ts"])
        is_fraud = (reported < rows["ts"] + maturity).astype(float)
        error = (is_fraud - rows[SCORE_COLUMN]).abs()
        known_on = (rows["ts"] + maturity) // DAY
        return run_streaming_detectors(error, known_on, self.live, self.timeline.as_of // DAY)


@dataclass(frozen=True)
class DetectorRun:
    """What detectors said about one world.

    Attributes
    ----------
    kind, shape : str
    seed : int
    onset : int or None
        Number of the live day on which the drift begins; None for the control.
    alarms : DataFrame of bool, shape (live days, detectors)
    actions : list of str
        What the monitor asked for on each live day.
    """

    kind: str
    shape: str
    seed: int
    onset: int | None
    alarms: pd.DataFrame
    actions: list[str]

    @property
    def is_clean(self) -> np.ndarray:
        """Live days without a harmful drift, bool of shape (live days,)."""
        days = np.arange(len(self.alarms))
        is_harmful = self.onset is not None and DRIFT_KINDS[self.kind][2]
        return days < self.onset if is_harmful else np.ones(len(days), bool)


def make_canonical_tables(world: World) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Make the canonical purchases of a world, all its fraud reports, and its refunds.

    Parameters
    ----------
    world : World

    Returns
    -------
    transactions : DataFrame
    reports : DataFrame
        ``tx_id, customer_id, terminal_id, label_ts``.
    refunds : DataFrame
        See `data.load_refunds`.
    """
    tx = pd.concat([chunk.frame for chunk in iter_world_chunks(world)], ignore_index=True)
    reports = tx[tx["label_ts"].notna()][
        ["tx_id", "customer_id", "terminal_id", "label_ts"]
    ].astype({"label_ts": "int64"})
    tx = tx.drop(columns=["is_fraud", "label_ts"]).astype({"ts": "int64", "amount_cents": "int64"})
    is_purchase = tx["kind"] == "purchase"
    refunds = tx[~is_purchase].reset_index(drop=True)
    return tx[is_purchase].drop(columns="kind"), reports.reset_index(drop=True), refunds


def plan_world_timeline(world: World) -> Timeline:
    """Plan the timeline as ingestion plans it for the transactions of a world.

    Parameters
    ----------
    world : World

    Returns
    -------
    Timeline
    """
    ts = world.transactions["ts"]
    return plan_timeline(day_of(ts.min()), day_of(ts.max()))


def _count_defrauded_customers(world: World) -> pd.Series:
    fraud = world.transactions[world.transactions["kind"] != ""]
    return fraud.groupby(fraud["ts"] // DAY)["customer_id"].nunique()


def score_detectors(runs: Iterable[DetectorRun]) -> pd.DataFrame:
    """Count what each detector did in each world.

    Parameters
    ----------
    runs : iterable of DetectorRun

    Returns
    -------
    DataFrame
        One row per world and detector: ``kind, shape, seed, detector``, ``clean_days``,
        ``false_days`` (clean days in alarm), ``false_alarms`` (alarms that began on a clean day).
        For a harmful drift also ``detected`` (an alarm from the onset on) and ``delay`` (days from
        the onset to it).
    """
    rows = []
    for run in runs:
        is_clean = run.is_clean
        for name in run.alarms:
            alarm = run.alarms[name].to_numpy(bool)
            begins = alarm & ~np.concatenate([[False], alarm[:-1]])
            after = np.flatnonzero(alarm[run.onset :])
            is_harmful = not is_clean.all()
            rows.append(
                {
                    "kind": run.kind,
                    "shape": run.shape,
                    "seed": run.seed,
                    "detector": name,
                    "clean_days": int(is_clean.sum()),
                    "false_days": int((alarm & is_clean).sum()),
                    "false_alarms": int((begins & is_clean).sum()),
                    "detected": bool(len(after)) if is_harmful else None,
                    "delay": int(after[0]) if is_harmful and len(after) else None,
                }
            )
    return pd.DataFrame(rows)
