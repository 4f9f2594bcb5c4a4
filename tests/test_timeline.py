"""How days are split, and what is refused."""

from datetime import date, timedelta

import pytest

from fraudops.errors import UserError
from fraudops.timeline import (
    DAY,
    LABEL_MATURITY_DAYS,
    MIN_DATA_DAYS,
    TooFewDaysError,
    day_of,
    day_start,
    plan_timeline,
)

FIRST = date(2026, 1, 1)


@pytest.mark.parametrize("days", [*range(MIN_DATA_DAYS, 401), 731])
def test_the_parts_follow_one_another_and_live_is_whole_weeks(days):
    t = plan_timeline(FIRST, FIRST + timedelta(days - 1))
    assert t.first <= t.train < t.live < t.as_of == day_start(FIRST) + days * DAY
    assert (t.as_of - t.live) % (7 * DAY) == 0 and len(t.live_weeks) * 7 == len(t.live_days) <= 56
    assert t.live_weeks[0][0] == t.live and t.live_weeks[-1][1] == t.as_of
    assert t.live - t.train >= 2 * LABEL_MATURITY_DAYS * DAY
    assert (t.train - t.first == 30 * DAY) == (days >= 81)
    assert len(t.live_weeks) >= 2 or days < 30  # so that some live days are judged


def test_less_than_four_weeks_are_too_short():
    with pytest.raises(TooFewDaysError, match="27 days of data"):
        plan_timeline(FIRST, FIRST + timedelta(MIN_DATA_DAYS - 2))


def test_as_of_is_the_end_of_its_day():
    t = plan_timeline(FIRST, FIRST + timedelta(149), as_of="2026-04-15")
    assert day_of(t.as_of - 1) == date(2026, 4, 15)


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"as_of": "soon"}, "not a date"),
        ({"as_of": "2027-01-01"}, "ends on 2026-05-30"),
        ({"as_of": "2025-12-31"}, "begins on 2026-01-01"),
        ({"as_of": "2026-01-20"}, "days of data"),
        ({"as_of": "2026-01-20", "live_start": "soon"}, "live_start is 'soon'"),
        ({"live_start": "2026-01-05"}, "two weeks of training"),
        ({"live_start": "2026-12-05"}, "two weeks of training"),
    ],
)
def test_an_impossible_split_is_refused(settings, said):
    with pytest.raises(UserError, match=said):
        plan_timeline(FIRST, FIRST + timedelta(149), **settings)
