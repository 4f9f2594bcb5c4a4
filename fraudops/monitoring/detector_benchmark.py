"""Marks for detectors: worlds whose drift is known, watched as if it were not.

The only part of the library that knows when a drift began; the monitor itself is given transactions
and arrived labels.
"""

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
from fraudops.monitoring.monitor import DriftMonitor, make_frame_reader
from fraudops.simulator import DRIFT_KINDS, World, make_course_config, simulate_world
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS, Timeline, day_of, plan_timeline

MONITOR_NAME = "the monitor"
DETECTOR_REFERENCE_ROWS = 2000  # of the sample that the textbook detectors compare with
DATA_FAULT_KINDS = (
    "broken_units",
    "nulls",
    "renamed_column",
)  # faults of the data: the quality checks' part


@dataclass(frozen=True)
class MeasuredWorld:
    """What can be known of a world: `rows` with features and scores, reports that arrived,
    statistics, findings by date.

    `live` is the first live day in days since 1970, `onset` the number of the live day on which the
    drift begins (None without one), `start` the first second of the reference. `frauds` is the
    truth: customers defrauded on each day.
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


@dataclass(frozen=True)
class DetectorRun:
    """One world under watch.

    Attributes
    ----------
    kind, shape, seed : of the world; kind 'control' has no drift
    onset : number of the live day on which the drift begins; None for the control
    alarms : (live days, detectors) of bool
    actions : what the monitor asked for on each live day
    """

    kind: str
    shape: str
    seed: int
    onset: int | None
    alarms: pd.DataFrame
    actions: list[str]

    @property
    def clean(self) -> np.ndarray:
        """Which live days ought to be quiet: those before the onset, and all of them if the drift
        does no harm.
        """
        days = np.arange(len(self.alarms))
        return (
            np.ones(len(days), bool)
            if self.onset is None or not DRIFT_KINDS[self.kind][2]
            else days < self.onset
        )


def make_canonical_tables(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The transactions of a world in canonical columns, and all its fraud reports with their
    entities.
    """
    tx = pd.concat([chunk.frame for chunk in iter_world_chunks(world)], ignore_index=True)
    reports = tx[tx["label_ts"].notna()][
        ["tx_id", "customer_id", "terminal_id", "label_ts"]
    ].astype({"label_ts": "int64"})
    tx = tx.drop(columns=["is_fraud", "label_ts"]).astype({"ts": "int64", "amount_cents": "int64"})
    return tx, reports.reset_index(drop=True)


def plan_world_timeline(world: World) -> Timeline:
    """The timeline that ingestion would plan for the world."""
    ts = world.transactions["ts"]
    return plan_timeline(day_of(ts.min()), day_of(ts.max()))


def measure_world(
    kind: str,
    shape: str = "sudden",
    seed: int = 0,
    profile: str = "course",
    statistics: bool = True,
) -> MeasuredWorld:
    """Simulate a world and measure its days as the daily job would: with the labels that had
    arrived, without its broken days.

    Parameters
    ----------
    kind : a key of `config.DRIFT_KINDS`, or 'control'
    statistics : without them only the data is judged (for faults that need no more)
    """
    config = make_course_config(profile, seed, "none" if kind == "control" else f"{kind}:{shape}")
    world = simulate_world(config)
    tx, reports = make_canonical_tables(world)
    timeline = plan_world_timeline(world)
    start, live = data_quality.reference_window(timeline)
    onset = config.drifts[0].onset - (live - timeline.first) // DAY if config.drifts else None
    findings = data_quality.check_quality_by_day(tx, timeline, start)
    about = {
        "kind": kind,
        "shape": shape,
        "seed": seed,
        "timeline": timeline,
        "start": start,
        "live": live // DAY,
    }
    labels = reports[reports["label_ts"] < timeline.as_of]
    rows = raw = pd.DataFrame()
    if statistics:
        day = pd.to_datetime(tx["ts"], unit="s").dt.strftime("%Y-%m-%d")
        sound = tx[
            ~day.isin(
                [day for day, found in findings.items() if data_quality.is_data_broken(found)]
            )
        ]
        rows = compute_features(sound, reports).assign(
            **{name: sound[name].to_numpy() for name in ("tx_id", "ts", "customer_id")}
        )
        watch = DriftMonitor(make_frame_reader(rows), labels, timeline)
        rows, raw = watch.score(rows), watch.statistics()
    return MeasuredWorld(
        **about,
        onset=onset,
        findings=findings,
        rows=rows,
        labels=labels,
        raw=raw,
        frauds=_count_defrauded_customers(world),
    )


def _count_defrauded_customers(world: World) -> pd.Series:
    fraud = world.transactions[world.transactions["kind"] != ""]
    return fraud.groupby(fraud["ts"] // DAY)["customer_id"].nunique()


def run_detectors(seen: MeasuredWorld, rivals: bool = True) -> DetectorRun:
    """Let the monitor, and with `rivals` the textbook detectors, judge the live days of a world."""
    days = seen.timeline.live_days
    if seen.raw.empty:
        broken = [data_quality.is_data_broken(seen.findings[str(day_of(day))]) for day in days]
        alarms, actions = (
            pd.DataFrame({MONITOR_NAME: broken}),
            ["fix data" if one else "nothing" for one in broken],
        )
        return DetectorRun(seen.kind, seen.shape, seen.seed, seen.onset, alarms, actions)
    verdicts = verdict.make_verdicts(seen.raw, seen.live, seen.findings)
    alarms = pd.DataFrame({MONITOR_NAME: [one.severity == "act" for one in verdicts]})
    if rivals:
        inside = (seen.rows["ts"] >= seen.start) & (seen.rows["ts"] < seen.timeline.live)
        reference = draw_sample(seen.rows[inside], DETECTOR_REFERENCE_ROWS)
        each = dict(list(seen.rows.groupby(seen.rows["ts"] // DAY * DAY)))
        alarms = alarms.join(
            run_column_detectors(reference, [each.get(day, reference.iloc[:0]) for day in days])
        )
        alarms["domain classifier"] = (
            seen.raw.loc[seen.live :, daily_statistics.DOMAIN_STATISTIC] > DOMAIN_AUC_THRESHOLD
        ).to_numpy()
        alarms = alarms.join(_run_error_detectors(seen))
    return DetectorRun(
        seen.kind, seen.shape, seen.seed, seen.onset, alarms, [one.action for one in verdicts]
    )


def _run_error_detectors(seen: MeasuredWorld) -> pd.DataFrame:
    """Streaming detectors on the errors of transactions, each told when its label is taken as
    final.
    """
    wait = LABEL_MATURITY_DAYS * DAY
    rows = seen.rows[
        (seen.rows["ts"] >= seen.start) & (seen.rows["ts"] < seen.timeline.as_of - wait)
    ].sort_values("ts")
    reported = rows["tx_id"].map(seen.labels.set_index("tx_id")["label_ts"])
    wrong = ((reported < rows["ts"] + wait).astype(float) - rows[SCORE_COLUMN]).abs()
    return run_streaming_detectors(
        wrong, (rows["ts"] + wait) // DAY, seen.live, seen.timeline.as_of // DAY
    )


def score_detectors(watched: Iterable[DetectorRun]) -> pd.DataFrame:
    """What each detector did in each world: one row for each.

    Returns
    -------
    kind, shape, seed, detector; clean_days, false_days (clean days in alarm), false_alarms (alarms
    that began on a clean day); for a harmful drift also detected (an alarm on a day from the onset
    on) and delay (days from the onset to it)
    """
    rows = []
    for one in watched:
        for name in one.alarms:
            alarm = one.alarms[name].to_numpy(bool)
            began = alarm & ~np.concatenate([[False], alarm[:-1]])
            about = {"kind": one.kind, "shape": one.shape, "seed": one.seed, "detector": name}
            about |= {
                "clean_days": int(one.clean.sum()),
                "false_days": int((alarm & one.clean).sum()),
            }
            about |= {
                "false_alarms": int((began & one.clean).sum()),
                "detected": None,
                "delay": None,
            }
            if not one.clean.all():
                after = np.flatnonzero(alarm[one.onset :])
                about |= {
                    "detected": bool(len(after)),
                    "delay": int(after[0]) if len(after) else None,
                }
            rows.append(about)
    return pd.DataFrame(rows)


def summarize_detector_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Over all seeds, by kind, shape and detector: worlds, false alarms per 100 clean days, share
    detected, median delay.

    A drift that is never detected counts with an endless delay.
    """
    waited = table["delay"].astype(float).where(table["detected"] != False, np.inf)  # noqa: E712 - None is neither
    grouped = table.assign(waited=waited).groupby(["kind", "shape", "detector"], sort=False)
    days = grouped["clean_days"].sum()
    out = pd.DataFrame(
        {
            "worlds": grouped["seed"].nunique(),
            "false alarms per 100 days": 100 * grouped["false_alarms"].sum() / days,
            "days in false alarm per 100": 100 * grouped["false_days"].sum() / days,
            "detected": grouped["detected"].agg(lambda found: found.astype(float).mean()),
            "median delay": grouped["waited"].median(),
        }
    )
    return out.reset_index()
