"""How far the difficulty of the course world moves a plain random forest. Aim: average precision
from about 0.65 to about 0.10.

Trained on the days after the warm-up, tested on the live days by what truly was fraud, on the
control (no drift).
"""

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from fraudops.features import CATEGORICAL_FEATURES, compute_features
from fraudops.models import average_precision
from fraudops.simulator import WARM_UP_DAYS, SimulatorConfig, make_course_config, simulate_world
from fraudops.timeline import DAY

SEEDS = (21, 22, 23)
LEVELS = (0.0, SimulatorConfig.difficulty, 0.5, 1.0)
LIVE_DAY = 101  # a week after the training days end on day 94, so that their labels have arrived


def forest(seed: int, difficulty: float) -> float:
    """Average precision on the live days of one world."""
    world = simulate_world(make_course_config("course", seed, drift="none", difficulty=difficulty))
    tx = world.transactions
    names = {"tx_id": str, "customer_id": str, "terminal_id": str, "category": str, "channel": str}
    rows = tx.drop(columns=["kind", "warm_up"]).astype(names)
    labels = world.labels.astype({"tx_id": str}).merge(
        rows[["tx_id", "customer_id", "terminal_id"]], on="tx_id"
    )
    table = compute_features(rows, labels)
    for name in CATEGORICAL_FEATURES:
        table[name] = pd.Categorical(table[name]).codes
    day = ((tx["ts"] - tx["ts"].min() // DAY * DAY) // DAY).to_numpy()
    y, x = (tx["kind"] != "").to_numpy(), table.to_numpy(np.float64)
    train, live = (day >= WARM_UP_DAYS) & (day < LIVE_DAY - 7), day >= LIVE_DAY
    model = RandomForestClassifier(100, random_state=0).fit(x[train], y[train])
    return average_precision(y[live], model.predict_proba(x[live])[:, 1])


def main() -> None:
    """Print each level's average precision over the seeds."""
    for difficulty in LEVELS:
        values = [forest(seed, difficulty) for seed in SEEDS]
        print(
            f"difficulty {difficulty:.2f}: average precision {np.mean(values):.2f} "
            f"({min(values):.2f} to {max(values):.2f})",
            flush=True,
        )
