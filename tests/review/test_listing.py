"""Lists: search by a part of an id, order, who reviewed, and the export."""

import csv
import io

import pytest

from fraudops import ledger, review, store
from fraudops.errors import UserError
from fraudops.review import PredictionFilter
from tests.support.cases import fill, say
from tests.support.page import person


@pytest.fixture
def cases(engine):
    """Twelve flagged cases, of which two are reviewed; t11 waits for a second person."""
    fill(engine, flagged=12, cents=5_000)
    queue = review.ReviewQueue(engine)
    for tx_id in ("t2", "t3"):
        claim(engine, queue, tx_id, "ann")
        say(engine, tx_id, "genuine", "ann")
    claim(engine, queue, "t11", "bob")
    say(engine, "t11", "fraud", "bob")
    return queue


def claim(engine, queue, tx_id, actor):
    """Make this case the next one of the reviewer."""
    c = store.cases.c
    with store.write_transaction(engine) as connection:
        connection.execute(
            store.cases.update()
            .where(c.tx_id == tx_id)
            .values(claimed_by=actor, claimed_at=1.0, claimed_until=4e9)
        )
    assert queue.find_held(actor) == tx_id


def load(engine, **filters):
    return review.load_prediction_page(engine, "Predicted frauds", PredictionFilter(**filters))


def test_a_part_of_an_id_is_enough_in_any_case(engine, cases):
    assert set(load(engine, text="T1")[0]["tx_id"]) == {"t1", "t10", "t11"}
    assert load(engine, text="C")[1] == 12  # of the customer
    for text in ("%", "_", "t1%", "nobody"):
        rows, total = load(engine, text=text)
        assert (len(rows), total) == (0, 0)


def test_each_order_is_that_of_its_column(engine, cases):
    for order, (column, is_descending) in review.LIST_ORDERS.items():
        rows, total = load(engine, order=order)
        values = rows[column.name].tolist()
        assert values == sorted(values, reverse=is_descending) and total == 12


def test_who_reviewed_is_named_only_when_it_is_over(engine, cases):
    rows = load(engine)[0].set_index("tx_id")
    assert rows.loc["t2", ["review", "reviewed_by"]].tolist() == ["reviewed", "ann"]
    # the second person must not know who was first
    assert rows.loc["t11", ["review", "reviewed_by"]].tolist() == ["waits for a second person", ""]
    assert rows.loc["t5", "review"] == "waits for a person"
    assert set(load(engine, reviewed="yes")[0]["tx_id"]) == {"t2", "t3"}
    assert load(engine, reviewed="no")[1] == 10


def test_each_person_finds_the_cases_of_their_own_verdicts(engine, cases):
    assert set(load(engine, reviewer="ann")[0]["tx_id"]) == {"t2", "t3"}
    assert set(load(engine, reviewer="bob")[0]["tx_id"]) == {"t11"}
    assert load(engine, reviewer="cat")[1] == 0
    review.undo_decision(engine, "t3", "ann")
    assert set(load(engine, reviewer="ann")[0]["tx_id"]) == {"t2"}


def test_the_export_has_the_rows_of_the_list_and_needs_the_right(engine, cases):
    cem, ann = person(engine, "cem", "auditor"), person(engine, "ann", "analyst")
    filters = PredictionFilter(order="oldest first", text="t1")
    text = review.export_predictions(engine, "Predicted frauds", filters, cem)
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["tx_id"] for row in found] == ["t1", "t10", "t11"]
    assert found[0]["amount_cents"] == "10000"
    with pytest.raises(UserError, match=r"may not do this \(export\)"):
        review.export_predictions(engine, "Predicted frauds", filters, ann)
    with engine.connect() as connection:
        (entry,) = ledger.load_entries(connection, "export")
    assert (entry["actor"], entry["payload"]["rows"]) == ("cem", 3)
