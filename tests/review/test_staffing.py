"""The review desk: its queue obeys the laws of queues, and its money adds up."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from fraudops.errors import UserError
from fraudops.models import wilson_interval
from fraudops.review import CASE_ORDERS, ReviewTeam
from fraudops.review.staffing import HOUR_SECONDS, assign_cases, rank_cases
from fraudops.timeline import DAY

DAYS = np.arange(20_000, 20_020) * DAY


def queue_of(n=400, seed=0, days=DAYS):
    """Cases at random times of the days, one in five a fraud, and a reviewer who is always
    right.
    """
    random = np.random.default_rng(seed)
    fraud = random.random(n) < 0.2
    return pd.DataFrame(
        {
            "ts": np.sort(random.integers(days[0], days[-1] + DAY, n)),
            "probability": np.clip(random.normal(0.3 + 0.3 * fraud, 0.15), 0.01, 0.99),
            "amount_cents": random.integers(100, 50_000, n),
            "takes": random.gamma(2, 300, n),
            "fraud": fraud,
            "called": fraud,
        }
    )


def test_nobody_at_the_desk_is_approving_everything():
    played = ReviewTeam(0).simulate(queue_of(), DAYS)
    assert (
        not played["decided"].any()
        and (played["waited"] == 24).all()
        and (played["still"] == 0).all()
    )
    assert (ReviewTeam(0).compute_daily_earnings(played, DAYS, 3000) == 0).all()


def test_with_a_chair_for_every_case_each_is_begun_at_arrival():
    queue = queue_of()
    always = np.tile([float(DAYS[0]), float(DAYS[-1] + 2 * DAY)], (len(queue), 1))
    for order in CASE_ORDERS:
        first = rank_cases(order, queue["ts"], queue["probability"], queue["amount_cents"], 6.0)
        begin, end, over = assign_cases(
            queue["ts"].to_numpy(), queue["takes"].to_numpy(), first, always, HOUR_SECONDS
        )
        assert (
            (begin == queue["ts"]).all()
            and np.allclose(end - begin, queue["takes"])
            and (over == 0).all()
        )


def test_the_order_is_immaterial_while_nobody_has_to_choose():
    calm = queue_of().iloc[::40].reset_index(drop=True)  # ten cases in twenty days
    results = [
        ReviewTeam(12).simulate(calm, DAYS, order)["hours"].to_numpy() for order in CASE_ORDERS
    ]
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


@pytest.mark.parametrize("order", CASE_ORDERS)
@pytest.mark.parametrize("reviewers", [1, 3, 9])
def test_littles_law_and_no_reviewer_in_two_places(order, reviewers):
    queue, desk = queue_of(), ReviewTeam(reviewers)
    played = desk.simulate(queue, DAYS, order)
    left = np.sort(queue["ts"] + played["waited"] * HOUR_SECONDS)
    seconds = np.arange(DAYS[0], DAYS[-1] + 3 * DAY, 60)
    length = np.searchsorted(queue["ts"], seconds, "right") - np.searchsorted(
        left, seconds, "right"
    )
    rate = len(queue) / (seconds[-1] - seconds[0])
    assert length.min() == 0 and length.mean() == pytest.approx(
        rate * played["waited"].mean() * HOUR_SECONDS, rel=0.01
    )
    done = played[played["decided"]]
    begin, end = (
        done["ts"] + done["waited"] * HOUR_SECONDS,
        done["ts"] + done["hours"] * HOUR_SECONDS,
    )
    moments = np.sort(begin) + 1e-3
    busy = np.searchsorted(np.sort(begin), moments, "right") - np.searchsorted(
        np.sort(end), moments, "right"
    )
    sittings = desk.compute_shifts(np.append(DAYS, DAYS[-1] + DAY))
    assert busy.max() <= reviewers
    place = np.searchsorted(sittings[:, 0], begin + 1e-3, "right") - 1
    assert (
        reviewers > 1 or ((begin >= sittings[place, 0] - 1e-3) & (begin < sittings[place, 1])).all()
    )


def test_when_all_wait_at_once_no_order_saves_more_expected_money():
    """Equal lengths, one reviewer: against every permutation of six cases."""
    random = np.random.default_rng(3)
    p, cents = random.random(6), random.integers(100, 90_000, 6)
    ts = np.zeros(6)
    sitting = np.array([[0.0, 1e9]])

    def expected(first):
        _, end, _ = assign_cases(
            ts, np.full(6, 2.0 * HOUR_SECONDS), np.asarray(first, float), sitting, 1e9
        )
        return (p * cents * 2.0 ** -(end / HOUR_SECONDS / 6)).sum()

    best = max(expected(order) for order in permutations(range(6)))
    assert expected(rank_cases("expected loss", ts, p, cents, 6.0)) == pytest.approx(best)


def test_old_cases_lose_their_urgency_at_the_half_life():
    six = 6 * HOUR_SECONDS
    older_is_double = rank_cases(
        "expected loss", np.array([0, six]), np.array([0.5, 0.5]), np.array([2000, 1000]), 6.0
    )
    assert older_is_double[0] == pytest.approx(older_is_double[1])
    a_little_more = rank_cases(
        "expected loss", np.array([0, six]), np.array([0.5, 0.5]), np.array([2001, 1000]), 6.0
    )
    assert a_little_more[0] < a_little_more[1]


def test_nothing_is_begun_after_it_is_due_or_after_the_sitting():
    ts, takes = np.array([0.0, 10.0, 20.0]), np.array([100.0, 100.0, 100.0])
    begin, end, over = assign_cases(ts, takes, ts, np.array([[0.0, 150.0]]), due=50.0)
    # the others had waited 90 s and 80 s
    assert np.array_equal(begin, [0, np.nan, np.nan], equal_nan=True)
    begin, end, over = assign_cases(ts, takes, ts, np.array([[0.0, 150.0]]), due=500.0)
    assert (
        np.array_equal(begin, [0, 100, np.nan], equal_nan=True) and over[1] == 50 and end[1] == 200
    )


def test_the_money_of_a_day_by_hand():
    queue = pd.DataFrame(
        {
            "ts": DAYS[0] + np.array([13 * HOUR_SECONDS, 13.5 * HOUR_SECONDS, 13.5 * HOUR_SECONDS]),
            "probability": [0.9, 0.5, 0.1],
            "amount_cents": [10_000, 5_000, 1_000],
            "takes": [1800.0, 1800.0, 1800.0],
            "fraud": [True, False, True],
            "called": [True, True, True],
        }
    )
    desk = ReviewTeam(1)  # sits from 13:30 to 14:30
    played = desk.simulate(queue, DAYS[:1])
    assert played["hours"].round(6).tolist()[:2] == [1.0, 1.0]
    third = played["hours"].iloc[2]  # not before the next day, and then within 24 hours
    assert third == pytest.approx(24.5)
    stopped = 10_000 * 2 ** (-1 / 6) + 1_000 * 2 ** (-24.5 / 6)
    assert desk.compute_daily_earnings(played, DAYS[:1], goodwill=3000).tolist() == [
        round(stopped - 3000 - 1800)
    ]


def test_more_minutes_never_decide_fewer_first_come():
    decided = [
        ReviewTeam(2, minutes).simulate(queue_of(), DAYS, "first come")["decided"].sum()
        for minutes in (15, 30, 60, 120, 240)
    ]
    assert decided == sorted(decided) and decided[0] < decided[-1]


def test_what_makes_no_sense_is_refused():
    for wrong in (
        {"reviewers": -1},
        {"minutes": 0},
        {"minutes": 800},
        {"half_life": 0},
        {"wage": -1},
    ):
        with pytest.raises(UserError, match="not possible"):
            ReviewTeam(**({"reviewers": 1} | wrong))
    with pytest.raises(UserError, match="first come"):
        ReviewTeam(1).simulate(queue_of(), DAYS, "alphabetical")
    with pytest.raises(UserError, match="time order"):
        ReviewTeam(1).simulate(queue_of().iloc[::-1], DAYS)
    with pytest.raises(UserError, match="none of the days"):
        ReviewTeam(1).compute_daily_earnings(
            ReviewTeam(1).simulate(queue_of(), DAYS), DAYS[:-1], 3000
        )


def test_an_empty_queue_costs_its_wages():
    empty = queue_of(0)
    assert (
        ReviewTeam(2).compute_daily_earnings(ReviewTeam(2).simulate(empty, DAYS), DAYS, 3000)
        == -3600
    ).all()


def test_a_curve_is_one_desk_after_another():
    queue, desk = queue_of(), ReviewTeam(1)
    numbers = desk.choose_sizes(queue, DAYS)
    of = desk.compute_earnings_by_size(queue, numbers, DAYS, 3000, "first come")
    assert (
        numbers[0] == 0
        and len(numbers) <= 13
        and numbers[-1] * 60 * len(DAYS) > queue["takes"].sum() / 60
    )
    assert (of[0] == 0).all() and of.shape == (len(numbers), len(DAYS))
    assert np.array_equal(
        of[2],
        ReviewTeam(int(numbers[2])).compute_daily_earnings(
            ReviewTeam(int(numbers[2])).simulate(queue, DAYS, "first come"), DAYS, 3000
        ),
    )


def test_wilsons_interval_by_its_formula():
    z2 = 3.841458820694124
    assert wilson_interval(0, 10) == pytest.approx((0, z2 / (10 + z2)))
    middle, half = (3 + z2 / 2) / (40 + z2), np.sqrt(z2) / (40 + z2) * np.sqrt(3 * 37 / 40 + z2 / 4)
    assert wilson_interval(3, 40) == pytest.approx((middle - half, middle + half))
    assert wilson_interval(0, 0) == (0, 1)
