"""Marks of the monitor and of textbook detectors in worlds whose drift is known; seconds of a day;
memory at full size.

Every world has a seed that the calibration did not see. The table goes to
``2_Data_Drifts/marks.csv``, which notebook 2.3 shows beside its own few worlds.
"""

import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from benchmarks import calibrate, peak_gb, verdict
from fraudops import monitoring
from fraudops.workspace import REPOSITORY

DATA_FAULT_KINDS = ("broken_units", "nulls", "renamed_column")  # found by the quality checks
SEEDS = range(4001, 4021)
CASES = (
    ("control", "sudden"),
    ("benign_season", "sudden"),
    ("benign_season", "gradual"),
    ("price_inflation", "sudden"),
    ("new_terminals", "sudden"),
    ("fraud_wave", "sudden"),
    ("price_inflation", "gradual"),
    ("new_terminals", "gradual"),
    ("fraud_wave", "gradual"),
    ("adapting_fraud", "sudden"),
    ("adapting_fraud", "gradual"),
    *((kind, "sudden") for kind in DATA_FAULT_KINDS),
)
# here the textbook detectors watch every world, elsewhere the first few: they are slow
QUIET = CASES[:2]
RIVAL_SEEDS = 6
MARKS = REPOSITORY / "2_Data_Drifts" / "marks.csv"
ORACLE_DAYS = 28
DAYS_TIMED = 9
LONG_DAYS = 90


def summarize_detector_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Summarize the scores of `score_detectors` over all seeds.

    Parameters
    ----------
    scores : DataFrame

    Returns
    -------
    DataFrame
        By ``kind``, ``shape`` and ``detector``: number of worlds, false alarms per 100 clean days,
        share of detected drifts, median delay. An undetected drift has an infinite delay.
    """
    is_missed = scores["detected"].eq(False)
    delay = scores["delay"].astype(float).mask(is_missed, np.inf)
    grouped = scores.assign(delay=delay).groupby(["kind", "shape", "detector"], sort=False)
    days = grouped["clean_days"].sum()
    table = pd.DataFrame(
        {
            "worlds": grouped["seed"].nunique(),
            "false alarms per 100 days": 100 * grouped["false_alarms"].sum() / days,
            "days in false alarm per 100": 100 * grouped["false_days"].sum() / days,
            "detected": grouped["detected"].agg(lambda found: found.astype(float).mean()),
            "median delay": grouped["delay"].median(),
        }
    )
    return table.reset_index()


def world(case: tuple[str, str, int]) -> tuple[pd.DataFrame, pd.Series, int, int | None]:
    """Marks of one world, its true frauds by day, its first live day, and the number of the live
    day of the onset.
    """
    kind, shape, seed = case
    seen = monitoring.MeasuredWorld.simulate(
        kind, shape, seed, statistics=kind not in DATA_FAULT_KINDS
    )
    rivals = (kind, shape) in QUIET or seed in SEEDS[:RIVAL_SEEDS]
    return (
        monitoring.score_detectors([seen.run_detectors(rivals)]),
        seen.frauds,
        seen.live,
        seen.onset,
    )


def main() -> None:
    """Print the marks with their targets, then seconds and memory."""
    assert not set(SEEDS) & set(calibrate.SEEDS)
    cases = [(kind, shape, seed) for seed in SEEDS for kind, shape in CASES]
    found = []
    with ProcessPoolExecutor(2) as pool:
        for one in pool.map(world, cases):
            found.append(one)
            if len(found) % len(CASES) == 0:
                print(f"{len(found)} of {len(cases)} worlds", flush=True)
    table = pd.concat([one[0] for one in found], ignore_index=True)
    marks = summarize_detector_scores(table).round(3)
    marks.to_csv(MARKS, index=False)
    with pd.option_context(
        "display.width", 200, "display.max_rows", None, "display.max_columns", None
    ):
        print(marks.to_string(index=False))
    _targets(table)
    _oracle(dict(zip(cases, found, strict=True)))
    _one_day()
    _long()


def _targets(table: pd.DataFrame) -> None:
    """Hold the monitor's marks against the targets."""
    monitor_marks = table[table["detector"] == monitoring.MONITOR_NAME]
    for kind in ("control", "benign_season"):
        rows = monitor_marks[monitor_marks["kind"] == kind]
        days = 100 * rows["false_days"].sum() / rows["clean_days"].sum()
        alarms = 100 * rows["false_alarms"].sum() / rows["clean_days"].sum()
        result = f"{alarms:.2f} false alarms per 100 clean days, target 1: {verdict(alarms <= 1)}"
        print(f"{kind}: {result} (an alarm that goes on is one; {days:.2f} days in alarm)")
    groups = {
        "sudden harmful drift": (
            ["price_inflation", "new_terminals", "fraud_wave"],
            "sudden",
            0.95,
            2,
        ),
        "gradual harmful drift": (
            ["price_inflation", "new_terminals", "fraud_wave"],
            "gradual",
            0.90,
            10,
        ),
        "broken data": (list(DATA_FAULT_KINDS), "sudden", 1.0, 0),
        "fraudsters who adapt": (["adapting_fraud"], "sudden", 0.80, np.inf),
    }
    for name, (kinds, shape, share, wait) in groups.items():
        rows = monitor_marks[monitor_marks["kind"].isin(kinds) & (monitor_marks["shape"] == shape)]
        for kind, part in [("all", rows), *(list(rows.groupby("kind")) if len(kinds) > 1 else [])]:
            seen = part["detected"].astype(float).mean()
            delay = part["delay"].astype(float).fillna(np.inf).median()
            result = verdict(seen >= share and delay <= wait)
            print(
                f"{name}, {kind}: {seen:.0%} detected, median delay {delay:.0f} days, "
                f"target {share:.0%}, {wait:.0f}: {result}"
            )


def _oracle(found: dict[tuple[str, str, int], tuple]) -> None:
    """How soon a fraud wave shows to somebody who knows every fraud at once, at one false day in a
    hundred.
    """

    def counts(case: tuple[str, str, int]) -> tuple[np.ndarray, int | None]:
        _, frauds, live, onset = found[case]
        every = frauds.reindex(range(live - ORACLE_DAYS, int(frauds.index.max()) + 1), fill_value=0)
        rolling = every.rolling(ORACLE_DAYS).sum()
        return (
            rolling[rolling.index >= live] / rolling[rolling.index < live].mean()
        ).to_numpy(), onset

    limit = np.quantile(
        np.concatenate([counts(("control", "sudden", seed))[0] for seed in SEEDS]), 0.99
    )
    delays = []
    for seed in SEEDS:
        ratio, onset = counts(("fraud_wave", "sudden", seed))
        after = np.flatnonzero(ratio[onset:] > limit)
        delays.append(after[0] if len(after) else np.inf)
    seen = float(np.isfinite(delays).mean())
    print(
        f"fraud wave, every fraud known at once, {ORACLE_DAYS} days: {seen:.0%} detected, "
        f"median delay {np.median(delays):.0f}"
    )


def _one_day() -> None:
    """Seconds for one more day at course size, when the reference has been learnt."""
    from fraudops import monitoring
    from fraudops.monitoring import DriftMonitor

    seen = monitoring.MeasuredWorld.simulate("control", "sudden", SEEDS[0])
    watch = DriftMonitor.from_rows(
        seen.rows[seen.rows.columns.drop(monitoring.SCORE_COLUMN)], seen.labels, seen.timeline
    )
    ruler = monitoring.ReferenceDistribution.learn(watch.reference)
    days = list(watch._iter_days())
    taken = []
    for at in range(len(days) - DAYS_TIMED, len(days)):
        began = time.perf_counter()
        # with the six days before it
        list(
            monitoring.compute_daily_statistics(
                ruler, days[at - monitoring.DOMAIN_WINDOW_DAYS + 1 : at + 1]
            )
        )
        monitoring.make_verdicts(
            monitoring.DriftStatistics(seen.raw.iloc[: at + 1], seen.live), seen.findings
        )
        taken.append(time.perf_counter() - began)
    middle = statistics.median(taken)
    print(
        f"one monitored day at course size: median of {DAYS_TIMED} {middle:.2f} s, target "
        f"2 s: {verdict(middle <= 2)}"
    )


def _long() -> None:
    """Peak memory of `LONG_DAYS` monitored days at full size, from files, against that of half as
    many.
    """
    for days in (LONG_DAYS // 2, LONG_DAYS):
        code = f"from benchmarks.drift import long_run; long_run({days})"
        out = subprocess.run(
            [sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True, text=True
        ).stdout
        print(out.strip().splitlines()[-1], flush=True)


def long_run(days: int) -> None:
    """Land a full-size world, then monitor its last days from files in a process of its own; print
    seconds and peak memory.
    """
    import tempfile
    from datetime import timedelta
    from pathlib import Path

    from fraudops import data, features
    from fraudops.simulator import make_course_config
    from fraudops.workspace import Workspace

    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch))
        world = make_course_config("full", SEEDS[0], "none")
        source = data.open_source("simulate", profile="full", seed=SEEDS[0], drift="none")
        done = data.ingest(
            source, workspace, live_start=str(world.start + timedelta(world.days - days))
        )
        tx, labels = data.load_transactions(workspace), data.load_labels(workspace)
        features.write_features(workspace, tx, features.compute_features(tx, labels))
        code = "import sys; from benchmarks.drift import monitor; monitor(sys.argv[1])"
        command = [sys.executable, "-c", code, scratch]
        out = subprocess.run(
            command, cwd=REPOSITORY, check=True, capture_output=True, text=True
        ).stdout
        print(
            f"full size, {done.accepted:,} transactions, {days} monitored days: "
            f"{out.strip().splitlines()[-1]}"
        )


def monitor(folder: str) -> None:
    """Monitor all live days of a workspace from its files; print seconds and peak memory."""
    from fraudops import data, monitoring
    from fraudops.monitoring import DriftMonitor
    from fraudops.timeline import load_timeline
    from fraudops.workspace import Workspace

    workspace = Workspace.find(folder)
    began = time.perf_counter()
    watch = DriftMonitor.from_workspace(
        workspace, data.load_labels(workspace), load_timeline(workspace)
    )
    raw = watch.statistics()
    verdicts = monitoring.make_verdicts(monitoring.DriftStatistics(raw, watch.live // 86_400), {})
    seconds = time.perf_counter() - began
    print(
        f"{seconds:.0f} s, {seconds / len(raw):.2f} s a day, peak {peak_gb():.2f} GB, "
        f"{len(verdicts)} verdicts"
    )
