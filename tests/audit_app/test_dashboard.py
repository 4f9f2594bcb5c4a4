"""The dashboard and the model tab without a browser.

The verification says what the command says, and the champion of a day is named by both clocks.
"""

import datetime
import threading

import pandas as pd
import pytest

from fraudops import cli, ledger, review, store
from fraudops.audit_app.tabs import dashboard
from fraudops.audit_app.tabs.model import ModelTab
from fraudops.audit_app.tabs.record import RecordPanel
from fraudops.audit_app.tabs.skew import render_skew
from fraudops.audit_app.widgets import PageContext
from fraudops.monitoring import FeatureSkew, SkewReport
from fraudops.timeline import DAY, day_of
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


def test_a_fraud_is_stopped_by_a_block_or_by_a_verdict_before_its_report(engine):
    fill(engine, flagged=4)
    names = ["t0", "t1", "t2", "t3"]
    rows = pd.DataFrame({"tx_id": names, "flagged": True, "label": 1, "decision": "review"})
    rows.loc[0, "decision"] = "block"
    queue = review.ReviewQueue(engine)
    for tx_id in ("t1", "t2"):
        review.claim_case(engine, tx_id, "ann")
        say(engine, tx_id, "fraud", "ann")
    assert queue.count_closed() == 2
    with engine.connect() as connection:
        now = store.get_latest_ts(connection)
    report = {"source": "chargeback", "actor": "issuer", "customer_id": "c", "terminal_id": "m"}
    report |= {"is_fraud": 1}
    reports = [report | {"tx_id": "t1", "label_ts": now + 60}]
    reports += [report | {"tx_id": "t2", "label_ts": now - 60}]
    with store.write_transaction(engine) as connection:
        ledger.insert_chargebacks(connection, reports, by="api:issuer")
    found = review.count_stopped_frauds(engine, rows)
    assert found == {"blocked": 1, "reviewed": 1, "late": 2}


def test_the_dashboard_names_the_features_that_differ(workspace):
    assert "No day has been compared yet" in render_skew(workspace)
    same = FeatureSkew(compared=50, mismatches=0, missing=0, extra=0)
    features = {"c_n_7d": same.model_copy(update={"extra": 12}), "amount": same}
    report = SkewReport(
        as_of=DAY, day="1970-01-01", answered=1_900, compared=50, late=3, features=features
    )
    report.save(workspace)
    shown = render_skew(workspace)
    assert "1 of 2 features differ" in shown and "fo-bad" in shown and "50 of 1,900" in shown
    assert '<th scope="row">c_n_7d</th><td>50</td><td>0</td><td>0</td><td>12</td>' in shown
    assert "amount" not in shown and "3 of them with what was known" in shown
    report.model_copy(update={"features": {"<b>": features["c_n_7d"]}}).save(workspace)
    assert "&lt;b&gt;" in render_skew(workspace) and "<b>" not in render_skew(workspace)
    healthy = {"amount": same}
    report.model_copy(update={"features": healthy, "day": "1970-01-02"}).save(workspace)
    assert "All 1 features are the same" in render_skew(workspace)


def test_an_interval_over_nothing_is_a_dash():
    assert dashboard._format_rate(float("nan"), 0.0, 1.0) == ("–", "–")
    assert dashboard._format_rate(0.5, 0.25, 0.75) == ("50.0%", "25% to 75%")
