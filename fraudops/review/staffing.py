"""A review desk as a queue: who sits there when, which case is taken next, and what the desk earns
after wages.
"""

import heapq
import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fraudops.errors import UserError
from fraudops.timeline import DAY

HOUR_SECONDS = 3600
CASE_ORDERS = ("expected loss", "highest score", "first come")


@dataclass(frozen=True)
class ReviewTeam:
    """The people who review, and what their time and the delay cost.

    Attributes
    ----------
    reviewers : how many sit down each day, one after another, evenly spread over the opening hours
    minutes : how long each of them sits there a day; a review that has begun is finished, and the
        overtime is paid
    wage : cents an hour
    half_life : hours after which a decision saves half of what it would have saved at once (the
        money moves on)
    due : hours after which a case that nobody has begun is released undecided
    opens, closes : opening hours, UTC
    """

    reviewers: int
    minutes: float = 60.0
    wage: int = 1800
    half_life: float = 6.0
    due: float = 24.0
    opens: float = 8.0
    closes: float = 20.0

    def __post_init__(self) -> None:
        span = (self.closes - self.opens) * 60
        if (
            self.reviewers < 0
            or not 0 < self.minutes <= span
            or self.wage < 0
            or self.half_life <= 0
            or self.due <= 0
        ):
            raise UserError(
                f"{self} is no desk: it takes 0 reviewers or more, between 0 and {span:g} "
                "minutes a day each, "
                f"a wage that is not negative, and positive half_life and due."
            )

    @property
    def daily_wages(self) -> float:
        """Cents a day without overtime."""
        return self.reviewers * self.minutes / 60 * self.wage

    def sittings(self, days: np.ndarray) -> np.ndarray:
        """Start and end (m, 2) of each sitting, in seconds since 1970, in order of their start.

        Parameters
        ----------
        days : (d,) the first second of each day on which the desk is open
        """
        middle = self.opens + (np.arange(self.reviewers) + 0.5) / max(self.reviewers, 1) * (
            self.closes - self.opens
        )
        start = (
            np.clip(middle - self.minutes / 120, self.opens, self.closes - self.minutes / 60)
            * HOUR_SECONDS
        )
        starts = np.sort((np.asarray(days, float)[:, None] + start).ravel())
        return np.column_stack([starts, starts + self.minutes * 60])


def rank_cases(
    order: str, ts: np.ndarray, probability: np.ndarray, cents: np.ndarray, half_life: float
) -> np.ndarray:
    """Who is taken first: the case with the lowest number (n,).

    'expected loss' is probability x amount x urgency, where the urgency is the share of the money
    that a decision now would still save, 2^(-age / half_life). All cases lose at the same rate, so
    the order between two of them never changes while they wait, and one number a case is enough:
    the logarithm of that product at a common moment.

    Parameters
    ----------
    half_life : hours

    Raises
    ------
    UserError
        If the order is none of `CASE_ORDERS`.
    """
    ts = np.asarray(ts, float)
    if order == "first come":
        return ts
    if order == "highest score":
        return -np.asarray(probability, float)
    if order == "expected loss":
        loss = np.maximum(np.asarray(probability, float) * np.asarray(cents, float), 1e-9)
        return -(
            np.log(loss)
            + (ts - ts.min(initial=math.inf)) * math.log(2) / (half_life * HOUR_SECONDS)
        )
    raise UserError(f"There is no order {order!r}: choose one of {', '.join(CASE_ORDERS)}.")


def assign_cases(
    ts: np.ndarray, takes: np.ndarray, first: np.ndarray, sittings: np.ndarray, due: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let the sittings work the queue off: whoever is free takes the waiting case with the lowest
    `first`.

    Parameters
    ----------
    ts, takes : (n,) arrival (s since 1970, ascending) and length of the review (s)
    first : (n,) as `rank_cases` gives it
    sittings : (m, 2) start and end; nobody begins a review at or after the end
    due : seconds; a case that has waited longer is begun by nobody

    Returns
    -------
    Begin and end of each review (n,), NaN where there is none, and its overtime: seconds after the
    end of the sitting.
    """
    begin, end, over = np.full(len(ts), np.nan), np.full(len(ts), np.nan), np.zeros(len(ts))
    free = [(float(start), float(until)) for start, until in sittings]
    heapq.heapify(free)
    waiting: list[tuple[float, int]] = []
    arrived = 0
    while free and (waiting or arrived < len(ts)):
        now, until = heapq.heappop(free)
        while arrived < len(ts) and ts[arrived] <= now:
            heapq.heappush(waiting, (float(first[arrived]), arrived))
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
        over[case] = max(0.0, end[case] - until)
        heapq.heappush(free, (float(end[case]), until))
    return begin, end, over


def simulate_reviews(
    queue: pd.DataFrame, desk: ReviewTeam, days: np.ndarray, order: str = "expected loss"
) -> pd.DataFrame:
    """What becomes of each case.

    Parameters
    ----------
    queue : in time order: ts (s), probability, amount_cents, takes (length of a review in s)
    days : (d,) the first second of each day; the desk also opens afterwards, until nothing can wait
        any longer

    Returns
    -------
    As queue, and: waited (hours until the review began; `desk.due` where none did), decided (bool),
    hours (from arrival to decision; NaN without one), overtime (s), still (share of the amount that
    the decision could still save; 0 without one).
    """
    ts = queue["ts"].to_numpy()
    if np.any(np.diff(ts) < 0):
        raise UserError("The queue is not in time order: sort it by ts.")
    extra = np.arange(1, math.ceil(desk.due / 24) + 1) * DAY + np.max(days, initial=0)
    sittings = desk.sittings(np.concatenate([days, extra]))
    first = rank_cases(order, ts, queue["probability"], queue["amount_cents"], desk.half_life)
    begin, end, over = assign_cases(
        ts, queue["takes"].to_numpy(), first, sittings, desk.due * HOUR_SECONDS
    )
    decided, hours = ~np.isnan(end), (end - ts) / HOUR_SECONDS
    waited = np.where(decided, (begin - ts) / HOUR_SECONDS, desk.due)
    still = np.where(decided, 2.0 ** -(np.nan_to_num(hours) / desk.half_life), 0.0)
    return queue.assign(waited=waited, decided=decided, hours=hours, overtime=over, still=still)


def compute_daily_earnings(
    played: pd.DataFrame, desk: ReviewTeam, days: np.ndarray, goodwill: int
) -> np.ndarray:
    """Cents that each day's cases earn, net of wages (d,); against approving everything that was
    flagged.

    A fraud that is called one saves what was still there. An honest customer called a fraud costs
    goodwill. Each day pays its wages, and the overtime that its cases caused. Days after the last
    are not paid: the desk is there for every day's rest.

    Parameters
    ----------
    played : what `simulate_reviews` gives, and fraud and called (bool): the truth, and what the
        reviewer says
    days : (d,) as in `simulate_reviews`; every case must belong to one of them
    goodwill : cents
    """
    fraud, called, decided = (
        played[name].to_numpy(bool) for name in ("fraud", "called", "decided")
    )
    stopped = np.where(decided & fraud & called, played["amount_cents"] * played["still"], 0.0)
    accused = np.where(decided & ~fraud & called, goodwill, 0)
    of_case = stopped - accused - played["overtime"].to_numpy() / HOUR_SECONDS * desk.wage
    place = np.searchsorted(days, played["ts"].to_numpy() // DAY * DAY)
    if not np.array_equal(
        np.asarray(days)[np.minimum(place, len(days) - 1)], played["ts"].to_numpy() // DAY * DAY
    ):
        raise UserError("A case belongs to none of the days: give every day of the queue.")
    return np.rint(np.bincount(place, of_case, minlength=len(days)) - desk.daily_wages).astype(
        np.int64
    )


def choose_team_sizes(queue: pd.DataFrame, desk: ReviewTeam, days: np.ndarray) -> np.ndarray:
    """Numbers of reviewers worth trying (at most 13, from 0 on): beyond the last nobody is short of
    time.
    """
    filled = queue["takes"].sum() / 60 / len(days) / desk.minutes
    return np.unique(np.linspace(0, np.ceil(1.3 * filled) + 2, 13).round().astype(int))


def compute_earnings_by_team_size(
    queue: pd.DataFrame,
    desk: ReviewTeam,
    numbers: np.ndarray,
    days: np.ndarray,
    goodwill: int,
    order: str = "expected loss",
) -> np.ndarray:
    """What `compute_daily_earnings` says for each number of reviewers (len(numbers), d), all else
    as at the desk: cents.
    """
    teams = [replace(desk, reviewers=int(number)) for number in numbers]
    return np.array(
        [
            compute_daily_earnings(simulate_reviews(queue, team, days, order), team, days, goodwill)
            for team in teams
        ]
    )
