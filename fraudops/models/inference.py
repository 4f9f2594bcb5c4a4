"""Probabilities from a fitted pipeline, fast for few rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer

from fraudops.errors import UserError
from fraudops.features import (
    CATEGORICAL_FEATURES,
    FEATURES,
    NUMERIC_FEATURES,
    list_given_features,
    list_model_inputs,
)


def predict_probability(model: BaseEstimator, X: pd.DataFrame) -> np.ndarray:
    """Predict the probability of fraud.

    Parameters
    ----------
    model : BaseEstimator
        A fitted pipeline.
    X : DataFrame
        Holds `FEATURES`, and the given ones that the model has learnt from.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> X = pd.DataFrame(0.0, index=range(2), columns=list_model_inputs([]))
    >>> predict_probability(DummyClassifier().fit(X, [0, 1]), X).tolist()
    [0.5, 0.5]
    """
    return model.predict_proba(X[list_model_inputs(X)])[:, 1]


def split_model_inputs(
    X: pd.DataFrame,
) -> tuple[np.ndarray, list[list[str]], dict[str, np.ndarray]]:
    """Split a table of inputs into what `CompactPipeline.encode` takes.

    Parameters
    ----------
    X : DataFrame of n rows
        Holds `FEATURES`, and given ones.

    Returns
    -------
    numbers : ndarray of shape (n, 39)
    texts : list of list of str
    given : dict of str to ndarray of shape (n,)
    """
    given = {name: X[name].to_numpy(float) for name in list_given_features(X)}
    texts = [X[name].tolist() for name in CATEGORICAL_FEATURES]
    return X[list(NUMERIC_FEATURES)].to_numpy(float), texts, given


def build_input_frame(inputs: list[list]) -> pd.DataFrame:
    """Build a table of the inputs that were stored with predictions.

    Parameters
    ----------
    inputs : list of list
        For each prediction the values of `FEATURES`, None for a missing number. If the model has
        given features, a dict of them follows.

    Returns
    -------
    DataFrame
        Columns of `list_model_inputs`.

    Raises
    ------
    UserError
        If a version of the course with other features has stored them.

    Examples
    --------
    >>> build_input_frame([[*[1.0] * 39, "food", "chip", {"given_V1": None}]]).shape
    (1, 42)
    """
    n = len(FEATURES)
    if wrong := next((one for one in inputs if len(one) not in (n, n + 1)), None):
        raise UserError(
            f"The inputs of a stored prediction have {len(wrong)} values, and this version of the "
            f"course has {n} features. Begin a new operation: `fraudops run --until 3_2_serve`."
        )
    frame = pd.DataFrame([one[:n] for one in inputs], columns=list(FEATURES))
    given = pd.DataFrame([one[n] if len(one) > n else {} for one in inputs], index=frame.index)
    frame = pd.concat([frame, given[list_given_features(given)]], axis=1)
    types = dict.fromkeys(frame, float) | dict.fromkeys(CATEGORICAL_FEATURES, object)
    return frame.astype(types)


class CompactPipeline:
    """A fitted model without data frames: the same numbers in a third of the time.

    `model` is the pipeline's last step, which gets numbers only; `calibrator` makes its score a
    probability; `given_features` are the columns ``given_*`` that it has learnt from.
    """

    def __init__(self, model: BaseEstimator):
        (calibrated,) = model.calibrated_classifiers_  # see `fitting.fit_model`
        (self.calibrator,), pipeline = calibrated.calibrators, calibrated.estimator
        prepare = pipeline.named_steps["prepare"]
        self.model = pipeline.steps[-1][1]
        self.impute = isinstance(prepare.named_transformers_["numeric"], SimpleImputer)
        known = prepare.named_transformers_["codes"].categories_
        self.given_features = list_given_features(pipeline.feature_names_in_)
        self.codes = [{value: code for code, value in enumerate(values)} for values in known]

    def encode(
        self,
        numbers: np.ndarray,
        *texts: Sequence[str],
        given: Mapping[str, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Encode model inputs as numbers.

        Parameters
        ----------
        numbers : ndarray of shape (n, 39)
            `NUMERIC_FEATURES`.
        *texts : sequence of str
            Each of `CATEGORICAL_FEATURES`, with n values.
        given : mapping of str to ndarray of shape (n,), optional
            Holds `given_features`.

        Returns
        -------
        ndarray of shape (n, 41 + number of given features)
        """
        more = [(given or {})[name] for name in self.given_features]
        codes = [
            [known.get(value, -1.0) for value in values]
            for known, values in zip(self.codes, texts, strict=True)
        ]
        encoded = np.column_stack([numbers, *codes, *more])
        return np.where(np.isnan(encoded), -1.0, encoded) if self.impute else encoded

    def probability(self, encoded: np.ndarray) -> np.ndarray:
        """Predict the probability of fraud.

        Parameters
        ----------
        encoded : ndarray
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
