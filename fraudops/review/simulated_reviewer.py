"""A simulated reviewer: says what is true, except for a stated share of errors, the same for the
same transaction.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fraudops.models import Costs


@dataclass(frozen=True)
class SimulatedReviewer:
    """Error rates of a reviewer.

    Attributes
    ----------
    misses : share of the frauds that are taken for genuine
    accuses : share of the genuine transactions that are taken for fraud
    """

    misses: float = 0.05
    accuses: float = 0.01

    def says(self, tx_id: pd.Series, fraud: np.ndarray) -> np.ndarray:
        """Whether the reviewer calls each transaction (n,) a fraud; whoever asks, and however
        often, hears the same.
        """
        luck = (
            pd.util.hash_array(
                tx_id.astype(str).to_numpy(dtype=object), hash_key="simulated review"
            )
            / 2**64
        )
        return np.where(fraud, luck >= self.misses, luck < self.accuses)


def compute_cost_with_review_errors(
    fraud: np.ndarray, decision: np.ndarray, called: np.ndarray, cents: np.ndarray, costs: Costs
) -> np.ndarray:
    """Cost of each transaction in cents (n,), the reviewer's errors counted too.

    As `metrics.compute_decision_costs`; besides, a fraud that the reviewer misses costs its amount,
    and an honest customer whom the reviewer accuses costs goodwill.

    Parameters
    ----------
    decision : (n,) 'approve', 'review' or 'block'
    called : (n,) whether the reviewer calls it a fraud; counts where the decision is 'review'
    """
    fraud, called, seen = (
        np.asarray(fraud, bool),
        np.asarray(called, bool),
        np.asarray(decision) == "review",
    )
    missed, accused = (
        np.where(seen & fraud & ~called, cents, 0),
        np.where(seen & ~fraud & called, costs.goodwill, 0),
    )
    return costs.compute_decision_costs(fraud, decision, cents) + missed + accused
