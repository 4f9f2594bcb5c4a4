"""What the desk does beside a verdict: undo, bulk verdicts, assignments, views, and the trail."""

import pytest
import sqlalchemy as sa

from fraudops import ledger, review, store
from fraudops.errors import UserError
from fraudops.review import policy, undo
from fraudops.store import schema
from tests.support.cases import LONG, fill, say


def rows(engine, table, *where):
    with engine.connect() as connection:
        return connection.execute(sa.select(table).where(*where)).all()


def differences(engine):
    with store.read_transaction(engine) as connection:
        found = list(ledger.find_differences(connection))
    # the rows of `fill` are neither scored nor imported
    return [one for one in found if "no seal knows it" not in one]


def take(engine, actor="ann", **options):
    return review.ReviewQueue(engine).claim_next(actor, **options)


# --- undo ---


def test_an_undo_brings_the_case_back_with_its_draft_and_the_ledger_keeps_both(engine):
    fill(engine, flagged=2)
    tx_id = take(engine)
    say(engine, tx_id, "fraud", "ann", "card_testing", "three small ones")
    following = take(engine)
    review.undo_decision(engine, tx_id, "ann")
    assert rows(engine, store.labels) == []
    assert [one.stage for one in rows(engine, store.decisions)] == ["decision", "undo"]
    with engine.connect() as connection:
        entries = ledger.load_entries(connection, "decision")
        assert [one["payload"]["stage"] for one in entries] == ["decision", "undo"]
    draft = review.load_draft(engine, tx_id, "ann")
    assert (draft.verdict, draft.reason, draft.note) == (
        "fraud",
        "card_testing",
        "three small ones",
    )
    assert review.ReviewQueue(engine).find_held("ann") == tx_id
    (other,) = rows(engine, store.cases, store.cases.c.tx_id == following)
    assert other.claimed_by is None  # the next case went back for others
    assert differences(engine) == []
    assert len(review.load_decisions(engine, "ann")) == 0
    assert review.compute_review_statistics(engine).people.empty
    say(engine, tx_id, "genuine", "ann")
    assert [one.is_fraud for one in rows(engine, store.labels)] == [0]
    assert differences(engine) == []


def test_an_undone_proposal_opens_the_case_and_an_undone_objection_brings_the_proposal_back(engine):
    fill(engine, flagged=1, cents=policy.SECOND_REVIEW_CENTS)
    tx_id = take(engine)
    say(engine, tx_id, "fraud", "ann")
    review.undo_decision(engine, tx_id, "ann")
    (case,) = rows(engine, store.cases)
    assert (case.state, case.proposed, case.proposed_by) == ("open", None, None)
    say(engine, tx_id, "fraud", "ann")
    take(engine, "bob")
    say(engine, tx_id, "genuine", "bob", note=LONG)
    review.undo_decision(engine, tx_id, "bob")
    (case,) = rows(engine, store.cases)
    assert (case.state, case.proposed, case.proposed_by) == ("second", "fraud", "ann")
    assert differences(engine) == []


def test_an_undo_is_refused_when_it_is_late_anothers_or_sealed(engine, monkeypatch):
    fill(engine, flagged=1)
    tx_id = take(engine)
    with pytest.raises(UserError, match="no verdict of yours"):
        review.undo_decision(engine, tx_id, "ann")
    say(engine, tx_id, "fraud", "ann")
    with pytest.raises(UserError, match="no verdict of yours"):
        review.undo_decision(engine, tx_id, "bob")
    monkeypatch.setattr(undo, "GRACE_SECONDS", -policy.UNDO_SECONDS)
    with pytest.raises(UserError, match="older than 10 seconds"):
        review.undo_decision(engine, tx_id, "ann")
    monkeypatch.undo()
    sealed = {"kind": "labels", "key": tx_id, "source": "reviewer", "actor": "ann", "seal": 1}
    with store.write_transaction(engine) as connection:
        connection.execute(store.sealed.insert(), sealed)
    with pytest.raises(UserError, match="sealed already"):
        review.undo_decision(engine, tx_id, "ann")
    assert len(rows(engine, store.labels)) == 1


def test_a_second_person_who_has_begun_keeps_the_case(engine):
    fill(engine, flagged=1, cents=policy.SECOND_REVIEW_CENTS)
    tx_id = take(engine)
    say(engine, tx_id, "fraud", "ann")
    assert take(engine, "bob") == tx_id
    with pytest.raises(UserError, match="Others have gone on"):
        review.undo_decision(engine, tx_id, "ann")


def test_a_label_that_stayed_after_an_undo_is_found(engine):
    fill(engine, flagged=1)
    tx_id = take(engine)
    say(engine, tx_id, "fraud", "ann")
    (label,) = rows(engine, store.labels)
    review.undo_decision(engine, tx_id, "ann")
    with store.write_transaction(engine) as connection:
        connection.execute(store.labels.insert(), dict(label._mapping))
    assert differences(engine) == [
        f"the label fraud of ann on {tx_id} rests on no decision in the ledger"
    ]


# --- one verdict on many cases ---


def test_a_bulk_verdict_is_counted_one_by_one_and_needs_a_second_person_above_the_limit(engine):
    fill(engine, flagged=3, cents=20_000)  # 200, 400 and 600 euros
    found = review.find_bulk_cases(engine, "terminal_id", "m", "ann")
    assert found == ["t0", "t1", "t2"]
    what = (engine, "terminal_id", "m", found, "fraud", "ann", "bad_terminal")
    with pytest.raises(UserError, match="needs a note"):
        review.record_bulk_decision(*what, "breach")
    outcome = review.record_bulk_decision(*what, "the terminal was breached on Monday")
    assert (outcome.decided, outcome.proposed) == (2, 1)
    stages = [(one.tx_id, one.stage) for one in rows(engine, store.decisions)]
    assert stages == [("t0", "decision"), ("t1", "decision"), ("t2", "proposal")]
    with engine.connect() as connection:
        assert len(ledger.load_entries(connection, "decision")) == 3
        (bulk,) = ledger.load_entries(connection, "bulk")
    assert bulk["payload"]["cases"] == [list(one) for one in stages]
    assert differences(engine) == []


def test_a_bulk_verdict_leaves_out_what_others_hold_and_what_is_blind(engine):
    fill(engine, flagged=2)
    held = take(engine, "bob")
    assert held not in review.find_bulk_cases(engine, "customer_id", "c", "ann")
    with store.write_transaction(engine) as connection:
        connection.execute(store.cases.update().values(blind=1))
    assert review.find_bulk_cases(engine, "customer_id", "c", "ann") == []


def test_a_bulk_verdict_records_nothing_if_one_case_has_changed(engine):
    fill(engine, flagged=2)
    found = review.find_bulk_cases(engine, "terminal_id", "m", "ann")
    take(engine, "bob")
    with pytest.raises(UserError, match="Nothing is recorded"):
        review.record_bulk_decision(
            engine, "terminal_id", "m", found, "fraud", "ann", "bad_terminal", LONG
        )
    assert rows(engine, store.decisions) == []


# --- which case comes ---


def test_an_assigned_case_comes_first_for_that_person_and_for_nobody_else(engine):
    fill(engine, flagged=3)
    lowest = "t0"
    review.assign_case(engine, lowest, "ann", "bob")
    queue = review.ReviewQueue(engine)
    assert (queue.find_held("bob"), queue.count_assigned("bob")) == (None, 1)
    assert take(engine, "ann") == "t2"
    assert take(engine, "bob") == lowest
    assert queue.count_assigned("bob") == 0
    say(engine, lowest, "fraud", "bob")
    (decision,) = rows(engine, store.decisions)
    assert decision.seconds < 3600  # since it was taken, not since it was assigned
    with engine.connect() as connection:
        (entry,) = ledger.load_entries(connection, "assign")
    assert (entry["actor"], entry["payload"]) == ("ann", {"tx_id": lowest, "to": "bob"})


def test_a_case_is_claimed_by_its_id_and_the_other_one_goes_back(engine):
    fill(engine, flagged=2)
    first = take(engine)
    other = "t0" if first == "t1" else "t1"
    review.claim_case(engine, other, "ann")
    assert review.ReviewQueue(engine).find_held("ann") == other
    assert take(engine, "bob") == first
    for tx_id, why in ((first, "bob has the case"), ("nothing", "has no case")):
        with pytest.raises(UserError, match=why):
            review.claim_case(engine, tx_id, "ann")


def test_views_filter_what_is_shown_and_what_is_given(engine):
    fill(engine, flagged=3, cents=10_000)
    view = review.QueueView(least_euros=250)
    shown, total, hidden = review.preview_queue(engine, view, "ann")
    assert (shown["tx_id"].tolist(), total, hidden) == (["t2"], 1, 0)
    assert take(engine, view=view) == "t2"
    say(engine, "t2", "fraud", "ann")
    assert take(engine, view=view) is None
    assert take(engine, "bob", view=review.QueueView(category="nothing")) is None
    assert take(engine, "bob", view=review.QueueView(category="food"), without="t1") == "t0"


def test_a_view_of_a_kind_gives_no_blind_case_and_no_preview_lists_one(engine):
    fill(engine, flagged=2, approved=2, sampled=2, blind=True)
    shown, total, hidden = review.preview_queue(engine, review.QueueView(), "ann")
    assert (len(shown), total, hidden) == (0, 4, 4)
    for kind in filter(None, review.CASE_KINDS):
        assert take(engine, view=review.QueueView(kind=kind)) is None, kind
    assert take(engine, view=review.QueueView(channel="chip")) is not None


def test_preferences_are_kept_for_each_person(engine):
    assert review.load_preference(engine, "ann", "views", {}) == {}
    for value in ({"large": {"least_euros": 500.0}}, {"new": {"most_hours": 2.0}}):
        review.save_preference(engine, "ann", "views", value)
        assert review.load_preference(engine, "ann", "views", {}) == value
    assert review.load_preference(engine, "bob", "views", {}) == {}
    review.save_preference(engine, "ann", "views", None)
    assert rows(engine, schema.preferences) == []


# --- the trail ---


def test_the_trail_tells_all_of_a_decided_case_and_nothing_of_others_while_it_waits(engine):
    fill(engine, flagged=1, cents=policy.SECOND_REVIEW_CENTS)
    tx_id = take(engine)
    ledger.log_case_read(engine, tx_id, "ann", claimed=True)
    say(engine, tx_id, "fraud", "ann", "card_testing", "three small ones")
    ledger.add_comment(engine, tx_id, "the bank knows", "ann")
    other = review.load_trail(engine, tx_id, "bob")
    assert [one.words for one in other] == [
        "claimed and opened the case",
        "gave a verdict; it is not shown while the case waits",
        "wrote a comment; it is not shown while the case waits",
    ]
    assert {one.note for one in other} == {""}
    own = review.load_trail(engine, tx_id, "ann")
    assert own[1].note == "three small ones" and "small payments tried" in own[1].words
    take(engine, "bob")
    say(engine, tx_id, "fraud", "bob", note="and I agree")
    trail = review.load_trail(engine, tx_id, "eve")
    assert [one.actor for one in trail] == ["ann", "ann", "ann", "bob"]
    assert [one.note for one in trail] == ["", "three small ones", "the bank knows", "and I agree"]
    assert "agreed: fraud" in trail[-1].words
    with engine.connect() as connection:
        hashes = {one["seq"]: one["hash"] for one in ledger.load_entries(connection)}
    assert all(hashes[one.seq] == one.digest for one in trail)


def test_the_trail_names_the_settling_and_the_chargeback_of_this_case_only(engine):
    fill(engine, flagged=2)
    row = {"tx_id": "t0", "source": "chargeback", "actor": "issuer", "customer_id": "c"}
    row |= {"terminal_id": "m", "is_fraud": 1, "label_ts": 5}
    with store.write_transaction(engine) as connection:
        ledger.insert_chargebacks(connection, [row], by="api:issuer")
    review.ReviewQueue(engine).settle()
    words = [one.words for one in review.load_trail(engine, "t0", "ann")]
    assert words == [
        "reported the transaction as fraud (issuer)",
        "let the case leave the queue: its chargeback arrived",
    ]
    assert review.load_trail(engine, "t1", "ann") == []


def test_a_comment_has_words(engine):
    for text in (" ", "x" * 2_001):
        with pytest.raises(UserError, match="1 to 2,000 letters"):
            ledger.add_comment(engine, "t0", text, "ann")
