"""The option --days: how many days there are, and which policy decides."""

import pytest

from fraudops.errors import UserError
from fraudops.models import DecisionPolicy
from fraudops.pipeline import days, resolve_parameters
from fraudops.timeline import Timeline
from fraudops.workspace import write_json


def test_a_simulated_world_is_counted_before_it_is_simulated(workspace):
    smoke = resolve_parameters(profile="smoke")
    assert days.check_days(workspace, 28, smoke)
    with pytest.raises(UserError, match=r"28 live days.* Give --days 28 or fewer.*course has 49"):
        days.check_days(workspace, 29, smoke)
    short = resolve_parameters(as_of="2026-05-20")
    with pytest.raises(UserError, match="has 42 live days"):
        days.check_days(workspace, 43, short)
    assert not workspace.root.exists()


def test_a_file_is_counted_when_it_has_been_read(workspace, tmp_path):
    file = tmp_path / "some.csv"
    file.write_text("tx_id\n", encoding="utf-8")
    given = resolve_parameters(source="csv", path=str(file))
    assert not days.check_days(workspace, 99, given)
    timeline = Timeline(0, 10 * 86_400, 40 * 86_400, 60 * 86_400)
    write_json(workspace.path("data", "dataset.json"), {"timeline": vars(timeline), "short": ""})
    assert days.check_days(workspace, 20, given, has_run=True)
    with pytest.raises(UserError, match=r"has 20 live days.*a file with more days"):
        days.check_days(workspace, 21, given, has_run=True)


def test_the_policy_is_what_was_asked_for_or_the_champions_or_the_default(workspace):
    plain = resolve_parameters()
    assert days.resolve_policy(workspace, plain) == DecisionPolicy(300, 3000, capacity=60)
    champion = DecisionPolicy(review=500, capacity=11)
    write_json(workspace.path("models", "champion.json"), {"policy": champion.to_record()})
    assert days.resolve_policy(workspace, plain) == champion
    given = resolve_parameters(assignments=["3_1_champion.reviews_per_day=0"])
    assert days.resolve_policy(workspace, given) == DecisionPolicy(300, 3000)
