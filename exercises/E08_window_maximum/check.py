"""Check of E08: a window over a range of time, for each customer."""

import duckdb
import pandas as pd

from fraudops.exercises import Misconception, Probe

DAY = 86_400
DATABASE = duckdb.connect(config={"threads": 1})  # to open one for each probe would take longer


def observe(function, tx):
    DATABASE.register("tx", tx)
    result = DATABASE.sql(function()).df()
    return dict(zip(result["tx_id"], result["largest"].astype(float), strict=True))


def make_table(rows):
    tx = pd.DataFrame(rows, columns=["customer_id", "ts", "amount_cents"])
    return tx.assign(tx_id=[f"t{k}" for k in range(len(tx))])


def make_probes(random):
    low, middle, high, top = sorted(int(one) for one in random.choice(9_000, 4, replace=False))
    near = [("c1", 0, high), ("c1", DAY, low), ("c1", 2 * DAY, middle)]
    old = [("c1", 0, top), ("c1", 9 * DAY, low), ("c1", 10 * DAY, middle), ("c1", 11 * DAY, low)]
    others = [("c2", 0, top), ("c1", DAY, low), ("c1", 2 * DAY, middle), ("c2", 3 * DAY, low)]
    minute = [("c1", 0, low), ("c1", DAY, top), ("c1", DAY + 20, middle)]
    return [
        Probe((make_table(near),), "one customer, three days", observe),
        Probe((make_table(old),), "a large amount, long ago", observe),
        Probe((make_table(others),), "two customers", observe),
        Probe((make_table(minute),), "two payments within one minute", observe),
    ]


def make_query(partition="PARTITION BY customer_id", frame="RANGE BETWEEN 604800 PRECEDING"):
    def query(end=" AND 60 PRECEDING"):
        return (
            f"SELECT tx_id, MAX(amount_cents) OVER ({partition} ORDER BY ts {frame}{end}) "
            "AS largest FROM tx"
        )

    return query


answer = make_query()
MISCONCEPTIONS = (
    Misconception(
        "seven_rows",
        "ROWS counts rows, not days. Seven rows of a quiet customer reach back for months.",
        lambda: make_query(frame="ROWS BETWEEN 7 PRECEDING")(" AND 1 PRECEDING"),
    ),
    Misconception(
        "all_customers",
        "Without PARTITION BY the window sees the amounts of other customers.",
        make_query(partition=""),
    ),
    Misconception(
        "sees_itself",
        "The window ends at the current row, so the transaction's own amount is in its "
        "maximum. A large amount then never looks unusual.",
        lambda: make_query()(" AND CURRENT ROW"),
    ),
    Misconception(
        "no_minute",
        "The window ends a second before. The payment of a moment ago may not have "
        "arrived yet: end the window sixty seconds before.",
        lambda: make_query()(" AND 1 PRECEDING"),
    ),
    Misconception(
        "never_forgets",
        "UNBOUNDED PRECEDING has no beginning: an amount of months ago is still in the window.",
        make_query(frame="RANGE BETWEEN UNBOUNDED PRECEDING"),
    ),
)
