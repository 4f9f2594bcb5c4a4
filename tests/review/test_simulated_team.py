"""The simulated team works through the real queue: its size, two people, and no day twice."""

import pytest
import sqlalchemy as sa

from fraudops import ledger, review, store
from fraudops.errors import UserError
from fraudops.review import SimulatedReviewer, SimulatedTeam
from tests.support.cases import fill

EXACT = SimulatedReviewer(miss_rate=0.0, false_alarm_rate=0.0)


@pytest.fixture
def engine(workspace):
    engine = store.begin_operation(workspace, "one")
    fill(engine, flagged=12, approved=8)
    yield engine
    engine.dispose()


def test_it_gives_as_many_verdicts_as_it_can_and_tells_the_truth(engine):
    queue = review.ReviewQueue(engine)
    before = queue.count_waiting()
    with engine.connect() as connection:
        day = store.get_latest_ts(connection)
    assert SimulatedTeam(5, EXACT).work_one_day(engine, {"t1"}, day) == 5
    assert before - 5 <= queue.count_waiting() < before
    # the same day again changes nothing
    assert SimulatedTeam(5, EXACT).work_one_day(engine, {"t1"}, day) == 0
    # the next day: everything that is left, second opinions included
    assert SimulatedTeam(500, EXACT).work_one_day(engine, {"t1"}, day + 86_400) < 500
    assert queue.count_waiting() == 0
    with engine.connect() as connection:
        labels = connection.execute(sa.select(store.labels)).all()
        assert ledger.verify_chain(connection) is None
    said = {one.tx_id: one.is_fraud for one in labels if one.source == "reviewer"}
    assert all(is_fraud == (tx_id == "t1") for tx_id, is_fraud in said.items())
    assert {one.actor for one in labels if one.source == "reviewer"} <= {"sim:ann", "sim:bob"}


def test_a_team_that_cannot_be_is_refused():
    with pytest.raises(UserError, match="two members"):
        SimulatedTeam(actors=("sim:ann",))
    with pytest.raises(UserError, match="-1 verdicts"):
        SimulatedTeam(-1)
