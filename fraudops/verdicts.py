"""What the monitor says of a day, as a schema: the file that stage 4, the report page and other programs read."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Moved(BaseModel):
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
    moved: list[Moved]
    findings: list[Finding]


class VerdictFile(BaseModel):
    """``drift/verdict.json``: the latest day in full, and every live day before it."""

    model_config = ConfigDict(extra="forbid")
    latest: Verdict
    days: list[Verdict]
    reference: tuple[str, str] = Field(description="first and last day that live days were compared with")
    false_alarm_budget: float = Field(description="false alarms for each clean day for which it was calibrated")


def episodes(days: Iterable[Verdict]) -> list[Verdict]:
    """The days on which an alarm began: an alarm that goes on is one alarm, one whose action changes is a new one."""
    begun, before = [], "nothing"
    for day in days:
        action = day.action if day.severity == "act" else "nothing"
        if action not in ("nothing", before):
            begun.append(day)
        before = action
    return begun
