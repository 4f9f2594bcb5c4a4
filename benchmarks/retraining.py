"""What the loop of monitor, gates and retraining is worth, beside retraining every day, never, and
an oracle.
"""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from benchmarks import verdict
from fraudops import monitoring
from fraudops.backtest import (
    BacktestData,
    BacktestSettings,
    InMemoryModelStore,
    OperatingPolicy,
    PolicyState,
    compute_baseline_costs,
    iterate_day_starts,
)
from fraudops.models import Candidate, LabelledRows, fit_strategy
from fraudops.simulator import DEFAULT_DRIFTS, make_course_config, simulate_world
from fraudops.timeline import DAY

SEEDS = range(5101, 5111)
POLICIES = ("loop", "daily", "never")
SHARE, TRAININGS = 0.95, 0.2  # of what retraining every day saves, and trains
RESAMPLES = 10_000


def simulate_backtest_data(seed: int, planted: str) -> BacktestData:
    """A course world, with the monitor's verdict of each live day."""
    seen = monitoring.MeasuredWorld.simulate("control" if planted == "none" else planted, seed=seed)
    world = simulate_world(make_course_config("course", seed, planted))
    _, reports = monitoring.make_canonical_tables(world)
    verdicts = monitoring.make_verdicts(
        monitoring.DriftStatistics(seen.raw, seen.live), seen.findings
    )
    given = {one.as_of - DAY: one for one in verdicts}
    return BacktestData(
        seen.rows, reports[["tx_id", "label_ts"]].drop_duplicates("tx_id"), seen.timeline, given
    )


def month(case: tuple[int, str]) -> pd.DataFrame:
    """One world: for each policy and day its cost in cents, trainings and promotions."""
    seed, planted = case
    backtest_data, settings, rows = simulate_backtest_data(seed, planted), BacktestSettings(), []
    timeline = backtest_data.timeline
    tx = backtest_data.rows[["tx_id", "customer_id"]]
    first = LabelledRows.select_mature(
        backtest_data.rows,
        tx,
        backtest_data.labels,
        timeline.train,
        timeline.live,
        known_at=timeline.live,
    )
    fitted = fit_strategy(settings.strategy, first, settings.decision_policy)
    for name in POLICIES if planted != "none" else ("loop", "never"):
        state = PolicyState("1")
        policy = OperatingPolicy(
            name, backtest_data, settings, InMemoryModelStore(Candidate(fitted.model, 1.0))
        )
        for now in iterate_day_starts(backtest_data, settings):
            row, state, _ = policy.run_day(state, now)
            rows.append(row | {"policy": name, "seed": seed})
    for now in iterate_day_starts(backtest_data, settings):
        cost = compute_baseline_costs(backtest_data, settings, now)
        rows += [
            {"policy": name, "seed": seed, "cost_cents": cents} for name, cents in cost.items()
        ]
    return pd.DataFrame(rows)


def main() -> None:
    """Print what each policy saved, with intervals over the worlds, and the loop's trainings and
    promotions.
    """
    for planted in (DEFAULT_DRIFTS, "none"):
        with ProcessPoolExecutor(2) as pool:
            table = pd.concat(
                pool.map(month, [(seed, planted) for seed in SEEDS]), ignore_index=True
            )
        spent = (
            table.pivot_table(index="seed", columns="policy", values="cost_cents", aggfunc="sum")
            / 100
        )
        saved = spent.rsub(spent["nothing"], axis=0)
        made = table[table["policy"] != "oracle"].pivot_table(
            index="seed", columns="policy", values=["trained", "promoted"], aggfunc="sum"
        )
        print(
            f"{len(SEEDS)} worlds, drift {planted}: euros saved in {BacktestSettings().days} days"
        )
        print(
            saved.round()
            .astype(int)
            .join(made["promoted"]["loop"].rename("promotions"))
            .to_string()
        )
        print(f"trainings of the loop: {made['trained']['loop'].astype(int).tolist()}")
        if planted == "none":
            most = int(made["promoted"]["loop"].max())
            print(f"control: at most {most} promotions in a month, target 1: {verdict(most <= 1)}")
            continue
        share = saved["loop"].sum() / saved["daily"].sum()
        trained = made["trained"]["loop"].mean() / BacktestSettings().days
        print(
            f"saved by the loop: {share:.1%} of retraining every day, target {SHARE:.0%}: "
            f"{verdict(share >= SHARE)}"
        )
        print(
            f"trainings: {trained:.0%} of those of every day, target {TRAININGS:.0%}: "
            f"{verdict(trained <= TRAININGS)}"
        )
        gain = (saved["loop"] - saved["never"]).to_numpy()
        resampled = np.random.default_rng(0).choice(gain, (RESAMPLES, len(gain))).mean(axis=1)
        low, high = np.quantile(resampled, [0.025, 0.975])
        text = (
            f"{gain.mean():,.0f} euros a month more than never retraining ({low:,.0f} to "
            f"{high:,.0f}"
        )
        print(f"{text}, 95 %, worlds drawn again), target above 0: {verdict(low > 0)}")
