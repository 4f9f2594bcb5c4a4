"""The calibrated monitor: a verdict for each day, and one budget of false alarms over all columns, tests and windows.

How an alarm comes about:

1. `fraudops.streams` turns a day into some fifty statistics (columns, all columns jointly, scores, arrived reports).
2. Each is compared with the same weekday of the reference and divided by how much it swings there: `standardise`. Means over
   seven days find what moves slowly; windows of arrived reports are longer, since reports are few.
3. Every statistic has a limit for each direction (``drift_limits.json``): the extreme of the live days that few worlds exceed,
   among worlds without drift and worlds with a busier season, times one factor for all. The factor is chosen by
   cross-validation over worlds, so that the whole monitor raises at most half of `BUDGET` in worlds that had no part in the
   limits; ``2_Data_Drifts/marks.csv`` says what it reaches in others still. This is the single-step max-T adjustment of
   Westfall and Young (1993, Resampling-Based Multiple Testing) with quantile scaling (Beran 1988, Balanced simultaneous
   confidence sets): it holds over dependent tests, which a Bonferroni correction of fifty correlated columns would punish.
4. Where the reference itself swung wider than the limits allow, its own extreme is the limit, and a reference of fewer days
   than those of the calibration widens them: data that is rougher or younger does not cry wolf.

`python -m benchmarks calibrate` makes the limits, on seeds that no proof uses.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from fraudops.quality import WATCH, Finding
from fraudops.streams import RULED
from fraudops.timeline import DAY, day_of
from fraudops.verdicts import Moved, Verdict

BUDGET = 0.01  # false alarms for each clean day, over everything the monitor looks at
WINDOWS = (1, 7)  # days over which a statistic is averaged
REPORT_WINDOWS = (7, 14, 28)
COUNTS = ("reports", "reported customers", "reported customers, online", "reported customers, present", "reported money")
SUMS = (*COUNTS, "low reports", "surprise")
ECHOES = (  # columns that repeat for weeks what reports said when they arrived: the reports themselves are judged
    "c_fraud_30d", "t_fraud_1d", "t_fraud_7d", "t_fraud_30d", "t_first_report_hours", "t_last_report_hours", "t_reported_7d",
    "t_fraud_rate_30d",
)  # fmt: skip
JOINT = "domain classifier"  # looks back over seven days by itself
SEASON = ("volume", "online share")  # more business or more of it online asks for a look, not for another model
FEWEST_REPORTS = 10  # customers a week, from which on a week without any is no chance
CALIBRATED_DAYS = 70  # of the reference in the worlds of the calibration
RARE = 1 - 1e-4  # tail that a limit stands for, roughly: the budget shared out over the statistics
FEWEST_DAYS = 21  # of the reference: three of each weekday
LIMITS = Path(__file__).with_name("drift_limits.json")


@cache
def limits() -> pd.DataFrame:
    """The calibrated limits: index (statistic, window), columns low, high (an alarm beyond), quiet_low, quiet_high (a look)."""
    kept = json.loads(LIMITS.read_text())["limits"]
    return pd.DataFrame(kept).set_index(["statistic", "window"])


def _windowed(residual: pd.DataFrame, reference: np.ndarray, window: int) -> pd.DataFrame:
    """Means over the last days, in units of how much such means swing in the reference."""
    one = np.sqrt((residual[reference] ** 2).sum(min_count=FEWEST_DAYS) / max(reference.sum() - 7, 1))
    mean = residual.rolling(window, min_periods=(window + 1) // 2).mean()
    swing = np.sqrt((mean[reference] ** 2).mean())
    return mean / np.maximum(np.maximum(swing, one / np.sqrt(window)), 1e-9)


def _spread(values: pd.Series, at_least: float) -> float:
    known = values.dropna()
    return max(float(known.std()) if len(known) > 1 else 0.0, at_least)


def _reported(raw: pd.DataFrame, reference: np.ndarray) -> dict[int, pd.DataFrame]:
    """Counts of reports as square roots, and what share of them the scores had missed, over the last days, standardised.

    The swing of a long window shows too rarely in the reference to be known from it alone: it is at least what that of the
    shortest window makes it. A square root swings alike over windows of any length, a mean less over longer ones.
    """
    usual = raw.loc[reference, list(SUMS)].sum()
    each = max(float(usual["reports"]), 1.0)
    parts: dict[int, dict[str, pd.Series]] = {window: {} for window in REPORT_WINDOWS}
    least = dict.fromkeys(SUMS, 0.0)
    for window in REPORT_WINDOWS:
        total = raw.rolling(window, min_periods=window).sum()
        for name in SUMS:
            if name in COUNTS:
                scale = max(float(usual[name]) / each, 1.0) if name == "reported money" else 1.0  # money in usual reports
                value = np.sqrt(total[name] / scale)
                centre = value[reference].mean()
                floor = max(least[name], 0.5)
            else:  # five reports of the usual kind are added, so that a single one proves nothing
                centre = usual[name] / each
                value = (total[name] + 5 * centre) / (total["reports"] + 5)
                floor = max(least[name] / np.sqrt(window / REPORT_WINDOWS[0]), 1e-3)
            swing = _spread(value[reference], floor)
            if window == REPORT_WINDOWS[0]:
                least[name] = swing
            parts[window][name] = (value - centre) / swing
    return {window: pd.DataFrame(found) for window, found in parts.items()}


def standardise(raw: pd.DataFrame, live: int) -> pd.DataFrame:
    """How unusual each statistic of each day is, in standard deviations of the reference.

    Parameters
    ----------
    raw : (days, statistics) as `streams.daily` gives them, index: day since 1970, without gaps
    live : the first day that is not reference

    Returns
    -------
    (days, (statistic, window)); NaN where a day or its history is too thin to say
    """
    reference = np.asarray(raw.index < live)
    if reference.sum() < FEWEST_DAYS:
        return pd.DataFrame(index=raw.index, columns=pd.MultiIndex.from_tuples([], names=["statistic", "window"]))
    weekday = raw.index.to_numpy() % 7
    columns = raw.drop(columns=[*SUMS, *ECHOES, JOINT, "weekday"], errors="ignore")
    usual = columns[reference].groupby(weekday[reference]).mean().reindex(weekday).set_axis(raw.index)
    parts = {window: _windowed(columns - usual, reference, window) for window in WINDOWS}
    if JOINT in raw:
        known = raw.loc[reference, JOINT].dropna()
        z = (raw[[JOINT]] - known.mean()) / max(float(known.std()) if len(known) > 1 else 1.0, 1e-3)
        parts[7] = parts[7].join(z)
    if raw.loc[reference, "reports"].sum():
        for window, found in _reported(raw[list(SUMS)], reference).items():
            parts[window] = parts[window].join(found) if window in parts else found
    table = pd.concat(parts, axis=1).swaplevel(axis=1)
    return table.rename_axis(columns=["statistic", "window"])


def _widening(days: int, window: np.ndarray) -> np.ndarray:
    """Factor (n,) on the limits where the reference has fewer days than that of the calibration; 1 where it has as many.

    A swing that is known from few windows is known badly: Student's t with as many degrees of freedom as there are windows
    besides the first says how much further out the same rare value lies.
    """
    reach = [t.ppf(RARE, np.maximum(known / window - 1, 0.5)) for known in (days, CALIBRATED_DAYS)]
    return np.maximum(reach[0] / reach[1], 1.0)


def bounds(z: pd.DataFrame, live: int) -> pd.DataFrame:
    """Limits for this data set: the calibrated ones, wider where the reference itself swung wider.

    Returns
    -------
    (statistic, window) by low, high (an alarm beyond), quiet_low, quiet_high (a look)
    """
    table = limits().reindex(z.columns).dropna()
    days = int(np.asarray(z.index < live).sum())
    table = table.mul(_widening(days, table.index.get_level_values("window").to_numpy(float)), axis=0)
    own = z.loc[np.asarray(z.index < live), table.index]
    table["high"] = np.maximum(table["high"], own.max().fillna(0))
    table["low"] = np.minimum(table["low"], own.min().fillna(0))
    return table


def scores(z: pd.DataFrame, live: int) -> pd.DataFrame:
    """Every standardised statistic of every live day, long: day, statistic, window, z, limit (alarm, on the side of z)."""
    table = bounds(z, live)
    days = z.loc[np.asarray(z.index >= live), table.index]
    long = days.rename_axis("day").stack(["statistic", "window"]).rename("z").dropna().reset_index()
    side = table.loc[pd.MultiIndex.from_frame(long[["statistic", "window"]])]
    return long.assign(limit=np.where(long["z"] > 0, side["high"], side["low"]))


def compare(z: pd.DataFrame, live: int) -> pd.DataFrame:
    """Hold each live day against the limits.

    Returns
    -------
    One row for each day and statistic beyond its quiet limit: day, statistic, window, z, limit (signed), alarm
    """
    table = bounds(z, live)
    high, low = table["high"], table["low"]
    days = z.loc[np.asarray(z.index >= live), table.index]
    season = table.index.get_level_values("statistic").isin(SEASON)
    alarm = ((days > high) | (days < low)) & ~season
    quiet = alarm | (days > table["quiet_high"]) | (days < table["quiet_low"])
    day, column = np.nonzero(quiet.to_numpy())
    value = days.to_numpy()[day, column]
    return pd.DataFrame(
        {
            "day": days.index.to_numpy()[day],
            "statistic": table.index.get_level_values(0).to_numpy()[column],
            "window": table.index.get_level_values(1).to_numpy()[column],
            "z": value,
            "limit": np.where(value > 0, high.to_numpy()[column], low.to_numpy()[column]),
            "alarm": alarm.to_numpy()[day, column].astype(bool),
        }
    )


def verdict(day: int, moved: pd.DataFrame, findings: list[Finding], judged: bool = True) -> Verdict:
    """One day in one judgement.

    Broken data comes first: it also moves columns, and retraining on it would teach the fault.

    Parameters
    ----------
    day : days since 1970
    moved : the day's rows of `compare`
    findings : of `quality.judge` for the same day
    judged : whether the day could be compared at all
    """
    ranked = moved.assign(times=moved["z"] / moved["limit"]).sort_values("times", ascending=False)
    alarms = ranked[ranked["alarm"]]
    broken = [one["text"] for one in findings if one["severity"] != WATCH]
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
        severity, action, evidence = "watch", "nothing", "the reference or the day is too thin to compare"
    else:
        severity, action, evidence = "ok", "nothing", "nothing moved beyond its limit"
    return Verdict(
        as_of=(day + 1) * DAY, day=str(day_of(day * DAY)), severity=severity, action=action, evidence=evidence,
        moved=[
            Moved(statistic=one.statistic, window=int(one.window), z=round(float(one.z), 3), limit=round(float(one.limit), 3),
                  alarm=bool(one.alarm))
            for one in ranked.itertuples()
        ],
        findings=findings,
    )  # fmt: skip


def judge_days(raw: pd.DataFrame, live: int, findings: dict[str, list[Finding]]) -> list[Verdict]:
    """A verdict for each live day.

    Parameters
    ----------
    raw : statistics of reference and live days (see `standardise`)
    live : the first live day, in days since 1970
    findings : of the data quality, by date
    """
    z = standardise(raw, live)
    moved = compare(z, live)
    days = raw.index[np.asarray(raw.index >= live)]
    judged = raw["volume"].notna() & z.notna().any(axis=1) if "volume" in raw else pd.Series(False, raw.index)
    silent = _silent(raw, live)
    return [
        verdict(
            int(day),
            moved[moved["day"] == day],
            findings.get(str(day_of(day * DAY)), []) + silent.get(day, []),
            bool(judged[day]),
        )
        for day in days
    ]


def _silent(raw: pd.DataFrame, live: int) -> dict[int, list[Finding]]:
    """Findings, by day, of what has fallen silent: columns without a usable value, and reports that no longer arrive."""
    columns = [name for name in RULED if name in raw and raw.loc[raw.index < live, name].notna().any()]
    days = raw[(raw.index >= live) & raw["volume"].notna()] if columns else raw.iloc[:0]
    found: dict[int, list[Finding]] = {}
    for day, name in days[columns].isna().stack().loc[lambda gone: gone].index if len(days) else ():
        text = f"{name} has no finite value on this day"
        finding = {"check": "nulls", "column": name, "severity": "act", "value": 1.0, "limit": 0.0, "text": text}
        found.setdefault(day, []).append(finding)
    week = raw["reported customers"].rolling(7).sum()
    usual = float(week[week.index < live].mean())
    if usual >= FEWEST_REPORTS:  # so many do not stay away by chance
        text = f"no fraud report has arrived for a week, where {usual:.0f} customers used to report: has the feed stopped?"
        finding = {"check": "freshness", "column": "labels", "severity": "act", "value": 0.0, "limit": usual, "text": text}
        for day in week.index[(week.index >= live) & (week == 0)]:
            found.setdefault(day, []).append(finding)
    return found
