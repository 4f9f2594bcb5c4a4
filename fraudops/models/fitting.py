"""Fit a model, and calibrate its probabilities on training rows that it has not seen."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedGroupKFold

from fraudops.errors import UserError
from fraudops.models.decision import DecisionPolicy
from fraudops.models.inference import predict_probability
from fraudops.models.strategies import STRATEGIES
from fraudops.models.training_set import LabelledRows

MIN_TRAINING_FRAUDS = 15  # with fewer, the fit is noise
CALIBRATION_FOLDS = 3
ISOTONIC_MIN_FRAUDS = 1000  # with fewer, isotonic regression follows the noise


@dataclass(frozen=True)
class FittedModel:
    """A fitted model with calibrated probabilities, and the policy that decides with them.

    Attributes
    ----------
    model : BaseEstimator
        A pipeline with its calibration.
    policy : DecisionPolicy
    strategy : str
    rows, frauds : int
        Size of the training set.
    """

    model: BaseEstimator
    policy: DecisionPolicy
    strategy: str
    rows: int
    frauds: int

    def predict_probability(self, X: pd.DataFrame) -> np.ndarray:
        """Predict the probability of fraud.

        Parameters
        ----------
        X : DataFrame of shape (n, >= 41)
            Holds `FEATURES`.

        Returns
        -------
        ndarray of shape (n,)
        """
        return predict_probability(self.model, X)


def set_random_state(model: BaseEstimator, seed: int) -> BaseEstimator:
    """Set the seed of a model and of all its parts."""
    names = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    return model.set_params(**dict.fromkeys(names, seed))


def fit_strategy(
    strategy: str, rows: LabelledRows, policy: DecisionPolicy, seed: int = 0
) -> FittedModel:
    """Fit a strategy and calibrate its probabilities (see `fit_model`).

    Parameters
    ----------
    strategy : str
        A name from `STRATEGIES`.
    rows : LabelledRows
    policy : DecisionPolicy
        What will decide with the probabilities.
    seed : int, optional

    Returns
    -------
    FittedModel

    Raises
    ------
    UserError
        If the strategy is unknown, or if too few frauds are known.
    """
    if strategy not in STRATEGIES:
        raise UserError(
            f"There is no strategy {strategy!r}: choose one of {', '.join(STRATEGIES)}."
        )
    if not rows.y.any():
        raise UserError(
            f"No fraud is known among the {len(rows.y)} training rows, so no model can be trained. "
            "If the data has no labels, score it with a model of other data: `fraudops score FILE`."
        )
    if rows.y.sum() < MIN_TRAINING_FRAUDS:
        raise UserError(
            f"Only {int(rows.y.sum())} frauds are known among the {len(rows.y)} training "
            f"rows; at least {MIN_TRAINING_FRAUDS} are needed. Bring more days, or a later "
            "live_start or as_of."
        )
    return fit_model(set_random_state(STRATEGIES[strategy](), seed), rows, policy, strategy)


def fit_model(
    model: BaseEstimator, rows: LabelledRows, policy: DecisionPolicy, name: str
) -> FittedModel:
    """Fit a model to all rows, and calibrate it on scores of rows that it was not fitted on.

    The customers are divided into folds. The scores of a fold come from a copy of the model that is
    fitted to the other folds. On these scores a calibration is fitted: a sigmoid (Platt 1999), or
    isotonic regression with many frauds (Niculescu-Mizil and Caruana 2005, Predicting good
    probabilities with supervised learning). The model itself is fitted to all rows.

    Parameters
    ----------
    model : BaseEstimator
        An unfitted pipeline.
    rows : LabelledRows
    policy : DecisionPolicy
    name : str
        The name of the strategy.

    Returns
    -------
    FittedModel
    """
    folds = StratifiedGroupKFold(CALIBRATION_FOLDS, shuffle=True, random_state=0)
    calibrated = CalibratedClassifierCV(
        model,
        method="isotonic" if rows.y.sum() >= ISOTONIC_MIN_FRAUDS else "sigmoid",
        cv=list(folds.split(rows.X, rows.y, rows.customer)),
        ensemble=False,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*physical cores.*")
        calibrated.fit(rows.X, rows.y)
    calibrated.set_params(cv=None)  # the model file need not hold the fold of each row
    return FittedModel(calibrated, policy, name, len(rows.y), int(rows.y.sum()))
