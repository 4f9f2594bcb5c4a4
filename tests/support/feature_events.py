"""Random transactions on the edges of the windows, and `features.sql` over them by SQLite."""

import itertools
import sqlite3

import numpy as np

from fraudops.data import TRANSACTION_COLUMNS
from fraudops.features import FEATURE_SQL, WINDOW_GAP_SECONDS
from fraudops.features.numpy_windows import (
    CUSTOMER_COLUMNS,
    REFUND_EVENT_COLUMNS,
    REPORT_EVENT_COLUMNS,
    TERMINAL_COLUMNS,
    UNKNOWN_VALUE,
    EventHistory,
)
from fraudops.features.sql_plan import FeaturePlan, load_plan
from fraudops.features.transform import ColumnArrays

_WANTED_KEYS = "{0} IN (SELECT {0} FROM tx WHERE wanted = 1)"


def make_random_events(
    seed: int, n_requested: int = 12
) -> tuple[list[dict], list[dict], list[tuple], list[tuple]]:
    """Make random transactions to ask for, earlier ones, fraud reports, and refunds.

    Many lie exactly on the edge of a window.

    Returns
    -------
    tuple of list
        `n_requested` rows and four, some 600 rows, some 150 tuples of `REPORT_EVENT_COLUMNS`, and
        as many of `REFUND_EVENT_COLUMNS`.
    """
    random = np.random.default_rng(seed)
    mine = 10**9 + random.integers(0, 5 * 86_400, n_requested)
    mine[n_requested // 2 :] = (
        mine[: n_requested - n_requested // 2]
        + WINDOW_GAP_SECONDS
        + random.integers(-1, 2, n_requested - n_requested // 2)
    )
    edges = np.array(
        sorted({edge for one in load_plan().aggregates.values() for edge in one.window[2:]} | {0})
    )
    times = (mine[:, None, None] - edges[:, None] + [-1, 0, 1]).ravel()
    times = np.concatenate([times, 10**9 - random.integers(0, 90 * 86_400, 300)])

    def rows(name: str, ts: np.ndarray) -> list[dict]:
        n, known = len(ts), random.random(len(ts)) < 0.7
        columns = (
            [f"{name}{i}" for i in range(n)],
            ts.tolist(),
            [f"c{i}" for i in random.integers(0, 3, n)],
            [f"m{i}" for i in random.integers(0, 4, n)],
            np.rint(random.lognormal(8, 1.5, n)).astype(int).tolist(),
            random.choice(["food", "fuel", "travel"], n).tolist(),
            random.choice(["online", "chip"], n).tolist(),
            np.where(known, random.integers(-9000, 9001, n), None).tolist(),
            np.where(known, random.integers(-18000, 18001, n), None).tolist(),
        )
        return [
            dict(zip(TRANSACTION_COLUMNS, one, strict=True)) for one in zip(*columns, strict=True)
        ]

    some, others = rows("A", mine), rows("P", times)
    rare = {
        "terminal_id": "m0",
        "category": "food",
        "channel": "chip",
        "lat_cdeg": None,
        "lon_cdeg": None,
    }
    # unusual: not yet, just not, just
    for i, (number, last) in enumerate(itertools.product((2, 3), (300, 301))):
        days = (*range(20, 20 - number, -1), 5, 0)
        for day, cents in zip(days, (*(100,) * number, last, 100), strict=True):
            one = rare | {
                "tx_id": f"R{i}-{day}",
                "ts": 10**9 - day * 86_400,
                "customer_id": f"r{i}",
                "amount_cents": cents,
            }
            (others if day else some).append({name: one[name] for name in TRANSACTION_COLUMNS})
    at = random.permutation(times)[: len(others) // 4].tolist()
    pairs = zip(others[::4], at, strict=False)
    # in most cases the customer asks at the edge of a window
    refunded = random.permutation(times)[: len(others) // 4].tolist()
    return (
        some,
        others,
        [(one["tx_id"], ts, one["customer_id"], one["terminal_id"]) for one, ts in pairs],
        [
            (ts, f"c{i}")
            for ts, i in zip(refunded, random.integers(0, 3, len(refunded)), strict=True)
        ],
    )


def compute_sums_sqlite(
    rows: list[dict],
    others: list[dict],
    reports: list[tuple],
    refunds: list[tuple],
    text: str = FEATURE_SQL,
    plan: FeaturePlan | None = None,
) -> tuple[ColumnArrays, EventHistory]:
    """Run the text in SQLite over all rows; also return the history of the requested rows."""
    marks = (plan or load_plan()).row_marks.values()
    events = ", ".join(
        [*CUSTOMER_COLUMNS, *(f"COALESCE({mark.sql}, {UNKNOWN_VALUE})" for mark in marks)]
    )
    report_columns = ", ".join(REPORT_EVENT_COLUMNS)
    customers, terminals = (_WANTED_KEYS.format(name) for name in ("customer_id", "terminal_id"))
    queries = (
        f"SELECT {events} FROM tx WHERE wanted = 0 AND {customers}",
        f"SELECT {report_columns} FROM fraud WHERE {customers}",
        f"SELECT {', '.join(TERMINAL_COLUMNS)} FROM tx WHERE wanted = 0 AND {terminals}",
        f"SELECT {report_columns} FROM fraud WHERE {terminals}",
        f"SELECT {', '.join(REFUND_EVENT_COLUMNS)} FROM refund WHERE {customers}",
    )
    db = sqlite3.connect(":memory:")
    try:
        db.execute(f"CREATE TABLE tx ({', '.join(TRANSACTION_COLUMNS)}, wanted)")
        db.execute(f"CREATE TABLE fraud ({', '.join(REPORT_EVENT_COLUMNS)})")
        tx = [
            (*(row[name] for name in TRANSACTION_COLUMNS), wanted)
            for part, wanted in ((rows, 1), (others, 0))
            for row in part
        ]
        db.executemany(
            f"INSERT INTO tx VALUES ({', '.join('?' * (len(TRANSACTION_COLUMNS) + 1))})", tx
        )
        db.executemany("INSERT INTO fraud VALUES (?, ?, ?, ?)", reports)
        db.execute(f"CREATE TABLE refund ({', '.join(REFUND_EVENT_COLUMNS)})")
        db.executemany("INSERT INTO refund VALUES (?, ?)", refunds)
        past = EventHistory(*(db.execute(query).fetchall() for query in queries))
        answer = db.execute(text)
        names = [column[0] for column in answer.description]
        found = {one[0]: one for one in answer}
    finally:
        db.close()
    columns = dict(
        zip(names, zip(*(found[row["tx_id"]] for row in rows), strict=True), strict=True)
    )
    return {name: columns[name] for name in names if name not in ("tx_id", "ts")}, past
