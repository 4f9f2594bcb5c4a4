"""Decisions by expected cost against one threshold for all amounts, with the same model.

Both rules get the same strategy, training rows and live days. The threshold is the one that costs
least on the period of the latest quarter of the training frauds, by a copy of the model that is
fitted to the earlier rows. The policy decides once without a limit on reviews, and once with the
capacity that the threshold rule has used on average in the same world. Worth is counted on the
truth.
"""

import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.base import clone

from benchmarks import verdict
from fraudops import monitoring
from fraudops.features import compute_features
from fraudops.models import (
    STRATEGIES,
    DecisionPolicy,
    LabelledRows,
    amount_to_cents,
    bootstrap_interval,
    fit_strategy,
    predict_probability,
)
from fraudops.simulator import DEFAULT_DRIFTS, make_course_config, simulate_world
from fraudops.timeline import DAY

SEEDS = range(7401, 7411)
POLICY = DecisionPolicy()
GAINS = {DEFAULT_DRIFTS: 0.15, "none": 0.06}  # that the policy shall save more
ROUNDS = 500


def decide_by_threshold(rows: LabelledRows, X: pd.DataFrame) -> np.ndarray:
    """Fit the plain strategy, choose its threshold by cost, and decide about other rows."""
    border = rows.ts[np.searchsorted(np.cumsum(rows.y), 0.75 * rows.y.sum())]
    early, late = rows.take(rows.ts < border), rows.take(rows.ts >= border)
    model = STRATEGIES["plain"]()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*physical cores.*")
        p_late = predict_probability(clone(model).fit(early.X, early.y), late.X)
        p = predict_probability(model.fit(rows.X, rows.y), X)
    order = np.argsort(-p_late, kind="stable")
    gain = np.cumsum(late.y[order] * late.cents[order] - POLICY.review)
    best = int(np.argmax(gain))
    threshold = p_late[order][best] if gain[best] > 0 else 1.01
    block_from = 1 - POLICY.review / POLICY.goodwill  # where a block costs less than a review
    return np.where(p < threshold, "approve", np.where(p < block_from, "review", "block"))


def compare(case: tuple[int, str]) -> dict:
    """One world: what each rule saves and how many reviews it needs."""
    seed, planted = case
    world = simulate_world(make_course_config("course", seed, planted))
    tx, reports, refunds = monitoring.make_canonical_tables(world)
    table = compute_features(tx, reports, refunds).assign(
        tx_id=tx["tx_id"].to_numpy(), ts=tx["ts"].to_numpy()
    )
    timeline = monitoring.plan_world_timeline(world)
    train = LabelledRows.select_mature(
        table, tx, reports, timeline.train, timeline.live, timeline.live
    )
    inside = ((table["ts"] >= timeline.live) & (table["ts"] < timeline.as_of)).to_numpy()
    live, customer = table[inside], tx["customer_id"].to_numpy()[inside]
    fraud = (world.transactions["kind"].to_numpy() != "")[inside]
    cents, ts = amount_to_cents(live["amount"]), live["ts"].to_numpy()
    days = len(np.unique(ts // DAY))

    by_threshold = decide_by_threshold(train, live)
    capacity = max(round((by_threshold == "review").sum() / days), 1)
    p = fit_strategy("plain", train, POLICY).predict_probability(live)
    decisions = {
        "threshold": by_threshold,
        "policy": POLICY.make_decisions(p, cents),
        "same team": replace(POLICY, capacity=capacity).make_daily_decisions(p, cents, ts),
    }
    costs = {
        name: POLICY.compute_decision_costs(fraud, one, cents) / 100
        for name, one in decisions.items()
    }
    gain = costs["threshold"] - costs["policy"]
    low, high = bootstrap_interval(lambda rows: gain[rows].sum(), customer, ROUNDS)
    lost = cents[fraud].sum() / 100
    found = {"seed": seed, "lost": lost, "expected": p.sum(), "frauds": fraud.sum()}
    found |= {f"saved {name}": lost - one.sum() for name, one in costs.items()}
    found |= {f"reviews {name}": (one == "review").sum() / days for name, one in decisions.items()}
    return found | {"gain from": low, "gain to": high}


def main() -> None:
    """Print savings and reviews of both rules, with the targets."""
    for planted, target in GAINS.items():
        with ProcessPoolExecutor(2) as pool:
            table = pd.DataFrame(pool.map(compare, [(seed, planted) for seed in SEEDS]))
        table = table.set_index("seed")
        print(f"{'no drift' if planted == 'none' else planted}, {len(table)} worlds, euros:")
        print(table.round(0).to_string())
        mean = table.mean()
        more = mean["saved policy"] / mean["saved threshold"] - 1
        met = verdict(more >= target)
        print(f"the policy saves {more:+.1%}, target at least {target:+.0%}: {met}")
        fewer = mean["reviews policy"] <= mean["reviews threshold"]
        print(
            f"reviews a day {mean['reviews policy']:.1f} against {mean['reviews threshold']:.1f}, "
            f"target at most as many: {verdict(fewer)}"
        )
        worse = int((table["gain to"] < 0).sum())
        print(f"worlds with a significant loss: {worse}, target 0: {verdict(worse == 0)}")
        better = int((table["gain from"] > 0).sum())
        print(f"   with a significant gain: {better}")
        team = mean["saved same team"] / mean["saved threshold"] - 1
        print(
            f"in each world with a team of the threshold rule's size: {team:+.1%}, with "
            f"{mean['reviews same team']:.1f} reviews a day",
            flush=True,
        )
