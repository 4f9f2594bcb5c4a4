import pytest

from fraudops.incidents import PLAYERS, PagerGame, PagerWorld, play

SEED, CUSTOMERS = 3, 100


@pytest.fixture(scope="session")
def small_world():
    return PagerWorld.build(SEED, CUSTOMERS)


@pytest.fixture
def every_student_has_the_small_world(small_world, monkeypatch):
    monkeypatch.setattr(PagerWorld, "build", lambda _seed: small_world)


@pytest.fixture(scope="session")
def games(small_world):
    """The games of the reference players, and of a student who knows everything."""
    games = {player: play(PagerGame("ada", small_world), player) for player in PLAYERS}
    you = games["you"] = PagerGame("ada", small_world)
    while not you.is_over:
        for alarm in you.alarms:
            if not alarm.answer:
                you.do(f"ack {alarm.id} {alarm.causes[0]}")
        for kind, incident in small_world.incidents.items():
            if incident.onset == you.day and kind not in ("new-fraud", "season"):
                for remedy in incident.remedies:
                    you.do(remedy)
        if you.day == small_world.incidents["new-fraud"].onset + 1:
            you.do("reviewers 5")
        you.do("end")
    return games
