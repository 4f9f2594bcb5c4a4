"""Fit a model, and choose its threshold on training rows that it has not seen."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from fraudops.errors import UserError
from fraudops.models.decision import Costs
from fraudops.models.inference import predict_probability
from fraudops.models.strategies import STRATEGIES
from fraudops.models.training_set import LabelledRows

MIN_TRAINING_FRAUDS = 15  # with fewer, the fit is noise


@dataclass(frozen=True)
class FittedModel:
    """A fitted model with its threshold.

    Attributes
    ----------
    model : BaseEstimator
        A pipeline.
    threshold : float
        A transaction with at least this probability is reviewed.
    strategy : str
    rows, frauds : int
        Size of the training set.
    """

    model: BaseEstimator
    threshold: float
    strategy: str
    rows: int
    frauds: int

    def predict_probability(self, X: pd.DataFrame) -> np.ndarray:
        """Predict the probability of fraud.

        Parameters
        ----------
        X : DataFrame of shape (n, >= 39)
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


def fit_strategy(strategy: str, rows: LabelledRows, costs: Costs, seed: int = 0) -> FittedModel:
    """Fit a strategy and choose its threshold (see `fit_model`).

    Parameters
    ----------
    strategy : str
        A name from `STRATEGIES`.
    rows : LabelledRows
    costs : Costs
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
    if rows.y.sum() < MIN_TRAINING_FRAUDS:
        raise UserError(
            f"Only {int(rows.y.sum())} frauds are known among the {len(rows.y)} training "
            f"rows; at least {MIN_TRAINING_FRAUDS} are needed. Bring more days, or a later "
            "live_start or as_of."
        )
    return fit_model(set_random_state(STRATEGIES[strategy](), seed), rows, costs, strategy)


def fit_model(model: BaseEstimator, rows: LabelledRows, costs: Costs, name: str) -> FittedModel:
    """Fit a model to all rows, with a threshold that costs least on the latest frauds.

    The threshold is chosen on the period of the latest quarter of the frauds. The model that
    chooses it is a copy that is fitted to the earlier rows only.

    Parameters
    ----------
    model : BaseEstimator
        An unfitted pipeline.
    rows : LabelledRows
    costs : Costs
    name : str
        The name of the strategy.

    Returns
    -------
    FittedModel
    """
    border = rows.ts[np.searchsorted(np.cumsum(rows.y), 0.75 * rows.y.sum())]
    early, late = rows.take(rows.ts < border), rows.take(rows.ts >= border)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*physical cores.*")
        trial = clone(model).fit(early.X, early.y)
        p_late = predict_probability(trial, late.X)
        threshold = costs.choose_threshold(late.y, p_late, late.cents)
        fitted = model.fit(rows.X, rows.y)
    return FittedModel(fitted, threshold, name, len(rows.y), int(rows.y.sum()))
