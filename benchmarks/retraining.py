"""What the loop of monitor, trials, gates and retraining is worth, beside retraining every day,
never, and an oracle.

All decide by the policy that `fraudops run --days` takes before there is a champion, with the same
team. The loop and never retraining play all live days; what they save is compared after
`MONTH` days. `DAILY_SEEDS` are the worlds in which the model is also trained on each day of the
month, which takes as long as ten months of the loop.

How long a training waits, how many trials there are at once and how long they last was chosen on
the worlds of `CHOSEN_ON`.
"""

from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace

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
    iterate_day_starts,
    score_backtest,
)
from fraudops.models import Candidate, DecisionPolicy, LabelledRows, fit_strategy
from fraudops.simulator import DEFAULT_DRIFTS, make_course_config, simulate_world
from fraudops.timeline import DAY, day_of

CHOSEN_ON = range(5101, 5111)
SEEDS = range(5401, 5411)
DAILY_SEEDS = SEEDS[:3]
MONTH = 30
SETTINGS = BacktestSettings(49, decision_policy=DecisionPolicy(capacity=60))  # the defaults of 3_1
SHARE, TRAININGS = 0.97, 0.2  # of what retraining every day saves, and trains
PROMOTED = 0.8  # of the worlds have a promotion after the onset, within the month
RESAMPLES = 10_000
CONTROL = "none"


def simulate_backtest_data(seed: int, planted: str) -> tuple[BacktestData, int | None]:
    """A course world with the monitor's verdict of each live day, and the live day of the onset."""
    seen = monitoring.MeasuredWorld.simulate(
        "control" if planted == CONTROL else planted, seed=seed
    )
    world = simulate_world(make_course_config("course", seed, planted))
    _, reports, _ = monitoring.make_canonical_tables(world)
    verdicts = monitoring.make_verdicts(
        monitoring.DriftStatistics(seen.raw, seen.live), seen.findings
    )
    given = {one.as_of - DAY: one for one in verdicts}
    labels = reports[["tx_id", "label_ts"]].drop_duplicates("tx_id")
    return BacktestData(seen.rows, labels, seen.timeline, given), seen.onset


def run_world(seed: int, planted: str, names: tuple[str, ...], days: int) -> dict:
    """One world under some policies, scored; ``onset`` is the number of its live day."""
    data, onset = simulate_backtest_data(seed, planted)
    settings = replace(SETTINGS, days=days)
    timeline, tx = data.timeline, data.rows[["tx_id", "customer_id"]]
    first = LabelledRows.select_mature(
        data.rows, tx, data.labels, timeline.train, timeline.live, known_at=timeline.live
    )
    model = fit_strategy(settings.strategy, first, settings.decision_policy).model
    played = []
    for name in names:
        state, models = PolicyState("1"), InMemoryModelStore(Candidate(model, 1.0))
        policy = OperatingPolicy(name, data, settings, models)
        for number, now in enumerate(iterate_day_starts(data, settings)):
            row, state, _ = policy.run_day(state, now)
            played.append(row | {"policy": name, "number": number})
    day = None if onset is None else str(day_of(timeline.live_days[onset]))
    truth = {"known": True, "day": day, "kinds": []}
    return score_backtest(data, settings, played, truth) | {"onset": onset}


def compare(seed: int, planted: str) -> dict:
    """What the loop and never retraining saved in the month, and what the loop did."""
    scored = run_world(seed, planted, ("never", "loop"), SETTINGS.days)
    rows, days = pd.DataFrame(scored["played"]), pd.DataFrame(scored["days"])
    month = rows[rows["number"] < MONTH].set_index("policy")
    cost = month.groupby("policy")[["cost_cents", "reviews"]].sum()
    loop = rows[rows["policy"] == "loop"].set_index("number")
    nothing, oracle = days["nothing"][:MONTH].sum(), days["oracle"][:MONTH].sum()
    lead = pd.DataFrame(month.loc["loop", "lead_cents"].tolist()).sum() / 100
    found = {
        "seed": seed,
        "saved oracle": float(nothing - oracle) / 100,
        "saved never": float(nothing - cost.loc["never", "cost_cents"]) / 100,
        "saved loop": float(nothing - cost.loc["loop", "cost_cents"]) / 100,
        **lead.add_prefix("lead: ").round(2).to_dict(),
        "reviews never": int(cost.loc["never", "reviews"]),
        "reviews loop": int(cost.loc["loop", "reviews"]),
        "onset": scored["onset"],
        "trained on": loop.index[loop["trained"]].tolist(),
        "promoted on": loop.index[loop["promoted"]].tolist(),
        "lead of all days": scored["lead"]["lead"] / 100,
    }
    if remedy := scored["remedy"]:
        cost_cents = remedy["cost_cents"]
        lost = {f"lost {name}": cents / 100 for name, cents in cost_cents.items()}
        found |= {"days": remedy["days"], **lost}
    return found


def retrain_daily(seed: int, planted: str) -> dict:
    """What retraining every day saved in the month."""
    scored = run_world(seed, planted, ("daily",), MONTH)
    cost = sum(row["cost_cents"] for row in scored["played"])
    nothing = sum(day["nothing"] for day in scored["days"])
    return {"seed": seed, "saved daily": (nothing - cost) / 100}


def run_worlds(planted: str) -> pd.DataFrame:
    """Run all worlds; print each one when it is finished."""
    found: dict[int, dict] = {seed: {} for seed in SEEDS}
    with ProcessPoolExecutor(2) as pool:
        tasks = [pool.submit(compare, seed, planted) for seed in SEEDS]
        if planted != CONTROL:
            tasks += [pool.submit(retrain_daily, seed, planted) for seed in DAILY_SEEDS]
        for number, task in enumerate(as_completed(tasks), start=1):
            one = task.result()
            found[one["seed"]] |= one
            print(f"   {number} of {len(tasks)}: {one}", flush=True)
    return pd.DataFrame(found.values()).set_index("seed")


def print_drift(table: pd.DataFrame) -> None:
    """Print the figures of the drifting worlds beside their targets."""
    columns = ["saved oracle", "saved never", "saved loop", "saved daily"]
    print(table[columns].round().to_string())
    both = table.dropna(subset="saved daily")
    share = both["saved loop"].sum() / both["saved daily"].sum()
    kept = both["saved never"].sum() / both["saved daily"].sum()
    print(
        f"saved by the loop in {len(both)} worlds: {share:.1%} of retraining every day (never "
        f"retraining: {kept:.1%}), target {SHARE:.0%}: {verdict(share >= SHARE)}"
    )
    made = [sum(day < MONTH for day in days) for days in table["trained on"]]
    trained = np.mean(made) / MONTH
    print(f"trainings: {trained:.0%}, target {TRAININGS:.0%}: {verdict(trained <= TRAININGS)}")
    first = [
        min((day for day in days if day > onset), default=np.inf)
        for days, onset in zip(table["promoted on"], table["onset"], strict=True)
    ]
    soon, ever = sum(day < MONTH for day in first), int(np.isfinite(first).sum())
    met = verdict(soon >= PROMOTED * len(table))
    print(
        f"a promotion after the onset within {MONTH} days in {soon} of {len(table)} worlds, target "
        f"{PROMOTED * len(table):.0f}: {met}; within {SETTINGS.days} days in {ever}"
    )
    lost = table.filter(like="lost ")
    each = ", ".join(
        f"{name[5:]} {euros:,.0f}"
        for name, euros in lost.div(table["days"], axis=0).mean().items()
        if name != "lost nothing"
    )
    print(
        f"from the onset to the remedy, or to the last day, {table['days'].mean():.1f} days on "
        f"average, the loop lost {table['lost loop'].mean():,.0f} euros; a day of this time cost, "
        f"in euros: {each}"
    )
    gain = (table["saved loop"] - table["saved never"]).to_numpy()
    resampled = np.random.default_rng(0).choice(gain, (RESAMPLES, len(gain))).mean(axis=1)
    low, high = np.quantile(resampled, [0.025, 0.975])
    print(
        f"{gain.mean():,.0f} euros a month more than never retraining ({low:,.0f} to {high:,.0f}, "
        f"95 %, worlds drawn again), target above 0: {verdict(low > 0)}"
    )
    parts = table[["lead: model", "lead: policy", "lead: reviews"]].mean()
    print("   of this: " + ", ".join(f"{name[6:]} {euros:,.0f}" for name, euros in parts.items()))
    never, loop = table["reviews never"].mean(), table["reviews loop"].mean()
    print(f"   reviews in the month: the loop {loop:,.0f}, never retraining {never:,.0f}")
    whole = table["lead of all days"].mean()
    print(f"   lead of all {SETTINGS.days} days: {whole:,.0f} euros")


def main() -> None:
    """Print what each way to operate saved, and the loop's trainings and promotions."""
    for planted in (DEFAULT_DRIFTS, CONTROL):
        print(f"{len(SEEDS)} worlds, drift {planted}", flush=True)
        table = run_worlds(planted)
        if planted != CONTROL:
            print_drift(table)
            continue
        print(table[["saved oracle", "saved never", "saved loop"]].round().to_string())
        made = [len(days) for days in table["trained on"]]
        most = max(len(days) for days in table["promoted on"])
        print(
            f"control: {sum(made)} trainings in {len(table)} worlds, at most {most} promotions in "
            f"{SETTINGS.days} days, target 1: {verdict(most <= 1)}"
        )
