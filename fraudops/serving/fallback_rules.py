"""Fallback rules for the time in which the model is switched off: few and simple."""

import numpy as np

from fraudops.features import NUMERIC_FEATURES
from fraudops.models import describe_feature

RULES_VERSION = "rules"
# feature: from which value on a transaction is sent to review
RULE_LIMITS = {
    "c_fraud_30d": 1,
    "t_fraud_7d": 1,
    "c_amount_ratio": 8,
    "c_speed_kmh": 900,
    "c_n_1h": 5,
}


def apply_rules(numbers: np.ndarray) -> tuple[np.ndarray, list[list[dict]]]:
    """Which transactions the rules send to review, and why.

    Parameters
    ----------
    numbers : (n, 39) `NUMERIC`

    Returns
    -------
    1.0 for review and 0.0 otherwise, (n,); and for each row the rules that fired, shaped as reasons
    """
    at = {name: NUMERIC_FEATURES.index(name) for name in RULE_LIMITS}
    fired = [
        [name for name, limit in RULE_LIMITS.items() if row[at[name]] >= limit] for row in numbers
    ]
    why = [
        [
            {
                "feature": name,
                "value": float(row[at[name]]),
                "contribution": 1.0,
                "text": f"{describe_feature(name, float(row[at[name]]))} "
                f"(the rule asks for review from {RULE_LIMITS[name]} on)",
            }
            for name in names
        ]
        for row, names in zip(numbers, fired, strict=True)
    ]
    return np.array([float(bool(names)) for names in fired]), why
