"""What an auditor finds: by transaction, person, day and kind; by both clocks; and who may look."""

import time

import pytest

from fraudops import ledger, review, store
from fraudops.errors import UserError
from fraudops.review import EntryFilter
from fraudops.timeline import DAY
from tests.support.cases import NOON, fill, say
from tests.support.page import person


@pytest.fixture
def trail(engine):
    """Looks up as an auditor: the entries without those of earlier looks."""
    person(engine, "cem", "auditor")

    def look(**filters):
        rows, total = review.find_entries(engine, "cem", EntryFilter(**filters), size=500)
        assert total == len(rows)
        return [row for row in rows if row.actor != "cem"]

    return look


@pytest.fixture
def cases(engine):
    fill(engine, flagged=12)  # t1 is a part of t10 and t11
    queue = review.ReviewQueue(engine)
    for _ in range(12):
        tx_id = queue.claim_next("ann")
        ledger.log_case_read(engine, tx_id, "ann")
        say(engine, tx_id, "fraud", "ann")
    return queue


def test_the_whole_id_of_a_transaction_finds_it_alone(trail, cases, engine):
    for text in ("t1", "T1", " t1 "):
        rows = trail(text=text)
        assert [(row.event, row.tx_id) for row in rows] == [("read", "t1"), ("decision", "t1")]
        assert rows[1].words.startswith("decides that t1 is fraud")
    with engine.connect() as connection:
        prediction = connection.scalar(
            store.predictions.select()
            .with_only_columns(store.predictions.c.prediction_id)
            .where(store.predictions.c.tx_id == "t1")
        )
    assert len(trail(text=prediction)) == 2
    assert review.suggest_transaction_ids(engine, "T1") == ["t1", "t10", "t11"]


def test_both_clocks_are_kept_apart(trail, cases):
    (_, decided) = trail(text="t3")
    assert decided.ts == NOON + 3 and abs(decided.at - time.time()) < 3600
    today, then = int(time.time()) // DAY * DAY, NOON // DAY * DAY
    assert len(trail(day=today, kind="decisions")) == 12
    assert trail(day=then, kind="decisions") == []
    assert len(trail(day=then, clock="transactions", kind="decisions")) == 12
    assert trail(day=then + DAY, clock="transactions") == []


def test_a_person_is_found_as_the_one_who_did_it_and_as_the_one_who_was_changed(
    trail, cases, engine
):
    person(engine, "ann", "analyst")
    rows = trail(person="ANN ")
    assert {"decision", "read", "user"} == {row.event for row in rows}
    added = next(row for row in rows if row.event == "user")
    assert (added.actor, added.words) == ("os:test", "adds the user ann as analyst")
    assert all(row.event == "user" for row in trail(person="ann", kind="user changes"))
    assert trail(person="nn") == []


def test_an_entry_by_its_number_and_a_model_by_its_version(trail, engine):
    said = {"version": "3", "previous": None, "reason": "first", "gates": [], "kind": "promotion"}
    with store.write_transaction(engine) as connection:
        ledger.append_entry(connection, "champion", "pipeline", **said)
        seq = ledger.get_head(connection)[0]
        ledger.append_entry(connection, "champion", "pipeline", **(said | {"version": "33"}))
    for text in (f"entry {seq}", f"#{seq}", "version 3"):
        assert [row.seq for row in trail(text=text)] == [seq]
    assert len(trail(kind="model events")) == 2


def test_hostile_texts_find_what_holds_them_and_nothing_else(trail, cases, engine):
    for note in ('say "100%" \\ _', "<script>ä'; --"):
        case = fill_one_more(engine)
        say(engine, case, "fraud", "bob", note=note)
        assert [row.tx_id for row in trail(text=note)] == [case]
        assert [row.tx_id for row in trail(text=note.upper()[:8], kind="decisions")] == [case]
    assert trail(text="%") != [] and all("%" in row.words for row in trail(text="%"))


def fill_one_more(engine):
    with engine.connect() as connection:
        number = len(connection.execute(store.transactions.select()).all())
    fill(engine, flagged=number + 1)
    return review.ReviewQueue(engine).claim_next("bob")


def test_parts_follow_each_other_without_a_gap(cases, engine):
    person(engine, "cem", "auditor")
    whole, total = review.find_entries(engine, "cem", EntryFilter(kind="decisions"), size=100)
    parts = []
    for offset in range(0, 12, 5):
        rows, _ = review.find_entries(engine, "cem", EntryFilter(kind="decisions"), offset, 5)
        parts += rows
    assert parts == whole and total == 12
    assert [row.seq for row in whole] == sorted(row.seq for row in whole)


def test_each_look_is_an_entry_and_only_some_may_look(cases, engine):
    for name, role in (
        ("cem", "auditor"),
        ("eva", "admin"),
        ("ann", "analyst"),
        ("sue", "supervisor"),
    ):
        person(engine, name, role)
    with engine.connect() as connection:
        before = ledger.get_head(connection)
    for name in ("ann", "sue", "stranger"):  # a reviewer would see what others said before
        with pytest.raises(UserError, match=r"\(audit\)|no active user"):
            review.find_entries(engine, name, EntryFilter(text="t1"))
    with engine.connect() as connection:
        assert ledger.get_head(connection) == before
    for name in ("cem", "eva"):
        review.find_entries(engine, name, EntryFilter(text="t1"))
    with engine.connect() as connection:
        looks = ledger.load_entries(connection, "list")
    assert [(one["actor"], one["payload"]["filters"]["text"]) for one in looks] == [
        ("cem", "t1"),
        ("eva", "t1"),
    ]


def test_the_facts_of_a_transaction(cases, engine, workspace):
    assert review.load_transaction_facts(engine, "nothing") is None
    ledger.seal_and_anchor(workspace, engine)
    facts = review.load_transaction_facts(engine, "T5")
    assert facts["transaction"]["tx_id"] == "t5" and facts["case"]["state"] == "closed"
    assert facts["prediction"]["model_version"] == "1"
    assert [(one["source"], one["actor"]) for one in facts["labels"]] == [("reviewer", "ann")]
    assert set(facts["seals"]) == {"transactions", "predictions", "labels"}
