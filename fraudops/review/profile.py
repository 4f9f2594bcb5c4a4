"""What is usual for a customer, beside the transaction of a case."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fraudops.timeline import DAY

_HOUR = 3600
USUAL_SHARE = 0.1  # a category, channel or time of day below this share is unusual
HOURS_AROUND = 2  # hours before and after that count as the same time of day
MIN_HISTORY = 5  # transactions, before anything is called unusual
KM_PER_CENTIDEGREE = 1.112


@dataclass(frozen=True)
class ProfileLine:
    """One line of a profile.

    Attributes
    ----------
    about : str
    usual : str
    now : str
        The same of this transaction.
    unusual : bool
    """

    about: str
    usual: str
    now: str
    unusual: bool = False


def describe_customer(past: pd.DataFrame, about: dict[str, Any]) -> list[ProfileLine]:
    """Describe what is usual for a customer, and what this transaction is like.

    Parameters
    ----------
    past : DataFrame
        Earlier transactions of the customer, see `review.Case`.
    about : dict of str to Any
        The transaction.

    Returns
    -------
    list of ProfileLine
        Amount, time of day, category, channel, terminal, place, velocity.
    """
    if past.empty:
        return []
    known = len(past) >= MIN_HISTORY
    return [
        _describe_amount(past, about, known),
        _describe_hour(past, about, known),
        _describe_share("Category", past["category"], about["category"], known),
        _describe_share("Channel", past["channel"], about["channel"], known),
        _describe_terminal(past, about, known),
        *_describe_place(past, about, known),
        _describe_velocity(past, about, known),
    ]


def _describe_amount(past: pd.DataFrame, about: dict[str, Any], known: bool) -> ProfileLine:
    euros, amount = past["amount_cents"] / 100, about["amount_cents"] / 100
    low, middle, high = np.quantile(euros, [0.1, 0.5, 0.9])
    usual = f"{low:,.0f} to {high:,.0f} €, median {middle:,.0f} €"
    times = amount / max(middle, 0.01)
    factor = f"{times:,.1f} × the median" if times < 1_000 else "over 1,000 × the median"
    return ProfileLine(
        "Amount", usual, f"{amount:,.2f} €, {factor}", known and amount > euros.max()
    )


def _describe_hour(past: pd.DataFrame, about: dict[str, Any], known: bool) -> ProfileLine:
    hours, now = past["ts"] % DAY / _HOUR, about["ts"] % DAY / _HOUR
    apart = np.abs(hours - now)
    share = float((np.minimum(apart, 24 - apart) <= HOURS_AROUND).mean())
    low, high = _find_busy_hours(hours.to_numpy())
    return ProfileLine(
        "Hours (UTC)",
        f"most from {low:02d} to {high:02d} h",
        f"{int(now):02d}:{int(now * 60 % 60):02d}; {share:.0%} within {HOURS_AROUND} hours of it",
        known and share < USUAL_SHARE,
    )


def _find_busy_hours(hours: np.ndarray) -> tuple[int, int]:
    """Find the shortest stretch of whole hours, around the clock, with 80 % of the transactions."""
    counts = np.bincount(hours.astype(int) % 24, minlength=24)
    wanted = 0.8 * counts.sum()
    for length in range(1, 25):
        inside = [np.take(counts, range(at, at + length), mode="wrap").sum() for at in range(24)]
        if max(inside) >= wanted:
            return int(np.argmax(inside)), int(np.argmax(inside) + length) % 24
    return 0, 24


def _describe_share(about: str, values: pd.Series, now: str, known: bool) -> ProfileLine:
    shares = values.value_counts(normalize=True)
    usual = ", ".join(f"{name} {share:.0%}" for name, share in shares.head(3).items())
    share = float(shares.get(now, 0.0))
    text = f"{now}, {share:.0%} before" if share else f"{now}, never before"
    return ProfileLine(about, usual, text, known and share < USUAL_SHARE)


def _describe_terminal(past: pd.DataFrame, about: dict[str, Any], known: bool) -> ProfileLine:
    visits = int((past["terminal_id"] == about["terminal_id"]).sum())
    often = f"{visits} times before" if visits != 1 else "once before"
    return ProfileLine(
        "Terminal",
        f"{past['terminal_id'].nunique():,} terminals",
        often if visits else "never before",
        known and not visits and past["terminal_id"].nunique() < len(past) / 2,
    )


def _describe_place(past: pd.DataFrame, about: dict[str, Any], known: bool) -> list[ProfileLine]:
    """Describe the distance from the usual place; nothing if the places are not known."""
    places = past[["lat_cdeg", "lon_cdeg"]].dropna().to_numpy(float)
    if not len(places) or about["lat_cdeg"] is None or about["lon_cdeg"] is None:
        return []
    middle = np.median(places, axis=0)
    distances = np.hypot(*project_places(places, middle).T)
    here = np.array([[about["lat_cdeg"], about["lon_cdeg"]]], float)
    away = float(np.hypot(*project_places(here, middle).T)[0])
    far = float(np.quantile(distances, 0.9))
    return [
        ProfileLine(
            "Place",
            f"9 of 10 within {far:,.0f} km of the middle",
            f"{away:,.0f} km from it",
            known and away > max(distances.max(), 1.0),
        )
    ]


def project_places(places: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Project places on a plane that touches the globe at the middle.

    Parameters
    ----------
    places : ndarray of shape (n, 2)
        Latitude and longitude in hundredths of a degree.
    middle : ndarray of shape (2,)

    Returns
    -------
    ndarray of shape (n, 2)
        Kilometres to the east and to the north of the middle.

    Examples
    --------
    >>> project_places(np.array([[100, 0]]), np.array([0, 0])).round(1).tolist()
    [[0.0, 111.2]]
    """
    north, east = ((places - middle) * KM_PER_CENTIDEGREE).T
    return np.column_stack([east * np.cos(np.radians(middle[0] / 100)), north])


def _describe_velocity(past: pd.DataFrame, about: dict[str, Any], known: bool) -> ProfileLine:
    before = about["ts"] - past["ts"].to_numpy()
    last_day = before <= DAY
    span = max((about["ts"] - past["ts"].min()) / DAY, 1.0)
    per_day = len(past) / span
    euros = past["amount_cents"].to_numpy()[last_day].sum() / 100
    return ProfileLine(
        "Velocity",
        f"{per_day:.1f} a day",
        f"{int((before <= _HOUR).sum())} in the hour and {int(last_day.sum())} in the day before "
        f"({euros:,.0f} €)",
        known and int(last_day.sum()) > 3 * per_day + 2,
    )
