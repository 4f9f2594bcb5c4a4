"""Fit a strategy, with the threshold that its training rows suggest."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, clone

from fraudops.errors import UserError
from fraudops.models.decision import Costs, choose_threshold
from fraudops.models.inference import predict_probability
from fraudops.models.strategies import STRATEGIES
from fraudops.models.training_set import LabelledRows

MIN_TRAINING_FRAUDS = 15  # below this a fit is noise


@dataclass(frozen=True)
class FittedModel:
    """A model and the threshold from which on it asks for review."""

    model: BaseEstimator
    threshold: float
    strategy: str
    rows: int
    frauds: int


def set_random_state(model: BaseEstimator, seed: int) -> BaseEstimator:
    """The model with another seed wherever it or a part of it takes one."""
    names = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    return model.set_params(**dict.fromkeys(names, seed))


def fit_strategy(strategy: str, rows: LabelledRows, costs: Costs, seed: int = 0) -> FittedModel:
    """Fit a strategy and choose its threshold (see `fit_model`).

    Raises
    ------
    UserError
        If there are too few known frauds to learn from.
    """
    if strategy not in STRATEGIES:
        raise UserError(
            f"There is no strategy {strategy!r}: choose one of {', '.join(STRATEGIES)}."
        )
    if rows.y.sum() < MIN_TRAINING_FRAUDS:
        raise UserError(
            f"Only {int(rows.y.sum())} frauds are known among the {len(rows.y)} training "
            f"rows; at least {MIN_TRAINING_FRAUDS} are "
            "needed. Bring more days, or a later live_start or as_of."
        )
    return fit_model(set_random_state(STRATEGIES[strategy](), seed), rows, costs, strategy)


def fit_model(model: BaseEstimator, rows: LabelledRows, costs: Costs, name: str) -> FittedModel:
    """Fit a model, its threshold chosen by cost on the latest quarter of the frauds by one that has
    not seen that quarter.

    The model that is returned is then fitted to all rows.
    """
    border = rows.ts[
        np.searchsorted(np.cumsum(rows.y), 0.75 * rows.y.sum())
    ]  # three quarters of the frauds lie before
    early, late = rows.take(rows.ts < border), rows.take(rows.ts >= border)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*physical cores.*")
        trial = clone(model).fit(early.X, early.y)
        threshold = choose_threshold(late.y, predict_probability(trial, late.X), late.cents, costs)
        return FittedModel(
            model.fit(rows.X, rows.y), threshold, name, len(rows.y), int(rows.y.sum())
        )
