"""Probabilities from a fitted pipeline, fast for few rows."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer

from fraudops.features import FEATURES


def predict_probability(model: BaseEstimator, X: pd.DataFrame) -> np.ndarray:
    """Predict the probability of fraud.

    Parameters
    ----------
    model : BaseEstimator
        A fitted pipeline.
    X : DataFrame
        Holds `FEATURES`.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> X = pd.DataFrame(0.0, index=range(2), columns=list(FEATURES))
    >>> predict_probability(DummyClassifier().fit(X, [0, 1]), X).tolist()
    [0.5, 0.5]
    """
    return model.predict_proba(X[list(FEATURES)])[:, 1]


class CompactPipeline:
    """A fitted model without data frames: the same numbers in a third of the time.

    `model` is the pipeline's last step, which gets numbers only; `calibrator` makes its score a
    probability.
    """

    def __init__(self, model: BaseEstimator):
        (calibrated,) = model.calibrated_classifiers_  # see `fitting.fit_model`
        (self.calibrator,), pipeline = calibrated.calibrators, calibrated.estimator
        prepare = pipeline.named_steps["prepare"]
        self.model = pipeline.steps[-1][1]
        self.impute = isinstance(prepare.named_transformers_["numeric"], SimpleImputer)
        known = prepare.named_transformers_["codes"].categories_
        self.codes = [{value: code for code, value in enumerate(values)} for values in known]

    def encode(self, numbers: np.ndarray, *texts: Sequence[str]) -> np.ndarray:
        """Encode model inputs as numbers.

        Parameters
        ----------
        numbers : ndarray of shape (n, 37)
            `NUMERIC_FEATURES`.
        *texts : sequence of str
            Each of `CATEGORICAL_FEATURES`, with n values.

        Returns
        -------
        ndarray of shape (n, 39)
        """
        numbers = np.where(np.isnan(numbers), -1.0, numbers) if self.impute else numbers
        codes = [
            [known.get(value, -1.0) for value in values]
            for known, values in zip(self.codes, texts, strict=True)
        ]
        return np.column_stack([numbers, *codes])

    def probability(self, encoded: np.ndarray) -> np.ndarray:
        """Predict the probability of fraud.

        Parameters
        ----------
        encoded : ndarray of shape (n, 39)
            See `encode`.

        Returns
        -------
        ndarray of shape (n,)
        """
        if hasattr(self.model, "decision_function"):
            score = self.model.decision_function(encoded)
        else:
            score = self.model.predict_proba(encoded)[:, 1]
        return self.calibrator.predict(score)
