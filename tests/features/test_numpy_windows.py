"""NumPy computes exactly what `features.sql` says, or the text itself is run."""

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudops import features, store
from fraudops.features import (
    FEATURE_SQL,
    WINDOW_GAP_SECONDS,
    definitions,
    numpy_windows,
    online,
    sql_plan,
    transform,
)
from fraudops.workspace import Workspace
from tests.support.cases import drop_ledger_triggers
from tests.support.feature_events import compute_sums_sqlite, make_random_events

DAY = 86_400
COMPUTED_CHANGES = {  # part of the text: other text that NumPy computes
    "BETWEEN 3600 PRECEDING": "BETWEEN 3601 PRECEDING",
    "BETWEEN 604800 PRECEDING": "BETWEEN 604801 PRECEDING",
    "BETWEEN 86400 PRECEDING": "BETWEEN 86399 PRECEDING",
    "BETWEEN 5184000 PRECEDING": "BETWEEN 5183999 PRECEDING",
    "AND 60 PRECEDING": "AND 61 PRECEDING",
    "c_n_60d >= 3": "c_n_60d >= 4",
    "3 * c_sum_60d": "2 * c_sum_60d",
    "amount_cents * c_n_60d >": "amount_cents * c_n_60d >=",
    "channel = 'online'": "channel = 'chip'",
    "* 36001": "* 36000",
    "MIN(fraud.label_ts)": "MAX(fraud.label_ts)",
    "PARTITION BY customer_id, category": "PARTITION BY customer_id",
    "PARTITION BY customer_id, terminal_id": "PARTITION BY customer_id",
    "COUNT(is_online) OVER c_1d": "COUNT(is_online) OVER c_7d",
    "MAX(amount_cents)": "MIN(amount_cents)",
    "(place) OVER c_30d, -1": "(place) OVER c_30d, -2",
    "OVER c_7d, 0)": "OVER c_7d, 1)",
    "fraud.label_ts >= tx.ts - 86400": "fraud.label_ts >= tx.ts - 86399",
    "ON fraud.terminal_id = tx.terminal_id": "ON fraud.customer_id = tx.customer_id",
    "MAX(refund.ts)": "MIN(refund.ts)",
    "refund.ts >= tx.ts - 604800": "refund.ts >= tx.ts - 604801",
}
REFUSED_CHANGES = {  # part of the text: other text that NumPy refuses
    "BETWEEN 1209600 PRECEDING": "BETWEEN 1209601 PRECEDING",
    "BETWEEN 2592000 PRECEDING": "BETWEEN 2592001 PRECEDING",
    "AND  60 PRECEDING": "AND 59 PRECEDING",
    "ORDER BY ts RANGE": "ORDER BY ts DESC RANGE",
    "amount_cents  * c_n_60d": "amount_cents / c_n_60d",
    "THEN 1 END AS is_online": "THEN 1 ELSE 0 END AS is_online",
    "THEN 1 END AS  is_online": "THEN 2 END AS is_online",
    "MAX(fraud.label_ts)": "SUM(fraud.label_ts)",
    "c_last_ts,": "c_last_ts, 0 AS c_n_new,",
    "PARTITION BY terminal_id": "PARTITION BY category",
    "COUNT(*) OVER c_1h": "COUNT(DISTINCT category) OVER c_1h",
    "fraud.label_ts  >= tx.ts - 604800": "fraud.label_ts > tx.ts - 604800",
    "tx.ts - 2592000 AND": "tx.ts - 2592001 AND",
    "AND tx.ts - 60": "AND tx.ts - 59",
    "MIN(ts) FROM tx WHERE wanted = 1) - 2592000": "MIN(ts) FROM tx WHERE wanted = 1) - 86400",
    "OR terminal_id IN": "AND terminal_id IN",
    "LEFT JOIN terminal_reports": "JOIN terminal_reports",
    "COALESCE(t_fraud_7d, 0)": "COALESCE(t_fraud_7d, 1)",
    "MAX(refund.ts)": "SUM(refund.ts)",
    "AND refund.ts BETWEEN": "AND refund.label_ts BETWEEN",
    "LEFT JOIN customer_refunds": "JOIN customer_refunds",
    "c_refunds_7d, c_last_refund_ts": "c_refunds_7d, COALESCE(c_last_refund_ts, 0) AS x",
}


def same(one: transform.ColumnArrays, other: transform.ColumnArrays) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and np.array_equal(one[name], other[name], equal_nan=name in definitions.NULLABLE_SUMS)
        for name in one
    )


def as_columns(found: dict) -> dict:
    """Whole numbers as `features.divide` takes them."""
    return {
        name: np.array(
            [np.nan if value is None else value for value in values],
            float if name in definitions.NULLABLE_SUMS else np.int64,
        )
        for name, values in found.items()
    }


def test_numpy_computes_every_column_of_the_text():
    rows, *_ = make_random_events(1)
    text, _ = compute_sums_sqlite(rows, [], [], [])
    assert list(sql_plan.load_plan().aggregates) == list(text)
    assert features.get_window_engine() == "numpy"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), asked=st.integers(2, 40))
def test_random_transactions_get_the_integers_of_the_text(seed, asked):
    rows, *events = make_random_events(seed, asked)
    text, past = compute_sums_sqlite(rows, *events)
    assert same(numpy_windows.compute_sums_numpy(rows, past), as_columns(text))


def test_transactions_without_any_past_get_the_integers_of_the_text():
    rows, *_ = make_random_events(1)
    text, past = compute_sums_sqlite(rows, [], [], [])
    assert not any(past) and same(numpy_windows.compute_sums_numpy(rows, past), as_columns(text))
    text, past = compute_sums_sqlite(rows[:1], [], [], [])
    assert same(numpy_windows.compute_sums_numpy(rows[:1], past), as_columns(text))


def change_text(part: str, other: str) -> str:
    changed = FEATURE_SQL.replace(" ".join(part.split()), other)
    assert changed != FEATURE_SQL
    return changed


@pytest.mark.parametrize(("part", "other"), COMPUTED_CHANGES.items())
def test_a_changed_text_is_computed_as_it_says(part, other):
    changed = change_text(part, other)
    plan = sql_plan.read_plan(changed)
    for seed in range(3):
        rows, *events = make_random_events(seed)
        text, past = compute_sums_sqlite(rows, *events, changed, plan)
        assert same(numpy_windows.compute_sums_numpy(rows, past, plan), as_columns(text))


@pytest.mark.parametrize(("part", "other"), REFUSED_CHANGES.items())
def test_a_text_that_is_not_understood_is_refused(part, other):
    with pytest.raises(sql_plan.UnsupportedSqlError):
        sql_plan.read_plan(change_text(part, other))


def test_a_text_that_is_not_understood_means_sql(monkeypatch):
    monkeypatch.setattr(sql_plan, "FEATURE_SQL", FEATURE_SQL.replace("MAX(place)", "AVG(place)"))
    sql_plan.load_plan.cache_clear()
    try:
        assert features.get_window_engine() == "sql"
    finally:
        sql_plan.load_plan.cache_clear()


def to_refund_rows(refunds: list[tuple]) -> list[dict]:
    about = {"terminal_id": "m1", "amount_cents": -100, "kind": "refund"}
    return [
        about | {"tx_id": f"refund {i}", "ts": ts, "customer_id": customer}
        for i, (ts, customer) in enumerate(refunds)
    ]


def fill(engine: sa.Engine) -> list[dict]:
    """Store a past with reports of two issuers, a reviewer's label, a withdrawn report, refunds."""
    _, others, reports, refunds = make_random_events(5)
    names = ("tx_id", "label_ts", "customer_id", "terminal_id")
    labels = [
        dict(zip(names, one, strict=True))
        | {"source": "chargeback", "actor": "issuer", "is_fraud": 1}
        for one in reports
    ]
    first = labels[0]
    labels += [first | {"actor": "another", "label_ts": first["label_ts"] - DAY}]
    labels += [first | {"source": "reviewer"}, labels[1] | {"actor": "later", "is_fraud": 0}]
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.transactions, others)
        store.insert_new(connection, store.refunds, to_refund_rows(refunds))
        drop_ledger_triggers(connection)  # a reviewer's label without its decision
        store.insert_new(connection, store.labels, labels)
    return others


def asked_of(others: list[dict]) -> list[dict]:
    """Transactions a minute apart, and some that are stored already and sent otherwise."""
    asked, *_ = make_random_events(6, 30)
    known = [row | {"amount_cents": 10**7, "customer_id": "c9"} for row in others[-40::4]]
    return (
        asked
        + known
        + [
            row | {"tx_id": f"late{row['tx_id']}", "ts": row["ts"] + WINDOW_GAP_SECONDS}
            for row in asked
        ]
    )


@pytest.fixture
def stored(tmp_path):
    """A database with a past, and that past."""
    engine = store.connect(Workspace.find(tmp_path))
    yield engine, fill(engine)
    engine.dispose()


def test_the_stored_past_gives_what_the_text_gives_over_it(stored):
    """Alone and together, early and late, and for one that is stored already and sent otherwise."""
    engine, others = stored
    rows = asked_of(others)
    with engine.connect() as connection:
        assert same(
            features.compute_online_sums(connection, rows),
            features.compute_sums_sql(connection, rows),
        )
        for row in rows[::4]:
            assert same(
                features.compute_online_sums(connection, [row]),
                features.compute_sums_sql(connection, [row]),
            )


def test_postgresql_gives_the_same_past(stored, workspace, postgres):
    engine, others = stored
    rows = asked_of(others)
    other = store.connect(workspace, postgres)
    fill(other)
    with engine.connect() as one, other.connect() as two:
        assert same(
            features.compute_online_sums(one, rows), features.compute_online_sums(two, rows)
        )
    other.dispose()


def test_where_the_text_is_not_understood_it_answers_itself(stored, monkeypatch):
    engine, others = stored
    monkeypatch.setattr(online, "load_plan", lambda: None)
    monkeypatch.setattr(
        numpy_windows, "compute_sums_numpy", lambda *_: pytest.fail("this must not be used")
    )
    with engine.connect() as connection:
        found = features.compute_online_sums(connection, [others[0] | {"tx_id": "new"}])
    text, _ = compute_sums_sqlite([others[0]], [], [], [])
    assert set(found) == set(text)


def test_the_past_is_read_out_of_an_index_alone(stored):
    engine, _ = stored
    with engine.connect() as connection:
        for name in ("customer_id", "terminal_id"):
            _, seen, _ = online._build_history_queries()[name]
            query = str(
                seen.params(keys=["c1"], since=0, until=1).compile(
                    engine, compile_kwargs={"render_postcompile": True}
                )
            )
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("c1", 0, 1)).all()
            assert "COVERING INDEX" in plan[0][3], plan


def test_refunds_are_read_out_of_their_index(stored):
    engine, _ = stored
    query = online._build_refund_query().params(keys=["c1"], since=0, until=1)
    text = str(query.compile(engine, compile_kwargs={"render_postcompile": True}))
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", ("c1", 0, 1)).all()
    assert "USING COVERING INDEX refund_customer" in plan[0][3], plan


def test_a_frame_of_the_offline_run_gives_the_same(stored):
    engine, others = stored
    rows = others[-5:]
    tx = pd.DataFrame(others).astype({"lat_cdeg": "Int64", "lon_cdeg": "Int64"})
    fraud = pd.DataFrame(columns=["tx_id", "customer_id", "terminal_id", "label_ts"])
    offline = (
        features.compute_sums_duckdb(tx, fraud)
        .set_index("tx_id")
        .loc[[row["tx_id"] for row in rows]]
    )
    with engine.connect() as connection:
        found = features.compute_online_sums(connection, rows)
    for name in (
        "c_n_60d",
        "c_sum_30d",
        "c_unusual_14d",
        "c_last_place",
        "ct_n_30d",
        "t_n_14d",
        "t_sum_30d",
    ):
        assert found[name].tolist() == offline[name].tolist(), name
