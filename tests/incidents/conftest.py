import pytest

from fraudops.incidents import PagerWorld

SEED, CUSTOMERS = 3, 100


@pytest.fixture(scope="session")
def small_world():
    return PagerWorld.build(SEED, CUSTOMERS)


@pytest.fixture
def every_student_has_the_small_world(small_world, monkeypatch):
    monkeypatch.setattr(PagerWorld, "build", lambda _seed: small_world)
