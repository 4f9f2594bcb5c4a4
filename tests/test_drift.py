"""The verdict: quiet on healthy weeks, loud on planted ones, and broken data before drift."""

import json

import numpy as np
import pandas as pd
import pytest

from fraudops import contract, drift, features
from fraudops.timeline import load_timeline

ROWS = 2000


@pytest.fixture(scope="module")
def data(small_workspace):
    """Transactions and features of the reference and of one of its own weeks, played as if it were live."""
    timeline = load_timeline(small_workspace)
    tx, table = contract.load_transactions(small_workspace), features.load_features(small_workspace)
    start, end = drift.reference_window(timeline)
    inside = lambda frame, a, b: frame[(frame["ts"] >= a) & (frame["ts"] < b)]  # noqa: E731
    week = (end - drift.WEEK, end)
    return tx, inside(tx, start, end), inside(table, start, end), inside(table, *week), week


def judged(reference, rows, html=None):
    limits = drift.thresholds(reference, ROWS, len(rows))
    return drift.week_report(drift.sample(reference, ROWS), drift.sample(rows, ROWS), limits, html)


def test_a_healthy_week_is_ok(data, tmp_path):
    tx, raw, reference, rows, (start, end) = data
    table = judged(reference, rows, tmp_path / "week.html")
    verdict = drift.verdict(start, end, table, drift.quality(tx, raw, start, end))
    assert verdict["severity"] == "ok" and verdict["action"] == "nothing" and drift.alert(verdict) is None
    assert (tmp_path / "week.html").stat().st_size > 100_000


def test_amounts_three_times_as_high_ask_for_retraining(data):
    _, _, reference, rows, (start, end) = data
    money = [name for name in features.NUMERIC if features.DICTIONARY[name][0] == "money"]
    verdict = drift.verdict(start, end, judged(reference, rows.assign(**{name: rows[name] * 2.5 for name in money})), [])
    assert verdict["severity"] == "act" and verdict["action"] == "retrain"
    assert {one["column"] for one in verdict["moved"]} >= {"amount", "c_mean_30d"}
    assert drift.alert(verdict)["alert_id"] == drift.alert(verdict)["alert_id"]
    assert json.loads(json.dumps(verdict)) == verdict


@pytest.mark.parametrize(
    "fault, check",
    [
        (lambda week: week.assign(amount_cents=week["amount_cents"] * 100), "amount scale"),
        (lambda week: week.assign(category=None), "nulls"),
        (lambda week: week.assign(channel="carrier pigeon"), "new category"),
        (lambda week: week[week["ts"] < week["ts"].min() + 3 * 86_400], "freshness"),
        (lambda week: week.iloc[:1], "volume"),
        (lambda week: week.iloc[:0], "volume"),
        (lambda week: pd.concat([week, week.assign(tx_id="again-" + week["tx_id"])]), "duplicates"),
    ],
)
def test_broken_data_is_named_and_never_retrained_on(data, fault, check):
    tx, raw, reference, rows, (start, end) = data
    in_week = (tx["ts"] >= start) & (tx["ts"] < end)
    broken = pd.concat([tx[~in_week], fault(tx[in_week])])
    findings = drift.quality(broken, raw, start, end)
    assert any(one["check"] == check and one["severity"] == "act" for one in findings), findings
    assert drift.verdict(start, end, judged(reference, rows), findings)["action"] == "fix data"


def test_strange_columns_are_no_crash(data):
    _, _, reference, rows, (start, end) = data
    strange = rows.assign(amount=np.inf, hour=np.nan, weekday=3.0)
    verdict = drift.verdict(start, end, judged(reference, strange), [])
    assert verdict["severity"] != "ok" and "hour" in {one["column"] for one in verdict["moved"]}


@pytest.mark.parametrize("count", [0, 1, 10])
def test_a_week_with_too_few_rows_says_so(data, count):
    _, _, reference, rows, (start, end) = data
    verdict = drift.verdict(start, end, judged(reference, rows.head(count)), [])
    assert verdict["severity"] == "watch" and "too few" in verdict["evidence"]
