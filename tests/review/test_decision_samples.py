"""Samples of decisions: drawn by a seed alone, judged by who may, and exported with a right."""

import csv
import io

import pytest

from fraudops import ledger, review, store
from fraudops.errors import UserError
from fraudops.review import decision_samples
from tests.support.cases import fill, say
from tests.support.page import person


@pytest.fixture
def auditor(engine):
    """Forty decisions, some blind, by two people; the name of an auditor."""
    fill(engine, flagged=40, blind=True)
    queue = review.ReviewQueue(engine)
    for number in range(40):
        actor = ("ann", "bob")[number % 2]
        tx_id = queue.claim_next(actor)
        queue.record_opinion(tx_id, "fraud", actor)
        say(engine, tx_id, "fraud", actor, note="=1+1" if number == 0 else "")
    return person(engine, "cem", "auditor")


def test_the_seed_alone_decides_and_each_draw_is_on_record(engine, auditor):
    first = review.draw_decision_sample(engine, 7, auditor)
    again = review.draw_decision_sample(engine, 7, auditor)
    other = review.draw_decision_sample(engine, 8, auditor)
    drawn = {number: review.load_sample(engine, number) for number in (first, again, other)}
    assert len(drawn[first]) == review.DEFAULT_SAMPLE_SIZE
    assert drawn[first]["decision"].tolist() == drawn[again]["decision"].tolist()
    assert drawn[first]["decision"].tolist() != drawn[other]["decision"].tolist()
    assert (drawn[first]["stage"] != "opinion").all()
    listed = review.list_samples(engine)
    assert [(one["sample"], one["seed"]) for one in listed] == [(other, 8), (again, 7), (first, 7)]
    assert {one["population"] for one in listed} == {40}


def test_another_person_draws_the_same_from_the_numbers(engine, auditor):
    sample = review.draw_decision_sample(engine, 5, auditor, size=3)
    with engine.connect() as connection:
        (entry,) = ledger.load_entries(connection, "sample")
        rows = connection.execute(store.decisions.select()).all()
    ids = [row.id for row in rows if row.stage != "opinion"]
    assert entry["seq"] == sample
    assert entry["payload"]["decisions"] == decision_samples.choose_decisions(ids, 5, 3)


def test_a_smaller_sample_is_a_part_of_a_larger_one():
    numbers = list(range(1000))
    small = decision_samples.choose_decisions(numbers, 1, 10)
    large = decision_samples.choose_decisions(numbers, 1, 30)
    assert set(small) < set(large) and large == sorted(large)
    # no number is drawn much more often than others
    counts = [0] * 20
    for seed in range(2000):
        for one in decision_samples.choose_decisions(list(range(20)), seed, 5):
            counts[one] += 1
    assert 400 < min(counts) and max(counts) < 600


def test_findings_are_entries_and_the_latest_one_counts(engine, auditor):
    sample = review.draw_decision_sample(engine, 1, auditor, size=5)
    decision = int(review.load_sample(engine, sample)["decision"].iloc[0])
    review.record_finding(engine, sample, decision, "in order", "", auditor)
    review.record_finding(engine, sample, decision, "serious", "the note says nothing", auditor)
    found = review.load_sample(engine, sample).set_index("decision")
    assert found.loc[decision, "grade"] == "serious" and found.loc[decision, "found_by"] == auditor
    assert (found["grade"] == "").sum() == 4
    assert review.list_samples(engine)[0]["judged"] == 1
    with engine.connect() as connection:
        grades = [one["payload"]["grade"] for one in ledger.load_entries(connection, "finding")]
    assert grades == ["in order", "serious"]


def test_what_is_refused(engine, auditor):
    sample = review.draw_decision_sample(engine, 1, auditor, size=5)
    rows = review.load_sample(engine, sample)
    decision = int(rows["decision"].iloc[0])
    for arguments, words in (
        ((sample, decision, "", "x" * 20, auditor), "Choose a grade"),
        ((sample, decision, "minor", "short", auditor), "at least 10 letters"),
        ((sample, 10_000, "in order", "", auditor), "does not hold the decision 10000"),
        ((1, decision, "in order", "", auditor), "no sample 1"),
        ((sample, decision, "in order", "", "stranger"), "no active user"),
    ):
        with pytest.raises(UserError, match=words):
            review.record_finding(engine, *arguments)
    maker = person(engine, rows["actor"].iloc[0], "auditor")  # was an analyst then
    with pytest.raises(UserError, match="made this decision yourself"):
        review.record_finding(engine, sample, decision, "in order", "", maker)
    for size in (0, 501):
        with pytest.raises(UserError, match="1 to 500"):
            review.draw_decision_sample(engine, 1, auditor, size)
    sue = person(engine, "sue", "supervisor")
    with pytest.raises(UserError, match=r"may not do this \(audit\)"):
        review.draw_decision_sample(engine, 1, sue)
    with engine.connect() as connection:
        assert len(ledger.load_entries(connection, "sample")) == 1
        assert ledger.load_entries(connection, "finding") == []


def test_nothing_to_draw_from_is_said(engine):
    with pytest.raises(UserError, match="nothing to draw from"):
        review.draw_decision_sample(engine, 1, person(engine, "cem", "auditor"))


def test_the_export_needs_the_right_and_holds_no_formula(engine, auditor):
    sample = review.draw_decision_sample(engine, 1, auditor, size=40)
    rows = review.load_sample(engine, sample)
    review.record_finding(engine, sample, int(rows["decision"].iloc[0]), "in order", "@a", auditor)
    text = review.export_sample(engine, sample, auditor)
    found = list(csv.DictReader(io.StringIO(text)))
    assert len(found) == 40 and [row["decision"] for row in found] == [
        str(one) for one in rows["decision"]
    ]
    assert "'=1+1" in [row["note"] for row in found] and found[0]["text"] == "'@a"
    with engine.connect() as connection:
        (entry,) = ledger.load_entries(connection, "export")
    assert entry["payload"] == {"what": f"decisions and findings of sample {sample}", "rows": 40}
    for role in ("analyst", "supervisor"):
        with pytest.raises(UserError, match=r"may not do this \(export\)"):
            review.export_sample(engine, sample, person(engine, f"a-{role}", role))
    with engine.connect() as connection:
        assert len(ledger.load_entries(connection, "export")) == 1
