"""The monitor's verdicts as Prometheus metrics: a text file of each run, or a local endpoint."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fraudops.monitoring.alert_log import AlertLog
from fraudops.monitoring.skew_report import SkewReport
from fraudops.monitoring.verdict import SEVERITIES, VerdictFile
from fraudops.processes import require_free_port
from fraudops.timeline import DAY
from fraudops.workspace import Workspace, atomic_write


class MonitorCollector(Collector):
    """Reads the verdict files at each scrape."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace

    def collect(self) -> Iterator[Metric]:
        """Collect gauges of the latest day, or ``fraudops_monitor_up 0``."""
        file = self.workspace.root / "drift" / "verdict.json"
        up = GaugeMetricFamily("fraudops_monitor_up", "1 if there is a verdict")
        up.add_metric([], float(file.is_file()))
        yield up
        yield from self._collect_skew()
        if not file.is_file():
            return
        known = VerdictFile.model_validate_json(file.read_text(encoding="utf-8"))
        latest = known.latest
        scalar = {
            "day_timestamp_seconds": (
                "first second of the day that was judged last",
                latest.as_of - DAY,
            ),
            "severity": ("0 ok, 1 watch, 2 act", SEVERITIES.index(latest.severity)),
            "statistics_moved": (
                "statistics beyond their alarm limit",
                sum(one.alarm for one in latest.moved),
            ),
            "days_judged": ("live days judged so far", len(known.days)),
            "alarms": ("alarms that began on a live day so far", len(known.find_alarm_starts())),
            "held_days": (
                "days that are held back until their data is mended",
                len(self.workspace.held_days()),
            ),
            "false_alarm_budget": (
                "false alarms for each clean day that the monitor stays below",
                known.false_alarm_budget,
            ),
        }
        for name, (about, value) in scalar.items():
            gauge = GaugeMetricFamily(f"fraudops_monitor_{name}", about)
            gauge.add_metric([], float(value))
            yield gauge
        yield from self._collect_alerts()
        yield self._by(
            "findings",
            "findings of the data quality",
            {(one.check, one.column, one.severity): 1.0 for one in latest.findings},
            ("check", "column", "severity"),
        )
        scores = self.workspace.root / "drift" / "scores.parquet"
        if scores.is_file():
            table = pd.read_parquet(scores, filters=[("day", "=", latest.as_of // DAY - 1)])
            for name, about in (
                ("z", "standard deviations from the reference"),
                ("limit", "alarm limit on the side of z"),
            ):
                values = {
                    (one.statistic, str(one.window)): getattr(one, name)
                    for one in table.itertuples()
                }
                yield self._by(f"statistic_{name}", about, values, ("statistic", "window_days"))

    def _collect_skew(self) -> Iterator[Metric]:
        """Collect what the latest daily comparison found; nothing before the first one."""
        report = SkewReport.load_latest(self.workspace)
        if report is None:
            return
        for name, about, value in (
            ("day_timestamp_seconds", "first second of the day compared last", report.as_of - DAY),
            ("compared_transactions", "answered transactions computed again", report.compared),
            ("late_transactions", "of these, equal to what was known at the answer", report.late),
        ):
            gauge = GaugeMetricFamily(f"fraudops_monitor_skew_{name}", about)
            gauge.add_metric([], float(value))
            yield gauge
        values = {
            (name, kind): float(count)
            for name, one in report.features.items()
            for kind, count in one.model_dump().items()
        }
        about = "values of a feature: compared, mismatches, missing or extra in the service"
        yield self._by("skew_values", about, values, ("feature", "kind"))

    def _collect_alerts(self) -> Iterator[Metric]:
        alerts = AlertLog.read(self.workspace)
        for name, about, state in (
            ("open_alerts", "alerts that are not closed", ("open", "acknowledged")),
            ("unacknowledged_alerts", "alerts that nobody has acknowledged or closed", ("open",)),
        ):
            waiting = alerts[alerts["state"].isin(state)]["severity"].value_counts()
            counts = {(one,): float(waiting.get(one, 0)) for one in SEVERITIES if one != "ok"}
            yield self._by(name, about, counts, ("severity",))

    def _by(
        self, name: str, about: str, values: dict[tuple[str, ...], float], labels: tuple[str, ...]
    ) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(f"fraudops_monitor_{name}", about, labels=labels)
        for key, value in values.items():
            gauge.add_metric(key, float(value))
        return gauge


def make_metrics_registry(workspace: Workspace) -> CollectorRegistry:
    """Make a registry that holds the monitor only."""
    found = CollectorRegistry()
    found.register(MonitorCollector(workspace))
    return found


def write_monitor_metrics(workspace: Workspace) -> Path:
    """Write ``drift/metrics.prom`` for the text-file collector of a node exporter.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    Path
    """
    path = workspace.path("drift", "metrics.prom")
    with atomic_write(path) as temporary:
        write_to_textfile(str(temporary), make_metrics_registry(workspace))
    return path


def serve_monitor_metrics(workspace: Workspace, port: int) -> int:
    """Serve the metrics at http://127.0.0.1:port/metrics until Ctrl-C.

    Parameters
    ----------
    workspace : Workspace
    port : int

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    UserError
        If the port is taken.
    """
    require_free_port(port)
    registry = make_metrics_registry(workspace)
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    print(
        f"The monitor's metrics are at http://127.0.0.1:{port}/metrics. Stop with Ctrl-C.",
        flush=True,
    )
    try:
        thread.join()
    except KeyboardInterrupt:
        server.shutdown()
        return 130
    return 0
