"""docs/datasheet.md: its numbers are those of the code."""

import re

import pytest

from fraudops.simulator import config, fraud, geography, purchases, world
from fraudops.workspace import REPOSITORY

TEXT = (REPOSITORY / "docs" / "datasheet.md").read_text(encoding="utf-8")


def test_the_table_of_frauds_is_that_of_the_code():
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d.]+)[^|]*\| ([^|]+) \| [^|]+ \| ([\d.]+) \|$", TEXT, re.M
    )
    told = {kind: (float(chance), days, float(delay)) for kind, chance, days, delay in rows}
    known = {
        kind: (chance, str(days), float(config.MEDIAN_REPORT_DAYS[kind]))
        for kind, (chance, days) in fraud.FRAUD_CAMPAIGNS.items()
    }
    known["friendly"] = (fraud.FRIENDLY_FRAUD_SHARE, "–", config.MEDIAN_REPORT_DAYS["friendly"])
    assert told == known


@pytest.mark.parametrize(
    "sentence",
    [
        "`smoke` {smoke[0]} and {smoke[1]}, `course` {course[0]} and {course[1]}, `full` "
        "{full[0]:,} and {full[1]}",
        "A share of {unreported:.0%} of the frauds is never reported",
        "warm-up ({warm_up} days)",
        "within {radius:g} km of home",
        "On {away:.0%} of the days a customer shops elsewhere. {joining:.0%} of the customers join "
        "later and {leaving:.0%} leave; {opening:.0%} of the terminals open later and "
        "{closing:.0%}",
        "{imitation} × `difficulty`",
        "default difficulty of {difficulty} gives {imitated:.1%}",
        "(day {onset} of {course[1]})",
        "prices rise by {inflation:.0%}",
        "cards leak {wave:g} times as often",
        "gradual ({ramp} days) or recurring ({length} days of every {period})",
    ],
)
def test_a_sentence_has_the_numbers_of_the_code(sentence):
    world_of_the_course = config.make_course_config("course")
    numbers = {
        **config.PROFILE_SIZES,
        "unreported": config.UNREPORTED_SHARE,
        "warm_up": config.WARM_UP_DAYS,
        "radius": geography.SHOPPING_RADIUS_KM,
        "away": purchases.AWAY_DAY_SHARE,
        "joining": purchases.CUSTOMER_JOINING_SHARE,
        "leaving": purchases.CUSTOMER_LEAVING_SHARE,
        "opening": geography.MERCHANT_OPENING_SHARE,
        "closing": geography.MERCHANT_CLOSING_SHARE,
        "imitation": fraud.MAX_IMITATION_SHARE,
        "difficulty": world_of_the_course.difficulty,
        "imitated": fraud.MAX_IMITATION_SHARE * world_of_the_course.difficulty,
        "onset": world_of_the_course.drifts[0].onset,
        "inflation": world.PRICE_INFLATION_FACTOR - 1,
        "wave": fraud.FRAUD_WAVE_FACTOR,
        "ramp": config.GRADUAL_RAMP_DAYS,
        "length": config.RECURRENCE_LENGTH_DAYS,
        "period": config.RECURRENCE_PERIOD_DAYS,
    }
    expected = " ".join(sentence.format(**numbers).replace("%", " %").split())
    assert expected in " ".join(TEXT.split())


def test_every_drift_is_named():
    assert all(f"`{kind}`" in TEXT for kind in config.DRIFT_KINDS)
