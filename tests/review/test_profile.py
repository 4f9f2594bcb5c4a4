"""What is usual for a customer, and what is unusual about a transaction."""

import numpy as np
import pandas as pd

from fraudops import review
from fraudops.timeline import DAY

NOON = 20_000 * DAY + DAY // 2
ABOUT = {
    "ts": NOON,
    "amount_cents": 2_000,
    "category": "food",
    "channel": "chip",
    "terminal_id": "m1",
    "lat_cdeg": 4_800,
    "lon_cdeg": 1_100,
}


def past(n=20):
    """A customer who buys food at noon in one town, a day apart."""
    days = np.arange(1, n + 1)
    return pd.DataFrame(
        {
            "ts": NOON - days * DAY,
            "amount_cents": 1_000 + 100 * (days % 10),
            "category": "food",
            "channel": "chip",
            "terminal_id": [f"m{day % 3}" for day in days],
            "lat_cdeg": 4_800.0 + days % 2,
            "lon_cdeg": 1_100.0,
        }
    )


def find_unusual(rows, **changes):
    lines = review.describe_customer(rows, ABOUT | changes)
    return {one.about for one in lines if one.unusual}


def test_each_line_says_when_it_is_unusual():
    assert find_unusual(past(), amount_cents=1_500) == set()
    assert find_unusual(past()) == {"Amount"}  # 20 euros, and never more than 19 before
    usual = {"amount_cents": 1_500}
    assert find_unusual(past(), **usual, ts=NOON - DAY // 2) == {"Hours (UTC)"}
    assert find_unusual(past(), **usual, category="travel") == {"Category"}
    assert find_unusual(past(), **usual, channel="online") == {"Channel"}
    assert find_unusual(past(), **usual, terminal_id="new") == {"Terminal"}
    assert find_unusual(past(), **usual, lat_cdeg=4_900) == {"Place"}


def test_velocity_counts_the_hour_and_the_day_before():
    burst = past().assign(ts=lambda rows: [*(NOON - 600 * np.arange(1, 9)), *rows["ts"][8:]])
    line = next(one for one in review.describe_customer(burst, ABOUT) if one.about == "Velocity")
    assert line.now.startswith("6 in the hour and 8 in the day before") and line.unusual


def test_little_history_is_unusual_in_nothing_and_none_gives_no_line():
    assert find_unusual(past(3), amount_cents=900_000, category="travel") == set()
    assert review.describe_customer(past(0), ABOUT) == []


def test_a_place_that_is_not_known_gives_no_line():
    for rows, about in (
        (past(), ABOUT | {"lat_cdeg": None}),
        (past().assign(lat_cdeg=np.nan), ABOUT),
    ):
        assert "Place" not in {one.about for one in review.describe_customer(rows, about)}


def test_places_are_projected_to_kilometres():
    apart = review.project_places(
        np.array([[4_900, 1_100], [4_800, 1_200]]), np.array([4_800, 1_100])
    )
    assert np.allclose(apart, [[0, 111.2], [74.4, 0]], atol=0.1)
