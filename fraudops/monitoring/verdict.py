"""The verdict of the monitor about a day, as a schema that other programs read too."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from fraudops.monitoring.daily_statistics import RANKED_COLUMNS, SCORE_COLUMN
from fraudops.monitoring.data_quality import SEVERITY_WATCH, FindingRecord, make_finding
from fraudops.monitoring.limits import FALSE_ALARM_BUDGET, DriftStatistics
from fraudops.monitoring.standardization import REPORT_STATISTICS
from fraudops.timeline import DAY, day_of


class MovedStatistic(BaseModel):
    """One statistic beyond a limit."""

    model_config = ConfigDict(extra="forbid")
    statistic: str = Field(description="what moved")
    window: int = Field(description="days it was taken over")
    z: float = Field(description="by how much, in standard deviations of the reference")
    limit: float = Field(description="from where on it is an alarm, same unit and sign")
    alarm: bool = Field(description="whether it went beyond")


class Finding(BaseModel):
    """One thing that is wrong with the data of the day."""

    model_config = ConfigDict(extra="forbid")
    check: str
    column: str
    severity: Literal["watch", "act"]
    value: float
    limit: float
    text: str


class Verdict(BaseModel):
    """The verdict about one day."""

    model_config = ConfigDict(extra="forbid")
    as_of: int = Field(description="s since 1970; nothing that happened from here on was known")
    day: str = Field(description="the day that is judged, YYYY-MM-DD")
    severity: Literal["ok", "watch", "act"]
    action: Literal["nothing", "retrain", "fix data"]
    evidence: str = Field(description="why, in words")
    moved: list[MovedStatistic]
    findings: list[Finding]

    def group_alarms(self) -> dict[str, list[str]]:
        """Group the statistics beyond their limit by what they are computed from.

        Returns
        -------
        dict of str to list of str
            Names under ``inputs``, ``scores`` and ``fraud reports``, the furthest beyond its limit
            first; a group without an alarm is left out. Inputs move when prices or customers
            change, fraud reports when fraudsters do.
        """
        return _group_statistics(dict.fromkeys(one.statistic for one in self.moved if one.alarm))


class VerdictFile(BaseModel):
    """``drift/verdict.json``: the latest day in full, and every live day before it."""

    model_config = ConfigDict(extra="forbid")
    latest: Verdict
    days: list[Verdict]
    reference: tuple[str, str] = Field(
        description="first and last day that live days were compared with"
    )
    false_alarm_budget: float = Field(
        description="false alarms for each clean day for which it was calibrated"
    )

    @classmethod
    def collect(cls, days: list[Verdict], reference: tuple[str, str]) -> "VerdictFile":
        """Collect the verdicts of all live days.

        Parameters
        ----------
        days : list of Verdict
            At least one, in the order of time.
        reference : tuple of str
            First and last day of the reference, YYYY-MM-DD.

        Returns
        -------
        VerdictFile
        """
        budget = FALSE_ALARM_BUDGET
        return cls(latest=days[-1], days=days, reference=reference, false_alarm_budget=budget)

    def find_alarm_starts(self) -> list[Verdict]:
        """Find the days on which an alarm began.

        An alarm that continues is one alarm. If its action changes, a new one begins.

        Returns
        -------
        list of Verdict
        """
        starts, last_action = [], "nothing"
        for day in self.days:
            action = day.action if day.severity == "act" else "nothing"
            if action not in ("nothing", last_action):
                starts.append(day)
            last_action = action
        return starts

    def make_alerts(self) -> list[dict]:
        """Make one alert for each alarm that begins.

        Returns
        -------
        list of dict
            Rows of `store.alerts`. The id follows from day and action, so one alarm is one alert.
        """
        return [
            {
                "alert_id": f"drift-{day.day}-{day.action.replace(' ', '-')}",
                "as_of": day.as_of,
                "severity": day.severity,
                "text": f"{day.day}: {day.action}. {day.evidence}.",
            }
            for day in self.find_alarm_starts()
        ]


RETRAIN_ACTION = "retrain"
MAX_NAMED_STATISTICS = 4  # of each group, in the evidence
MIN_WEEKLY_REPORTERS = 10  # if so many report a week, a week without reports is no coincidence


def make_verdict(
    day: int, moved: pd.DataFrame, findings: list[FindingRecord], is_comparable: bool = True
) -> Verdict:
    """Make the verdict of one day.

    Broken data comes first: it moves columns too, and a model must not be trained on it.

    Parameters
    ----------
    day : int
        Days since 1970.
    moved : DataFrame
        The day's rows of `DriftStatistics.moved`.
    findings : list of dict
        See `DataProfile.check`.
    is_comparable : bool, optional
        False if the reference or the day has too few rows.

    Returns
    -------
    Verdict
    """
    ranked = moved.assign(times=moved["z"] / moved["limit"]).sort_values("times", ascending=False)
    alarms = ranked[ranked["alarm"]]
    broken = [found["text"] for found in findings if found["severity"] != SEVERITY_WATCH]
    names = list(dict.fromkeys((alarms if len(alarms) else ranked)["statistic"]))
    noticed = [found["text"] for found in findings] + _describe_moved(names)
    if broken:
        severity, action, evidence = "act", "fix data", "; ".join(broken)
    elif len(alarms):
        severity, action, evidence = "act", RETRAIN_ACTION, "; ".join(noticed)
    elif noticed:
        severity, action, evidence = "watch", "nothing", "; ".join(noticed)
    elif not is_comparable:
        severity, action = "watch", "nothing"
        evidence = "the reference or the day has too few rows to compare"
    else:
        severity, action, evidence = "ok", "nothing", "nothing moved beyond its limit"
    return Verdict(
        as_of=(day + 1) * DAY,
        day=str(day_of(day * DAY)),
        severity=severity,
        action=action,
        evidence=evidence,
        moved=[
            MovedStatistic(
                statistic=one.statistic,
                window=int(one.window),
                z=round(float(one.z), 3),
                limit=round(float(one.limit), 3),
                alarm=bool(one.alarm),
            )
            for one in ranked.itertuples()
        ],
        findings=findings,
    )


def _group_statistics(names: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {"inputs": [], "scores": [], "fraud reports": []}
    for name in names:
        is_score = name == SCORE_COLUMN or name.startswith(f"{SCORE_COLUMN}, ")
        is_report = name in REPORT_STATISTICS
        groups["fraud reports" if is_report else "scores" if is_score else "inputs"].append(name)
    return {group: members for group, members in groups.items() if members}


def _describe_moved(names: list[str]) -> list[str]:
    """Write one clause for each group of statistics."""
    clauses = []
    for group, members in _group_statistics(names).items():
        more = len(members) - MAX_NAMED_STATISTICS
        text = ", ".join(members[:MAX_NAMED_STATISTICS]) + (f" and {more} more" if more > 0 else "")
        clauses.append(f"{group} moved ({text})")
    return clauses


def make_verdicts(
    statistics: DriftStatistics, findings: dict[str, list[FindingRecord]]
) -> list[Verdict]:
    """Make the verdict of each live day.

    Parameters
    ----------
    statistics : DriftStatistics
    findings : dict of str to list of dict
        Findings of the data quality by date (`DataProfile.check_days`).

    Returns
    -------
    list of Verdict
    """
    raw, moved = statistics.raw, statistics.moved
    is_comparable = statistics.z.notna().any(axis=1)
    is_comparable &= raw["volume"].notna() if "volume" in raw else False
    silent = _find_silent_feeds(raw, statistics.live)
    return [
        make_verdict(
            int(day),
            moved[moved["day"] == day],
            findings.get(str(day_of(day * DAY)), []) + silent.get(day, []),
            bool(is_comparable[day]),
        )
        for day in raw.index[np.asarray(raw.index >= statistics.live)]
    ]


def _find_silent_feeds(raw: pd.DataFrame, live: int) -> dict[int, list[FindingRecord]]:
    """Findings by day: columns without a usable value, and reports that no longer arrive."""
    reference = raw[raw.index < live]
    columns = [name for name in RANKED_COLUMNS if name in raw and reference[name].notna().any()]
    findings: dict[int, list[FindingRecord]] = {}
    if columns:
        days = raw[(raw.index >= live) & raw["volume"].notna()]
        is_absent = days[columns].isna().stack()
        for day, name in is_absent[is_absent].index:
            text = f"{name} has no finite value on this day"
            findings.setdefault(day, []).append(make_finding("nulls", name, "act", 1, 0, text))
    weekly = raw["reported customers"].rolling(7).sum()
    usual = float(weekly[weekly.index < live].mean())
    if usual >= MIN_WEEKLY_REPORTERS:
        text = (
            f"no fraud report has arrived for a week, where {usual:.0f} customers used to "
            "report: has the feed stopped?"
        )
        for day in weekly.index[(weekly.index >= live) & (weekly == 0)]:
            finding = make_finding("freshness", "labels", "act", 0, usual, text)
            findings.setdefault(day, []).append(finding)
    return findings


SEVERITIES = ("ok", "watch", "act")
