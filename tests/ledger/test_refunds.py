"""Every refund is sealed as it is written, and a later change of it is found."""

import pytest

from fraudops import ledger, store
from fraudops.errors import UserError

REFUND = {"ts": 5, "customer_id": "c", "terminal_id": "m", "amount_cents": -100, "kind": "refund"}


def make(*ids: str) -> list[dict]:
    return [REFUND | {"tx_id": tx_id} for tx_id in ids]


def find_differences(engine) -> list[str]:
    with store.read_transaction(engine) as connection:
        return list(ledger.find_differences(connection))


def test_a_refund_is_written_once_with_its_seal(engine):
    for ids, new in ((("a", "b"), 2), (("b", "d"), 1), (("a", "d"), 0)):
        with store.write_transaction(engine) as connection:
            assert ledger.insert_refunds(connection, make(*ids), by="api:bank") == new
    with store.read_transaction(engine) as connection:
        seals = ledger.load_entries(connection, "seal")
    assert [one["payload"]["rows"] for one in seals] == [2, 1]
    assert {one["actor"] for one in seals} == {"api:bank"}
    assert find_differences(engine) == []


def test_more_refunds_than_one_query_holds_are_all_sealed(engine):
    rows = make(*(f"r{i}" for i in range(1000)))
    with store.write_transaction(engine) as connection:
        assert ledger.insert_refunds(connection, rows, by="api:bank") == 1000
    with store.read_transaction(engine) as connection:
        seals = ledger.load_entries(connection, "seal")
    assert sum(one["payload"]["rows"] for one in seals) == 1000
    assert find_differences(engine) == []


def test_a_refund_that_nobody_sent_or_that_was_changed_is_found(workspace, engine):
    with store.write_transaction(engine) as connection:
        ledger.import_history(connection, [], [], by="pipeline", refunds=make("a"))
        ledger.insert_refunds(connection, make("b"), by="api:bank")
    assert ledger.verify_record(workspace, engine).holds
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.refunds, make("forged"))
    (found,) = find_differences(engine)
    assert found == "the refund forged was neither sent nor imported: no seal knows it"
    with store.write_transaction(engine) as connection:
        connection.execute(store.refunds.delete().where(store.refunds.c.tx_id == "forged"))
        one = store.refunds.c.tx_id == "b"
        connection.execute(store.refunds.update().where(one).values(customer_id="another"))
    (found,) = find_differences(engine)
    assert found == "b of refunds is not what entry 2 sealed"


def test_an_id_of_a_purchase_is_refused_and_nothing_is_written(engine):
    purchase = {"tx_id": "t", "ts": 5, "customer_id": "c", "terminal_id": "m", "amount_cents": 1}
    with store.write_transaction(engine) as connection:
        purchase |= {"category": "food", "channel": "chip"}
        store.insert_new(connection, store.transactions, [purchase])
    with pytest.raises(UserError, match="The refund t has the id of a purchase"):
        with store.write_transaction(engine) as connection:
            ledger.insert_refunds(connection, make("a", "t"), by="api:bank")
    with store.read_transaction(engine) as connection:
        assert store.count_stored_rows(connection)["refunds"] == 0
