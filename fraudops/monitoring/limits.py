"""The calibrated monitor: a verdict for each day, and one budget of false alarms over all columns,
tests and windows.

How an alarm comes about:

1. `fraudops.monitoring.daily_statistics` turns a day into some fifty statistics (columns, all
   columns jointly, scores,
   arrived reports).
2. Each is compared with the same weekday of the reference and divided by how much it swings there:
   `standardise`. Means over
   seven days find what moves slowly; windows of arrived reports are longer, since reports are few.
3. Every statistic has a limit for each direction (``drift_limits.json``): the extreme of the live
   days that few worlds exceed,
   among worlds without drift and worlds with a busier season, times one factor for all. The factor
   is chosen by cross-validation over worlds, so that the whole monitor raises at most half of
   `FALSE_ALARM_BUDGET` in worlds that had no part in the limits; ``2_Data_Drifts/marks.csv`` says
   what it reaches in others still. This is the single-step max-T adjustment of Westfall and Young
   (1993, Resampling-Based Multiple Testing) with quantile scaling (Beran 1988, Balanced
   simultaneous confidence sets): it holds over dependent tests, which a Bonferroni correction of
   fifty correlated columns would punish.
4. Where the reference itself swung wider than the limits allow, its own extreme is the limit, and a
   reference of fewer days
   than those of the calibration widens them: data that is rougher or younger does not cry wolf.

`python -m benchmarks calibrate` makes the limits, on seeds that no proof uses.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t

FALSE_ALARM_BUDGET = 0.01  # false alarms for each clean day, over everything the monitor looks at
SEASONAL_STATISTICS = (
    "volume",
    "online share",
)  # more business or more of it online asks for a look, not for another model
CALIBRATION_REFERENCE_DAYS = 70  # of the reference in the worlds of the calibration
LIMIT_QUANTILE = (
    1 - 1e-4
)  # tail that a limit stands for, roughly: the budget shared out over the statistics
LIMITS_FILE = Path(__file__).with_name("drift_limits.json")


@cache
def load_limits() -> pd.DataFrame:
    """The calibrated limits: index (statistic, window), columns low, high (an alarm beyond),
    quiet_low, quiet_high (a look).
    """
    kept = json.loads(LIMITS_FILE.read_text())["limits"]
    return pd.DataFrame(kept).set_index(["statistic", "window"])


def _widening_factors(days: int, window: np.ndarray) -> np.ndarray:
    """Factor (n,) on the limits where the reference has fewer days than that of the calibration; 1
    where it has as many.

    A swing that is known from few windows is known badly: Student's t with as many degrees of
    freedom as there are windows besides the first says how much further out the same rare value
    lies.
    """
    reach = [
        t.ppf(LIMIT_QUANTILE, np.maximum(known / window - 1, 0.5))
        for known in (days, CALIBRATION_REFERENCE_DAYS)
    ]
    return np.maximum(reach[0] / reach[1], 1.0)


def adapt_limits(z: pd.DataFrame, live: int) -> pd.DataFrame:
    """Limits for this data set: the calibrated ones, wider where the reference itself swung wider.

    Returns
    -------
    (statistic, window) by low, high (an alarm beyond), quiet_low, quiet_high (a look)
    """
    table = load_limits().reindex(z.columns).dropna()
    days = int(np.asarray(z.index < live).sum())
    table = table.mul(
        _widening_factors(days, table.index.get_level_values("window").to_numpy(float)), axis=0
    )
    own = z.loc[np.asarray(z.index < live), table.index]
    table["high"] = np.maximum(table["high"], own.max().fillna(0))
    table["low"] = np.minimum(table["low"], own.min().fillna(0))
    return table


def tabulate_z_scores(z: pd.DataFrame, live: int) -> pd.DataFrame:
    """Every standardised statistic of every live day, long: day, statistic, window, z, limit
    (alarm, on the side of z).
    """
    table = adapt_limits(z, live)
    days = z.loc[np.asarray(z.index >= live), table.index]
    long = days.rename_axis("day").stack(["statistic", "window"]).rename("z").dropna().reset_index()
    side = table.loc[pd.MultiIndex.from_frame(long[["statistic", "window"]])]
    return long.assign(limit=np.where(long["z"] > 0, side["high"], side["low"]))


def find_moved_statistics(z: pd.DataFrame, live: int) -> pd.DataFrame:
    """Hold each live day against the limits.

    Returns
    -------
    One row for each day and statistic beyond its quiet limit: day, statistic, window, z, limit
    (signed), alarm
    """
    table = adapt_limits(z, live)
    high, low = table["high"], table["low"]
    days = z.loc[np.asarray(z.index >= live), table.index]
    season = table.index.get_level_values("statistic").isin(SEASONAL_STATISTICS)
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
