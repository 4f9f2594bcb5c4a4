"""The desk without a browser: drafts, leases, skips, and what a person may not know yet."""

import re
import time

import pytest
import sqlalchemy as sa

from fraudops import audit_app, ledger, review, store
from fraudops.audit_app.tabs import review_form
from fraudops.audit_app.tabs.lists import ListsTab
from fraudops.audit_app.tabs.review import ReviewTab
from fraudops.audit_app.widgets import PageContext
from fraudops.review import policy, queue
from tests.support.cases import fill, say


@pytest.fixture
def desk(workspace, engine, monkeypatch):
    """Make the desk of a person; each call is another browser tab or a reload."""
    monkeypatch.setattr(review_form, "DRAFT_SECONDS", 0.0)  # every change is saved at once

    def make(actor="ann"):
        tab = ReviewTab(PageContext(workspace, engine, actor), 20, lambda: None)
        tab.draw()
        return tab

    return make


def told(tab) -> str:
    return tab.context.message.value


def rows(engine, table):
    with engine.connect() as connection:
        return connection.execute(sa.select(table)).all()


def read_texts(widget) -> str:
    """Everything that a widget and its children show."""
    names = ("value", "description", "placeholder", "options", "titles")
    found = [str(getattr(widget, name, "")) for name in names]
    return " ".join([*found, *map(read_texts, getattr(widget, "children", ()))])


def run_out(monkeypatch, seconds=policy.LEASE_SECONDS + 5):
    later = time.time() + seconds
    monkeypatch.setattr(queue.time, "time", lambda: later)


def test_a_reload_brings_verdict_reason_and_note_back(engine, desk):
    fill(engine, flagged=1)
    tab = desk()
    tab.take.click()
    tab.form.verdict.value = "fraud"
    tab.form.reason.value = "card_testing"
    tab.form.note.value = "three small ones before"
    again = desk()
    assert again.shown.about["tx_id"] == "t0"
    fields = (again.form.verdict, again.form.reason, again.form.note)
    assert [one.value for one in fields] == ["fraud", "card_testing", "three small ones before"]
    assert desk("bob").shown is None and "three small" not in read_texts(desk("bob").widget)
    again.form.record.click()
    assert "recorded as fraud" in told(again)
    assert rows(engine, store.drafts) == []  # a recorded verdict leaves no draft


def test_what_is_typed_within_a_second_is_saved_a_moment_later(engine, desk, monkeypatch):
    fill(engine, flagged=1)
    tab = desk()
    tab.take.click()
    monkeypatch.setattr(review_form, "DRAFT_SECONDS", 0.2)
    for text in ("a", "ab", "abc"):
        tab.form.note.value = text
    assert tab.form.timer is not None
    tab.form.timer.join(10)
    assert [one.note for one in rows(engine, store.drafts)] == ["abc"]


def test_typing_prolongs_the_lease(engine, desk, monkeypatch):
    fill(engine, flagged=1)
    tab = desk()
    tab.take.click()
    (before,) = rows(engine, store.cases)
    run_out(monkeypatch, policy.LEASE_SECONDS - 5)
    tab.form.note.value = "still at it"
    (after,) = rows(engine, store.cases)
    assert after.claimed_until > before.claimed_until + policy.LEASE_SECONDS - 60
    until = re.search(r'data-until="(\d+)"', tab.lease.value).group(1)
    assert int(until) == pytest.approx(after.claimed_until, abs=2)


def test_a_lease_that_ran_out_loses_nothing(engine, desk, monkeypatch):
    fill(engine, flagged=1)
    tab = desk()
    tab.take.click()
    tab.form.verdict.value, tab.form.note.value = "fraud", "she did not make it"
    tab.form.reason.value = "customer_denies"
    run_out(monkeypatch)
    tab.form.record.click()  # nobody has taken it: it is still hers
    assert "recorded as fraud" in told(tab)
    assert len(rows(engine, store.labels)) == 1


def test_who_lost_a_case_to_another_is_told_at_once_and_keeps_the_note(engine, desk, monkeypatch):
    fill(engine, flagged=1)
    ann, bob = desk("ann"), desk("bob")
    ann.take.click()
    ann.form.note.value = "I called twice"
    run_out(monkeypatch)
    bob.take.click()
    ann.form.note.value = "I called twice, and"
    assert "another person has it" in ann.lease.value
    ann.form.verdict.value = "fraud"
    ann.form.reason.value = "customer_denies"
    ann.form.record.click()
    assert "not yours to decide" in told(ann) and "kept as your draft" in told(ann)
    assert rows(engine, store.decisions) == [] and bob.form.note.value == ""
    bob.form.skip_reason.value = "interrupted"
    bob.form.skip.click()
    ann.take.click()
    assert ann.form.note.value == "I called twice, and"


def test_no_reason_is_preselected(engine, desk):
    fill(engine, flagged=1)
    tab = desk()
    tab.take.click()
    for verdict in policy.VERDICTS:
        tab.form.verdict.value = verdict
        assert tab.form.reason.value == ""
        tab.form.record.click()  # what N F Enter did
        assert "Choose a reason" in told(tab)
    tab.form.skip.click()
    assert "Choose why you skip" in told(tab)
    assert rows(engine, store.decisions) == [] and tab.shown is not None


def test_a_skip_puts_the_next_case_on_the_desk_and_keeps_the_draft(engine, desk):
    fill(engine, flagged=2)
    tab = desk()
    tab.take.click()
    tab.form.note.value = "waits for the bank"
    tab.form.skip_reason.value, tab.form.snooze.value = "waiting", 4
    tab.form.skip.click()
    assert "t1 is skipped: the queue gives it not before" in told(tab)
    tab.take.click()
    assert tab.shown.about["tx_id"] == "t0"
    assert (tab.form.note.value, tab.form.skip_reason.value, tab.form.snooze.value) == ("", "", 0)
    (skip,) = rows(engine, store.skips)
    assert skip.until == pytest.approx(time.time() + 4 * 3600, abs=60)


def test_the_page_says_when_no_case_follows_and_why(engine, desk):
    fill(engine, flagged=2)
    tab = desk()
    tab.take.click()
    tab.panel.least.value = 1e6
    tab.form.verdict.value, tab.form.reason.value = "fraud", "customer_denies"
    tab.form.record.click()
    assert "recorded as fraud" in told(tab) and "passes the filters" in told(tab)
    tab.take.click()
    assert "passes the filters" in told(tab)
    tab.panel.least.value = 0
    tab.take.click()
    tab.form.verdict.value, tab.form.reason.value = "fraud", "customer_denies"
    tab.form.record.click()
    assert "recorded as fraud" in told(tab) and "The queue is empty" in told(tab)


def test_a_person_who_looks_at_another_case_is_told_which_one_they_hold(engine, desk):
    fill(engine, flagged=2)
    tab = desk()
    tab.take.click()
    held = tab.shown.about["tx_id"]
    other = {"t0": "t1", "t1": "t0"}[held]
    tab.id_field.value = other
    assert tab.shown.about["tx_id"] == other
    assert f"You still hold the case of {held}" in tab.lease.value
    tab.take.click()
    assert tab.shown.about["tx_id"] == held and "still hold" not in tab.lease.value


def test_an_unknown_id_is_cut_in_the_message(engine, desk):
    fill(engine, flagged=1)
    tab = desk()
    tab.id_field.value = "9" * 500
    assert "There is no case" in told(tab) and "9" * 61 not in told(tab)


def test_the_third_person_is_told_no_verdict_and_no_agreement_that_is_not_there(engine, desk):
    fill(engine, flagged=1, cents=review.SECOND_REVIEW_CENTS)
    say(engine, review.ReviewQueue(engine).claim_next("ann"), "fraud", "ann", note="first words")
    say(engine, review.ReviewQueue(engine).claim_next("bob"), "genuine", "bob", note="other words")
    tab = desk("cem")
    tab.take.click()
    shown = " ".join(one.value for one in (*tab.view.texts.values(), tab.lease, tab.panel.counts))
    assert "Their verdict is not shown" in shown
    for words in ("differs", "other words", "first words", "Said about this case", "genuine"):
        assert words not in shown, words
    tab.form.verdict.value = "genuine"
    tab.form.reason.value = "usual_pattern"
    tab.form.record.click()
    assert "two people agree" in told(tab) and "first person" not in told(tab)


def test_a_person_who_was_unsure_tells_the_next_one_why(engine, desk):
    fill(engine, flagged=1)
    tx_id = review.ReviewQueue(engine).claim_next("ann")
    say(engine, tx_id, "unsure", "ann", "no_contact", "called at nine")
    tab = desk("bob")
    tab.take.click()
    assert "called at nine" in tab.view.texts["case"].value


def test_a_blind_case_says_nothing_of_others_before_the_opinion(engine, desk):
    fill(engine, flagged=1, blind=True, cents=review.SECOND_REVIEW_CENTS)
    for actor, verdict in (("ann", "unsure"), ("bob", "fraud")):
        tx_id = review.ReviewQueue(engine).claim_next(actor)
        review.ReviewQueue(engine).record_opinion(tx_id, verdict, actor)
        say(engine, tx_id, verdict, actor, note="words of " + actor)
    tab = desk("cem")
    tab.take.click()
    assert "score is hidden" in tab.view.texts["case"].value
    shown = tab.view.texts["case"].value
    assert "fo-second" not in shown and "words of" not in shown
    tab.form.verdict.value = "genuine"
    tab.form.record.click()
    shown = tab.view.texts["case"].value
    assert "fo-second" in shown
    assert "words of ann" in shown and "words of bob" not in shown


def test_a_chargeback_shows_on_the_case_unless_it_is_hidden(engine, desk):
    for blind in (False, True):
        with store.write_transaction(engine) as connection:
            for table in (store.cases, store.predictions, store.transactions, store.labels):
                connection.execute(table.delete())
        fill(engine, flagged=1, blind=blind)
        tab = desk(f"person{int(blind)}")
        tab.take.click()
        row = {"tx_id": "t0", "source": "chargeback", "actor": "issuer", "customer_id": "c"}
        row |= {"terminal_id": "m", "is_fraud": 1, "label_ts": 5}
        with store.write_transaction(engine) as connection:
            ledger.insert_chargebacks(connection, [row], by="api:issuer")
        tab.draw()
        assert (
            "A chargeback on this transaction arrived" in tab.view.texts["case"].value
        ) is not blind


# --- blind in every tab ---


def test_lists_leave_out_what_a_person_may_still_judge_blind(workspace, engine):
    fill(engine, flagged=2, approved=3, sampled=1, blind=True)
    lists = ListsTab(PageContext(workspace, engine, "ann"), 25)
    held = review.ReviewQueue(engine).claim_next("ann")
    shown = {}
    for name in review.PREDICTION_LISTS:
        lists.which.value = name
        lists._read()
        shown[name] = lists.place.value
        assert "3 cases that you may still have to judge" in lists.note.value
    lists.text.value = held  # not by its id either
    assert "none." in lists.note.value
    lists.text.value = ""
    assert all(tx_id not in "".join(shown.values()) for tx_id in ("t0", "t1", "t4"))
    assert "t2" in shown["Predicted non-frauds"] and "t3" in shown["Predicted non-frauds"]
    review.ReviewQueue(engine).record_opinion(held, "fraud", "ann")
    lists.which.value = "Predicted frauds"
    lists._read()
    assert held in lists.place.value
    others = ListsTab(PageContext(workspace, engine, "bob"), 25)
    others.draw()
    assert held not in others.place.value  # bob has not said what he thinks


def test_no_tab_shows_a_blind_case_before_the_opinion(copied_workspace):
    engine = store.connect(copied_workspace)
    with store.write_transaction(engine) as connection:
        flagged = store.cases.c.kind == "flagged"
        connection.execute(store.cases.update().where(flagged).values(blind=1))
    page = audit_app.AuditPage(copied_workspace, engine, "ann")
    page.review.take.click()
    about = page.review.shown.about
    scores = (f"{about['probability']:.1%}", f"{about['probability']:.2%}")
    seen = {}

    def look(part) -> str:
        part.draw()
        texts = [read_texts(part.widget)]
        if part is page.lists:
            for name in review.PREDICTION_LISTS:
                page.lists.which.value = name
                for text in ("", about["tx_id"], about["customer_id"], about["terminal_id"]):
                    page.lists.text.value = text
                    texts.append(page.lists.place.value)
        return " ".join(texts)

    for title, part in zip(page.tabs.titles, page.parts, strict=True):
        seen[title] = look(part)
        if part is not page.review:
            assert about["tx_id"] not in seen[title], title
    desk = seen[page.tabs.titles[page.parts.index(page.review)]]
    desk = re.sub(r'src="data:[^"]*"', "", desk)
    assert all(one not in desk for one in scores) and about["decision_reason"] not in desk
    for words in ("Score and reasons", "A review still saves", "Probability", "Decided by"):
        assert words not in desk
    review.ReviewQueue(engine).record_opinion(about["tx_id"], "genuine", "ann")
    assert "Score and reasons" in look(page.review)
    assert about["tx_id"] in look(page.lists)
    engine.dispose()
