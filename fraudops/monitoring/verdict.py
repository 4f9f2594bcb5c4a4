"""What the monitor says of a day, as a schema: the file that stage 4, the report page and other
programs read.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from fraudops.monitoring.daily_statistics import RANKED_COLUMNS
from fraudops.monitoring.data_quality import SEVERITY_WATCH, FindingRecord
from fraudops.monitoring.limits import find_moved_statistics
from fraudops.monitoring.standardization import standardize_statistics
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
    """One day in one judgement."""

    model_config = ConfigDict(extra="forbid")
    as_of: int = Field(description="s since 1970; nothing that happened from here on was known")
    day: str = Field(description="the day that is judged, YYYY-MM-DD")
    severity: Literal["ok", "watch", "act"]
    action: Literal["nothing", "retrain", "fix data"]
    evidence: str = Field(description="why, in words")
    moved: list[MovedStatistic]
    findings: list[Finding]


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


def find_alarm_starts(days: Iterable[Verdict]) -> list[Verdict]:
    """The days on which an alarm began: an alarm that goes on is one alarm, one whose action
    changes is a new one.
    """
    begun, before = [], "nothing"
    for day in days:
        action = day.action if day.severity == "act" else "nothing"
        if action not in ("nothing", before):
            begun.append(day)
        before = action
    return begun


MIN_WEEKLY_REPORTERS = 10  # customers a week, from which on a week without any is no chance


def make_verdict(
    day: int, moved: pd.DataFrame, findings: list[FindingRecord], judged: bool = True
) -> Verdict:
    """One day in one judgement.

    Broken data comes first: it also moves columns, and retraining on it would teach the fault.

    Parameters
    ----------
    day : days since 1970
    moved : the day's rows of `compare`
    findings : of `data_quality.check_quality` for the same day
    judged : whether the day could be compared at all
    """
    ranked = moved.assign(times=moved["z"] / moved["limit"]).sort_values("times", ascending=False)
    alarms = ranked[ranked["alarm"]]
    broken = [one["text"] for one in findings if one["severity"] != SEVERITY_WATCH]
    names = list(dict.fromkeys((alarms if len(alarms) else ranked)["statistic"]))
    text = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    noticed = [one["text"] for one in findings] + ([f"moved: {text}"] if names else [])
    if broken:
        severity, action, evidence = "act", "fix data", "; ".join(broken)
    elif len(alarms):
        severity, action, evidence = "act", "retrain", "; ".join(noticed)
    elif noticed:
        severity, action, evidence = "watch", "nothing", "; ".join(noticed)
    elif not judged:
        severity, action, evidence = (
            "watch",
            "nothing",
            "the reference or the day is too thin to compare",
        )
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


def make_verdicts(
    raw: pd.DataFrame, live: int, findings: dict[str, list[FindingRecord]]
) -> list[Verdict]:
    """A verdict for each live day.

    Parameters
    ----------
    raw : statistics of reference and live days (see `standardise`)
    live : the first live day, in days since 1970
    findings : of the data quality, by date
    """
    z = standardize_statistics(raw, live)
    moved = find_moved_statistics(z, live)
    days = raw.index[np.asarray(raw.index >= live)]
    judged = (
        raw["volume"].notna() & z.notna().any(axis=1)
        if "volume" in raw
        else pd.Series(False, raw.index)
    )
    silent = _find_silent_feeds(raw, live)
    return [
        make_verdict(
            int(day),
            moved[moved["day"] == day],
            findings.get(str(day_of(day * DAY)), []) + silent.get(day, []),
            bool(judged[day]),
        )
        for day in days
    ]


def _find_silent_feeds(raw: pd.DataFrame, live: int) -> dict[int, list[FindingRecord]]:
    """Findings, by day, of what has fallen silent: columns without a usable value, and reports that
    no longer arrive.
    """
    columns = [
        name
        for name in RANKED_COLUMNS
        if name in raw and raw.loc[raw.index < live, name].notna().any()
    ]
    days = raw[(raw.index >= live) & raw["volume"].notna()] if columns else raw.iloc[:0]
    found: dict[int, list[FindingRecord]] = {}
    for day, name in days[columns].isna().stack().loc[lambda gone: gone].index if len(days) else ():
        text = f"{name} has no finite value on this day"
        finding = {
            "check": "nulls",
            "column": name,
            "severity": "act",
            "value": 1.0,
            "limit": 0.0,
            "text": text,
        }
        found.setdefault(day, []).append(finding)
    week = raw["reported customers"].rolling(7).sum()
    usual = float(week[week.index < live].mean())
    if usual >= MIN_WEEKLY_REPORTERS:  # so many do not stay away by chance
        text = (
            f"no fraud report has arrived for a week, where {usual:.0f} customers used to "
            "report: has the feed stopped?"
        )
        finding = {
            "check": "freshness",
            "column": "labels",
            "severity": "act",
            "value": 0.0,
            "limit": usual,
            "text": text,
        }
        for day in week.index[(week.index >= live) & (week == 0)]:
            found.setdefault(day, []).append(finding)
    return found


SEVERITIES = ("ok", "watch", "act")
