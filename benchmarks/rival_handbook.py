"""The Handbook's features and one of its two best tuned kinds of model, run on the same rows as
ours.

The book's printed figures belong to one simulated world, and worlds differ: this line tells how
hard a seed is for its way.
"""

import numpy as np
import pandas as pd
from imblearn.ensemble import BalancedBaggingClassifier
from sklearn.tree import DecisionTreeClassifier

from benchmarks.rival_features import DAYS, by_numpy
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS


def table(tx: pd.DataFrame) -> pd.DataFrame:
    """Amount, weekend, night, a customer's counts and means, a terminal's delayed counts and shares
    of fraud: (n, 15).

    Parameters
    ----------
    tx : (n, ...) tx_id, ts, customer_id, terminal_id, amount_cents, is_fraud
    """
    outcome = tx[["terminal_id"]].assign(label_ts=tx["ts"] + LABEL_MATURITY_DAYS * DAY)
    known, bad = by_numpy(tx, outcome), by_numpy(tx, outcome[tx["is_fraud"] == 1])
    out = {
        "amount": tx["amount_cents"].to_numpy() / 100,
        "weekend": ((tx["ts"] // DAY + 3) % 7 >= 5).to_numpy(),
        "night": (tx["ts"] % DAY // 3600 <= 6).to_numpy(),
    }
    for days in DAYS:
        # with the payment itself
        count, total = (
            bad[f"c_n_{days}d"] + 1,
            bad[f"c_sum_{days}d"] + tx["amount_cents"].to_numpy(),
        )
        out |= {f"c_n_{days}d": count, f"c_mean_{days}d": total / count / 100}
        ended, reported = known[f"t_fraud_{days}d"], bad[f"t_fraud_{days}d"]
        out |= {
            f"t_n_{days}d": ended,
            f"t_risk_{days}d": np.where(ended > 0, reported / np.maximum(ended, 1), 0.0),
        }
    return pd.DataFrame(out).astype(float)


def scores(tx: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Probability of fraud of the test rows by balanced bagging of trees fitted to the training
    rows, both row numbers.
    """
    X, y = table(tx), tx["is_fraud"].to_numpy()
    tree = DecisionTreeClassifier(max_depth=20, random_state=0)
    model = BalancedBaggingClassifier(tree, n_estimators=100, sampling_strategy=0.1, random_state=0)
    return model.fit(X.iloc[train], y[train]).predict_proba(X.iloc[test])[:, 1]
