"""The monitor: quiet on healthy days, loud on planted ones, broken data before drift, and no crash
on strange days.
"""

import numpy as np
import pandas as pd
import pytest

from benchmarks.drift import summarize_detector_scores
from fraudops import features, monitoring
from fraudops.data import load_labels
from fraudops.features import load_features
from fraudops.monitoring import (
    DriftMonitor,
    VerdictFile,
    daily_statistics,
    detector_benchmark,
    detectors,
    limits,
    standardization,
    verdict,
)
from fraudops.timeline import DAY, load_timeline


@pytest.fixture(scope="module")
def data(small_workspace):
    """Rows with customers, labels, timeline, and what the monitor learnt and measured."""
    timeline, labels = load_timeline(small_workspace), load_labels(small_workspace)
    rows = load_features(small_workspace, timeline.first, timeline.as_of)
    watch = DriftMonitor.from_rows(rows, labels, timeline)
    return rows, labels, timeline, watch, watch.statistics()


def judged(data, change, day=2):
    """The verdict of one live day whose rows are changed."""
    rows, _labels, timeline, watch, raw = data
    start = timeline.live_days[day]
    today = rows[(rows["ts"] >= start) & (rows["ts"] < start + DAY)]
    ruler = monitoring.ReferenceDistribution.learn(watch.reference)
    changed = raw.copy()
    found = daily_statistics.summarize_transactions(ruler, watch.score(change(today)))
    changed.loc[
        start // DAY, [name for name in raw if name not in standardization.REPORT_STATISTICS]
    ] = np.nan
    for name, value in found.items():
        changed.loc[start // DAY, name] = value
    days = monitoring.make_verdicts(monitoring.DriftStatistics(changed, timeline.live // DAY), {})
    return days[day]


def test_files_and_memory_give_the_same(small_workspace, data):
    _rows, labels, timeline, _, raw = data
    again = DriftMonitor.from_workspace(small_workspace, labels, timeline).statistics()
    pd.testing.assert_frame_equal(again, raw)


def test_nothing_of_a_day_depends_on_later_days(data):
    rows, labels, timeline, _watch, raw = data
    cut = timeline.live_days[5]
    early = type(timeline)(timeline.first, timeline.train, timeline.live, cut)
    known = labels[labels["label_ts"] < cut]
    before = DriftMonitor.from_rows(rows[rows["ts"] < cut], known, early).statistics()
    pd.testing.assert_frame_equal(before, raw.loc[: cut // DAY - 1])


def test_amounts_that_rise_by_half_are_an_alarm(data):
    money = [
        name
        for name in features.NUMERIC_FEATURES
        if features.FEATURE_DEFINITIONS[name][0] == "money"
    ]
    assert judged(data, lambda day: day).severity != "act"
    found = judged(
        data,
        lambda day: day.assign(**{name: day[name] * 1.5 for name in [*money, "c_amount_ratio"]}),
    )
    assert found.severity == "act" and found.action == "retrain"
    assert "amount" in {one.statistic for one in found.moved if one.alarm}


def test_more_of_the_same_business_is_no_alarm(data):
    found = judged(data, lambda day: pd.concat([day, day.sample(frac=0.5, random_state=1)]))
    assert found.severity != "act"


@pytest.mark.parametrize(
    "change",
    [
        lambda day: day.iloc[:0],
        lambda day: day.iloc[:1],
        lambda day: day.assign(amount=np.inf),
        lambda day: day.assign(hour=np.nan),
        lambda day: day.assign(amount=3.0),
        lambda day: day.assign(category="never seen", channel="never seen"),
    ],
)
def test_strange_days_are_neither_a_crash_nor_ok(data, change):
    assert judged(data, change).severity != "ok"


def test_reports_that_stop_are_a_fault_and_no_good_news(data):
    _, _, timeline, _, raw = data
    live, silent = timeline.live // DAY, raw.copy()
    silent[list(standardization.REPORT_STATISTICS)] *= 10  # a small world has few reports
    silent.loc[live:, list(standardization.REPORT_STATISTICS)] = 0
    days = monitoring.make_verdicts(monitoring.DriftStatistics(silent, live), {})
    assert not any("fraud report" in one.text for day in days[:6] for one in day.findings)
    assert days[6].action == "fix data" and "fraud report" in days[6].evidence


def test_broken_data_comes_before_drift(data):
    _, _, timeline, _, _raw = data
    live = timeline.live // DAY
    moved = pd.DataFrame(
        {
            "day": [live],
            "statistic": ["amount"],
            "window": [1],
            "z": [40.0],
            "limit": [4.0],
            "alarm": [True],
        }
    )
    broken = {
        "check": "amount scale",
        "column": "amount_cents",
        "severity": "act",
        "value": 1,
        "limit": 0,
        "text": "a wrong unit?",
    }
    assert verdict.make_verdict(live, moved, []).action == "retrain"
    found = verdict.make_verdict(live, moved, [broken])
    assert (found.severity, found.action) == ("act", "fix data") and "wrong unit" in found.evidence
    assert (
        verdict.make_verdict(live, moved.iloc[:0], [broken | {"severity": "watch"}]).severity
        == "watch"
    )
    assert verdict.make_verdict(live, moved.iloc[:0], [], is_comparable=False).severity == "watch"


def test_a_reference_too_short_to_know_says_so(data):
    _, _, _timeline, _, raw = data
    days = monitoring.make_verdicts(monitoring.DriftStatistics(raw.iloc[-10:], raw.index[-3]), {})
    assert [day.severity for day in days] == ["watch"] * 3 and "too few rows" in days[0].evidence


def test_a_short_reference_has_wider_limits(data):
    _, _, timeline, _, raw = data
    wide = monitoring.DriftStatistics(raw, timeline.live // DAY).limits
    kept = limits.load_limits().reindex(wide.index)
    assert (wide["high"] >= kept["high"]).all() and (wide["low"] <= kept["low"]).all()
    assert limits._widening_factors(
        limits.CALIBRATION_REFERENCE_DAYS, np.array([1.0, 7.0, 28.0])
    ) == pytest.approx([1, 1, 1])


def test_an_alarm_that_goes_on_is_one_alarm(data):
    _, _, timeline, _, _raw = data
    live = timeline.live // DAY
    moved = pd.DataFrame(
        {
            "day": [0],
            "statistic": ["amount"],
            "window": [1],
            "z": [9.0],
            "limit": [4.0],
            "alarm": [True],
        }
    )
    nothing = moved.iloc[:0]
    broken = [
        {"check": "nulls", "column": "", "severity": "act", "value": 1, "limit": 0, "text": "x"}
    ]
    story = [(nothing, []), (moved, []), (moved, []), (moved, broken), (nothing, []), (moved, [])]
    days = [verdict.make_verdict(live + n, one, found) for n, (one, found) in enumerate(story)]
    file = VerdictFile.collect(days, reference=("2026-01-01", "2026-02-01"))
    assert [days.index(day) for day in file.find_alarm_starts()] == [1, 3, 5]
    assert VerdictFile.model_validate_json(file.model_dump_json()) == file


def test_the_shipped_limits_say_where_they_come_from():
    import json

    about = json.loads(monitoring.LIMITS_FILE.read_text())
    assert (
        about["budget"] == monitoring.FALSE_ALARM_BUDGET
        and about["control, sudden: alarms for each day"] <= monitoring.FALSE_ALARM_BUDGET
    )
    table = limits.load_limits()
    assert (table["high"] > 0).all() and (table["low"] < 0).all() and len(table) > 80


def test_our_copy_of_evidentlys_defaults_agrees_with_evidently(data, tmp_path):
    rows, _, timeline, _, _ = data
    start, _ = monitoring.reference_window(timeline)
    reference = monitoring.draw_sample(
        rows[(rows["ts"] >= start) & (rows["ts"] < timeline.live)], 1500
    )
    week = monitoring.draw_sample(rows[rows["ts"] >= timeline.live].head(1500), 1500)
    theirs = monitoring.run_evidently_report(reference, week, tmp_path / "week.html")
    ours = monitoring.run_evidently_report(reference, week)
    assert theirs == ours and ours["drifted"] > 0
    distances = monitoring.compute_evidently_distances(reference, week)
    assert ours["columns"] == len(distances)
    assert ours["drifted"] == int((distances >= detectors.DISTANCE_THRESHOLD).sum())


def test_detectors_of_columns_do_not_look_at_the_weekday():
    rng = np.random.default_rng(0)
    names = [*detectors.NUMERIC_FEATURES, *detectors.CATEGORICAL_FEATURES]
    reference = pd.DataFrame({name: rng.normal(size=2000) for name in names})
    reference["weekday"] = np.arange(2000) % 7
    for name in detectors.CATEGORICAL_FEATURES:
        reference[name] = "a"
    day = reference.assign(weekday=3)
    alarms = detectors.run_column_detectors(reference, [day]).iloc[0]
    assert not alarms.any()


def test_marks_of_a_world_whose_truth_is_known():
    alarms = pd.DataFrame(
        {
            "always": [True] * 6,
            "never": [False] * 6,
            "late": [False, True, False, False, False, True],
        }
    )
    harmful = detector_benchmark.DetectorRun("price_inflation", "sudden", 1, 3, alarms, [])
    table = monitoring.score_detectors([harmful]).set_index("detector")
    assert table.loc["always", ["clean_days", "false_days", "false_alarms", "delay"]].tolist() == [
        3,
        3,
        1,
        0,
    ]
    assert table["detected"].tolist() == [True, False, True]
    assert (table.loc["late", "false_days"], table.loc["late", "delay"]) == (1, 2)
    benign = monitoring.score_detectors(
        [detector_benchmark.DetectorRun("benign_season", "sudden", 1, 3, alarms, [])]
    ).set_index("detector")
    assert benign.loc["late", "clean_days"] == 6 and benign.loc["late", "false_days"] == 2
    whole = summarize_detector_scores(monitoring.score_detectors([harmful])).set_index("detector")
    assert np.isinf(whole.loc["never", "median delay"]) and whole.loc["late", "median delay"] == 2


def test_a_world_with_a_fault_is_not_retrained_on():
    watched = monitoring.MeasuredWorld.simulate(
        "broken_units", seed=5, profile="smoke"
    ).run_detectors(textbook=False)
    assert set(watched.actions[watched.onset :]) == {"fix data"}
