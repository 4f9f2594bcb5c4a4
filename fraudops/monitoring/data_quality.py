"""Is the data of a day sound? Judged by what healthy days looked like; a day that is not sound is
held back.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fraudops.data import HELD_DAYS_FILE, load_transactions
from fraudops.features import TERMINAL_HISTORY_SECONDS
from fraudops.timeline import DAY, Timeline, day_of, load_timeline
from fraudops.workspace import Workspace, write_json

WEEK_SECONDS = 7 * DAY
REQUIRED_COLUMNS = (
    "tx_id",
    "ts",
    "customer_id",
    "terminal_id",
    "amount_cents",
    "category",
    "channel",
)
NUMBER_COLUMNS = ("ts", "amount_cents")
TEXT_COLUMNS = ("customer_id", "terminal_id", "category", "channel")
CATEGORY_COLUMNS = ("category", "channel")
DUPLICATE_KEY_COLUMNS = (
    "ts",
    "customer_id",
    "terminal_id",
    "amount_cents",
)  # two rows alike in these are one payment delivered twice
MIN_ROWS_FOR_SHARES = 30  # rows of a day below which shares say nothing
MAX_REFERENCE_AGE_DAYS = 120  # a reference that ended longer ago has not seen this season

SEVERITY_WATCH, SEVERITY_ACT = "watch", "act"
FindingRecord = dict[str, Any]


def reference_window(timeline: Timeline) -> tuple[int, int]:
    """Start and end of the days that live ones are compared with: whole weeks that end at go-live.

    Whole weeks, so that no weekday weighs more than another. They begin where the 30-day windows of
    the features are full, if that leaves two weeks; before, counts grow because the history does,
    and each later day would look moved.
    """
    full = timeline.first + TERMINAL_HISTORY_SECONDS
    start = (
        max(timeline.train, full) if full <= timeline.live - 2 * WEEK_SECONDS else timeline.train
    )
    return timeline.live - max(
        (timeline.live - start) // WEEK_SECONDS, 1
    ) * WEEK_SECONDS, timeline.live


def _missing_share(column: pd.Series) -> float:
    unknown = column.isna()
    return float(
        (
            unknown | column.isin(["", "unknown"])
            if not pd.api.types.is_numeric_dtype(column)
            else unknown
        ).mean()
    )


def _duplicate_share(tx: pd.DataFrame) -> float:
    return float(tx.duplicated(list(DUPLICATE_KEY_COLUMNS)).mean()) if len(tx) else 0.0


def _longest_gap_seconds(ts: np.ndarray, start: int) -> int:
    """Longest time of a day without a transaction, in seconds."""
    return int(np.diff(np.concatenate([[start], np.sort(ts), [start + DAY]])).max())


@dataclass(frozen=True)
class DataProfile:
    """What is ordinary for the transactions of a day, learnt from healthy days.

    Attributes
    ----------
    start, end : seconds, the days it was learnt from
    rows : (7,) median number of transactions by weekday, Monday first; NaN for a weekday never seen
    gap : longest time without a transaction on any of the days, in seconds
    missing : share of missing or unknown values by column
    known : values seen, by categorical column
    several : columns with more than one value
    median_cents, most_cents : middle and largest amount
    repeated : share of rows that repeat another
    """

    start: int
    end: int
    rows: np.ndarray
    gap: int
    missing: dict[str, float]
    known: dict[str, set[str]]
    several: set[str]
    median_cents: float
    most_cents: float
    repeated: float

    @classmethod
    def learn(cls, tx: pd.DataFrame, start: int, end: int) -> "DataProfile":
        """From the transactions of ``[start, end)``, whole days."""
        tx = tx[(tx["ts"] >= start) & (tx["ts"] < end)]
        days = range(start, end, DAY)
        by_day = {day: rows["ts"].to_numpy() for day, rows in tx.groupby(tx["ts"] // DAY * DAY)}
        counts = pd.Series({day: len(by_day.get(day, ())) for day in days})
        weekday = (counts.index.to_numpy() // DAY + 3) % 7
        return cls(
            start,
            end,
            rows=counts.groupby(weekday).median().reindex(range(7)).to_numpy(float),
            gap=max((_longest_gap_seconds(ts, day) for day, ts in by_day.items()), default=DAY),
            missing={
                name: _missing_share(tx[name]) if len(tx) else 0.0 for name in REQUIRED_COLUMNS
            },
            known={name: set(tx[name].dropna()) | {"", "unknown"} for name in CATEGORY_COLUMNS},
            several={name for name in REQUIRED_COLUMNS if tx[name].nunique() > 1},
            median_cents=float(tx["amount_cents"].median()),
            most_cents=float(tx["amount_cents"].max()),
            repeated=_duplicate_share(tx),
        )


def check_quality(profile: DataProfile, tx: pd.DataFrame, start: int) -> list[FindingRecord]:
    """What is wrong with the transactions of the day that begins at `start`.

    Parameters
    ----------
    tx : the day's rows, with the columns `REQUIRED_COLUMNS`; one that is absent or of another type
        is
        itself a finding

    Returns
    -------
    Findings, worst first: check, column, severity ('watch' or 'act'), value, limit, text. 'act'
    means that the data needs mending before anybody learns from it.
    """
    found: list[FindingRecord] = []

    def note(check: str, column: str, severity: str, value: float, limit: float, text: str) -> None:
        found.append(
            {
                "check": check,
                "column": column,
                "severity": severity,
                "value": round(float(value), 6),
                "limit": round(float(limit), 6),
                "text": text,
            }
        )

    absent = [name for name in REQUIRED_COLUMNS if name not in tx]
    for name in absent:
        note("schema", name, SEVERITY_ACT, 0, 1, f"the column {name} is not there")
    for name in NUMBER_COLUMNS:
        if name in tx and not pd.api.types.is_numeric_dtype(tx[name]):
            note("schema", name, SEVERITY_ACT, 0, 1, f"{name} is {tx[name].dtype}, not a number")
    if found:
        return found
    _check_volume(profile, tx, start, note)
    if len(tx):
        _check_amounts(profile, tx, note)
        _check_columns(profile, tx, note)
    age = (start - profile.end) // DAY
    if age > MAX_REFERENCE_AGE_DAYS:
        note(
            "reference",
            "",
            SEVERITY_WATCH,
            age,
            MAX_REFERENCE_AGE_DAYS,
            f"the reference ended {age} days before this day: choose a later one",
        )
    if start < profile.start:
        note("reference", "", SEVERITY_WATCH, age, 0, "the day is older than the reference")
    return sorted(
        found, key=lambda one: (one["severity"] != SEVERITY_ACT, one["check"], one["column"])
    )


def _check_volume(profile: DataProfile, tx: pd.DataFrame, start: int, note: Any) -> None:
    usual = profile.rows[(start // DAY + 3) % 7]
    usual = float(np.nanmedian(profile.rows)) if np.isnan(usual) else float(usual)
    if tx.empty:
        note("volume", "", SEVERITY_ACT, 0, usual, "there is no transaction at all")
        return
    ratio = len(tx) / usual if usual else float("nan")
    if not 0.5 <= ratio <= 2:
        severity = SEVERITY_ACT if not 0.3 <= ratio <= 4 else SEVERITY_WATCH
        note(
            "volume",
            "",
            severity,
            ratio,
            0.5 if ratio < 1 else 2,
            f"{len(tx):,} rows, {ratio:.2f} times the usual number",
        )
    gap, most = (
        _longest_gap_seconds(tx["ts"].to_numpy(np.int64), start),
        max(2 * profile.gap, DAY // 4),
    )
    if gap > most:
        note(
            "freshness",
            "ts",
            SEVERITY_ACT,
            gap / 3600,
            most / 3600,
            f"{gap / 3600:.0f} hours without a transaction",
        )
    same, limit = _duplicate_share(tx), profile.repeated + 0.005
    if same > limit:
        severity = SEVERITY_ACT if same > profile.repeated + 0.05 else SEVERITY_WATCH
        note(
            "duplicates",
            "tx_id",
            severity,
            same,
            limit,
            f"{same:.1%} of the rows repeat another under a new tx_id",
        )


def _check_amounts(profile: DataProfile, tx: pd.DataFrame, note: Any) -> None:
    cents = tx["amount_cents"].astype(float)
    strange = float((~np.isfinite(cents.fillna(0)) | (cents < 0)).mean())
    if strange:
        note(
            "range",
            "amount_cents",
            SEVERITY_ACT,
            strange,
            0,
            f"{strange:.1%} of the amounts are infinite or negative",
        )
    above, limit = float((cents > profile.most_cents).mean()), 0.01
    if len(tx) >= MIN_ROWS_FOR_SHARES and above > limit:
        text = (
            f"{above:.1%} of the amounts are above the largest of all healthy days: a wrong unit?"
        )
        note("amount scale", "amount_cents", SEVERITY_ACT, above, limit, text)
    middle = cents.median() / profile.median_cents if profile.median_cents else float("nan")
    if not 1 / 3 <= middle <= 3 and len(tx) >= MIN_ROWS_FOR_SHARES:
        severity = SEVERITY_ACT if not 1 / 8 <= middle <= 8 else SEVERITY_WATCH
        text = f"the median amount is {middle:.3g} times the usual one" + (
            ": a wrong unit?" if severity == SEVERITY_ACT else ""
        )
        note("amount scale", "amount_cents", severity, middle, 3, text)


def _check_columns(profile: DataProfile, tx: pd.DataFrame, note: Any) -> None:
    for name in ("amount_cents", *TEXT_COLUMNS):
        before, now = profile.missing[name], _missing_share(tx[name])
        limit = before + 0.01 + 3 * np.sqrt(before * (1 - before) / len(tx))
        if now > limit:
            severity = SEVERITY_ACT if now > limit + 0.04 else SEVERITY_WATCH
            note(
                "nulls",
                name,
                severity,
                now,
                limit,
                f"{name} is missing in {now:.1%} of the rows, before {before:.1%}",
            )
        if (
            len(tx) >= MIN_ROWS_FOR_SHARES
            and name in profile.several
            and tx[name].nunique() == 1
            and now < 1
        ):
            note(
                "constant",
                name,
                SEVERITY_ACT,
                1,
                2,
                f"{name} has one value only, {tx[name].dropna().iloc[0]!r}, where it had several",
            )
    for name in CATEGORY_COLUMNS:
        new = tx[name].notna() & ~tx[name].isin(profile.known[name])
        share = float(new.mean())
        if share > 0.001:
            names = ", ".join(sorted(set(tx.loc[new, name].astype(str)))[:3])
            text = f"{name} has values never seen before ({names}): {share:.1%} of the rows"
            note(
                "new category",
                name,
                SEVERITY_ACT if share > 0.2 and len(tx) >= MIN_ROWS_FOR_SHARES else SEVERITY_WATCH,
                share,
                0.001,
                text,
            )


def is_data_broken(findings: list[FindingRecord]) -> bool:
    """Whether the data needs mending first."""
    return any(one["severity"] == SEVERITY_ACT for one in findings)


def check_quality_by_day(
    tx: pd.DataFrame, timeline: Timeline, start: int
) -> dict[str, list[FindingRecord]]:
    """Findings of every live day by date; those of a sound day are an empty list. The reference
    begins at `start` (s).
    """
    profile = DataProfile.learn(tx, start, timeline.live)
    live = tx[tx["ts"] >= timeline.live]
    each = dict(list(live.groupby(live["ts"] // DAY * DAY)))
    return {
        str(day_of(day)): check_quality(profile, each.get(day, live.iloc[:0]), day)
        for day in timeline.live_days
    }


def hold_broken_days(workspace: Workspace) -> dict[str, list[FindingRecord]]:
    """Judge every live day and hold the broken ones back: no loader gives their transactions until
    they are delivered anew.

    The rows stay in their partitions, only the list of days is written (``data/held.json``), so
    that nothing is lost and a corrected delivery frees its day.

    Returns
    -------
    Findings of every live day, by date.
    """
    timeline = load_timeline(workspace)
    start, _ = reference_window(timeline)
    findings = check_quality_by_day(load_transactions(workspace, start, held=True), timeline, start)
    write_json(
        workspace.path("data", HELD_DAYS_FILE),
        {"days": [day for day, found in findings.items() if is_data_broken(found)]},
    )
    return findings
