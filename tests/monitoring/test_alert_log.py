"""Alerts have an end: who acknowledged and closed them, why, and that the ledger says the same."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.ledger import chain
from fraudops.monitoring import ALERT_OUTCOMES, AlertLog, alert_log

FIRST, SECOND, BROKEN = "drift-2026-04-18-retrain", "drift-2026-05-02-retrain", "drift-x-fix-data"
WHY = "prices rise every spring"


@pytest.fixture
def log(engine, workspace):
    alerts = [
        {"alert_id": one, "as_of": as_of, "severity": "act", "text": f"{one}."}
        for as_of, one in enumerate((FIRST, BROKEN, SECOND))
    ]
    AlertLog.publish(workspace, alerts)
    return AlertLog(engine)


def states(log) -> dict[str, str]:
    return log.load().set_index("alert_id")["state"].to_dict()


def entries(engine) -> list[dict]:
    with engine.connect() as connection:
        return [one["payload"] for one in ledger.load_entries(connection, "alert")]


def differences(engine) -> list[str]:
    with store.read_transaction(engine) as connection:
        return list(ledger.find_differences(connection))


def test_an_alert_is_acknowledged_and_closed_with_person_reason_and_time(log, engine, workspace):
    assert states(log) == {FIRST: "open", BROKEN: "open", SECOND: "open"}
    log.acknowledge(FIRST, "ann")
    assert states(log)[FIRST] == "acknowledged"
    log.close(FIRST, "known season", f"  {WHY} ", "bob")
    log.close(BROKEN, "data repaired", "the delivery came again", "ann")  # not acknowledged before
    row = AlertLog.read(workspace).set_index("alert_id").loc[FIRST]
    assert (row["state"], row["outcome"], row["reason"]) == ("closed", "known season", WHY)
    assert (row["acknowledged_by"], row["closed_by"]) == ("ann", "bob")
    assert row["closed_at"] >= row["acknowledged_at"] > 1.7e9
    assert [(one["alert_id"], one["state"], one["outcome"]) for one in entries(engine)] == [
        (FIRST, "acknowledged", ""),
        (FIRST, "closed", "known season"),
        (BROKEN, "closed", "data repaired"),
    ]
    assert differences(engine) == []


@pytest.mark.parametrize(
    ("alert_id", "outcome", "reason", "message"),
    [
        ("drift-never", "retrained", WHY, "There is no alert 'drift-never'"),
        (FIRST, "solved", WHY, "no outcome 'solved' .* data repaired, retrained"),
        (FIRST, "", WHY, "Choose an outcome"),
        (FIRST, "false alarm", " too short ", "at least 10 characters"),
        (FIRST, "false alarm", "", "at least 10 characters"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    log, engine, alert_id, outcome, reason, message
):
    with pytest.raises(UserError, match=message):
        log.close(alert_id, outcome, reason, "ann")
    assert set(states(log).values()) == {"open"} and entries(engine) == []


def test_nothing_is_done_twice(log, engine):
    log.acknowledge(FIRST, "ann")
    with pytest.raises(UserError, match="acknowledged by ann already"):
        log.acknowledge(FIRST, "bob")
    log.close(FIRST, "false alarm", WHY, "ann")
    for act in (
        lambda: log.close(FIRST, "known season", WHY, "bob"),
        lambda: log.acknowledge(FIRST, "bob"),
    ):
        with pytest.raises(UserError, match="closed by ann already"):
            act()
    with pytest.raises(UserError, match="There is no alert"):
        log.acknowledge("drift-never", "ann")
    assert len(entries(engine)) == 2


def test_of_two_people_at_once_one_closes_it(log, engine):
    def close(actor: str) -> str:
        try:
            log.close(FIRST, "false alarm", WHY, actor)
        except UserError as error:
            return str(error)
        return "closed"

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(close, ["ann", "bob", "eve", "dan"]))
    assert said.count("closed") == 1 and len(entries(engine)) == 1
    assert all("already" in one for one in said if one != "closed")


def test_a_promotion_closes_the_alerts_that_asked_for_it_once(log, engine):
    log.close(FIRST, "false alarm", WHY, "ann")
    assert log.close_retrained("2", as_of=1) == []  # the second one is later
    assert log.close_retrained("2", as_of=2) == [SECOND]
    assert log.close_retrained("2", as_of=2) == []
    assert states(log) == {FIRST: "closed", BROKEN: "open", SECOND: "closed"}
    row = log.load().set_index("alert_id").loc[SECOND]
    assert (row["outcome"], row["closed_by"]) == ("retrained", "pipeline")
    assert "version 2" in row["reason"] and row["outcome"] in ALERT_OUTCOMES


def test_the_row_and_its_entry_are_written_together(log, engine, monkeypatch):
    def fail(*_args, **_values):
        raise RuntimeError("the ledger is away")

    monkeypatch.setattr(alert_log.ledger, "append_entry", fail)
    with pytest.raises(RuntimeError):
        log.close(FIRST, "false alarm", WHY, "ann")
    monkeypatch.undo()
    assert states(log)[FIRST] == "open" and entries(engine) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE alert_changes SET outcome = 'retrained'", "was closed with"),
        ("UPDATE alert_changes SET actor = 'eve'", "was closed with"),
        ("DELETE FROM alert_changes", "and the table does not"),
        (
            f"INSERT INTO alert_changes VALUES ('{SECOND}', 'closed', 'retrained', 'x', 'eve', 1)",
            "is closed in the table, and in no entry",
        ),
    ],
)
def test_a_change_in_the_database_is_found(log, engine, change, found):
    log.close(FIRST, "false alarm", WHY, "ann")
    assert differences(engine) == []
    with engine.begin() as connection:
        connection.execute(sa.text(change))
    assert any(found in one for one in differences(engine))
    with engine.connect() as connection:
        assert chain.verify_chain(connection) is None
