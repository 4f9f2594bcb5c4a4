"""The monitor's own model: it scores a customer with a model that has not seen them."""

import warnings

import numpy as np
import pandas as pd
from imblearn.under_sampling import RandomUnderSampler

from fraudops.features import list_model_inputs
from fraudops.models import (
    MIN_TRAINING_FRAUDS,
    EmptyColumnFiller,
    build_boosting,
    build_preprocessor,
)
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS

CUSTOMER_FOLDS = 4
GENUINE_ROWS_PER_FRAUD = 20  # genuine rows kept for each fraud


def assign_customer_folds(customer: pd.Series) -> np.ndarray:
    """Assign each customer to a fold; it is the same on every day and machine."""
    return (
        pd.util.hash_array(customer.astype(str).to_numpy(dtype=object)) % CUSTOMER_FOLDS
    ).astype(np.int64)


class ReferenceModel:
    """Models of the reference, each fitted without one fold of the customers (cross-fitting).

    A live row is scored like a row of the reference: by the model that has not seen its customer.
    So days with the same kind of business have the same distribution of scores. It exists before
    the first champion, and a promotion does not change its scores.
    """

    def __init__(self, features: pd.DataFrame, labels: pd.DataFrame, start: int, live: int):
        """Learn from the rows of ``[start, live)`` that are old enough, with the labels that had
        arrived at `live`.

        Parameters
        ----------
        features : tx_id, ts, customer_id and the model's inputs
        labels : fraud reports: tx_id, label_ts
        """
        rows = features[
            (features["ts"] >= start) & (features["ts"] < live - LABEL_MATURITY_DAYS * DAY)
        ]
        known = set(labels.loc[labels["label_ts"] < live, "tx_id"])
        y, fold = (
            rows["tx_id"].isin(known).to_numpy().astype(np.int8),
            assign_customer_folds(rows["customer_id"]),
        )
        self.frauds = int(y.sum())
        self.models = {}
        self.prepare = build_preprocessor(impute=False).fit(rows[list_model_inputs(rows)])
        x = self.prepare.transform(rows[list_model_inputs(rows)])
        for part in range(CUSTOMER_FOLDS):
            others = np.flatnonzero(fold != part)
            frauds = int(y[others].sum())
            if frauds < MIN_TRAINING_FRAUDS:  # too few frauds: no scores
                continue
            if frauds * GENUINE_ROWS_PER_FRAUD < len(others) - frauds:
                sampler = RandomUnderSampler(
                    sampling_strategy=1 / GENUINE_ROWS_PER_FRAUD, random_state=0
                )
                others = sampler.fit_resample(others[:, None], y[others])[0][:, 0]
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*physical cores.*")
                filled = EmptyColumnFiller().fit_transform(x[others])
                self.models[part] = build_boosting(max_iter=80).fit(filled, y[others])

    def score(self, rows: pd.DataFrame) -> np.ndarray:
        """Score rows with customer_id and the model's inputs; NaN if too few frauds were known."""
        out, fold = np.full(len(rows), np.nan), assign_customer_folds(rows["customer_id"])
        if not (self.models and len(rows)):
            return out
        x = self.prepare.transform(rows[list_model_inputs(rows)])
        for part, model in self.models.items():
            chosen = np.flatnonzero(fold == part)
            if len(chosen):
                out[chosen] = model.predict_proba(x[chosen])[:, 1]
        return out
