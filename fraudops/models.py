"""Training sets by what was known, candidate models, and imbalance strategies."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from imblearn.combine import SMOTEENN
from imblearn.ensemble import BalancedBaggingClassifier, BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as ResamplingPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from fraudops.features import CATEGORICAL, FEATURES, NUMERIC
from fraudops.metrics import Costs, threshold_by_cost
from fraudops.timeline import DAY, MATURE_DAYS
from fraudops.workspace import UserError

FEWEST_FRAUDS = 15  # below this a fit is noise


@dataclass(frozen=True)
class Rows:
    """Labelled rows of a stretch of time: X (n, 39) frame, y, cents, ts (n,) integers, customer (n,) text."""

    X: pd.DataFrame
    y: np.ndarray
    cents: np.ndarray
    ts: np.ndarray
    customer: np.ndarray

    def take(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows, by mask or number."""
        return Rows(self.X.iloc[chosen], self.y[chosen], self.cents[chosen], self.ts[chosen], self.customer[chosen])


def labelled(features: pd.DataFrame, tx: pd.DataFrame, labels: pd.DataFrame, start: int, end: int, known_at: int) -> Rows:
    """Rows of ``[start, end)`` old enough at `known_at` to have a label, with the labels that had arrived by then.

    A transaction without a report after `MATURE_DAYS` counts as genuine, as it would have on that day.

    Parameters
    ----------
    features : tx_id, ts and `FEATURES`
    tx : tx_id, customer_id
    labels : fraud reports: tx_id, label_ts
    """
    end = min(end, known_at - MATURE_DAYS * DAY)
    rows = features[(features["ts"] >= start) & (features["ts"] < end)]
    arrived = set(labels.loc[labels["label_ts"] < known_at, "tx_id"])
    customer = tx.set_index("tx_id")["customer_id"].reindex(rows["tx_id"]).to_numpy()
    y = rows["tx_id"].isin(arrived).to_numpy().astype(np.int8)
    cents = np.rint(rows["amount"].to_numpy() * 100).astype(np.int64)
    return Rows(rows[list(FEATURES)].reset_index(drop=True), y, cents, rows["ts"].to_numpy(), customer)


def prepare(impute: bool) -> ColumnTransformer:
    """`FEATURES` as numbers: categories as codes, -1 for one never seen; with `impute` also -1 for a missing number."""
    numeric = SimpleImputer(strategy="constant", fill_value=-1.0) if impute else "passthrough"
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer([("numeric", numeric, list(NUMERIC)), ("codes", codes, list(CATEGORICAL))])


def boosting(**settings: object) -> HistGradientBoostingClassifier:
    """The course's gradient boosting: small, regularised, seeded."""
    defaults = {"max_iter": 150, "learning_rate": 0.06, "max_leaf_nodes": 15, "min_samples_leaf": 20, "l2_regularization": 1.0}
    return HistGradientBoostingClassifier(**(defaults | {"early_stopping": False, "random_state": 0} | settings))


def _resampled(sampler: BaseEstimator) -> ResamplingPipeline:
    return ResamplingPipeline([("prepare", prepare(impute=True)), ("sample", sampler), ("model", boosting())])


def plain(model: BaseEstimator, impute: bool = False) -> Pipeline:
    return Pipeline([("prepare", prepare(impute)), ("model", model)])


# imbalance strategies by name; each gives an unfitted pipeline from FEATURES to a probability
STRATEGIES: dict[str, Callable[[], BaseEstimator]] = {
    "plain": lambda: plain(boosting()),
    "class_weight": lambda: plain(boosting(class_weight="balanced")),
    "smote": lambda: _resampled(SMOTE(sampling_strategy=0.1, random_state=0)),
    "undersample": lambda: _resampled(RandomUnderSampler(sampling_strategy=0.1, random_state=0)),
    "smote_enn": lambda: _resampled(SMOTEENN(sampling_strategy=0.1, random_state=0)),
    "balanced_bagging": lambda: plain(
        BalancedBaggingClassifier(boosting(max_iter=60), n_estimators=10, sampling_strategy=0.1, random_state=0), impute=True
    ),
    "balanced_forest": lambda: plain(
        BalancedRandomForestClassifier(n_estimators=200, min_samples_leaf=3, sampling_strategy=0.1, random_state=0), impute=True
    ),
}


@dataclass(frozen=True)
class Fitted:
    """A model and the threshold from which on it asks for review."""

    model: BaseEstimator
    threshold: float
    strategy: str
    rows: int
    frauds: int


def probability(model: BaseEstimator, X: pd.DataFrame) -> np.ndarray:
    """Probability of fraud, (n,)."""
    return model.predict_proba(X[list(FEATURES)])[:, 1]


class Compact:
    """A fitted pipeline without its frame handling: the same numbers, in a third of the time for one row.

    Attributes
    ----------
    model : the pipeline's last step, which sees numbers only
    """

    def __init__(self, pipeline: BaseEstimator):
        prepare = pipeline.named_steps["prepare"]
        self.model = pipeline.steps[-1][1]
        self.impute = isinstance(prepare.named_transformers_["numeric"], SimpleImputer)
        known = prepare.named_transformers_["codes"].categories_
        self.codes = [{value: code for code, value in enumerate(values)} for values in known]

    def encode(self, numbers: np.ndarray, *texts: Sequence[str]) -> np.ndarray:
        """What the model sees (n, 39), from `NUMERIC` (n, 37) and each of `CATEGORICAL` (n,)."""
        numbers = np.where(np.isnan(numbers), -1.0, numbers) if self.impute else numbers
        codes = [[known.get(value, -1.0) for value in values] for known, values in zip(self.codes, texts, strict=True)]
        return np.column_stack([numbers, *codes])

    def probability(self, encoded: np.ndarray) -> np.ndarray:
        """Probability of fraud (n,) from what `encode` gave."""
        return self.model.predict_proba(encoded)[:, 1]


def seeded(model: BaseEstimator, seed: int) -> BaseEstimator:
    """The model with another seed wherever it or a part of it takes one."""
    names = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    return model.set_params(**dict.fromkeys(names, seed))


def fit(strategy: str, rows: Rows, costs: Costs, seed: int = 0) -> Fitted:
    """Fit a strategy and choose its threshold (see `fit_model`).

    Raises
    ------
    UserError
        If there are too few known frauds to learn from.
    """
    if strategy not in STRATEGIES:
        raise UserError(f"There is no strategy {strategy!r}: choose one of {', '.join(STRATEGIES)}.")
    if rows.y.sum() < FEWEST_FRAUDS:
        raise UserError(
            f"Only {int(rows.y.sum())} frauds are known among the {len(rows.y)} training rows; at least {FEWEST_FRAUDS} are "
            "needed. Bring more days, or a later live_start or as_of."
        )
    return fit_model(seeded(STRATEGIES[strategy](), seed), rows, costs, strategy)


def fit_model(model: BaseEstimator, rows: Rows, costs: Costs, name: str) -> Fitted:
    """Fit a model, its threshold chosen by cost on the latest quarter of the frauds by one that has not seen that quarter.

    The model that is returned is then fitted to all rows.
    """
    border = rows.ts[np.searchsorted(np.cumsum(rows.y), 0.75 * rows.y.sum())]  # three quarters of the frauds lie before
    early, late = rows.take(rows.ts < border), rows.take(rows.ts >= border)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*physical cores.*")
        trial = clone(model).fit(early.X, early.y)
        threshold = threshold_by_cost(late.y, probability(trial, late.X), late.cents, costs)
        return Fitted(model.fit(rows.X, rows.y), threshold, name, len(rows.y), int(rows.y.sum()))
