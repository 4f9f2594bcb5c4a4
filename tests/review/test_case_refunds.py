"""A case shows what its customer got back before it."""

import pytest

from fraudops import ledger, review, store
from fraudops.audit_app import case_plots
from fraudops.timeline import DAY
from tests.support.cases import NOON, fill


def back(tx_id: str, ts: int, kind: str = "refund", customer: str = "c") -> dict:
    about = {"terminal_id": "m", "amount_cents": -250, "kind": kind}
    return about | {"tx_id": tx_id, "ts": ts, "customer_id": customer}


@pytest.fixture
def case(engine):
    """A case of customer c, with two refunds before it and some that do not count."""
    fill(engine, flagged=1)
    rows = [
        back("before", NOON - 3 * DAY),
        back("soon before", NOON - 60, "reversal"),
        back("later", NOON + 60),
        back("long ago", NOON - 61 * DAY),
        back("of another", NOON - DAY, customer="d"),
    ]
    with store.write_transaction(engine) as connection:
        ledger.insert_refunds(connection, rows, by="api:bank")
    return review.load_case(engine, "t0", "ann")


def test_a_case_has_the_refunds_of_its_customer_before_it(case):
    assert case.refunds["tx_id"].tolist() == ["soon before", "before"]
    assert case.refunds["kind"].tolist() == ["reversal", "refund"]
    assert case.customer.empty  # a refund is no purchase


def test_the_picture_marks_refunds_and_says_how_many(case):
    axes = case_plots.plot_customer_history(case).axes[0]
    marks = {one.get_label(): one.get_offsets().tolist() for one in axes.collections}
    assert marks["refund (1)"] == [[-3, 2.5]] and "reversal (1)" in marks
    terminal = case_plots.plot_terminal_history(case).axes[0]
    assert not any("(1)" in one.get_label() for one in terminal.collections)


def test_a_customer_without_refunds_has_no_mark(engine):
    fill(engine, flagged=1)
    figure = case_plots.plot_customer_history(review.load_case(engine, "t0", "ann"))
    assert len(figure.axes[0].collections) == 3
