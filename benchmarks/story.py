"""How often the default world tells the story of the course: quiet days, an onset, an alarm, and a
better model that passes the gates.

Each world does what the notebooks 2_2, 3_1 and 4_2 do, with their defaults: the monitor's verdicts,
a first champion, and one challenger at the end, judged on the last fourteen days with labels. The
simulated reviewers have reviewed what the champion flagged.
"""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from benchmarks import verdict
from fraudops import monitoring
from fraudops.features import FEATURES
from fraudops.models import Candidate, DecisionPolicy, LabelledRows, evaluate_gates, fit_strategy
from fraudops.monitoring import RetrainPolicy
from fraudops.review import SimulatedReviewer
from fraudops.simulator import DEFAULT_DRIFTS
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS

SEEDS = range(7601, 7611)
POLICY = DecisionPolicy(capacity=60)  # the defaults of 3_1
STRATEGY = "plain"
TEST_DAYS = 14
RIGHT_WORLDS = 8
MAX_ALARM_DELAY = 7  # days from the onset to the first alarm
CONTROL = "control"


def review_flagged(rows: pd.DataFrame, decisions: np.ndarray, frauds: set[str]) -> pd.DataFrame:
    """Review what the champion has flagged, on the evening of its day."""
    flagged = rows[decisions != "approve"]
    truth = flagged["tx_id"].isin(frauds).to_numpy()
    is_fraud = SimulatedReviewer().call_fraud(flagged["tx_id"], truth).astype(int)
    evening = (flagged["ts"] // DAY + 1) * DAY - 1
    return pd.DataFrame({"tx_id": flagged["tx_id"], "is_fraud": is_fraud, "label_ts": evening})


def run_world(case: tuple[int, str]) -> dict:
    """One world: when the monitor asked, what the gates said, and what the challenger gained."""
    seed, kind = case
    seen = monitoring.MeasuredWorld.simulate(kind, seed=seed)
    timeline, table, labels = seen.timeline, seen.rows, seen.labels
    verdicts = monitoring.make_verdicts(
        monitoring.DriftStatistics(seen.raw, seen.live), seen.findings
    )
    alarms = [i for i, one in enumerate(verdicts) if one.severity == "act"]
    onset = len(verdicts) if seen.onset is None else seen.onset
    after = [day for day in alarms if day >= onset]

    def select(start: int, end: int, known_at: int) -> LabelledRows:
        return LabelledRows.select_mature(table, table, labels, start, end, known_at=known_at)

    first = select(timeline.train, timeline.live, timeline.live)
    champion = fit_strategy(STRATEGY, first, POLICY)
    test_end = timeline.as_of - LABEL_MATURITY_DAYS * DAY
    test_start = max(test_end - TEST_DAYS * DAY, timeline.live)
    live = table[(table["ts"] >= timeline.live) & (table["ts"] < test_start)]
    decisions = POLICY.make_daily_decisions(
        champion.predict_probability(live), np.rint(live["amount"] * 100), live["ts"]
    )
    reviews = review_flagged(live, decisions, set(labels["tx_id"]))
    known, weight = LabelledRows.select_weighted(
        table, labels, reviews, timeline.train, test_start, known_at=test_start
    )
    challenger = fit_strategy(STRATEGY, known.repeat_by_weight(weight), POLICY)
    test = select(test_start, test_end, timeline.as_of)
    logged = table.loc[table["ts"] >= timeline.as_of - 2 * DAY, list(FEATURES)]
    candidates = [Candidate(one.model, 1.0) for one in (champion, challenger)]
    gates = evaluate_gates(*candidates, test, logged, POLICY)
    costs = [
        POLICY.compute_decision_costs(
            test.y, POLICY.make_daily_decisions(p, test.cents, test.ts), test.cents
        ).sum()
        for p in (one.predict_probability(test.X) for one in (champion, challenger))
    ]
    asked, _ = RetrainPolicy().should_retrain(verdicts[-1], len(verdicts), 0)
    failed = [gate.name.split(" (")[0] for gate in gates if not gate.passed]
    return {
        "seed": seed,
        "alarm days before the onset": sum(day < onset for day in alarms),
        "days from onset to alarm": after[0] - onset if after else None,
        "asks to retrain": asked,
        "gain (euros)": round((costs[0] - costs[1]) / 100),
        "at stake (euros)": round(float((test.y * test.cents).sum()) / 100),
        "promoted": asked and not failed,
        "failed gates": "; ".join(failed) or "-",
    }


def main() -> None:
    """Print each world, and how many told the story."""
    for kind in (DEFAULT_DRIFTS, CONTROL):
        with ProcessPoolExecutor(2) as pool:
            table = pd.DataFrame(pool.map(run_world, [(seed, kind) for seed in SEEDS]))
        table = table.set_index("seed")
        print(f"{kind}, {len(table)} worlds:")
        print(table.to_string())
        quiet = table["alarm days before the onset"] == 0
        if kind == CONTROL:
            promoted = int(table["promoted"].sum())
            print(f"worlds without an alarm: {int(quiet.sum())}, with a promotion: {promoted}")
            continue
        noticed = table["days from onset to alarm"] <= MAX_ALARM_DELAY
        right = int((quiet & noticed & table["promoted"]).sum())
        print(
            f"no alarm before the onset in {int(quiet.sum())} worlds, an alarm within "
            f"{MAX_ALARM_DELAY} days in {int(noticed.sum())}, a promotion in "
            f"{int(table['promoted'].sum())}"
        )
        met = verdict(right >= RIGHT_WORLDS)
        print(f"the whole story: {right} worlds, target {RIGHT_WORLDS}: {met}", flush=True)
