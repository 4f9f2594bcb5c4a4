"""Makes ``fraudops/drift_limits.json``: from which value on each statistic of the monitor is an
alarm.

On control worlds and on worlds with a benign season, course size, with seeds that no proof uses
(`SEEDS`). What the limits are and why, `fraudops.drift` says.
"""

import json
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from fraudops import monitoring
from fraudops.workspace import write_json

SEEDS = range(1001, 1041)
CONTROL = ("control", "sudden")
QUIET = (CONTROL, ("benign_season", "sudden"), ("benign_season", "gradual"))
QUANTILE = 0.975  # of the worlds' extremes: what one world in forty exceeds on some day
LEAST = 2.5  # no limit below so many standard deviations
FOLDS = 4  # of the seeds: the factor is chosen on worlds whose extremes did not make the limits
SAFETY = 0.5  # share of the budget that the held-out worlds may use
LOOKS = 0.05  # share of control days on which the monitor may say 'watch'
FACTORS = np.arange(0.7, 4, 0.02)

Kind = tuple[str, str]
# by kind and seed: standardised statistics, first live day
Worlds = dict[Kind, dict[int, tuple[pd.DataFrame, int]]]


def raw_statistics(case: tuple[Kind, int]) -> tuple[Kind, int, pd.DataFrame, int]:
    """Kind, seed, the statistics of one world's days, and its first live day."""
    (kind, shape), seed = case
    seen = monitoring.MeasuredWorld.simulate(kind, shape, seed)
    return (kind, shape), seed, seen.raw, seen.live


def _extremes(worlds: Worlds, kinds: tuple[Kind, ...], seeds: list[int]) -> pd.DataFrame:
    """For each statistic the extremes that one world in forty exceeds: columns low and high."""
    low, high = [], []
    for kind in kinds:
        live = [z[z.index >= first] for z, first in (worlds[kind][seed] for seed in seeds)]
        low.append(pd.concat([z.min() for z in live], axis=1).quantile(1 - QUANTILE, axis=1))
        high.append(pd.concat([z.max() for z in live], axis=1).quantile(QUANTILE, axis=1))
    return pd.DataFrame(
        {
            "low": pd.concat(low, axis=1).min(axis=1).clip(upper=-LEAST),
            "high": pd.concat(high, axis=1).max(axis=1).clip(lower=LEAST),
        }
    ).dropna()


def needed(z: pd.DataFrame, first: int, table: pd.DataFrame) -> np.ndarray:
    """For each live day of a world the factor on the limits from which on it is quiet; the
    reference's extremes are too.
    """
    z = z[table.index]
    own, days = z[z.index < first], z[z.index >= first]
    inside = (days <= own.max().fillna(0)) & (days >= own.min().fillna(0))
    return (
        np.maximum(days / table["high"], days / table["low"])
        .mask(inside, 0)
        .max(axis=1)
        .fillna(0)
        .to_numpy()
    )


def _alarms(held_out: list[np.ndarray], factor: float) -> tuple[float, float]:
    """Alarms that begin, and days in alarm, as shares of all days."""
    beyond = [days > factor for days in held_out]
    total = sum(map(len, beyond))
    began = sum(int((days & ~np.concatenate([[False], days[:-1]])).sum()) for days in beyond)
    return began / total, sum(int(days.sum()) for days in beyond) / total


def _held_out(
    worlds: Worlds, kinds: tuple[Kind, ...], season: bool
) -> dict[Kind, list[np.ndarray]]:
    """`needed` of every world, by limits that the worlds of its fold had no part in."""
    found: dict[Kind, list[np.ndarray]] = {kind: [] for kind in kinds}
    seeds = sorted(worlds[CONTROL])
    for fold in range(FOLDS):
        table = _extremes(worlds, kinds, [seed for seed in seeds if seed % FOLDS != fold])
        if not season:
            table = table[~table.index.get_level_values(0).isin(monitoring.SEASONAL_STATISTICS)]
        for kind in kinds:
            found[kind] += [
                needed(*worlds[kind][seed], table) for seed in seeds if seed % FOLDS == fold
            ]
    return found


def _least_factor(held_out: dict[Kind, list[np.ndarray]], part: int, target: float) -> float:
    """The least factor from which on every kind of world stays within the target; `part` 0 counts
    alarms, 1 days.
    """
    over = [
        max(_alarms(days, factor)[part] for days in held_out.values()) > target
        for factor in FACTORS
    ]
    assert not over[-1], "no factor keeps the monitor within its budget"
    return float(FACTORS[len(over) - int(np.argmax(over[::-1])) if any(over) else 0])


def limits_of(
    found: list[tuple[Kind, int, pd.DataFrame, int]],
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Limits by (statistic, window), and what the calibration reached on held-out worlds."""
    worlds: Worlds = {kind: {} for kind in QUIET}
    for kind, seed, raw, first in found:
        worlds[kind][seed] = monitoring.DriftStatistics(raw, first).z, first
    seeds = sorted(worlds[CONTROL])
    judged, looked = (
        _held_out(worlds, QUIET, season=False),
        _held_out(worlds, (CONTROL,), season=True),
    )
    factor, look_factor = (
        _least_factor(judged, 0, monitoring.FALSE_ALARM_BUDGET * SAFETY),
        _least_factor(looked, 1, LOOKS),
    )
    alarm = factor * _extremes(worlds, QUIET, seeds)
    look = look_factor * _extremes(worlds, (CONTROL,), seeds).add_prefix("quiet_")
    reached = {"factor": round(factor, 2), "look_factor": round(look_factor, 2)}
    for (kind, shape), days in judged.items():
        began, beyond = _alarms(days, factor)
        reached[f"{kind}, {shape}: alarms for each day"] = round(began, 5)
        reached[f"{kind}, {shape}: share of days in alarm"] = round(beyond, 5)
    reached["control: share of days to look at"] = round(
        _alarms(looked[CONTROL], look_factor)[1], 5
    )
    return alarm.join(look), reached


def main() -> None:
    """Simulate, measure, and write the limits."""
    cases = [(kind, seed) for seed in SEEDS for kind in QUIET]
    with ProcessPoolExecutor(2) as pool:
        found = []
        for one in pool.map(raw_statistics, cases):
            found.append(one)
            print(f"{len(found)} of {len(cases)} worlds", flush=True)
    write(found)


def write(found: list[tuple[Kind, int, pd.DataFrame, int]]) -> None:
    """Make the limits from what was measured, and print what they reach on held-out worlds."""
    table, reached = limits_of(found)
    about = {
        "made_by": "python -m benchmarks calibrate",
        "seeds": [SEEDS[0], SEEDS[-1]],
        "budget": monitoring.FALSE_ALARM_BUDGET,
    } | reached
    rows = table.rename_axis(["statistic", "window"]).reset_index().round(3).to_dict("records")
    write_json(monitoring.LIMITS_FILE, about | {"limits": rows})
    print(json.dumps(about, indent=1))
