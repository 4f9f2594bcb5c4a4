"""The drift limits: above which value a statistic raises an alarm.

How an alarm comes about:

1. `daily_statistics` computes some fifty statistics of each day: of single columns, of all columns
   together, of scores, and of fraud reports that arrived.
2. `standardization` compares each with the same weekday of the reference, in standard deviations.
   Means over seven days find slow changes. Windows of reports are longer, because reports are few.
3. Every statistic has a limit in each direction (``drift_limits.json``). It is a high quantile over
   simulated worlds without drift and worlds with a busier season, times one factor for all
   statistics. Cross-validation over worlds chooses the factor so that the whole monitor raises at
   most half of `FALSE_ALARM_BUDGET`. ``2_Data_Drifts/marks.csv`` shows what it reaches in other
   worlds. This is the single-step max-T adjustment of Westfall and Young (1993, Resampling-Based
   Multiple Testing) with quantile scaling (Beran 1988, Balanced simultaneous confidence sets). It
   holds for dependent tests; a Bonferroni correction of fifty correlated columns is too strict.
4. If the reference itself exceeds a limit, its own extreme is the limit. A reference with
   fewer days than those of the calibration has wider limits.

`python -m benchmarks calibrate` computes the limits, on seeds that no proof uses.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

from fraudops.monitoring.standardization import standardize_statistics

FALSE_ALARM_BUDGET = 0.01  # false alarms per clean day, over all statistics together
SEASONAL_STATISTICS = ("volume", "online share")  # a season changes them without harm to the model
CALIBRATION_REFERENCE_DAYS = 70
LIMIT_QUANTILE = 1 - 1e-4  # roughly the budget divided by the number of statistics
LIMITS_FILE = Path(__file__).with_name("drift_limits.json")


@cache
def load_limits() -> pd.DataFrame:
    """Load the calibrated limits by statistic and window.

    Beyond ``low`` or ``high`` a value is an alarm; beyond ``quiet_low`` or ``quiet_high`` it is
    worth a look.
    """
    limits = json.loads(LIMITS_FILE.read_text())["limits"]
    return pd.DataFrame(limits).set_index(["statistic", "window"])


def _widening_factors(days: int, window: np.ndarray) -> np.ndarray:
    """Factors on the limits for a reference with fewer days than that of the calibration, else 1.

    The standard deviation of few windows is uncertain. Student's t, with one degree of freedom less
    than there are windows, says how much further out the same rare value lies.
    """
    own, calibrated = (
        t.ppf(LIMIT_QUANTILE, np.maximum(reference_days / window - 1, 0.5))
        for reference_days in (days, CALIBRATION_REFERENCE_DAYS)
    )
    return np.maximum(own / calibrated, 1.0)


@dataclass(frozen=True)
class DriftStatistics:
    """The statistics of reference days and live days, held against their limits.

    Attributes
    ----------
    raw : DataFrame of shape (days, statistics)
        See `DriftMonitor.statistics`. The index is the day since 1970, without gaps.
    live : int
        First live day, in days since 1970. The days before it are the reference.
    """

    raw: pd.DataFrame
    live: int

    @cached_property
    def z(self) -> pd.DataFrame:
        """Statistics in standard deviations of the reference, by day and (statistic, window)."""
        return standardize_statistics(self.raw, self.live)

    @cached_property
    def limits(self) -> pd.DataFrame:
        """The limits of this data set, by (statistic, window): see `load_limits`."""
        table = load_limits().reindex(self.z.columns).dropna()
        reference = self.z.loc[np.asarray(self.z.index < self.live), table.index]
        windows = table.index.get_level_values("window").to_numpy(float)
        table = table.mul(_widening_factors(len(reference), windows), axis=0)
        table["high"] = np.maximum(table["high"], reference.max().fillna(0))
        table["low"] = np.minimum(table["low"], reference.min().fillna(0))
        return table

    @cached_property
    def live_z(self) -> pd.DataFrame:
        """The part of `z` that is about live days and has limits."""
        return self.z.loc[np.asarray(self.z.index >= self.live), self.limits.index]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per live day and statistic: ``day, statistic, window, z, limit, alarm``.

        The limit is that of an alarm, on the side of ``z``. A seasonal statistic raises no alarm.
        """
        stacked = self.live_z.rename_axis("day").stack(["statistic", "window"])
        table = stacked.rename("z").dropna().reset_index()
        limits = self.limits.loc[pd.MultiIndex.from_frame(table[["statistic", "window"]])]
        table["limit"] = np.where(table["z"] > 0, limits["high"], limits["low"])
        is_beyond = table["z"].abs() > table["limit"].abs()
        return table.assign(alarm=is_beyond & ~table["statistic"].isin(SEASONAL_STATISTICS))

    @cached_property
    def moved(self) -> pd.DataFrame:
        """The rows of `scores` beyond a quiet limit, with a column ``alarm`` (bool)."""
        days, limits = self.live_z, self.limits
        high, low = limits["high"], limits["low"]
        is_seasonal = limits.index.get_level_values("statistic").isin(SEASONAL_STATISTICS)
        alarm = ((days > high) | (days < low)) & ~is_seasonal
        is_moved = alarm | (days > limits["quiet_high"]) | (days < limits["quiet_low"])
        row, column = np.nonzero(is_moved.to_numpy())
        z = days.to_numpy()[row, column]
        statistic, window = (limits.index.get_level_values(level) for level in (0, 1))
        return pd.DataFrame(
            {
                "day": days.index.to_numpy()[row],
                "statistic": statistic.to_numpy()[column],
                "window": window.to_numpy()[column],
                "z": z,
                "limit": np.where(z > 0, high.to_numpy()[column], low.to_numpy()[column]),
                "alarm": alarm.to_numpy()[row, column].astype(bool),
            }
        )
