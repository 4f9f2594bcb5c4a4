"""A simulated reviewer, who says the truth except for a stated share of errors."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fraudops.models import DecisionPolicy


@dataclass(frozen=True)
class SimulatedReviewer:
    """Error rates of a reviewer.

    Attributes
    ----------
    miss_rate : float
        Share of the frauds that the reviewer calls genuine.
    false_alarm_rate : float
        Share of the genuine transactions that the reviewer calls fraud.

    Examples
    --------
    >>> SimulatedReviewer(0.0, 0.0).call_fraud(pd.Series(["t1", "t2"]), np.array([True, False]))
    array([ True, False])
    """

    miss_rate: float = 0.05
    false_alarm_rate: float = 0.01

    def call_fraud(self, tx_id: pd.Series, fraud: np.ndarray) -> np.ndarray:
        """Say which transactions are fraud; the answer about a transaction never changes.

        Parameters
        ----------
        tx_id : Series of shape (n,)
        fraud : ndarray of bool, shape (n,)
            The truth.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        ids = tx_id.astype(str).to_numpy(dtype=object)
        draw = pd.util.hash_array(ids, hash_key="simulated review") / 2**64
        return np.where(fraud, draw >= self.miss_rate, draw < self.false_alarm_rate)


def compute_cost_with_review_errors(
    fraud: np.ndarray,
    decision: np.ndarray,
    called: np.ndarray,
    cents: np.ndarray,
    policy: DecisionPolicy,
) -> np.ndarray:
    """Compute what decisions cost if reviewers make errors.

    See `DecisionPolicy.compute_decision_costs`. In addition, a fraud that the reviewer misses costs
    its amount and fee, and an honest customer whom the reviewer calls a fraud costs goodwill.

    Parameters
    ----------
    fraud : array of bool, shape (n,)
    decision : array of str, shape (n,)
        ``approve``, ``review`` or ``block``.
    called : array of bool, shape (n,)
        The reviewer calls it a fraud. It counts if the decision is ``review``.
    cents : array of shape (n,)
        Amounts.
    policy : DecisionPolicy

    Returns
    -------
    ndarray of int64, shape (n,)
        Cents.
    """
    fraud, called = np.asarray(fraud, bool), np.asarray(called, bool)
    is_reviewed = np.asarray(decision) == "review"
    missed = np.where(is_reviewed & fraud & ~called, cents + policy.chargeback_fee, 0)
    accused = np.where(is_reviewed & ~fraud & called, policy.goodwill, 0)
    exact = replace(policy, miss_rate=0.0)  # the errors are those of `called`
    return exact.compute_decision_costs(fraud, decision, cents) + missed + accused
