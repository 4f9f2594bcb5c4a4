"""What NumPy makes of the windows of `features.sql` is what the text gives, to the bit, and nothing else is ever used."""

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
    transform,
)
from fraudops.workspace import Workspace

DAY = 86_400
SECRETS = {  # what the text says, said a little otherwise
    **{
        f" {edge} PRECEDING AND": f" {edge + by} PRECEDING AND"
        for edge in (3600, 604800, 1209600)
        for by in (1,)
    },
    "BETWEEN 86400 PRECEDING": "BETWEEN 86399 PRECEDING",
    "BETWEEN 2592000 PRECEDING": "BETWEEN 2592001 PRECEDING",
    "BETWEEN 5184000 PRECEDING": "BETWEEN 5183999 PRECEDING",
    "AND 60 PRECEDING": "AND 61 PRECEDING",
    "AND  60 PRECEDING": "AND 59 PRECEDING",
    "c_n_60d >= 3": "c_n_60d >= 4",
    "3 * c_sum_60d": "2 * c_sum_60d",
    "amount_cents * c_n_60d >": "amount_cents * c_n_60d >=",
    "channel = 'online'": "channel = 'chip'",
    "* 36001": "* 36000",
    "is_tx = 1 THEN ts": "is_fraud = 1 THEN ts",
    "MIN(CASE WHEN is_fraud": "MAX(CASE WHEN is_fraud",
    "c_last_ts,": "c_last_ts, 0 AS c_n_new,",
    "PARTITION BY customer_id, category": "PARTITION BY customer_id",
    "PARTITION BY customer_id, terminal_id": "PARTITION BY customer_id",
    "is_online) OVER c_day": "is_online) OVER c_week",
    "(place) OVER c_month, -1": "(place) OVER c_month, -2",
    "c_paid_7d % 4398046511104 AS": "c_paid_7d % 4398046511103 AS",
    "(4398046511104 AS BIGINT) + amount_cents": "(4398046511105 AS BIGINT) + amount_cents",
    "1 AS is_fraud, 1 AS seen": "1 AS is_fraud, 2 AS seen",
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


def test_every_sum_and_window_of_the_text_is_read():
    assert len(numpy_windows.SUM_DEFINITIONS) == FEATURE_SQL.count(" OVER ") and len(
        numpy_windows.WINDOW_DEFINITIONS
    ) == FEATURE_SQL.count("PARTITION BY")
    assert features.numpy_matches_sql()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), asked=st.integers(2, 40))
def test_random_transactions_get_the_integers_of_the_text(seed, asked):
    rows, others, reports = numpy_windows.make_random_events(seed, asked)
    text, past = numpy_windows.compute_sums_sqlite(rows, others, reports)
    assert same(numpy_windows.compute_sums_numpy(rows, past), as_columns(text))


def test_transactions_without_any_past_get_the_integers_of_the_text():
    rows, _, _ = numpy_windows.make_random_events(1)
    text, past = numpy_windows.compute_sums_sqlite(rows, [], [])
    assert not any(past) and same(numpy_windows.compute_sums_numpy(rows, past), as_columns(text))
    text, past = numpy_windows.compute_sums_sqlite(rows[:1], [], [])
    assert same(numpy_windows.compute_sums_numpy(rows[:1], past), as_columns(text))


@pytest.mark.parametrize("said", SECRETS)
def test_a_text_that_says_something_else_is_noticed(monkeypatch, said):
    changed = FEATURE_SQL.replace(" ".join(said.split()), SECRETS[said])
    assert changed != FEATURE_SQL
    monkeypatch.setattr(numpy_windows, "FEATURE_SQL", changed)
    assert not features.numpy_matches_sql.__wrapped__()


def fill(engine: sa.Engine) -> list[dict]:
    """A past, fraud reports of two issuers on one transaction, a reviewer's word, a report that was none."""
    _, others, reports = numpy_windows.make_random_events(5)
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
        store.insert_new(connection, store.labels, labels)
    return others


def asked_of(others: list[dict]) -> list[dict]:
    """Transactions a minute apart, and some that are stored already and sent otherwise."""
    asked, _, _ = numpy_windows.make_random_events(6, 30)
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
    monkeypatch.setattr(numpy_windows, "numpy_matches_sql", lambda: False)
    monkeypatch.setattr(
        numpy_windows, "compute_sums_numpy", lambda *_: pytest.fail("this must not be used")
    )
    with engine.connect() as connection:
        found = features.compute_online_sums(connection, [others[0] | {"tx_id": "new"}])
    text, _ = numpy_windows.compute_sums_sqlite([others[0]], [], [])
    assert set(found) == set(text)


def test_the_past_is_read_out_of_an_index_alone(stored):
    engine, _ = stored
    with engine.connect() as connection:
        for name in ("customer_id", "terminal_id"):
            _, seen, _ = online._HISTORY_QUERIES[name]
            query = str(
                seen.params(keys=["c1"], since=0, until=1).compile(
                    engine, compile_kwargs={"render_postcompile": True}
                )
            )
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("c1", 0, 1)).all()
            assert "COVERING INDEX" in plan[0][3], plan


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
