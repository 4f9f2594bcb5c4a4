"""A case shows what its customer got back before it."""

import pytest

from fraudops import ledger, review, store
from fraudops.audit_app import plots
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
    figure = plots.plot_case_history(case)
    customer, terminal = figure.axes
    assert customer.get_title(loc="left").endswith("money came back 2 times")
    legend = [text.get_text() for text in customer.get_legend().get_texts()]
    assert legend[-2:] == ["refund (money back)", "reversal (money back)"]
    marks = {one.get_label(): one.get_offsets().tolist() for one in customer.collections}
    assert marks["refund (money back)"] == [[-3, 2.5]]
    assert "money came back" not in terminal.get_title(loc="left")


def test_a_customer_without_refunds_has_no_mark(engine):
    fill(engine, flagged=1)
    figure = plots.plot_case_history(review.load_case(engine, "t0", "ann"))
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert not any("money back" in text for text in legend)
    assert "money came back" not in figure.axes[0].get_title(loc="left")
