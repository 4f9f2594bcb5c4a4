"""Money once per compromise: after the first caught fraud of a card, the rest is stopped.

A stolen card is used several times. Money per transaction counts each of these frauds by its own
decision. But a caught fraud has a consequence: the card is blocked and replaced, and its later
frauds cannot happen. So the first catch of a card saves more than its own amount, and before a late
first catch money is lost already. Hand, Whitrow, Adams, Juszczak and Weston (2008, Performance
criteria for plastic card fraud detection tools) judge a tool also by how early it finds the fraud
of an account.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fraudops.errors import UserError
from fraudops.models.decision import DecisionPolicy
from fraudops.timeline import DAY

COMPROMISE_DAYS = 30  # days after its first fraud in which a card's frauds are one compromise
GENUINE = -1  # the compromise of a genuine transaction: none


def assign_compromises(
    y: np.ndarray, customer: np.ndarray, ts: np.ndarray, days: int = COMPROMISE_DAYS
) -> np.ndarray:
    """Assign each known fraud to a compromise of its card, from what an operation knows.

    A card's first fraud begins a compromise. A fraud belongs to it until `days` have passed since
    that first fraud; the next one begins a new compromise. A customer has one card. If the data
    said when a card was replaced, then the card's next genuine use after a replacement would begin
    a new compromise too. No source of this course has this event today.

    A campaign on many cards, like that of a skimmed terminal, is one compromise for each card. Only
    the given rows count: if a card's earlier frauds are not among them, its compromise begins with
    the first one that is.

    Parameters
    ----------
    y : array of shape (n,)
        1 is a fraud.
    customer : array of shape (n,)
    ts : array of int, shape (n,)
        Seconds since 1970.
    days : int, optional

    Returns
    -------
    ndarray of int64, shape (n,)
        Number of the compromise; `GENUINE` for a genuine transaction. The order of the rows does
        not matter.

    Raises
    ------
    UserError
        If the columns differ in length, or `days` is below 1.

    Examples
    --------
    >>> ts = np.array([0, 1, 2, 3, 31]) * 86_400
    >>> assign_compromises([1, 1, 0, 1, 1], ["a", "b", "a", "a", "a"], ts).tolist()
    [0, 2, -1, 0, 1]
    """
    y, customer, ts = np.asarray(y), np.asarray(customer), np.asarray(ts, np.int64)
    _require_equal_lengths(y=y, customer=customer, ts=ts)
    if days < 1:
        raise UserError(f"A compromise needs at least 1 day, and got {days}.")
    found = np.full(len(y), GENUINE, np.int64)
    frauds = np.flatnonzero(y == 1)
    card, _ = pd.factorize(customer[frauds], sort=True)
    number, last_card, border = GENUINE, GENUINE, 0
    for place in np.lexsort((ts[frauds], card)):
        at = ts[frauds[place]]
        if card[place] != last_card or at >= border:
            number, last_card, border = number + 1, card[place], at + days * DAY
        found[frauds[place]] = number
    return found


def find_stopped_frauds(caught: np.ndarray, ts: np.ndarray, compromise: np.ndarray) -> np.ndarray:
    """Find the frauds that cannot happen, because an earlier one of their compromise was caught.

    Parameters
    ----------
    caught : array of bool, shape (n,)
        True for a fraud that was blocked, or that a review has found.
    ts : array of int, shape (n,)
        Seconds since 1970. A catch stops frauds of later seconds, and none of its own second.
    compromise : array of int, shape (n,)
        See `assign_compromises`.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> find_stopped_frauds([False, True, False, False], [1, 2, 3, 4], [0, 0, 0, -1]).tolist()
    [False, False, True, False]
    """
    ts, compromise = np.asarray(ts, np.int64), np.asarray(compromise, np.int64)
    caught = np.asarray(caught, bool)
    _require_equal_lengths(caught=caught, ts=ts, compromise=compromise)
    is_fraud = compromise != GENUINE
    first_catch = _find_first(ts, compromise, caught & is_fraud)
    stopped = np.zeros(len(ts), bool)
    stopped[is_fraud] = ts[is_fraud] > first_catch[compromise[is_fraud]]
    return stopped


def compute_compromise_costs(
    policy: DecisionPolicy,
    y: np.ndarray,
    decision: np.ndarray,
    cents: np.ndarray,
    ts: np.ndarray,
    compromise: np.ndarray,
) -> np.ndarray:
    """Compute what each decision has cost, if money is counted once per compromise.

    Frauds before the first catch cost their amount and fee, like per transaction. The first caught
    one costs its review, or nothing if it was blocked. Every later fraud of the compromise costs
    nothing, whatever its own decision. Genuine transactions cost the same as per transaction. So no
    row costs more than `DecisionPolicy.compute_decision_costs` says.

    This assumes that the review is done before the next fraudulent purchase, that a review finds
    the truth, and that the card is then blocked and replaced. It assumes also that the thief does
    not get the new card: a fraud on it within the 30 days counts as stopped, so where the thief has
    the account and not only the card, the true cost is higher. The genuine purchases of the
    replaced card go on.

    Parameters
    ----------
    policy : DecisionPolicy
    y : array of shape (n,)
        1 is a fraud.
    decision : array of str, shape (n,)
    cents : array of shape (n,)
    ts : array of int, shape (n,)
    compromise : array of int, shape (n,)
        See `assign_compromises`. A simulated world also knows the true campaigns: see
        `fraudops.simulator.find_true_compromises`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Cents. Saved is the sum of the amounts of all frauds, less the sum of these costs.

    Raises
    ------
    UserError
        If a fraud has no compromise, or a genuine transaction has one.

    Examples
    --------
    >>> day = np.arange(4)
    >>> decision = ["approve", "review", "approve", "review"]
    >>> costs = [DecisionPolicy(review=300), [1, 1, 1, 0], decision, [5000] * 4, day, [0, 0, 0, -1]]
    >>> compute_compromise_costs(*costs).tolist()
    [5000, 300, 0, 300]
    """
    y, compromise = np.asarray(y), np.asarray(compromise)
    _require_equal_lengths(y=y, compromise=compromise)
    if ((y == 1) != (compromise != GENUINE)).any():
        raise UserError(
            "Each fraud needs a compromise, and a genuine transaction has none (-1). Make the "
            "compromises from the same labels, with `assign_compromises`."
        )
    caught = (y == 1) & (np.asarray(decision) != "approve")
    stopped = find_stopped_frauds(caught, ts, compromise)
    return np.where(stopped, 0, policy.compute_decision_costs(y, decision, cents))


@dataclass(frozen=True)
class FirstCatches:
    """How early compromises were caught.

    Attributes
    ----------
    compromises : int
    caught_at_first : float
        Share of the compromises whose first fraud was caught: the recall of cards at their first
        fraud. NaN without compromises.
    caught : float
        Share of the compromises of which any fraud was caught.
    lost_before_catch_cents : int
        Amounts of the frauds that were approved before the first catch of their compromise.
    lost_uncaught_cents : int
        Amounts of the frauds of compromises that were never caught.
    """

    compromises: int
    caught_at_first: float
    caught: float
    lost_before_catch_cents: int
    lost_uncaught_cents: int


def summarize_first_catches(
    caught: np.ndarray, cents: np.ndarray, ts: np.ndarray, compromise: np.ndarray
) -> FirstCatches:
    """Count how many compromises were caught, how early, and what was lost before.

    Parameters
    ----------
    caught : array of bool, shape (n,)
        True for a fraud that was not approved. What it says of genuine rows does not matter.
    cents : array of shape (n,)
    ts : array of int, shape (n,)
    compromise : array of int, shape (n,)
        See `assign_compromises`.

    Returns
    -------
    FirstCatches

    Examples
    --------
    >>> summarize_first_catches([False, True, True], [900, 700, 800], [1, 2, 3], [0, 0, 1])
    FirstCatches(compromises=2, caught_at_first=0.5, caught=1.0, lost_before_catch_cents=900, \
lost_uncaught_cents=0)
    """
    caught, cents, ts = np.asarray(caught, bool), np.asarray(cents), np.asarray(ts, np.int64)
    compromise = np.asarray(compromise, np.int64)
    _require_equal_lengths(caught=caught, cents=cents, ts=ts, compromise=compromise)
    is_fraud = compromise != GENUINE
    caught = caught & is_fraud
    names = np.unique(compromise[is_fraud])
    if not len(names):
        return FirstCatches(0, float("nan"), float("nan"), 0, 0)
    first_catch = _find_first(ts, compromise, caught)
    first_fraud = _find_first(ts, compromise, is_fraud)
    was_caught = first_catch < NEVER_CAUGHT
    lost = is_fraud & ~caught & ~find_stopped_frauds(caught, ts, compromise)
    before_catch = np.zeros(len(ts), bool)
    before_catch[is_fraud] = was_caught[compromise[is_fraud]]
    return FirstCatches(
        len(names),
        float((first_catch[names] == first_fraud[names]).mean()),
        float(was_caught[names].mean()),
        int(cents[lost & before_catch].sum()),
        int(cents[lost & ~before_catch].sum()),
    )


NEVER_CAUGHT = np.iinfo(np.int64).max


def _find_first(ts: np.ndarray, compromise: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Find the time of the first chosen row of each compromise, indexed by its number."""
    first = np.full(compromise.max(initial=GENUINE) + 1, NEVER_CAUGHT)
    np.minimum.at(first, compromise[chosen], ts[chosen])
    return first


def _require_equal_lengths(**columns: np.ndarray) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f"The columns of compromises differ in length: {lengths}.")
