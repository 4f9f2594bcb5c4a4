"""Daily statistics as z-scores against the reference days."""

import numpy as np
import pandas as pd

from fraudops.monitoring.daily_statistics import DOMAIN_STATISTIC

WINDOW_DAYS = (1, 7)  # days over which a statistic is averaged
REPORT_WINDOW_DAYS = (7, 14, 28)
REPORT_COUNT_STATISTICS = (
    "reports",
    "reported customers",
    "reported customers, online",
    "reported customers, present",
    "reported money",
)
REPORT_STATISTICS = (*REPORT_COUNT_STATISTICS, "low reports", "surprise")
# columns that repeat for weeks what reports said when they arrived: the reports themselves are
# judged
LAGGED_LABEL_FEATURES = (
    "c_fraud_30d",
    "t_fraud_1d",
    "t_fraud_7d",
    "t_fraud_30d",
    "t_first_report_hours",
    "t_last_report_hours",
    "t_reported_7d",
    "t_fraud_rate_30d",
)
MIN_REFERENCE_DAYS = 21  # three of each weekday


def _standardize_means(residual: pd.DataFrame, reference: np.ndarray, window: int) -> pd.DataFrame:
    """Compute means over the last days, in standard deviations of such means in the reference."""
    one = np.sqrt(
        (residual[reference] ** 2).sum(min_count=MIN_REFERENCE_DAYS) / max(reference.sum() - 7, 1)
    )
    mean = residual.rolling(window, min_periods=(window + 1) // 2).mean()
    swing = np.sqrt((mean[reference] ** 2).mean())
    return mean / np.maximum(np.maximum(swing, one / np.sqrt(window)), 1e-9)


def _std_with_floor(values: pd.Series, at_least: float) -> float:
    known = values.dropna()
    return max(float(known.std()) if len(known) > 1 else 0.0, at_least)


def _standardize_reports(raw: pd.DataFrame, reference: np.ndarray) -> dict[int, pd.DataFrame]:
    """Standardize counts of reports, and the share of frauds that the scores missed.

    A long window fits too rarely into the reference to show its standard deviation. It is at least
    that of the shortest window. Counts enter as square roots, whose standard deviation does not
    depend on the window; a mean varies less over longer windows.
    """
    usual = raw.loc[reference, list(REPORT_STATISTICS)].sum()
    each = max(float(usual["reports"]), 1.0)
    parts: dict[int, dict[str, pd.Series]] = {window: {} for window in REPORT_WINDOW_DAYS}
    least = dict.fromkeys(REPORT_STATISTICS, 0.0)
    for window in REPORT_WINDOW_DAYS:
        total = raw.rolling(window, min_periods=window).sum()
        for name in REPORT_STATISTICS:
            if name in REPORT_COUNT_STATISTICS:
                # money in usual reports
                scale = max(float(usual[name]) / each, 1.0) if name == "reported money" else 1.0
                value = np.sqrt(total[name] / scale)
                centre = value[reference].mean()
                floor = max(least[name], 0.5)
            else:  # five usual reports are added, so that a single report has little weight
                centre = usual[name] / each
                value = (total[name] + 5 * centre) / (total["reports"] + 5)
                floor = max(least[name] / np.sqrt(window / REPORT_WINDOW_DAYS[0]), 1e-3)
            swing = _std_with_floor(value[reference], floor)
            if window == REPORT_WINDOW_DAYS[0]:
                least[name] = swing
            parts[window][name] = (value - centre) / swing
    return {window: pd.DataFrame(found) for window, found in parts.items()}


def standardize_statistics(raw: pd.DataFrame, live: int) -> pd.DataFrame:
    """Express each statistic of each day in standard deviations of the reference.

    Parameters
    ----------
    raw : DataFrame of shape (days, statistics)
        The index is the day since 1970, without gaps.
    live : int
        First day that does not belong to the reference.

    Returns
    -------
    DataFrame of shape (days, (statistic, window))
        NaN if a day or its history has too few rows.
    """
    reference = np.asarray(raw.index < live)
    if reference.sum() < MIN_REFERENCE_DAYS:
        return pd.DataFrame(
            index=raw.index, columns=pd.MultiIndex.from_tuples([], names=["statistic", "window"])
        )
    weekday = raw.index.to_numpy() % 7
    columns = raw.drop(
        columns=[*REPORT_STATISTICS, *LAGGED_LABEL_FEATURES, DOMAIN_STATISTIC, "weekday"],
        errors="ignore",
    )
    usual = (
        columns[reference].groupby(weekday[reference]).mean().reindex(weekday).set_axis(raw.index)
    )
    parts = {
        window: _standardize_means(columns - usual, reference, window) for window in WINDOW_DAYS
    }
    if DOMAIN_STATISTIC in raw:
        known = raw.loc[reference, DOMAIN_STATISTIC].dropna()
        z = (raw[[DOMAIN_STATISTIC]] - known.mean()) / max(
            float(known.std()) if len(known) > 1 else 1.0, 1e-3
        )
        parts[7] = parts[7].join(z)
    if raw.loc[reference, "reports"].sum():
        for window, found in _standardize_reports(raw[list(REPORT_STATISTICS)], reference).items():
            parts[window] = parts[window].join(found) if window in parts else found
    table = pd.concat(parts, axis=1).swaplevel(axis=1)
    return table.rename_axis(columns=["statistic", "window"])
