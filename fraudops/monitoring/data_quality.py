"""Is the data of a day sound? Each day is compared with healthy days; a broken one is held back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom, poisson

from fraudops.data import load_transactions
from fraudops.features import TERMINAL_HISTORY_SECONDS
from fraudops.timeline import DAY, Timeline, TooFewDaysError, day_of, load_timeline
from fraudops.workspace import HELD_DAYS_FILE, Workspace

WEEK_SECONDS = 7 * DAY
NUMBER_COLUMNS = ("ts", "amount_cents")
TEXT_COLUMNS = ("customer_id", "terminal_id", "category", "channel")
CATEGORY_COLUMNS = ("category", "channel")
REQUIRED_COLUMNS = ("tx_id", *NUMBER_COLUMNS, *TEXT_COLUMNS)
# Two rows that are equal in these columns are one payment that was delivered twice.
DUPLICATE_KEY_COLUMNS = ("ts", "customer_id", "terminal_id", "amount_cents")
MIN_ROWS_FOR_SHARES = 30  # with fewer rows a share says nothing
MAX_CHANCE = 1e-4  # a check that a sound day fails more often by chance does not hold the day back
MAX_REFERENCE_AGE_DAYS = 120  # an older reference has not seen this season

SEVERITY_WATCH, SEVERITY_ACT = "watch", "act"
FindingRecord = dict[str, Any]


def make_finding(
    check: str, column: str, severity: str, value: float, limit: float, text: str
) -> FindingRecord:
    """Make the record of one thing that is wrong with a day."""
    return {
        "check": check,
        "column": column,
        "severity": severity,
        "value": round(float(value), 6),
        "limit": round(float(limit), 6),
        "text": text,
    }


def _grade(is_severe: bool) -> str:
    return SEVERITY_ACT if is_severe else SEVERITY_WATCH


def reference_window(timeline: Timeline) -> tuple[int, int]:
    """Get the days that live days are compared with: whole weeks that end at go-live.

    They begin where the 30-day windows of the features are full, if that leaves two weeks. Before,
    counts grow with the history, and every later day would look as if it had moved.

    Parameters
    ----------
    timeline : Timeline

    Returns
    -------
    start, end : int
        Seconds since 1970; `end` is excluded.

    Examples
    --------
    >>> timeline = Timeline(first=0, train=30 * DAY, live=100 * DAY, as_of=120 * DAY)
    >>> [second // DAY for second in reference_window(timeline)]
    [30, 100]
    """
    full = timeline.first + TERMINAL_HISTORY_SECONDS
    has_two_weeks = full <= timeline.live - 2 * WEEK_SECONDS
    start = max(timeline.train, full) if has_two_weeks else timeline.train
    weeks = max((timeline.live - start) // WEEK_SECONDS, 1)
    return timeline.live - weeks * WEEK_SECONDS, timeline.live


def _missing_share(column: pd.Series) -> float:
    missing = column.isna()
    if not pd.api.types.is_numeric_dtype(column):
        missing |= column.isin(["", "unknown"])
    return float(missing.mean())


def _duplicate_share(rows: pd.DataFrame) -> float:
    return float(rows.duplicated(list(DUPLICATE_KEY_COLUMNS)).mean()) if len(rows) else 0.0


def _longest_gap_seconds(ts: np.ndarray, start: int) -> int:
    """Longest time of a day without a transaction."""
    return int(np.diff(np.concatenate([[start], np.sort(ts), [start + DAY]])).max())


@dataclass(frozen=True)
class DataProfile:
    """What is usual for the transactions of a day.

    Attributes
    ----------
    start, end : int
        The days that it was learnt from, in seconds since 1970.
    rows_by_weekday : ndarray of shape (7,)
        Median number of transactions, Monday first; NaN for a weekday without data.
    longest_gap : int
        Longest time without a transaction on any day, in seconds.
    missing_shares : dict of str to float
        Share of missing or unknown values by column.
    known_values : dict of str to set of str
        Values by categorical column.
    value_shares : dict of str to ndarray
        Shares of the values by column of `REQUIRED_COLUMNS`.
    constant_days : dict of str to float
        Share of the days with one value only, by categorical column.
    n_rows : int
    median_cents, max_cents : float
        Median and largest amount.
    duplicate_share : float
        Share of rows that repeat another one.
    """

    start: int
    end: int
    rows_by_weekday: np.ndarray
    longest_gap: int
    missing_shares: dict[str, float]
    known_values: dict[str, set[str]]
    value_shares: dict[str, np.ndarray]
    constant_days: dict[str, float]
    n_rows: int
    median_cents: float
    max_cents: float
    duplicate_share: float

    @classmethod
    def learn(cls, transactions: pd.DataFrame, start: int, end: int) -> DataProfile:
        """Learn the profile of some days.

        Parameters
        ----------
        transactions : DataFrame
            With the columns `REQUIRED_COLUMNS`.
        start, end : int
            First second of the first day, and of the day after the last, since 1970.

        Returns
        -------
        DataProfile
        """
        rows = transactions[(transactions["ts"] >= start) & (transactions["ts"] < end)]
        ts_by_day = {
            day: part["ts"].to_numpy() for day, part in rows.groupby(rows["ts"] // DAY * DAY)
        }
        counts = pd.Series({day: len(ts_by_day.get(day, ())) for day in range(start, end, DAY)})
        weekday = (counts.index.to_numpy() // DAY + 3) % 7
        full_days = {day for day, ts in ts_by_day.items() if len(ts) >= MIN_ROWS_FOR_SHARES}
        by_day = rows[(rows["ts"] // DAY * DAY).isin(full_days)].groupby(rows["ts"] // DAY)
        gaps = (_longest_gap_seconds(ts, day) for day, ts in ts_by_day.items())
        return cls(
            start,
            end,
            rows_by_weekday=counts.groupby(weekday).median().reindex(range(7)).to_numpy(float),
            longest_gap=max(gaps, default=DAY),
            missing_shares={
                name: _missing_share(rows[name]) if len(rows) else 0.0 for name in REQUIRED_COLUMNS
            },
            known_values={
                name: set(rows[name].dropna()) | {"", "unknown"} for name in CATEGORY_COLUMNS
            },
            value_shares={
                name: rows[name].value_counts(normalize=True).to_numpy()
                for name in REQUIRED_COLUMNS
            },
            constant_days={
                name: float((by_day[name].nunique() == 1).mean()) if full_days else 0.0
                for name in CATEGORY_COLUMNS
            },
            n_rows=len(rows),
            median_cents=float(rows["amount_cents"].median()),
            max_cents=float(rows["amount_cents"].max()),
            duplicate_share=_duplicate_share(rows),
        )

    def check(self, rows: pd.DataFrame, start: int) -> list[FindingRecord]:
        """Find what is wrong with the transactions of a day.

        Parameters
        ----------
        rows : DataFrame
            The transactions. A column of `REQUIRED_COLUMNS` that is absent or of another type is
            itself a finding.
        start : int
            First second of the day, since 1970.

        Returns
        -------
        list of dict
            Worst first: ``check``, ``column``, ``severity`` (``watch`` or ``act``), ``value``,
            ``limit``, ``text``. ``act`` means that the data must be repaired before a model is
            trained on it.
        """
        findings = list(_check_schema(rows))
        if findings:
            return findings
        findings += self._check_volume(rows, start)
        if len(rows):
            findings += self._check_amounts(rows)
            for name in ("amount_cents", *TEXT_COLUMNS):
                findings += self._check_missing(rows, name)
            for name in CATEGORY_COLUMNS:
                findings += self._check_categories(rows, name)
        findings += self._check_reference_age(start)
        return sorted(
            findings,
            key=lambda found: (found["severity"] != SEVERITY_ACT, found["check"], found["column"]),
        )

    def check_days(
        self, transactions: pd.DataFrame, timeline: Timeline
    ) -> dict[str, list[FindingRecord]]:
        """Check every live day.

        Parameters
        ----------
        transactions : DataFrame
        timeline : Timeline

        Returns
        -------
        dict of str to list of dict
            Findings by date (YYYY-MM-DD). The list of a sound day is empty.
        """
        live = transactions[transactions["ts"] >= timeline.live]
        rows_by_day = dict(list(live.groupby(live["ts"] // DAY * DAY)))
        return {
            str(day_of(day)): self.check(rows_by_day.get(day, live.iloc[:0]), day)
            for day in timeline.live_days
        }

    def _check_volume(self, rows: pd.DataFrame, start: int) -> Iterator[FindingRecord]:
        usual = self.rows_by_weekday[(start // DAY + 3) % 7]
        usual = float(np.nanmedian(self.rows_by_weekday) if np.isnan(usual) else usual)
        if rows.empty:
            severity = _grade(poisson.pmf(0, max(usual - 1, 0)) < MAX_CHANCE)
            yield make_finding("volume", "", severity, 0, usual, "there is no transaction at all")
            return
        ratio = len(rows) / usual if usual else float("nan")
        if not 0.5 <= ratio <= 2:
            text = f"{len(rows):,} rows, {ratio:.2f} times the usual number"
            limit = 0.5 if ratio < 1 else 2
            # The median of a weekday may differ from its mean by one.
            fewer = poisson.cdf(len(rows), max(usual - 1, 0))
            chance = fewer if ratio < 1 else poisson.sf(len(rows) - 1, usual + 1)
            severity = _grade(not 0.3 <= ratio <= 4 and chance < MAX_CHANCE)
            yield make_finding("volume", "", severity, ratio, limit, text)
        gap = _longest_gap_seconds(rows["ts"].to_numpy(np.int64), start)
        max_gap = max(2 * self.longest_gap, DAY // 4)
        if gap > max_gap:
            text = f"{gap / 3600:.0f} hours without a transaction"
            yield make_finding("freshness", "ts", SEVERITY_ACT, gap / 3600, max_gap / 3600, text)
        share, usual_share = _duplicate_share(rows), self.duplicate_share
        if share > usual_share + 0.005:
            chance = self._compute_chance(share, usual_share, len(rows))
            severity = _grade(share > usual_share + 0.05 and chance < MAX_CHANCE)
            text = f"{share:.1%} of the rows repeat another under a new tx_id"
            yield make_finding("duplicates", "tx_id", severity, share, usual_share + 0.005, text)

    def _compute_chance(self, share: float, usual: float, n: int) -> float:
        """How often a sound day of `n` rows has such a share or more, if the usual one holds."""
        # Laplace's rule: what the reference does not have is rare, and not impossible
        probability = (usual * self.n_rows + 1) / (self.n_rows + 2)
        return float(binom.sf(round(share * n) - 1, n, probability))

    def _check_amounts(self, rows: pd.DataFrame) -> Iterator[FindingRecord]:
        cents = rows["amount_cents"].astype(float)
        share = float((~np.isfinite(cents.fillna(0)) | (cents < 0)).mean())
        if share:
            text = f"{share:.1%} of the amounts are infinite or negative"
            yield make_finding("range", "amount_cents", SEVERITY_ACT, share, 0, text)
        if len(rows) < MIN_ROWS_FOR_SHARES:
            return
        is_above, limit = cents > self.max_cents, 0.01
        share = float(is_above.mean())
        # A card that is emptied has several large amounts, so customers are counted. Data with a
        # single customer tells nothing about customers, so there the amounts are counted.
        customers = rows["customer_id"].nunique()
        n_above = rows.loc[is_above, "customer_id"].nunique() if customers > 1 else is_above.sum()
        chance = binom.sf(n_above - 1, len(rows), 1 / (self.n_rows + 1))
        if share > limit and chance < MAX_CHANCE:
            text = (
                f"{share:.1%} of the amounts are above the largest of all healthy days: "
                "a wrong unit?"
            )
            yield make_finding("amount scale", "amount_cents", SEVERITY_ACT, share, limit, text)
        ratio = cents.median() / self.median_cents if self.median_cents else float("nan")
        if not 1 / 3 <= ratio <= 3:
            severity = _grade(not 1 / 8 <= ratio <= 8)
            text = f"the median amount is {ratio:.3g} times the usual one"
            text += ": a wrong unit?" if severity == SEVERITY_ACT else ""
            yield make_finding("amount scale", "amount_cents", severity, ratio, 3, text)

    def _check_missing(self, rows: pd.DataFrame, name: str) -> Iterator[FindingRecord]:
        usual, share = self.missing_shares[name], _missing_share(rows[name])
        limit = usual + 0.01 + 3 * np.sqrt(usual * (1 - usual) / len(rows))
        if share > limit:
            text = f"{name} is missing in {share:.1%} of the rows, before {usual:.1%}"
            chance = self._compute_chance(share, usual, len(rows))
            severity = _grade(share > limit + 0.04 and chance < MAX_CHANCE)
            yield make_finding("nulls", name, severity, share, limit, text)
        is_constant = rows[name].nunique() == 1 and share < 1
        # that all rows are equal, by their shares or as on days of the reference
        chance = float((self.value_shares[name] ** len(rows)).sum())
        chance = max(chance, self.constant_days.get(name, 0.0))
        if is_constant and len(rows) >= MIN_ROWS_FOR_SHARES and chance < MAX_CHANCE:
            value = rows[name].dropna().iloc[0]
            text = f"{name} has one value only, {value!r}, where it had several"
            yield make_finding("constant", name, SEVERITY_ACT, 1, 2, text)

    def _check_categories(self, rows: pd.DataFrame, name: str) -> Iterator[FindingRecord]:
        is_new = rows[name].notna() & ~rows[name].isin(self.known_values[name])
        share = float(is_new.mean())
        if share > 0.001:
            values = ", ".join(sorted(set(rows.loc[is_new, name].astype(str)))[:3])
            text = f"{name} has values never seen before ({values}): {share:.1%} of the rows"
            severity = _grade(share > 0.2 and len(rows) >= MIN_ROWS_FOR_SHARES)
            yield make_finding("new category", name, severity, share, 0.001, text)

    def _check_reference_age(self, start: int) -> Iterator[FindingRecord]:
        age, limit = (start - self.end) // DAY, MAX_REFERENCE_AGE_DAYS
        if age > limit:
            text = f"the reference ended {age} days before this day: choose a later one"
            yield make_finding("reference", "", SEVERITY_WATCH, age, limit, text)
        if start < self.start:
            text = "the day is older than the reference"
            yield make_finding("reference", "", SEVERITY_WATCH, age, 0, text)


def _check_schema(rows: pd.DataFrame) -> Iterator[FindingRecord]:
    for name in REQUIRED_COLUMNS:
        if name not in rows:
            yield make_finding("schema", name, SEVERITY_ACT, 0, 1, f"the column {name} is missing")
    for name in NUMBER_COLUMNS:
        if name in rows and not pd.api.types.is_numeric_dtype(rows[name]):
            text = f"{name} is {rows[name].dtype}, not a number"
            yield make_finding("schema", name, SEVERITY_ACT, 0, 1, text)


def is_data_broken(findings: list[FindingRecord]) -> bool:
    """Tell whether the data of a day must be repaired first.

    Parameters
    ----------
    findings : list of dict
        See `DataProfile.check`.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_data_broken([{"check": "volume", "severity": "watch"}])
    False
    """
    return any(found["severity"] == SEVERITY_ACT for found in findings)


def hold_broken_days(workspace: Workspace) -> dict[str, list[FindingRecord]]:
    """Check every live day, and hold the broken ones back.

    No loader returns the transactions of a held day until they are delivered again. The rows stay
    in their partitions; only the list of days is written (``data/held.json``).

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    dict of str to list of dict
        Findings of every live day by date; none for data that is too short for a live day.
    """
    try:
        timeline = load_timeline(workspace)
    except TooFewDaysError:
        workspace.write_json(f"data/{HELD_DAYS_FILE}", {"days": []})
        return {}
    start, end = reference_window(timeline)
    transactions = load_transactions(workspace, start, held=True)
    findings = DataProfile.learn(transactions, start, end).check_days(transactions, timeline)
    broken = [day for day, found in findings.items() if is_data_broken(found)]
    workspace.write_json(f"data/{HELD_DAYS_FILE}", {"days": broken})
    return findings
