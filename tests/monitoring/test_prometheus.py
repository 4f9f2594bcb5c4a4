"""The monitor's metrics: right figures, nothing before the first verdict, and a dashboard that asks
for names that exist.
"""

import json
import re

import pandas as pd
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fraudops import monitoring, store
from fraudops.monitoring import FeatureSkew, SkewReport, Verdict, VerdictFile, prometheus
from fraudops.monitoring.verdict import MovedStatistic
from fraudops.timeline import DAY
from fraudops.workspace import REPOSITORY, Workspace, write_json

STAGE = REPOSITORY / "2_Data_Drifts"


def scraped(workspace):
    text = generate_latest(prometheus.make_metrics_registry(workspace)).decode()
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    return {
        name: samples for name, samples in families.items() if name.startswith("fraudops_monitor")
    }


def judged(workspace):
    day = Verdict(
        as_of=100 * DAY,
        day="1970-04-10",
        severity="act",
        action="retrain",
        evidence="moved: amount",
        findings=[],
        moved=[MovedStatistic(statistic="amount", window=1, z=8.0, limit=4.0, alarm=True)],
    )
    known = VerdictFile(
        latest=day, days=[day, day], reference=("1970-01-01", "1970-03-01"), false_alarm_budget=0.01
    )
    write_json(workspace.path("drift", "verdict.json"), known.model_dump())
    table = pd.DataFrame(
        {
            "day": [98, 99],
            "statistic": ["amount"] * 2,
            "window": [1, 1],
            "z": [1.0, 8.0],
            "limit": [4.0, 4.0],
        }
    )
    table.to_parquet(workspace.path("drift", "scores.parquet"))
    write_json(workspace.path("data", "held.json"), {"days": ["1970-04-01"]})


def compared(workspace, day, **differing):
    """A day of two features, with the given number of mismatches."""
    features = {
        name: FeatureSkew(compared=50, mismatches=differing.get(name, 0), missing=0, extra=0)
        for name in ("amount", "c_n_7d")
    }
    report = SkewReport(
        as_of=100 * DAY, day=day, answered=900, compared=50, late=2, features=features
    )
    report.save(workspace)
    return report


def test_skew_of_the_latest_day_is_there_without_a_verdict(tmp_path):
    workspace = Workspace(tmp_path)
    assert not [name for name in scraped(workspace) if "skew" in name]
    compared(workspace, "1970-04-09", amount=7)
    compared(workspace, "1970-04-10", c_n_7d=3)
    found = scraped(workspace)
    values = {
        (one.labels["feature"], one.labels["kind"]): one.value
        for one in found["fraudops_monitor_skew_values"]
    }
    assert values["c_n_7d", "mismatches"] == 3 and values["amount", "mismatches"] == 0
    assert values["amount", "compared"] == 50 and len(values) == 8
    assert found["fraudops_monitor_skew_day_timestamp_seconds"][0].value == 99 * DAY
    assert found["fraudops_monitor_skew_late_transactions"][0].value == 2


def test_figures_of_the_latest_day(tmp_path):
    workspace = Workspace(tmp_path)
    assert [sample.value for sample in scraped(workspace)["fraudops_monitor_up"]] == [0]
    judged(workspace)
    found = scraped(workspace)
    value = {name: samples[0].value for name, samples in found.items() if len(samples) == 1}
    assert value["fraudops_monitor_severity"] == 2 and value["fraudops_monitor_held_days"] == 1
    assert (
        value["fraudops_monitor_alarms"] == 1
        and value["fraudops_monitor_day_timestamp_seconds"] == 99 * DAY
    )
    assert (
        value["fraudops_monitor_statistic_z"] == 8
        and value["fraudops_monitor_statistic_limit"] == 4
    )
    assert (
        monitoring.write_monitor_metrics(workspace)
        .read_text()
        .count("fraudops_monitor_severity 2.0")
        == 1
    )


def test_open_alerts_are_counted(tmp_path):
    workspace = Workspace(tmp_path)
    judged(workspace)
    rows = [
        {"alert_id": f"drift-{n}-retrain", "as_of": n, "severity": "act", "text": "x"}
        for n in range(3)
    ]
    monitoring.AlertLog.publish(workspace, rows)
    engine = store.connect(workspace)
    log = monitoring.AlertLog(engine)
    log.acknowledge("drift-0-retrain", "ann")
    log.close("drift-1-retrain", "false alarm", "nothing has changed", "ann")
    engine.dispose()
    found = scraped(workspace)
    by_severity = {
        name: {one.labels["severity"]: one.value for one in found[f"fraudops_monitor_{name}"]}
        for name in ("open_alerts", "unacknowledged_alerts")
    }
    assert by_severity["open_alerts"] == {"watch": 0, "act": 2}
    assert by_severity["unacknowledged_alerts"] == {"watch": 0, "act": 1}


def test_dashboard_and_rules_ask_for_metrics_that_exist(tmp_path):
    workspace = Workspace(tmp_path)
    judged(workspace)
    compared(workspace, "1970-04-10")
    known = set(scraped(workspace))
    board = json.loads((STAGE / "grafana_dashboard.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((STAGE / "prometheus_alerts.yml").read_text())["groups"]
    asked += [rule["expr"] for group in rules for rule in group["rules"]]
    names = {name for expr in asked for name in re.findall(r"fraudops_monitor_\w+", expr)}
    assert len(names) >= 9 and names <= known and "fraudops_monitor_skew_values" in names
    assert yaml.safe_load((STAGE / "prometheus.yml").read_text())["scrape_configs"]
