"""SHAP reasons: the contributions of the features to a score, and the strongest ones in words."""

import calendar
from collections.abc import Mapping, Sequence

import numpy as np
from imblearn.ensemble import BalancedRandomForestClassifier
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier

from fraudops.features import (
    CATEGORICAL_FEATURES,
    CATEGORICAL_MEANINGS,
    FEATURE_DEFINITIONS,
    GIVEN_PREFIX,
    list_model_inputs,
)

REASONS_PER_TRANSACTION = 3
EXPLAINABLE_MODELS = (HistGradientBoostingClassifier, BalancedRandomForestClassifier)


class ShapExplainer:
    """Contributions of the features to a model's score (Lundberg et al. 2020, From local
    explanations to global understanding with explainable AI for trees).

    For boosted trees the score is the log-odds of fraud, for a forest the probability. The model's
    last step sees codes instead of categories: SHAP is silently wrong where a boosted model handles
    categories itself.
    """

    def __init__(self, model: BaseEstimator):
        """Explain the last step of a fitted pipeline; `available` is False if SHAP cannot."""
        self.available = isinstance(model, EXPLAINABLE_MODELS)
        if self.available:
            import shap  # takes seconds and a hundred megabytes

            self.explainer = shap.TreeExplainer(model)
            self.base = float(np.ravel(self.explainer.expected_value)[-1])

    def contributions(self, encoded: np.ndarray) -> np.ndarray:
        """Compute SHAP contributions.

        Parameters
        ----------
        encoded : ndarray of shape (n, m)
            See `CompactPipeline.encode`.

        Returns
        -------
        ndarray of shape (n, m)
            Each row and `base` add up to the row's score.
        """
        values = np.asarray(self.explainer.shap_values(encoded, check_additivity=False))
        return values[..., 1] if values.ndim == 3 else values


def describe_feature(name: str, value: float | str | None) -> str:
    """Describe a feature and its value in words.

    Parameters
    ----------
    name : str
        One of `FEATURES`, or a given one.
    value : float or str or None

    Returns
    -------
    str

    Examples
    --------
    >>> describe_feature("amount", 12.5)
    'amount of the transaction: 12.50'
    """
    if name in CATEGORICAL_FEATURES:
        return f"{CATEGORICAL_MEANINGS[name]}: {value}"
    if name.startswith(GIVEN_PREFIX):
        known = value is not None and np.isfinite(value)
        return f"{name.removeprefix(GIVEN_PREFIX)} as the source gives it: " + (
            f"{value:,.2f}" if known else "missing"
        )
    unit, meaning = FEATURE_DEFINITIONS[name]
    if value is None or not np.isfinite(value):
        return f"{meaning}: nothing known yet"
    if name == "hour":
        minutes = round(value * 3600) // 60  # cut off, as every clock does
        return f"{meaning.split(',')[0]}: {minutes // 60:02d}:{minutes % 60:02d} UTC"
    if name == "weekday":
        return f"day of the week: {calendar.day_name[int(value)]}"
    if unit == "h" and value >= 720:
        return f"{meaning.split(',')[0]}: not in 30 days"
    if name in ("c_distance_km", "c_speed_kmh") and value < 0:
        return f"{meaning.split(';')[0]}: unknown"
    text = {
        "money": f"{value:,.2f}",
        "count": f"{value:.0f}",
        "share": f"{value:.0%}",
        "ratio": f"{value:.1f} times",
        "rate": f"{value:.2g} for each transaction" if value else "none",
    }
    return f"{meaning.split(';')[0]}: {text.get(unit, f'{value:,.1f} {unit}')}"


def list_shap_reasons(
    contributions: np.ndarray,
    numbers: np.ndarray,
    *texts: Sequence[str],
    given: Mapping[str, np.ndarray] | None = None,
) -> list[list[dict]]:
    """List the strongest reasons of each row, strongest first.

    Parameters
    ----------
    contributions : ndarray of shape (n, m)
        See `ShapExplainer.contributions`.
    numbers : ndarray of shape (n, 39)
        `NUMERIC_FEATURES`.
    *texts : sequence of str
        Each of `CATEGORICAL_FEATURES`, with n values.
    given : mapping of str to ndarray of shape (n,), optional
        The model's given features.

    Returns
    -------
    list of list of dict
        For each row `REASONS_PER_TRANSACTION` times ``feature, value, contribution, text``. A
        positive contribution raises the score.
    """
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :REASONS_PER_TRANSACTION]
    names, columns = list_model_inputs(given or {}), [*numbers.T, *texts]
    columns += [(given or {})[name] for name in names[len(columns) :]]
    out = []
    for row, strongest in enumerate(order):
        found = []
        for column in strongest:
            name, weight = names[column], float(contributions[row, column])
            value = columns[column][row]
            value = value if isinstance(value, str) else float(value)
            known = None if isinstance(value, float) and np.isnan(value) else value
            verdict = "speaks for fraud" if weight > 0 else "speaks against fraud"
            text = f"{describe_feature(name, known)} ({verdict})"
            found.append({"feature": name, "value": known, "contribution": weight, "text": text})
        out.append(found)
    return out
