"""Seals: which rows, or which days, are named when something differs."""

import pytest
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.ledger import seal_comparison, seals
from fraudops.timeline import DAY
from tests.support.cases import NOON, fill

T = store.transactions.c


@pytest.fixture
def sealed(engine):
    """Twelve transactions of one day and six of the next, sealed; returns what verify finds."""
    fill(engine, flagged=12)
    with store.write_transaction(engine) as connection:
        rows = connection.execute(sa.select(store.transactions).limit(6)).mappings().all()
        later = [dict(row) | {"tx_id": f"later{i}", "ts": NOON + DAY} for i, row in enumerate(rows)]
        connection.execute(store.transactions.insert(), later)
    assert seals.seal_new_rows(engine, "ann") == 30

    def find(table=store.transactions):
        with store.read_transaction(engine) as connection:
            entries = ledger.load_entries(connection, "seal")
            known = {one["seq"]: {"at": one["at"]} | one["payload"] for one in entries}
            return list(seal_comparison.compare_seals(connection, known, table))

    assert find() == find(store.predictions) == []
    return find


def change(engine, statement):
    with store.write_transaction(engine) as connection:
        connection.execute(statement)


def forge_digests(engine, *where):
    """Compute the digests of these transactions again, as a skilled forger does."""
    with store.write_transaction(engine) as connection:
        for row in connection.execute(sa.select(store.transactions).where(*where)).all():
            digest = seals.digest_row(seals.row_json(tuple(row)).encode())
            s = store.sealed.c
            of_row = sa.and_(s.kind == "transactions", s.key == row.tx_id)
            connection.execute(store.sealed.update().where(of_row).values(digest=digest))


def test_a_seal_holds_a_digest_for_each_day(sealed, engine):
    with engine.connect() as connection:
        payload = ledger.load_entries(connection, "seal")[0]["payload"]
        digests = connection.scalars(sa.select(store.sealed.c.digest)).all()
    assert (payload["table"], payload["rows"]) == ("transactions", 18)
    assert [(day, count) for day, count, _ in payload["days"]] == [
        ("2024-10-04", 12),
        ("2024-10-05", 6),
    ]
    assert len(digests) == 30 and all(len(one) == 16 for one in digests)


def test_the_first_changed_rows_are_named_and_all_are_counted(sealed, engine):
    update = store.transactions.update()
    change(engine, update.where(T.tx_id == "t5").values(amount_cents=1))
    assert sealed() == ["t5 of transactions is not what entry 1 sealed"]
    change(engine, update.where(T.tx_id.like("later%")).values(category="x"))
    assert sealed() == [
        "later0, later1, later2 and 4 more of transactions are not what entry 1 sealed"
    ]


def test_missing_rows_are_named_with_their_day(sealed, engine):
    change(engine, store.transactions.delete().where(T.tx_id.like("later%")))
    assert sealed() == [
        "later0, later1, later2 and 3 more of transactions are missing; entry 1 sealed these 6 "
        "rows",
        "entry 1 sealed 6 rows of transactions of 2024-10-05, and 0 are there",
    ]


def test_a_row_at_another_time_is_named_with_both_days(sealed, engine):
    change(engine, store.transactions.update().where(T.tx_id == "t5").values(ts=NOON + DAY))
    assert sealed() == [
        "t5 of transactions is not what entry 1 sealed",
        "entry 1 sealed 12 rows of transactions of 2024-10-04, and 11 are there",
        "entry 1 sealed 6 rows of transactions of 2024-10-05, and 7 are there",
    ]


@pytest.mark.parametrize("ts", [10**17, -(10**17), "noon", b"\x00"])
def test_a_time_that_is_no_time_is_found_and_stops_nothing(sealed, engine, ts):
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE transactions SET ts = ? WHERE tx_id = 't5'", (ts,))
    assert sealed()[0] == "t5 of transactions is not what entry 1 sealed"


def test_a_row_whose_digest_was_changed_too_is_known_by_its_day(sealed, engine):
    update = store.transactions.update()
    change(engine, update.where(T.tx_id == "later3").values(amount_cents=1))
    forge_digests(engine, T.tx_id == "later3")
    assert sealed() == [
        "the 6 rows of transactions of 2024-10-05 that entry 1 sealed are no longer what they "
        "were; which of them cannot be said, because their digests were changed"
    ]
    change(engine, update.where(T.tx_id == "t5").values(amount_cents=2))
    assert len(sealed()) == 2 and sealed()[0].startswith("t5 of transactions")


def test_a_row_slipped_in_or_taken_out_with_its_seal_is_known_by_its_day(sealed, engine):
    with store.write_transaction(engine) as connection:
        row = dict(connection.execute(sa.select(store.transactions)).mappings().first())
        connection.execute(store.transactions.insert(), row | {"tx_id": "forged"})
        key = {"kind": "transactions", "key": "forged", "seal": 1}
        connection.execute(store.sealed.insert(), key)
    forge_digests(engine, T.tx_id == "forged")
    assert sealed() == ["entry 1 sealed 12 rows of transactions of 2024-10-04, and 13 are there"]
    change(engine, store.transactions.delete().where(T.tx_id.in_(["forged", "t5"])))
    change(engine, store.sealed.delete().where(store.sealed.c.key.in_(["forged", "t5"])))
    assert sealed() == ["entry 1 sealed 12 rows of transactions of 2024-10-04, and 11 are there"]


def test_many_days_are_counted(engine):
    rows = [
        {"tx_id": f"d{i}", "ts": NOON + i * DAY, "customer_id": "c", "terminal_id": "m"}
        | {"amount_cents": 1, "category": "x", "channel": "y"}
        for i in range(9)
    ]
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.transactions, rows)
        seals.seal_table(connection, store.transactions, "ann")
        known = {1: {"at": 1.0} | ledger.load_entries(connection, "seal")[0]["payload"]}
        connection.execute(store.transactions.update().values(amount_cents=2))
    forge_digests(engine)
    with store.read_transaction(engine) as connection:
        found = list(seal_comparison.compare_seals(connection, known, store.transactions))
    assert len(found) == 4 and found[-1] == "and 6 more days of transactions under entry 1"


def test_a_seal_of_an_earlier_version_is_compared_as_a_whole(sealed, engine):
    """Such a seal has one digest over all rows, and its rows have none."""
    import hashlib

    total = hashlib.sha256()
    with store.write_transaction(engine) as connection:
        for row in connection.execute(sa.select(store.transactions).order_by(T.tx_id)):
            total.update(seals.row_json(tuple(row)).encode())
        names = [one.name for one in store.transactions.c]
        old = {"table": "transactions", "rows": 18, "columns": names, "at": 1.0}
        old |= {"sha256": total.hexdigest()}
        connection.execute(store.sealed.update().values(digest=None))
        compare = seal_comparison.compare_seals
        assert list(compare(connection, {1: old}, store.transactions)) == []
        connection.execute(store.transactions.update().where(T.tx_id == "t5").values(category="z"))
        (problem,) = compare(connection, {1: old}, store.transactions)
        assert problem.startswith("the 18 rows of transactions that entry 1 sealed are no longer")
        connection.execute(store.transactions.delete().where(T.tx_id == "t5"))
        (problem,) = compare(connection, {1: old}, store.transactions)
        assert problem == "t5 of transactions is missing; entry 1 sealed it"
