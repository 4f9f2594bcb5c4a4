"""The geography of the course world: merchants that open and close, neighborhoods, seasons."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from fraudops.simulator.config import SimulatorConfig
from fraudops.simulator.rng import CounterRng
from fraudops.timeline import DAY

MERCHANT_CATEGORIES = (
    "grocery",
    "fuel",
    "restaurant",
    "health",
    "fashion",
    "electronics",
    "travel",
    "entertainment",
)
CATEGORY_AMOUNT_FACTORS = np.array([0.7, 1.0, 0.6, 0.8, 1.2, 2.2, 2.8, 0.7])
ONLINE_MERCHANT_SHARE = 0.06  # of merchants
# share of merchants that open or close during the simulation
MERCHANT_OPENING_SHARE, MERCHANT_CLOSING_SHARE = (0.08, 0.06)
NEW_TERMINAL_SHARE = 0.2  # merchants that a drift of new terminals adds, against those there are
SHOPPING_RADIUS_KM = 8.0  # km within which people shop
# degrees: the corner of the 100 km by 100 km in which all customers live
SOUTH_DEGREES, WEST_DEGREES = (51.0, 9.0)
KM_PER_DEGREE = 111.2

# hour of the day: relative volume of card-present purchases, of those at weekends, and of online
# purchases
HOURLY_VOLUME_CARD_PRESENT = np.array(
    [1, 0.5, 0.3, 0.2, 0.3, 0.8, 2, 4, 6, 7, 8, 9, 10, 9, 8, 8, 9, 10, 10, 8, 6, 4, 3, 2]
)
HOURLY_VOLUME_WEEKEND = np.array(
    [4, 3, 2, 1, 0.5, 0.5, 1, 2, 4, 6, 8, 10, 10, 9, 9, 9, 9, 9, 9, 9, 8, 8, 7, 6]
)
HOURLY_VOLUME_ONLINE = np.array(
    [4, 3, 2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 6, 5, 5, 5, 6, 7, 9, 10, 10, 9, 6]
)
HOLIDAYS = ("01-01", "05-01", "10-03", "12-25", "12-26")


def sample_locations(seed: int, name: str, n: int) -> np.ndarray:
    """Sample uniform places in km on the square."""
    ids = np.arange(n)
    return 100 * np.column_stack(
        [CounterRng(seed, f"{name} x").uniform(ids), CounterRng(seed, f"{name} y").uniform(ids)]
    )


def to_centidegrees(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert places in km to latitude and longitude in hundredths of a degree."""
    stretch = KM_PER_DEGREE * np.cos(np.radians(SOUTH_DEGREES + 0.45))
    lat, lon = SOUTH_DEGREES + place[:, 1] / KM_PER_DEGREE, WEST_DEGREES + place[:, 0] / stretch
    return np.rint(100 * lat).astype(np.int64), np.rint(100 * lon).astype(np.int64)


class RadiusNeighbors:
    """The terminals within a radius of each home, as one flat list."""

    def __init__(self, homes: np.ndarray, shops: np.ndarray, radius: float):
        tree = cKDTree(shops)
        near = tree.query_ball_point(homes, radius, return_sorted=True)
        empty = [i for i, found in enumerate(near) if not found]
        if empty:
            nearest = tree.query(homes[empty])[1]
            for i, terminal in zip(empty, nearest, strict=True):
                near[i] = [terminal]
        self.size = np.fromiter((len(found) for found in near), np.int64, len(near))
        self.first = np.cumsum(self.size) - self.size
        self.flat = np.concatenate([np.asarray(found, np.int64) for found in near])

    def pick(self, home: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Pick one terminal for each home by a uniform draw."""
        return self.flat[self.first[home] + (u * self.size[home]).astype(np.int64)]


@dataclass(frozen=True)
class Geography:
    """Homes by customer and merchants by number.

    Places are in km. `near` and `fresh_near` give positions in `street` and `fresh`: the physical
    merchants, and those of a drift.

    Attributes
    ----------
    home : ndarray
    place : ndarray
    category : ndarray
    opens : ndarray
        First day.
    closes : ndarray
        Last day, excluded.
    web : ndarray
    street : ndarray
    fresh : ndarray
    near : RadiusNeighbors
    fresh_near : RadiusNeighbors or None
    """

    home: np.ndarray
    place: np.ndarray
    category: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    web: np.ndarray
    street: np.ndarray
    fresh: np.ndarray
    near: RadiusNeighbors
    fresh_near: RadiusNeighbors | None

    def trip(self, place: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Pick one of the five merchants closest to each place."""
        count = min(5, len(self.street))
        found = cKDTree(self.place[self.street]).query(place, k=count)[1].reshape(len(place), count)
        return self.street[found[np.arange(len(place)), (u * count).astype(np.int64)]]


def build_geography(c: SimulatorConfig) -> Geography:
    """Build the town of a configuration."""
    onsets = [drift.onset for drift in c.drifts if drift.kind == "new_terminals"]
    total = c.terminals + (max(1, int(NEW_TERMINAL_SHARE * c.terminals)) if onsets else 0)
    shops = np.arange(total)
    place = sample_locations(c.seed, "terminal", total)
    is_new = shops >= c.terminals
    online = (
        CounterRng(c.seed, "merchant is online").uniform(shops) < ONLINE_MERCHANT_SHARE
    ) & ~is_new
    online[0] = True
    street = np.flatnonzero(~online & ~is_new)
    street = street if len(street) else shops[:1]
    opening, closing = CounterRng(c.seed, "merchant opens"), CounterRng(c.seed, "merchant closes")
    opens = np.where(
        opening.uniform(shops) < MERCHANT_OPENING_SHARE,
        (c.days * opening.uniform(shops, 1)).astype(np.int64),
        0,
    )
    closes = np.where(
        closing.uniform(shops) < MERCHANT_CLOSING_SHARE,
        (c.days * closing.uniform(shops, 1)).astype(np.int64),
        c.days,
    )
    opens = np.where(is_new, min(onsets, default=0), np.where(opens < closes, opens, 0))
    homes = sample_locations(c.seed, "customer", c.customers)
    return Geography(
        home=homes,
        place=place,
        category=(
            CounterRng(c.seed, "merchant category").uniform(shops) * len(MERCHANT_CATEGORIES)
        ).astype(np.int8),
        opens=opens,
        closes=np.where(is_new, c.days, closes),
        web=np.flatnonzero(online),
        street=street,
        fresh=np.flatnonzero(is_new),
        near=RadiusNeighbors(homes, place[street], SHOPPING_RADIUS_KM),
        fresh_near=RadiusNeighbors(homes, place[is_new], SHOPPING_RADIUS_KM) if onsets else None,
    )


def compute_daily_volume(c: SimulatorConfig) -> np.ndarray:
    """Compute the number of purchases a day, relative to an ordinary day."""
    calendar = pd.date_range(c.start, periods=c.days)
    factor = np.array([0.9, 0.9, 0.95, 1.0, 1.15, 1.25, 0.85])[calendar.dayofweek]
    factor = factor * np.where((calendar.day >= 25) & (calendar.day <= 28), 1.12, 1.0)
    factor = factor * np.where((calendar.month == 12) & (calendar.day >= 10), 1.3, 1.0)
    holiday = calendar.strftime("%m-%d").isin(HOLIDAYS)
    eve = (calendar + pd.Timedelta(days=1)).strftime("%m-%d").isin(HOLIDAYS)
    factor = factor * np.where(holiday, 0.55, np.where(eve, 1.15, 1.0))
    return factor * (1 + 0.3 * c.strength("benign_season", np.arange(c.days)))


def sample_second_of_day(
    u: np.ndarray, online: np.ndarray, weekend: np.ndarray | bool = False
) -> np.ndarray:
    """Sample the second of the day by the hourly profile of channel and day."""

    def at(profile: np.ndarray) -> np.ndarray:
        edges = np.concatenate([[0], np.cumsum(profile) / profile.sum()])
        return np.interp(u, edges, np.arange(25) * 3600)

    present = np.where(weekend, at(HOURLY_VOLUME_WEEKEND), at(HOURLY_VOLUME_CARD_PRESENT))
    return np.minimum(np.where(online, at(HOURLY_VOLUME_ONLINE), present).astype(np.int64), DAY - 1)
