"""The pager week: the world answers, the budget holds, and the score knows what was right."""

import pytest

from fraudops.errors import UserError
from fraudops.incidents import PAGER_DAYS, PagerGame, count_cost, draw_schedule, score_game
from fraudops.incidents.alarms import MESSAGES
from fraudops.incidents.schedule import CAUSES, INCIDENT_KINDS


@pytest.fixture
def game(small_world):
    return PagerGame("ada", small_world)


def pass_days(game, days):
    for _ in range(days):
        game.do("end")


def test_each_schedule_has_each_incident_once_within_the_three_weeks():
    seen = set()
    for seed in range(40):
        schedule = draw_schedule(seed)
        assert list(schedule) == list(CAUSES) and draw_schedule(seed) == schedule
        for incident in schedule.values():
            assert 0 < incident.onset < incident.end <= PAGER_DAYS
            seen.add((incident.kind, incident.variant))
    assert seen == {(kind, one) for kind, row in INCIDENT_KINDS.items() for one in row[0]}
    told = {kind for kind, _ in MESSAGES}
    assert told == set(CAUSES) - {"broken-data", "new-fraud"}  # these two show in numbers


def test_the_new_fraud_is_new(small_world):
    wave, sound = small_world.incidents["new-fraud"], small_world.feeds["sound"]
    fraud = sound[sound["fraud"]]
    onset = small_world.get_start(wave.onset)
    place = fraud["channel"] == "online"
    if wave.variant == "skimmed terminals":
        place = ~place
    shares = [place[fraud["ts"] < onset].mean(), place[fraud["ts"] >= onset].mean()]
    assert shares[1] > shares[0]


def test_a_fault_changes_only_its_days_and_holding_it_repairs_them(small_world, game):
    fault = small_world.incidents["broken-data"]
    sound, faulty = small_world.feeds["sound"], small_world.feeds["faulty"]
    before = sound["ts"] < small_world.get_start(fault.onset)
    assert (sound["tx_id"] == faulty["tx_id"]).all()
    shown = ["amount", "channel", "category"]
    assert sound.loc[before, shown].equals(faulty.loc[before, shown])
    assert not sound[shown].equals(faulty[shown])
    pass_days(game, fault.onset + 1)
    assert fault.onset in game.operation.list_faulty_days(small_world)
    game.do("hold")
    assert game.operation.list_faulty_days(small_world) == []
    assert game.actions[-1]["right"] and game.operation.solved["broken-data"] == fault.onset + 1


def test_the_four_players_play_one_seed(games):
    nobody = count_cost(games["nobody"])
    scores = {name: score_game(game, nobody) for name, game in games.items()}
    assert scores["nobody"].money == 0 and scores["nobody"].actions == 0
    assert scores["nobody"].hours == 0 and count_cost(games["nobody"]) == nobody
    assert scores["always retrain"].false_actions > 0
    assert scores["you"].record == 20 and scores["you"].false_actions == 0
    assert scores["you"].total > max(one.total for name, one in scores.items() if name != "you")
    assert scores["you"].mean_delay < scores["the loop"].mean_delay < scores["nobody"].mean_delay


def test_caught_cards_are_stopped(small_world, game):
    pass_days(game, PAGER_DAYS)
    caught = game.operation.caught
    assert caught and sum(day["caught"] for day in game.days) >= len(caught)
    sound = small_world.feeds["sound"]
    all_frauds = int((sound["fraud"] & (sound["ts"] >= small_world.timeline.live)).sum())
    assert sum(day["frauds"] for day in game.days) < all_frauds


def test_a_training_knows_only_what_has_arrived(small_world, game, monkeypatch):
    pass_days(game, 5)
    morning = small_world.get_start(5)
    game.do("retrain")
    known = small_world.labels[small_world.labels["label_ts"] < morning]
    late = small_world.labels[small_world.labels["label_ts"] >= morning]
    assert len(known) and len(late)
    monkeypatch.setitem(small_world.__dict__, "labels", known)
    again = small_world.train(game.operation.policy, [], game.operation.reviews, morning)
    rows = small_world.feeds["sound"].tail(200)
    newest = list(game.operation.models.values())[-1]
    assert (
        again.model.predict_proba(rows[again.model.feature_names_in_])
        == newest.model.predict_proba(rows[again.model.feature_names_in_])
    ).all()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("dance", "no command"),
        ("promote v9", "cannot be promoted"),
        ("ack D99-1 season", "no alarm 'D99-1'"),
        ("reviewers 99", "no number from 1 to 30"),
        ("reviewers nan", "no number"),
        ("costs 3", "used in another way"),
        ("rollback", "no champion of before"),
        ("costs 'a", "no command"),
    ],
)
def test_a_wrong_command_changes_nothing_and_says_why(game, command, says):
    entries, hours = list(game.log.entries), game.hours
    with pytest.raises(UserError, match=says):
        game.do(command)
    assert game.log.entries == entries and game.hours == hours


def test_the_budget_ends(game):
    while game.hours >= 2:
        game.do("costs 3 30") if game.hours > 2 else game.do("call platform")
    game.do("reviewers 30") if game.hours >= 1 else None
    with pytest.raises(UserError, match="You have"):
        game.do("retrain")
    assert game.hours >= 0 and game.cents >= 0


def test_a_useless_action_is_a_false_action(small_world, game):
    for command in ("hold", "retrain", "call platform", "call security", "costs 3 60"):
        game.do(command)
        assert game.actions[-1]["right"] is False, command
    game.do("costs 3 30")
    assert game.actions[-1]["right"] is True
