"""Simulate a review team: who works when, which case comes next, and what the team earns."""

import heapq
import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fraudops.errors import UserError
from fraudops.review.policy import HALF_LIFE_HOURS
from fraudops.timeline import DAY

HOUR_SECONDS = 3600
CASE_ORDERS = ("expected loss", "highest score", "first come")


@dataclass(frozen=True)
class ReviewTeam:
    """The people who review, what their time costs, and what a delay costs.

    Attributes
    ----------
    reviewers : int
        Reviewers a day. They work one after another, evenly over the opening hours.
    minutes : float
        Working time of each reviewer a day. A review that has begun is finished; the overtime is
        paid.
    wage : int
        Cents an hour.
    half_life : float
        Hours after which a decision saves half of the amount, because the money moves on.
    due : float
        Hours after which a case that no reviewer has begun is released undecided.
    opens, closes : float
        Opening hours, UTC.
    """

    reviewers: int
    minutes: float = 60.0
    wage: int = 1800
    half_life: float = HALF_LIFE_HOURS
    due: float = 24.0
    opens: float = 8.0
    closes: float = 20.0

    def __post_init__(self) -> None:
        max_minutes = (self.closes - self.opens) * 60
        is_possible = (
            self.reviewers >= 0
            and 0 < self.minutes <= max_minutes
            and self.wage >= 0
            and self.half_life > 0
            and self.due > 0
        )
        if not is_possible:
            raise UserError(
                f"{self} is not possible: give 0 reviewers or more, more than 0 and at most "
                f"{max_minutes:g} minutes a day each, a wage that is not negative, and positive "
                "half_life and due."
            )

    @property
    def daily_wages(self) -> float:
        """Cents a day without overtime."""
        return self.reviewers * self.minutes / 60 * self.wage

    def compute_shifts(self, days: np.ndarray) -> np.ndarray:
        """Compute when reviewers work.

        Parameters
        ----------
        days : array of shape (d,)
            First second of each day on which the team works.

        Returns
        -------
        ndarray of shape (m, 2)
            Start and end of each shift in seconds since 1970, ordered by start.

        Examples
        --------
        >>> (ReviewTeam(1, minutes=60).compute_shifts([0]) / 3600).tolist()
        [[13.5, 14.5]]
        """
        place = (np.arange(self.reviewers) + 0.5) / max(self.reviewers, 1)
        middle = self.opens + place * (self.closes - self.opens)
        last_start = self.closes - self.minutes / 60
        start = np.clip(middle - self.minutes / 120, self.opens, last_start) * HOUR_SECONDS
        starts = np.sort((np.asarray(days, float)[:, None] + start).ravel())
        return np.column_stack([starts, starts + self.minutes * 60])

    def simulate(
        self, cases: pd.DataFrame, days: np.ndarray, order: str = "expected loss"
    ) -> pd.DataFrame:
        """Simulate the reviews of some cases.

        Parameters
        ----------
        cases : DataFrame
            Ordered by ``ts`` (seconds since 1970), with ``probability``, ``amount_cents`` and
            ``takes`` (seconds of a review).
        days : array of shape (d,)
            First second of each day. The team also works afterwards, until no case can wait longer.
        order : str, optional
            One of `CASE_ORDERS`.

        Returns
        -------
        DataFrame
            `cases` with ``waited`` (hours until the review begins; `due` if none does),
            ``decided`` (bool), ``hours`` (from arrival to decision; NaN without one), ``overtime``
            (seconds) and ``still`` (share of the amount that the decision saves; 0 without one).

        Raises
        ------
        UserError
            If the cases are not ordered by ``ts``, or the order is unknown.
        """
        ts = cases["ts"].to_numpy()
        if np.any(np.diff(ts) < 0):
            raise UserError("The cases are not in time order: sort them by ts.")
        extra_days = np.arange(1, math.ceil(self.due / 24) + 1) * DAY + np.max(days, initial=0)
        shifts = self.compute_shifts(np.concatenate([days, extra_days]))
        rank = rank_cases(order, ts, cases["probability"], cases["amount_cents"], self.half_life)
        begin, end, overtime = assign_cases(
            ts, cases["takes"].to_numpy(), rank, shifts, self.due * HOUR_SECONDS
        )
        decided, hours = ~np.isnan(end), (end - ts) / HOUR_SECONDS
        return cases.assign(
            waited=np.where(decided, (begin - ts) / HOUR_SECONDS, self.due),
            decided=decided,
            hours=hours,
            overtime=overtime,
            still=np.where(decided, 2.0 ** -(np.nan_to_num(hours) / self.half_life), 0.0),
        )

    def compute_daily_earnings(
        self, reviewed: pd.DataFrame, days: np.ndarray, goodwill: int
    ) -> np.ndarray:
        """Compute what the cases of each day earn, minus wages.

        The comparison is to approve everything that was flagged. A fraud that the reviewer finds
        saves what is left of its amount. An honest customer who is called a fraud costs goodwill.
        Each day pays its wages, and the overtime that its cases cause.

        Parameters
        ----------
        reviewed : DataFrame
            The result of `simulate`, with the columns ``fraud`` (the truth) and ``called`` (the
            reviewer says fraud), both bool.
        days : array of shape (d,)
            As in `simulate`. Every case must belong to one of them.
        goodwill : int
            Cents.

        Returns
        -------
        ndarray of int64, shape (d,)
            Cents.

        Raises
        ------
        UserError
            If a case belongs to none of the days.
        """
        fraud, called, decided = (
            reviewed[name].to_numpy(bool) for name in ("fraud", "called", "decided")
        )
        saved = np.where(
            decided & fraud & called, reviewed["amount_cents"] * reviewed["still"], 0.0
        )
        lost = np.where(decided & ~fraud & called, goodwill, 0)
        overtime = reviewed["overtime"].to_numpy() / HOUR_SECONDS * self.wage
        day = reviewed["ts"].to_numpy() // DAY * DAY
        place = np.searchsorted(days, day)
        if not np.array_equal(np.asarray(days)[np.minimum(place, len(days) - 1)], day):
            raise UserError("A case belongs to none of the days: give every day of the cases.")
        earned = np.bincount(place, saved - lost - overtime, minlength=len(days))
        return np.rint(earned - self.daily_wages).astype(np.int64)

    def choose_sizes(self, cases: pd.DataFrame, days: np.ndarray) -> np.ndarray:
        """Choose numbers of reviewers to compare.

        Parameters
        ----------
        cases : DataFrame
        days : array of shape (d,)

        Returns
        -------
        ndarray of int
            At most 13 numbers from 0 on. The last team has more time than the cases need.

        Examples
        --------
        >>> cases = pd.DataFrame({"takes": [600.0] * 12})
        >>> ReviewTeam(1, minutes=60).choose_sizes(cases, np.array([0])).tolist()
        [0, 1, 2, 3, 4, 5]
        """
        needed = cases["takes"].sum() / 60 / len(days) / self.minutes
        return np.unique(np.linspace(0, np.ceil(1.3 * needed) + 2, 13).round().astype(int))

    def compute_earnings_by_size(
        self,
        cases: pd.DataFrame,
        sizes: np.ndarray,
        days: np.ndarray,
        goodwill: int,
        order: str = "expected loss",
    ) -> np.ndarray:
        """Compute the daily earnings for several numbers of reviewers.

        Parameters
        ----------
        cases : DataFrame
            As in `simulate`, with ``fraud`` and ``called``.
        sizes : array of int, shape (s,)
        days : array of shape (d,)
        goodwill : int
            Cents.
        order : str, optional

        Returns
        -------
        ndarray of int64, shape (s, d)
            Cents.
        """
        teams = [replace(self, reviewers=int(size)) for size in sizes]
        return np.array(
            [
                team.compute_daily_earnings(team.simulate(cases, days, order), days, goodwill)
                for team in teams
            ]
        )


def rank_cases(
    order: str, ts: np.ndarray, probability: np.ndarray, cents: np.ndarray, half_life: float
) -> np.ndarray:
    """Rank cases: the one with the lowest number is reviewed first.

    ``expected loss`` is probability x amount x 2^(-age / half_life): what a decision now can still
    save. All cases lose value at the same rate. So the order of two cases never changes, and the
    logarithm of the product at a common moment is enough.

    Parameters
    ----------
    order : str
        One of `CASE_ORDERS`.
    ts, probability, cents : array of shape (n,)
    half_life : float
        Hours.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    UserError
        If the order is unknown.

    Examples
    --------
    >>> rank_cases("highest score", [0, 1], [0.2, 0.9], [100, 100], 6.0)
    array([-0.2, -0.9])
    """
    ts = np.asarray(ts, float)
    if order == "first come":
        return ts
    if order == "highest score":
        return -np.asarray(probability, float)
    if order == "expected loss":
        loss = np.maximum(np.asarray(probability, float) * np.asarray(cents, float), 1e-9)
        age_term = (ts - ts.min(initial=math.inf)) * math.log(2) / (half_life * HOUR_SECONDS)
        return -(np.log(loss) + age_term)
    raise UserError(f"There is no order {order!r}: choose one of {', '.join(CASE_ORDERS)}.")


def assign_cases(
    ts: np.ndarray, takes: np.ndarray, rank: np.ndarray, shifts: np.ndarray, due: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Assign cases to shifts: a free reviewer takes the waiting case with the lowest rank.

    Parameters
    ----------
    ts : ndarray of shape (n,)
        Arrival in seconds since 1970, ascending.
    takes : ndarray of shape (n,)
        Seconds of the review.
    rank : ndarray of shape (n,)
        See `rank_cases`.
    shifts : ndarray of shape (m, 2)
        Start and end. No review begins at or after the end.
    due : float
        Seconds. No review of a case begins after it has waited longer.

    Returns
    -------
    begin, end : ndarray of shape (n,)
        Of each review; NaN if there is none.
    overtime : ndarray of shape (n,)
        Seconds after the end of the shift.
    """
    begin, end = np.full(len(ts), np.nan), np.full(len(ts), np.nan)
    overtime = np.zeros(len(ts))
    free = [(float(start), float(until)) for start, until in shifts]
    heapq.heapify(free)
    waiting: list[tuple[float, int]] = []
    arrived = 0
    while free and (waiting or arrived < len(ts)):
        now, until = heapq.heappop(free)
        while arrived < len(ts) and ts[arrived] <= now:
            heapq.heappush(waiting, (float(rank[arrived]), arrived))
            arrived += 1
        while waiting and now - ts[waiting[0][1]] > due:
            heapq.heappop(waiting)
        if now >= until:
            continue
        if not waiting:
            if arrived < len(ts):
                heapq.heappush(free, (float(ts[arrived]), until))
            continue
        case = heapq.heappop(waiting)[1]
        begin[case], end[case] = now, now + takes[case]
        overtime[case] = max(0.0, end[case] - until)
        heapq.heappush(free, (float(end[case]), until))
    return begin, end, overtime
