"""One day of a review team: what models want reviewed, and what the team has time for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fraudops.models import DecisionPolicy, amount_to_cents
from fraudops.timeline import DAY


@dataclass(frozen=True)
class DayWishes:
    """What one model wants to be done with the transactions of a day.

    Attributes
    ----------
    decision : ndarray of str, shape (n,)
        ``approve``, ``review`` or ``block``.
    saving : ndarray of float, shape (n,)
        Cents that a review is expected to save.
    otherwise : ndarray of str, shape (n,)
        The cheaper of ``approve`` and ``block``, for a case that no reviewer has time for.
    """

    decision: np.ndarray
    saving: np.ndarray
    otherwise: np.ndarray

    @classmethod
    def decide(cls, p: np.ndarray, cents: np.ndarray, policy: DecisionPolicy) -> DayWishes:
        """Decide on a day by a policy that has its price of capacity.

        Parameters
        ----------
        p : array of shape (n,)
            Probabilities of fraud.
        cents : array of shape (n,)
        policy : DecisionPolicy

        Returns
        -------
        DayWishes
        """
        approve, review, block = policy.compute_expected_costs(p, cents).T
        otherwise = np.where(block < approve, "block", "approve")
        saving = np.minimum(approve, block) - review
        return cls(policy.make_decisions(p, cents), saving, otherwise)

    def limit(self, capacity: int | None) -> np.ndarray:
        """Decide with at most `capacity` reviews: the largest expected savings go first.

        Parameters
        ----------
        capacity : int or None
            None: without limit.

        Returns
        -------
        ndarray of str, shape (n,)
        """
        wanted = np.flatnonzero(self.decision == "review")
        if capacity is None or len(wanted) <= capacity:
            return self.decision
        order = wanted[np.argsort(-self.saving[wanted], kind="stable")]
        decision = self.decision.copy()
        decision[order[capacity:]] = self.otherwise[order[capacity:]]
        return decision

    def add_reviews(self, trial: DayWishes) -> DayWishes:
        """Add the reviews that a challenger wants, of what would be approved without it.

        Parameters
        ----------
        trial : DayWishes

        Returns
        -------
        DayWishes
            A case that both models want has the larger of their expected savings. So one team can
            take the most useful cases of both.
        """
        extra = (self.decision == "approve") & (trial.decision == "review")
        asked = (self.decision == "review") & (trial.decision == "review")
        saving = np.where(extra, trial.saving, self.saving)
        return DayWishes(
            np.where(extra, "review", self.decision),
            np.where(asked, np.maximum(saving, trial.saving), saving),
            self.otherwise,
        )


def learn_price(
    policy: DecisionPolicy, p_recent: np.ndarray, recent: pd.DataFrame
) -> DecisionPolicy:
    """Learn the price of capacity from recent days; without them or a limit it is 0.

    Parameters
    ----------
    policy : DecisionPolicy
    p_recent : ndarray of shape (n,)
        Probabilities of the model that will decide.
    recent : DataFrame of shape (n, ...)
        ``ts`` and ``amount``.

    Returns
    -------
    DecisionPolicy
    """
    if policy.capacity is None or not len(recent):
        return replace(policy, capacity_price=0.0)
    days = recent["ts"].floordiv(DAY).nunique()
    return policy.learn_capacity_price(p_recent, amount_to_cents(recent["amount"]), days)
