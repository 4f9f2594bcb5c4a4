"""The decision policy: approve, review or block a transaction, whichever is expected to cost least.

With a calibrated probability of fraud p and an amount, the expected costs are

- approve: p × (amount + fee of a chargeback),
- review: an analyst's time, and the share of frauds that reviewers miss,
- block: (1 − p) × goodwill of an honest customer.

Sources: Elkan (2001, The foundations of cost-sensitive learning) for decisions by expected cost;
Bahnsen, Stojanovic, Aouada and Ottersten (2013, Cost sensitive credit card fraud detection using
Bayes minimum risk; 2016, Feature engineering strategies for credit card fraud detection) for costs
that depend on the amount, and for savings.

A team can do a limited number of reviews a day. A service cannot see the rest of the day, so it
cannot sort the day's transactions first. Instead each review must be expected to save at least the
*price of capacity*: what the least useful review within the limit has saved on recent days. This
is the bid-price control of revenue management (Talluri and van Ryzin 1998, An analysis of bid-price
controls for network revenue management). The limit therefore holds on average, and not on each day.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from fraudops.errors import UserError
from fraudops.timeline import DAY, MAX_TS

RECENT_DAYS = 7  # days from which the price of capacity is learnt
DECISIONS = ("approve", "review", "block")
MAX_CENTS = 10**12  # of an amount or a cost; sums of a million of them are exact
ROUNDING_CENTS = 1e-6  # a review that saves exactly the price is done, whatever is rounded
NEVER = 1.01  # a threshold above every probability


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def amount_to_cents(amount: np.ndarray) -> np.ndarray:
    """Convert amounts to whole cents.

    Parameters
    ----------
    amount : array of shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)

    Examples
    --------
    >>> amount_to_cents([12.34]).tolist()
    [1234]
    """
    return np.rint(np.asarray(amount, float) * 100).astype(np.int64)


@dataclass(frozen=True)
class DecisionPolicy:
    """What decisions cost, and how many reviews a team can do.

    Attributes
    ----------
    review : int
        Cents for the time that an analyst spends on one transaction.
    goodwill : int
        Cents lost if a transaction is blocked and its customer was honest.
    chargeback_fee : int
        Cents that an approved fraud costs beside its amount.
    miss_rate : float
        Share of the reviewed frauds that reviewers take for genuine, at least 0 and below 1.
    capacity : int or None
        Reviews that the team can do in a day; None: without limit.
    capacity_price : float
        Cents that a review must be expected to save beyond its cost, because the team can do no
        more. See `learn_capacity_price`.

    Raises
    ------
    UserError
        If a cost is negative, if a block costs nothing (everything would be blocked), if the
        capacity is below 1, or if `miss_rate` is not a share.

    Examples
    --------
    >>> policy = DecisionPolicy(review=300, goodwill=3000)
    >>> policy.make_decisions([0.01, 0.01, 0.95], [5_000, 81_200, 81_200]).tolist()
    ['approve', 'review', 'block']
    >>> policy.compute_decision_costs([1, 0, 0], ["approve", "review", "block"], [5000, 700, 900])
    array([5000,  300, 3000])
    """

    review: int = 300
    goodwill: int = 3000
    chargeback_fee: int = 0
    miss_rate: float = 0.0
    capacity: int | None = None
    capacity_price: float = 0.0

    def __post_init__(self) -> None:
        for name in ("review", "goodwill", "chargeback_fee"):
            value = getattr(self, name)
            if not _is_whole(value) or not 0 <= value <= MAX_CENTS:
                raise UserError(
                    f"The decision policy has {name} = {value!r}: give whole cents, at least 0 and "
                    f"at most {MAX_CENTS}."
                )
        if not (isinstance(self.capacity_price, int | float) and 0 <= self.capacity_price < 1e15):
            raise UserError(
                f"The decision policy has capacity_price = {self.capacity_price!r}: give cents, at "
                "least 0."
            )
        if self.goodwill == 0:
            raise UserError(
                "The decision policy has goodwill = 0: a block would cost nothing, and every "
                "transaction would be blocked. Give the cents that an honest customer is worth."
            )
        if not 0 <= self.miss_rate < 1:
            raise UserError(
                f"The decision policy has miss_rate = {self.miss_rate}: give a share from 0 to "
                "below 1. Reviewers who miss every fraud are of no use."
            )
        if self.capacity is not None and (not _is_whole(self.capacity) or self.capacity < 1):
            raise UserError(
                f"The decision policy has capacity = {self.capacity!r}: give a whole number of at "
                "least 1 review a day, or None for a team without limit."
            )

    @classmethod
    def from_record(cls, record: dict) -> "DecisionPolicy":
        """Make a policy from the dict of `to_record`.

        Parameters
        ----------
        record : dict

        Returns
        -------
        DecisionPolicy

        Raises
        ------
        UserError
            If a field is unknown or missing, or a value is refused.
        """
        wanted = {one.name for one in fields(cls)}
        if set(record) != wanted:
            raise UserError(
                f"A decision policy has the fields {sorted(wanted)}, and the record has "
                f"{sorted(record)}. Train the model again: `fraudops run --until 3_1_champion`."
            )
        return cls(**record)

    def to_record(self) -> dict:
        """Convert the policy to values for JSON.

        Returns
        -------
        dict
        """
        return asdict(self)

    @property
    def _surcharge(self) -> float:
        """Cents on top of a review; a review that saves exactly the price is done."""
        return max(self.capacity_price - ROUNDING_CENTS, 0.0)

    @property
    def version(self) -> str:
        """Eight characters that differ if a parameter differs.

        Examples
        --------
        >>> DecisionPolicy().version == DecisionPolicy(review=301).version
        False
        """
        text = json.dumps(self.to_record(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def compute_expected_costs(self, p: np.ndarray, cents: np.ndarray) -> np.ndarray:
        """Compute what each decision is expected to cost, without the price of capacity.

        Parameters
        ----------
        p : array of shape (n,)
            Calibrated probabilities of fraud.
        cents : array of shape (n,)
            Amounts.

        Returns
        -------
        ndarray of float, shape (n, 3)
            Cents of `DECISIONS`.

        Raises
        ------
        UserError
            If a value is not a probability, an amount is negative, or the lengths differ.

        Examples
        --------
        >>> DecisionPolicy().compute_expected_costs([0.5], [1000]).tolist()
        [[500.0, 300.0, 1500.0]]
        """
        p, cents = np.asarray(p, float), np.asarray(cents, float)
        _check_lengths(p=p, cents=cents)
        if not ((p >= 0) & (p <= 1)).all():
            raise UserError(
                "The decision policy needs calibrated probabilities from 0 to 1, and got a value "
                "outside. Use `FittedModel.predict_probability`."
            )
        _check_cents(cents)
        approve = p * (cents + self.chargeback_fee)
        return np.stack(
            [approve, self.review + self.miss_rate * approve, (1 - p) * self.goodwill], axis=1
        )

    def make_decisions(self, p: np.ndarray, cents: np.ndarray) -> np.ndarray:
        """Choose the cheapest decision for each transaction.

        Parameters
        ----------
        p : array of shape (n,)
        cents : array of shape (n,)

        Returns
        -------
        ndarray of str, shape (n,)
            Of equally cheap ones the first of `DECISIONS`. But under a price of capacity a review
            that saves exactly the price is done. So a team gets more reviews than its capacity
            if many transactions save exactly the same.

        Examples
        --------
        >>> DecisionPolicy().make_decisions([0.2, 0.2, 1.0], [1000, 9000, 9000]).tolist()
        ['approve', 'review', 'block']
        """
        costs = self.compute_expected_costs(p, cents)
        costs[:, 1] += self._surcharge
        return np.array(DECISIONS)[costs.argmin(axis=1)]

    def compute_expected_loss(
        self, p: np.ndarray, cents: np.ndarray, decision: np.ndarray
    ) -> np.ndarray:
        """Compute what the taken decisions are expected to cost.

        Parameters
        ----------
        p : array of shape (n,)
        cents : array of shape (n,)
        decision : array of str, shape (n,)

        Returns
        -------
        ndarray of float, shape (n,)
            Cents.

        Examples
        --------
        >>> DecisionPolicy().compute_expected_loss([0.1], [1000], ["approve"]).tolist()
        [100.0]
        """
        costs = self.compute_expected_costs(p, cents)
        decision = _check_decisions(decision)
        _check_lengths(costs=costs, decision=decision)
        column = [DECISIONS.index(one) for one in decision]
        return costs[np.arange(len(costs)), column]

    def compute_thresholds(self, cents: np.ndarray) -> np.ndarray:
        """Compute the probability above which an amount is not approved.

        Parameters
        ----------
        cents : array of shape (n,)

        Returns
        -------
        ndarray of float, shape (n,)
            Above 1 where every probability is approved.

        Examples
        --------
        >>> DecisionPolicy(review=300).compute_thresholds([1000, 100, 0]).tolist()
        [0.3, 0.967741935483871, 1.01]
        """
        _check_cents(cents)
        lost = np.asarray(cents, float) + self.chargeback_fee
        with np.errstate(divide="ignore", invalid="ignore"):
            for_review = (self.review + self._surcharge) / (lost * (1 - self.miss_rate))
        for_block = self.goodwill / (lost + self.goodwill)
        return np.where(lost > 0, np.fmin(for_review, for_block), NEVER)

    def learn_capacity_price(
        self, p: np.ndarray, cents: np.ndarray, days: float
    ) -> "DecisionPolicy":
        """Learn from recent days what a review must be expected to save.

        Sort the recent transactions by what a review was expected to save, the largest first, and
        count down to the capacity of these days. What the last review within it saves is the
        price.

        Parameters
        ----------
        p : array of shape (n,)
            Probabilities of the model that will decide, for all transactions of these days.
        cents : array of shape (n,)
        days : float
            Number of days, above 0.

        Returns
        -------
        DecisionPolicy
            With `capacity_price`; 0 if the team could do all reviews that pay, or has no limit.

        Examples
        --------
        >>> policy = DecisionPolicy(review=300, goodwill=90_000, capacity=2)
        >>> policy.learn_capacity_price([0.5, 0.5, 0.5], [1000, 2000, 4000], days=1).capacity_price
        700.0

        A review of the purchase of 40 euros is expected to save 17 euros, one of the purchase of 20
        euros 7 euros, and one of the purchase of 10 euros 2 euros. The team can do two.
        """
        if self.capacity is None:
            return replace(self, capacity_price=0.0)
        if not days > 0:
            raise UserError(f"The price of capacity needs recent days, and got {days}.")
        approve, review, block = self.compute_expected_costs(p, cents).T
        saved = np.sort(np.minimum(approve, block) - review)[::-1]
        n_reviews = max(math.floor(self.capacity * days), 1)
        pays = saved[saved > 0]
        price = float(pays[n_reviews - 1]) if n_reviews < len(pays) else 0.0
        return replace(self, capacity_price=price)

    def make_daily_decisions(
        self, p: np.ndarray, cents: np.ndarray, ts: np.ndarray, recent_days: int = RECENT_DAYS
    ) -> np.ndarray:
        """Decide day by day, each day with the price of capacity that the days before it teach.

        Parameters
        ----------
        p, cents : array of shape (n,)
        ts : array of int, shape (n,)
            Seconds since 1970.
        recent_days : int, optional
            Days before a day from which the price is learnt. The first day has no day before it:
            it has the price of the policy.

        Returns
        -------
        ndarray of str, shape (n,)

        Raises
        ------
        UserError
            If a time is no second since 1970, or as in `compute_expected_costs`.
        """
        p, cents, ts = np.asarray(p, float), np.asarray(cents), np.asarray(ts)
        if not recent_days >= 1:
            raise UserError(f"The price of capacity needs at least 1 recent day: {recent_days}.")
        _check_lengths(p=p, cents=cents, ts=ts)
        if len(ts) and not (ts.min() >= 0 and ts.max() < MAX_TS):
            raise UserError(
                f"The decision policy needs times in seconds since 1970, and got {ts.max()}. "
                "Divide milliseconds by 1,000."
            )
        day = ts // DAY
        decisions = np.full(len(p), "approve", dtype="<U7")
        for today in np.unique(day):
            recent, inside = (day >= today - recent_days) & (day < today), day == today
            policy = self
            if recent.any():
                n_days = len(np.unique(day[recent]))
                policy = self.learn_capacity_price(p[recent], cents[recent], n_days)
            decisions[inside] = policy.make_decisions(p[inside], cents[inside])
        return decisions

    def describe_decision(self, p: float, cents: int, decision: str) -> str:
        """Give the reason for a decision in one sentence.

        Parameters
        ----------
        p : float
        cents : int
        decision : str
            What `make_decisions` has chosen.

        Returns
        -------
        str

        Examples
        --------
        >>> DecisionPolicy().describe_decision(0.009, 81_200, "review")
        'review: 0.9 % of 812.00 € is 7.31 €, which is more than a review costs (3.00 €)'
        """
        if decision not in DECISIONS:
            _check_decisions([decision])
        costs = dict(zip(DECISIONS, self.compute_expected_costs([p], [cents])[0], strict=True))
        fee = f" and a fee of {self.chargeback_fee / 100:,.2f} €" if self.chargeback_fee else ""
        risk = f"{100 * p:.3g} % of {cents / 100:,.2f} €{fee} is {costs['approve'] / 100:,.2f} €"
        price = f"{costs['review'] / 100:,.2f} €"
        if self.capacity_price:
            price += f", and {self.capacity_price / 100:,.2f} € because the team can do no more"
        block = f"{100 * (1 - p):.3g} % of the goodwill is {costs['block'] / 100:,.2f} €"
        if decision == "review":
            return f"review: {risk}, which is more than a review costs ({price})"
        if decision == "block":
            return f"block: {risk}, and a block costs less than that and than a review: {block}"
        return f"approve: {risk}, and a review does not cost less ({price})"

    def compute_decision_costs(
        self, y: np.ndarray, decision: np.ndarray, cents: np.ndarray
    ) -> np.ndarray:
        """Compute what each decision has cost.

        A review finds a fraud, except for the share `miss_rate`: a reviewed fraud also costs this
        share of its amount and fee.

        Parameters
        ----------
        y : array of shape (n,)
            1 or True is a fraud, 0 or False is genuine.
        decision : array of str, shape (n,)
            See `make_decisions`.
        cents : array of shape (n,)

        Returns
        -------
        ndarray of int64, shape (n,)
            Cents: a review, the goodwill of an honest customer, or the amount of a fraud and its
            fee.

        Raises
        ------
        UserError
            If a label is not 0 or 1, a decision is unknown, an amount is negative, or the lengths
            differ.

        Examples
        --------
        >>> policy = DecisionPolicy()
        >>> policy.compute_decision_costs([1, 0], ["approve", "block"], [5000, 900]).tolist()
        [5000, 3000]
        """
        y, decision = np.asarray(y), _check_decisions(decision)
        _check_lengths(y=y, decision=decision, cents=cents)
        _check_cents(cents)
        cents = np.asarray(cents).astype(np.int64)
        if y.dtype.kind not in "biuf" or not np.isin(y, (0, 1)).all():
            raise UserError("Labels must be 1 (fraud) or 0 (genuine): leave out unknown labels.")
        y = y.astype(bool)
        lost = np.where(y, cents + self.chargeback_fee, 0)
        reviewed = self.review + np.rint(self.miss_rate * lost)
        blocked = np.where(y, 0, self.goodwill)
        choices = [decision == "review", decision == "block"]
        return np.select(choices, [reviewed, blocked], lost).astype(np.int64)


def _check_lengths(**arrays: np.ndarray) -> None:
    shapes = {
        name: np.shape(one)[:1] if name == "costs" else np.shape(one)
        for name, one in arrays.items()
    }
    if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise UserError(f"The decision policy needs one value for each transaction, got {shapes}.")


def _check_cents(cents: np.ndarray) -> None:
    cents = np.asarray(cents, float)
    if not ((cents >= 0) & (cents <= MAX_CENTS)).all():
        raise UserError(
            f"The decision policy needs amounts of at least 0 cents and at most {MAX_CENTS}, and "
            "got another."
        )


def _check_decisions(decision: np.ndarray) -> np.ndarray:
    """Return the decisions as an array, after a check of their names."""
    decision = np.asarray(decision)
    unknown = set(np.unique(decision).tolist()) - set(DECISIONS)
    if unknown:
        raise UserError(f"Unknown decisions {sorted(map(str, unknown))}: use one of {DECISIONS}.")
    return decision
