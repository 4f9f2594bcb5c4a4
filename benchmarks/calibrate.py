"""Makes ``fraudops/drift_limits.json``: from which value on each statistic of the monitor is an alarm.

On control worlds and on worlds with a benign season, course size, with seeds that no proof uses (`SEEDS`). What the limits are
and why, `fraudops.drift` says.
"""

import json
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from fraudops import drift
from fraudops.trials import observe
from fraudops.workspace import write_json

SEEDS = range(1001, 1025)
QUIET = ("control", "benign_season")
QUANTILE = 0.995  # of the clean days: one day in two hundred
LEAST = 2.5  # no limit below so many standard deviations
SAFETY = 0.5  # share of the budget that calibration may use: the proof worlds are others
LOOKS = 0.05  # share of control days on which the monitor may say 'watch'


def raw_statistics(case: tuple[str, int]) -> tuple[str, int, pd.DataFrame, int]:
    """Kind, seed, the statistics of one world's days, and its first live day."""
    seen = observe(case[0], "sudden", case[1])
    return *case, seen.raw, seen.live


def _share(worlds: list[tuple[pd.DataFrame, int]], table: pd.DataFrame, columns: tuple[str, str]) -> float:
    """Share of live days on which any statistic is beyond its limit or the reference's own extreme."""
    days, beyond = 0, 0
    for z, live in worlds:
        own = z[z.index < live]
        high = np.maximum(table[columns[1]], own.max().fillna(0))
        low = np.minimum(table[columns[0]], own.min().fillna(0))
        now = z[z.index >= live]
        days += len(now)
        beyond += int(((now > high) | (now < low)).any(axis=1).sum())
    return beyond / days


def _scaled(
    worlds: list[list[tuple[pd.DataFrame, int]]], table: pd.DataFrame, columns: tuple[str, str], target: float
) -> tuple[pd.DataFrame, float, list[float]]:
    """The least common factor that keeps each kind of world within the target, the limits times it, and the shares."""
    for factor in np.arange(0.8, 4, 0.02):
        low, high = (factor * table[name] for name in columns)
        scaled = pd.DataFrame({columns[0]: low.clip(upper=-LEAST), columns[1]: high.clip(lower=LEAST)})
        shares = [_share(kind, scaled, columns) for kind in worlds]
        if max(shares) <= target:
            return scaled, float(factor), shares
    raise AssertionError("no factor keeps the monitor within its budget")


def limits_of(found: list[tuple[str, int, pd.DataFrame, int]]) -> tuple[pd.DataFrame, dict[str, float]]:
    """Limits by (statistic, window), and what the calibration reached."""
    worlds = {kind: [(drift.standardise(raw, live), live) for name, _, raw, live in found if name == kind] for kind in QUIET}
    days = {kind: pd.concat([z[z.index >= live] for z, live in part]) for kind, part in worlds.items()}
    control, season = days["control"], days["benign_season"]
    table = pd.DataFrame(
        {
            "low": np.minimum(control.quantile(1 - QUANTILE), season.quantile(1 - QUANTILE)),
            "high": np.maximum(control.quantile(QUANTILE), season.quantile(QUANTILE)),
            "quiet_low": control.quantile(1 - QUANTILE),
            "quiet_high": control.quantile(QUANTILE),
        }
    ).dropna()
    judged = table[~table.index.get_level_values(0).isin(drift.SEASON)]
    narrow = [[(z[judged.index], live) for z, live in part] for part in worlds.values()]
    alarm, factor, shares = _scaled(narrow, judged, ("low", "high"), drift.BUDGET * SAFETY)
    whole = [[(z[table.index], live) for z, live in worlds["control"]]]
    look, look_factor, looks = _scaled(whole, table, ("quiet_low", "quiet_high"), LOOKS)
    out = alarm.reindex(table.index)
    out["low"], out["high"] = out["low"].fillna(table["low"]), out["high"].fillna(table["high"])
    reached = {
        "factor": factor, "control_days_in_alarm": shares[0], "season_days_in_alarm": shares[1],
        "look_factor": look_factor, "control_days_to_look_at": looks[0],
    }  # fmt: skip
    return out.join(look), reached


def main() -> None:
    """Simulate, measure, and write the limits."""
    cases = [(kind, seed) for seed in SEEDS for kind in QUIET]
    with ProcessPoolExecutor(2) as pool:
        found = []
        for one in pool.map(raw_statistics, cases):
            found.append(one)
            print(f"{len(found)} of {len(cases)} worlds", flush=True)
    table, reached = limits_of(found)
    about = {"made_by": "python -m benchmarks calibrate", "seeds": [SEEDS[0], SEEDS[-1]], "budget": drift.BUDGET} | reached
    rows = table.rename_axis(["statistic", "window"]).reset_index().round(3).to_dict("records")
    write_json(drift.LIMITS, about | {"limits": rows})
    print(json.dumps(about, indent=1))
