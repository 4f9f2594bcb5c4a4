"""Candidate models and strategies against class imbalance."""

from collections.abc import Callable

import numpy as np
from imblearn.combine import SMOTEENN
from imblearn.ensemble import BalancedBaggingClassifier, BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as ResamplingPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from fraudops.features import CATEGORICAL_FEATURES, GIVEN_PREFIX, NUMERIC_FEATURES


class EmptyColumnFiller(TransformerMixin, BaseEstimator):
    """Fill columns that have no value at all in training, because boosting cannot bin them.

    In PaySim, for example, each customer comes once, and so no one has an earlier amount.
    """

    def fit(self, X: np.ndarray, y: object = None) -> "EmptyColumnFiller":
        """Find the empty columns of X, shape (n, m)."""
        self.is_empty_ = np.isnan(np.asarray(X, float)).all(axis=0)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Write -1 in the empty columns of X, shape (n, m)."""
        return np.where(self.is_empty_, -1.0, np.asarray(X, float))


def build_preprocessor(impute: bool) -> ColumnTransformer:
    """Build the step that turns `FEATURES` and given ones into numbers, in this order.

    Parameters
    ----------
    impute : bool
        Replace missing numbers by -1. A category that was never seen is always -1.

    Returns
    -------
    ColumnTransformer
    """
    imputer = SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)
    numeric = imputer if impute else EmptyColumnFiller()
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer(
        [
            ("numeric", numeric, list(NUMERIC_FEATURES)),
            ("codes", codes, list(CATEGORICAL_FEATURES)),
            ("given", numeric, make_column_selector(f"^{GIVEN_PREFIX}")),
        ]
    )


def build_boosting(**settings: object) -> HistGradientBoostingClassifier:
    """Build the course's gradient boosting: small, regularized, seeded.

    Parameters
    ----------
    **settings : object
        Parameters that replace the defaults.

    Returns
    -------
    HistGradientBoostingClassifier

    Examples
    --------
    >>> build_boosting(max_iter=10).max_iter
    10
    """
    defaults = {
        "max_iter": 150,
        "learning_rate": 0.06,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 20,
        "l2_regularization": 1.0,
    }
    return HistGradientBoostingClassifier(
        **(defaults | {"early_stopping": False, "random_state": 0} | settings)
    )


def _build_resampling_pipeline(sampler: BaseEstimator) -> ResamplingPipeline:
    return ResamplingPipeline(
        [
            ("prepare", build_preprocessor(impute=True)),
            ("sample", sampler),
            ("model", build_boosting()),
        ]
    )


def build_pipeline(model: BaseEstimator, impute: bool = False) -> Pipeline:
    """Build a pipeline of preprocessor and model.

    Parameters
    ----------
    model : BaseEstimator
        An unfitted classifier.
    impute : bool, optional
        See `build_preprocessor`.

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> list(build_pipeline(build_boosting()).named_steps)
    ['prepare', 'model']
    """
    return Pipeline([("prepare", build_preprocessor(impute)), ("model", model)])


# imbalance strategies by name; each gives an unfitted pipeline from FEATURES to a probability
STRATEGIES: dict[str, Callable[[], BaseEstimator]] = {
    "plain": lambda: build_pipeline(build_boosting()),
    "class_weight": lambda: build_pipeline(build_boosting(class_weight="balanced")),
    "smote": lambda: _build_resampling_pipeline(SMOTE(sampling_strategy=0.1, random_state=0)),
    "undersample": lambda: _build_resampling_pipeline(
        RandomUnderSampler(sampling_strategy=0.1, random_state=0)
    ),
    "smote_enn": lambda: _build_resampling_pipeline(
        SMOTEENN(sampling_strategy=0.1, random_state=0)
    ),
    "balanced_bagging": lambda: build_pipeline(
        BalancedBaggingClassifier(
            build_boosting(max_iter=60), n_estimators=10, sampling_strategy=0.1, random_state=0
        ),
        impute=True,
    ),
    "balanced_forest": lambda: build_pipeline(
        BalancedRandomForestClassifier(
            n_estimators=200, min_samples_leaf=3, sampling_strategy=0.1, random_state=0
        ),
        impute=True,
    ),
}
