"""Small tables of features, transactions and labels for tests."""

import numpy as np
import pandas as pd

from fraudops.features import CATEGORICAL_FEATURES, FEATURES, NUMERIC_FEATURES
from fraudops.timeline import DAY

START = 20_000 * DAY


def world(
    n: int = 3000, days: int = 40, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Features, transactions and labels in which a high amount is often fraud."""
    random = np.random.default_rng(seed)
    ts = np.sort(START + random.integers(0, days * DAY, n))
    X = pd.DataFrame(random.normal(size=(n, len(NUMERIC_FEATURES))), columns=list(NUMERIC_FEATURES))
    X["amount"] = random.lognormal(3, 1, n).round(2)
    for name in CATEGORICAL_FEATURES:
        X[name] = random.choice(["a", "b"], n)
    tx_id = [f"T{i}" for i in range(n)]
    fraud = random.random(n) < np.where(X["amount"] > 80, 0.3, 0.01)
    tx = pd.DataFrame(
        {"tx_id": tx_id, "ts": ts, "customer_id": random.choice(["c1", "c2", "c3"], n)}
    )
    labels = pd.DataFrame(
        {
            "tx_id": np.array(tx_id)[fraud],
            "label_ts": ts[fraud] + random.integers(0, 10 * DAY, fraud.sum()),
        }
    )
    return X.assign(tx_id=tx_id, ts=ts)[["tx_id", "ts", *FEATURES]], tx, labels
