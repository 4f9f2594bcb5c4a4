"""The dashboard and the model tab without a browser.

The verification says what the command says, and the champion of a day is named by both clocks.
"""

import datetime
import threading

import pytest

from fraudops import cli, ledger, review, store
from fraudops.audit_app.tabs.model import ModelTab
from fraudops.audit_app.tabs.record import RecordPanel
from fraudops.audit_app.widgets import PageContext
from fraudops.timeline import day_of
from tests.support.cases import NOON, fill, say


@pytest.fixture
def tab(workspace, engine):
    fill(engine, flagged=2)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    ledger.seal_and_anchor(workspace, engine)
    (workspace.root / "audit" / "verifications.jsonl").unlink()
    tab = RecordPanel(PageContext(workspace, engine, "eve"), with_history=True)
    tab.draw()
    return tab


def test_the_page_claims_nothing_before_a_verification(tab):
    assert "has not been verified yet" in tab.shown.value and "held" not in tab.shown.value


def test_the_page_finds_what_the_command_finds(tab, workspace, engine):
    tab.verify.click()
    tab.verification.join(60)
    assert "The record held" in tab.shown.value and "by eve" in tab.shown.value
    assert "Nothing was added since" in tab.shown.value
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann")
    tab.draw()
    assert "Since then the ledger has changed" in tab.shown.value
    with store.write_transaction(engine) as connection:  # chain and heads stay as they are
        connection.execute(store.predictions.update().values(probability=0.0))
    tab.verify.click()
    tab.verification.join(60)
    assert "The record does not hold" in tab.shown.value and "fo-bad" in tab.shown.value
    assert "of predictions are not what entry" in tab.shown.value
    assert cli.main(["verify", "--workspace", str(workspace.root), "--read-only"]) == 2
    assert "2 full verifications, latest first" in tab.shown.value
    assert "does not hold: sealed predictions" in tab.shown.value


def test_the_verification_runs_in_the_background(tab, monkeypatch):
    goes_on = threading.Event()
    real = ledger.verify_record

    def slow(*args, **options):
        assert goes_on.wait(60)
        return real(*args, **options)

    monkeypatch.setattr("fraudops.audit_app.tabs.record.ledger.verify_record", slow)
    tab.verify.click()
    assert tab.verify.disabled and tab.verification.is_alive()  # the click has returned
    goes_on.set()
    tab.verification.join(60)
    assert not tab.verify.disabled and tab.progress.value == ""
    assert "The record held" in tab.shown.value


def test_who_was_champion_then_is_answered_by_both_clocks(workspace, engine):
    fill(engine, flagged=2)
    with store.write_transaction(engine) as connection:
        said = {"version": "1", "previous": None, "reason": "first", "gates": []}
        ledger.append_entry(connection, "champion", "pipeline", **said, kind="promotion")
    tab = ModelTab(PageContext(workspace, engine, "eve"))
    tab.clock.value = datetime.time(23, 59)
    tab.day.value = day_of(NOON)  # long before the ledger began
    shown = tab.then.value
    assert "By the time of the transactions:" in shown and "version 1</strong> decided" in shown
    assert "By the clock of the computer," in shown and "there was no champion yet" in shown
    tab.day.value = datetime.datetime.now(datetime.UTC).date()
    assert tab.then.value.count("version 1</strong>") == 2
    tab.day.value = day_of(NOON) - datetime.timedelta(1)
    assert "has been decided on" in tab.then.value
