"""What a decision costs, and which decision is the cheapest."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Costs:
    """What decisions cost, in cents. A missed fraud costs its amount.

    Attributes
    ----------
    review : an analyst's time for one reviewed transaction
    goodwill : what a blocked transaction costs if its customer was honest
    """

    review: int = 300
    goodwill: int = 3000

    @property
    def block_from(self) -> float:
        """The probability from which on a block is expected to cost less than a review: goodwill is
        lost on the honest.
        """
        return 1 - self.review / self.goodwill if self.goodwill > self.review else 1.01


def choose_threshold(y: np.ndarray, p: np.ndarray, cents: np.ndarray, costs: Costs) -> float:
    """The probability from which on review costs least on these rows.

    Parameters
    ----------
    y, p, cents : (n,) labels, probabilities, amounts in cents

    Returns
    -------
    A threshold t, flagging p >= t; the middle between two neighbouring scores. Above 1 where no
    review ever pays.
    """
    order = np.argsort(-np.asarray(p), kind="stable")
    score = np.asarray(p)[order]
    gain = np.cumsum(np.where(np.asarray(y, bool)[order], cents[order], 0) - costs.review)
    last_of_ties = np.append(score[1:] < score[:-1], True)
    candidates = np.flatnonzero(last_of_ties)
    if len(candidates) == 0 or gain[candidates].max() <= 0:
        return 1.01
    best = candidates[np.argmax(gain[candidates])]
    below = score[best + 1] if best + 1 < len(score) else 0.0
    return float((score[best] + below) / 2)


def make_decisions(p: np.ndarray, threshold: float, costs: Costs) -> np.ndarray:
    """What is done about each transaction (n,): 'approve' below the threshold, 'review' from it on,
    'block' where cheaper.
    """
    p = np.asarray(p)
    return np.where(p < threshold, "approve", np.where(p < costs.block_from, "review", "block"))
