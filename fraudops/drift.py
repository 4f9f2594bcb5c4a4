"""Has the world changed, or is the data broken? Scores, thresholds, findings, and one verdict a week.

The only place that calls evidently, which takes seconds to import and therefore is imported where it is used.
"""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from fraudops.features import CATEGORICAL, FEATURES, NUMERIC, TERMINAL_HISTORY
from fraudops.timeline import DAY, Timeline, day_of

LOG = logging.getLogger("fraudops.drift")
WEEK = 7 * DAY
FLOOR = 0.1  # evidently's own threshold: no smaller distance counts as a move
SLACK = 2.0  # a live week may differ twice as much as any past week differed from the other past weeks
DRIFT_SHARE = 0.15  # share of columns from which on a week calls for retraining
UNCALIBRATED = 0.5  # threshold where there are not two past weeks to compare
MOST_WEEKS = 52  # past weeks to learn thresholds from: a year knows every season
FEWEST_ROWS = 50  # below this a week's distances say nothing

WATCH, ACT = "watch", "act"


def reference_window(timeline: Timeline) -> tuple[int, int]:
    """Start and end of the days that live weeks are compared with: whole weeks that end at go-live.

    Whole weeks, so that no weekday weighs more than another. They begin where the 30-day windows of the features are
    full, if that leaves two weeks; before, counts grow because the history does, and each later week would look moved.
    """
    full = timeline.first + TERMINAL_HISTORY
    start = max(timeline.train, full) if full <= timeline.live - 2 * WEEK else timeline.train
    return timeline.live - max((timeline.live - start) // WEEK, 1) * WEEK, timeline.live


def sample(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """At most so many rows, the same ones each time, without infinite values."""
    chosen = frame if len(frame) <= rows else frame.sample(rows, random_state=0)
    return chosen.replace([np.inf, -np.inf], np.nan)


def _present(reference: pd.DataFrame, week: pd.DataFrame) -> list[str]:
    return [name for name in FEATURES if reference[name].notna().any() and week[name].notna().any()]


def scores(reference: pd.DataFrame, week: pd.DataFrame) -> pd.Series:
    """How far each column of a week is from the reference, by evidently's definitions.

    Numbers: Wasserstein distance over the reference's standard deviation. Text: Jensen-Shannon distance. Both are effect
    sizes: unlike p-values they do not shrink when the sample grows.

    Parameters
    ----------
    reference, week : (n, ...), (m, ...) frames with the columns `FEATURES`

    Returns
    -------
    (27,) by column; NaN where one side has no value at all
    """
    result = dict.fromkeys(FEATURES, float("nan"))
    for name in _present(reference, week):
        old, new = reference[name].dropna(), week[name].dropna()
        if name in NUMERIC:
            result[name] = wasserstein_distance(old, new) / max(float(np.std(old.to_numpy())), 0.001)
        else:
            shares = pd.concat([old.value_counts(normalize=True), new.value_counts(normalize=True)], axis=1).fillna(0)
            result[name] = float(jensenshannon(shares.iloc[:, 0], shares.iloc[:, 1]))
    return pd.Series(result)


def thresholds(reference: pd.DataFrame, rows: int, week_rows: int | None = None) -> pd.Series:
    """For each column the score from which on a week has moved: learnt from how much past weeks differ.

    Each week of the reference is scored against the other weeks. The largest score of a column, times `SLACK`, is its
    threshold, and never less than `FLOOR`. A column that always swings must swing more than usual to be noticed.

    Parameters
    ----------
    reference : (n, ...) frame with ts and `FEATURES`, whole weeks
    rows : both sides are sampled to at most this many
    week_rows : size of the week to be judged: a small week is compared with equally small past weeks
    """
    number = (reference["ts"] - (reference["ts"].max() + 1)) // WEEK
    pool = sample(reference, 8 * rows)
    past = []
    for week in sorted(number.unique())[-MOST_WEEKS:]:
        own, others = reference[number == week], pool[number.loc[pool.index] != week]
        if min(len(own), len(others)) >= FEWEST_ROWS:
            past.append(scores(sample(others, rows), sample(own, min(rows, week_rows or rows))))
    if len(past) < 2:
        return pd.Series(UNCALIBRATED, index=list(FEATURES))
    return (SLACK * pd.DataFrame(past).max()).fillna(UNCALIBRATED).clip(lower=FLOOR)


def week_report(reference: pd.DataFrame, week: pd.DataFrame, limits: pd.Series, html: Path | None = None) -> pd.DataFrame:
    """Let evidently compare a week with the reference, column by column.

    Parameters
    ----------
    reference, week : (n, ...), (m, ...) frames with the columns `FEATURES`, both sampled
    limits : (27,) threshold by column
    html : where to save evidently's page, which opens without a network

    Returns
    -------
    One row a column: method, score, threshold, moved. A column without any value has score NaN and has moved; a week
    with fewer than `FEWEST_ROWS` rows has no scores, moves nothing, and gets no page.
    """
    table = pd.DataFrame({"method": "", "score": np.nan, "threshold": limits, "moved": False}, index=list(FEATURES))
    if min(len(week), len(reference)) < FEWEST_ROWS:
        return table
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    present = _present(reference, week)
    definition = DataDefinition(
        numerical_columns=[name for name in present if name in NUMERIC],
        categorical_columns=[name for name in present if name in CATEGORICAL],
    )
    preset = DataDriftPreset(
        columns=present,
        num_method="wasserstein",
        cat_method="jensenshannon",
        per_column_threshold={name: float(limits[name]) for name in present},
        drift_share=DRIFT_SHARE,
        include_tests=False,
    )
    result = Report([preset]).run(*(Dataset.from_pandas(side[present], definition) for side in (week, reference)))
    for metric in result.dict()["metrics"]:
        if "column" in metric["config"]:
            table.loc[metric["config"]["column"], ["method", "score"]] = metric["config"]["method"], float(metric["value"])
    table["moved"] = (table["score"] >= table["threshold"]) | (table["score"].isna() & reference[list(FEATURES)].notna().any())
    if html is not None:
        result.save_html(str(html))
    return table


def _longest_gap(ts: pd.Series, start: int, end: int) -> int:
    return int(np.diff(np.concatenate([[start], np.sort(ts.to_numpy()), [end]])).max())


def _missing(column: pd.Series) -> float:
    unknown = column.isna()
    return float((unknown | column.isin(["", "unknown"]) if not pd.api.types.is_numeric_dtype(column) else unknown).mean())


def quality(tx: pd.DataFrame, reference: pd.DataFrame, start: int, end: int) -> list[dict]:
    """What is wrong with the transactions of ``[start, end)``, judged by those of the reference.

    Parameters
    ----------
    tx, reference : transactions with ts, customer_id, terminal_id, amount_cents, category, channel

    Returns
    -------
    Findings, worst first: check, column, severity ('watch' or 'act'), value, limit, text. 'act' means that the data needs
    mending before anybody learns from it.
    """
    week = tx[(tx["ts"] >= start) & (tx["ts"] < end)]
    found: list[dict] = []

    def note(check: str, column: str, severity: str, value: float, limit: float, text: str) -> None:
        found.append(
            {"check": check, "column": column, "severity": severity, "value": round(float(value), 6),
             "limit": round(float(limit), 6), "text": text}
        )  # fmt: skip

    span = max(int(reference["ts"].max() - reference["ts"].min()) if len(reference) else 0, DAY)
    usual = len(reference) * (end - start) / span
    ratio = len(week) / usual if usual else float("nan")
    if week.empty:
        note("volume", "", ACT, 0, 0, "there is no transaction at all")
        return found
    if not 0.5 <= ratio <= 2:
        severity = ACT if ratio < 0.2 or ratio > 5 else WATCH
        note("volume", "", severity, ratio, 0.5 if ratio < 1 else 2, f"{len(week):,} rows, {ratio:.2f} times the usual number")
    gap = _longest_gap(week["ts"], start, end)
    longest = _longest_gap(reference["ts"], int(reference["ts"].min()), int(reference["ts"].max())) if len(reference) else 0
    most = max(3 * longest, DAY // 2)
    if gap > most:
        severity = ACT if gap >= max(DAY, most) else WATCH
        note("freshness", "ts", severity, gap / 3600, most / 3600, f"{gap / 3600:.0f} hours without a transaction")
    for name in ("customer_id", "terminal_id", "amount_cents", "category", "channel"):
        before, now = _missing(reference[name]), _missing(week[name])
        if now > before + 0.01:
            severity = ACT if now > before + 0.05 else WATCH
            text = f"{name} is missing in {now:.1%} of the rows, before {before:.1%}"
            note("nulls", name, severity, now, before + 0.01, text)
    for name in CATEGORICAL:
        known = set(reference[name].dropna()) | {"", "unknown"}
        share = float((~week[name].isin(known) & week[name].notna()).mean())
        if share > 0.001:
            new = sorted(set(week[name].dropna()) - known)[:3]
            severity = ACT if share > 0.2 else WATCH
            text = f"{name} has values never seen before ({', '.join(new)}): {share:.1%} of the rows"
            note("new category", name, severity, share, 0.001, text)
    middle, now = reference["amount_cents"].median(), week["amount_cents"].median()
    if middle > 0 and not 1 / 3 <= now / middle <= 3:
        severity = ACT if not 1 / 8 <= now / middle <= 8 else WATCH
        text = f"the median amount is {now / middle:.3g} times the usual one" + (": a wrong unit?" if severity == ACT else "")
        note("amount scale", "amount_cents", severity, now / middle, 3, text)
    same = ["ts", "customer_id", "terminal_id", "amount_cents"]
    before, now = float(reference.duplicated(same).mean()) if len(reference) else 0.0, float(week.duplicated(same).mean())
    if now > before + 0.005:
        severity = ACT if now > before + 0.05 else WATCH
        note("duplicates", "tx_id", severity, now, before + 0.005, f"{now:.1%} of the rows repeat another under a new tx_id")
    return sorted(found, key=lambda one: (one["severity"] != ACT, one["check"], one["column"]))


def verdict(start: int, as_of: int, table: pd.DataFrame, findings: list[dict], drift_share: float = DRIFT_SHARE) -> dict:
    """One week in one judgement; equal inputs give an equal dictionary, ready for JSON.

    Broken data comes first: it also moves columns, and retraining on it would teach the fault.

    Parameters
    ----------
    start : first second of the week
    as_of : what happened from here on was not known
    table : what `week_report` gave
    findings : what `quality` gave for the same week
    drift_share : share of moved columns from which on to retrain

    Returns
    -------
    as_of, week, severity (ok, watch, act), action (nothing, watch, retrain, fix data), moved, moved_share, findings, evidence
    """
    moved = table[table["moved"]].sort_values("score", ascending=False)
    share = len(moved) / len(table)
    broken = [one["text"] for one in findings if one["severity"] == ACT]
    names = ", ".join(moved.index[:5]) + (" and others" if len(moved) > 5 else "")
    drifted = f"{len(moved)} of {len(table)} columns moved" + (f": {names}" if len(moved) else "")
    if broken:
        severity, action, evidence = ACT, "fix data", "; ".join(broken)
    elif len(moved) and share >= drift_share:
        severity, action, evidence = ACT, "retrain", drifted
    elif len(moved) or findings:
        severity, action = WATCH, "watch"
        evidence = "; ".join(([drifted] if len(moved) else []) + [one["text"] for one in findings])
    elif table["score"].isna().all():
        severity, action, evidence = WATCH, "watch", f"fewer than {FEWEST_ROWS} rows: too few to compare"
    else:
        severity, action, evidence = "ok", "nothing", drifted
    return {
        "as_of": int(as_of), "week": str(day_of(start)), "severity": severity, "action": action,
        "moved": [
            {"column": name, "score": None if np.isnan(row["score"]) else round(float(row["score"]), 6),
             "threshold": round(float(row["threshold"]), 6)}
            for name, row in moved.iterrows()
        ],
        "moved_share": round(share, 6), "drift_share": float(drift_share), "findings": findings, "evidence": evidence,
    }  # fmt: skip


def alert(judged: dict) -> dict | None:
    """The alert a verdict calls for, also written to the log; None unless the severity is 'act'.

    Returns
    -------
    A row of the table `alerts` of `fraudops.store`. Its alert_id follows from week, action and evidence: the same alert
    raised twice is one alert.
    """
    if judged["severity"] != ACT:
        LOG.info("week %s: %s (%s)", judged["week"], judged["severity"], judged["evidence"])
        return None
    text = f"week of {judged['week']}: {judged['action']}. {judged['evidence']}."
    identity = hashlib.sha256(text.encode()).hexdigest()[:16]
    LOG.warning("%s", text)
    return {"alert_id": f"drift-{judged['week']}-{identity}", "as_of": judged["as_of"], "severity": ACT, "text": text}
