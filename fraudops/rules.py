"""Plain rules for the hours in which the model is switched off: few, coarse, and known to everyone."""

import numpy as np

from fraudops.explain import words
from fraudops.features import NUMERIC

VERSION = "rules"
# feature: from which value on a transaction is sent to review
RULES = {
    "c_fraud_30d": 1,
    "t_fraud_7d": 1,
    "c_amount_ratio": 8,
    "c_speed_kmh": 900,
    "c_n_1h": 5,
}


def judge(numbers: np.ndarray) -> tuple[np.ndarray, list[list[dict]]]:
    """Which transactions the rules send to review, and why.

    Parameters
    ----------
    numbers : (n, 37) `NUMERIC`

    Returns
    -------
    1.0 for review and 0.0 otherwise, (n,); and for each row the rules that fired, shaped as reasons
    """
    at = {name: NUMERIC.index(name) for name in RULES}
    fired = [[name for name, limit in RULES.items() if row[at[name]] >= limit] for row in numbers]
    why = [
        [
            {"feature": name, "value": float(row[at[name]]), "contribution": 1.0,
             "text": f"{words(name, float(row[at[name]]))} (the rule asks for review from {RULES[name]} on)"}
            for name in names
        ]
        for row, names in zip(numbers, fired, strict=True)
    ]  # fmt: skip
    return np.array([float(bool(names)) for names in fired]), why
