"""What a decision costs, and which decision costs least."""

from dataclasses import dataclass

import numpy as np

NO_REVIEW_THRESHOLD = 1.01  # above every probability


@dataclass(frozen=True)
class Costs:
    """What decisions cost. An approved fraud costs its amount.

    Attributes
    ----------
    review : int
        Cents for the time that an analyst spends on one transaction.
    goodwill : int
        Cents lost if a transaction is blocked and its customer was honest.

    Examples
    --------
    >>> costs = Costs(review=300, goodwill=3000)
    >>> costs.make_decisions([0.01, 0.4, 0.95], threshold=0.2).tolist()
    ['approve', 'review', 'block']
    >>> costs.compute_decision_costs([1, 0, 0], ["approve", "review", "block"], [5000, 700, 900])
    array([5000,  300, 3000])
    """

    review: int = 300
    goodwill: int = 3000

    @property
    def block_threshold(self) -> float:
        """Probability at which a block is expected to cost less than a review."""
        if self.goodwill <= self.review:
            return NO_REVIEW_THRESHOLD
        return 1 - self.review / self.goodwill

    def choose_threshold(self, y: np.ndarray, p: np.ndarray, cents: np.ndarray) -> float:
        """Choose the threshold whose reviews cost least on labelled rows.

        Parameters
        ----------
        y : array of shape (n,)
            1 is a fraud.
        p : array of shape (n,)
            Probabilities of fraud.
        cents : array of shape (n,)
            Amounts.

        Returns
        -------
        float
            Review ``p >= threshold``. It lies between two neighboring probabilities, and above
            1 if no review pays.

        Examples
        --------
        >>> Costs(review=300).choose_threshold([1, 0, 0], [0.9, 0.5, 0.1], [5000, 900, 900])
        0.7
        """
        order = np.argsort(-np.asarray(p), kind="stable")
        score = np.asarray(p)[order]
        stopped = np.where(np.asarray(y, bool)[order], np.asarray(cents)[order], 0)
        saved = np.cumsum(stopped - self.review)
        last_of_ties = np.flatnonzero(np.append(score[1:] < score[:-1], True))
        if len(score) == 0 or saved[last_of_ties].max() <= 0:
            return NO_REVIEW_THRESHOLD
        best = last_of_ties[np.argmax(saved[last_of_ties])]
        next_score = score[best + 1] if best + 1 < len(score) else 0.0
        return float((score[best] + next_score) / 2)

    def make_decisions(self, p: np.ndarray, threshold: float) -> np.ndarray:
        """Decide about transactions.

        Parameters
        ----------
        p : array of shape (n,)
            Probabilities of fraud.
        threshold : float

        Returns
        -------
        ndarray of str, shape (n,)
            ``approve`` below the threshold, ``block`` where a block costs less than a review,
            ``review`` otherwise.

        Examples
        --------
        >>> Costs().make_decisions([0.01, 0.4, 0.95], threshold=0.2).tolist()
        ['approve', 'review', 'block']
        """
        p = np.asarray(p)
        above = np.where(p < self.block_threshold, "review", "block")
        return np.where(p < threshold, "approve", above)

    def compute_flag_costs(
        self, y: np.ndarray, flagged: np.ndarray, cents: np.ndarray
    ) -> np.ndarray:
        """Compute what each transaction costs if all flagged ones are reviewed.

        Parameters
        ----------
        y, flagged, cents : array of shape (n,)

        Returns
        -------
        ndarray of int64, shape (n,)
            Cents: a review, or the amount of a fraud that was approved.

        Examples
        --------
        >>> Costs(review=300).compute_flag_costs([1, 0], [True, False], [5000, 900]).tolist()
        [300, 0]
        """
        return self.compute_decision_costs(y, np.where(flagged, "review", "approve"), cents)

    def compute_decision_costs(
        self, y: np.ndarray, decision: np.ndarray, cents: np.ndarray
    ) -> np.ndarray:
        """Compute what each decision costs.

        Parameters
        ----------
        y : array of shape (n,)
        decision : array of str, shape (n,)
            See `make_decisions`.
        cents : array of shape (n,)

        Returns
        -------
        ndarray of int64, shape (n,)
            Cents: a review, the goodwill of an honest customer, or the amount of a fraud.

        Examples
        --------
        >>> Costs().compute_decision_costs([1, 0], ["approve", "block"], [5000, 900]).tolist()
        [5000, 3000]
        """
        y, decision = np.asarray(y, bool), np.asarray(decision)
        approved, blocked = np.where(y, cents, 0), np.where(y, 0, self.goodwill)
        choices = [decision == "review", decision == "block"]
        return np.select(choices, [self.review, blocked], approved).astype(np.int64)

    def compute_savings(self, y: np.ndarray, flagged: np.ndarray, cents: np.ndarray) -> int:
        """Compute how much reviews save, compared with approving everything.

        Parameters
        ----------
        y, flagged, cents : array of shape (n,)

        Returns
        -------
        int
            Cents. Negative if the reviews cost more than they stop.

        Examples
        --------
        >>> Costs(review=300).compute_savings([1, 0], [True, True], [5000, 900])
        4400
        """
        lost = np.where(np.asarray(y, bool), cents, 0).sum()
        return int(lost - self.compute_flag_costs(y, flagged, cents).sum())
