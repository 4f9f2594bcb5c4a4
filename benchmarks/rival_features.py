"""The same features by pandas in the Handbook's style, and by NumPy written by hand.

What is compared are the features that the Handbook knows: counts and mean amounts of a customer in
1, 7 and 30 days, counts of a terminal and reports of fraud on it in 1, 7 and 30 days. `reduced_sql`
asks DuckDB for exactly these columns of `features.sql`; results are integers and must agree in
every cell.
"""

import numpy as np
import pandas as pd
import sqlglot
from sqlglot import exp

from fraudops.features import FEATURE_SQL, WINDOW_GAP_SECONDS
from fraudops.timeline import DAY

DAYS = (1, 7, 30)
SUMS = (
    *(f"c_n_{days}d" for days in DAYS),
    *(f"c_sum_{days}d" for days in DAYS),
    *(f"t_n_{days}d" for days in DAYS),
    *(f"t_fraud_{days}d" for days in DAYS),
)


def reduced_sql() -> str:
    """Build a query for `SUMS` alone from the windows, aggregates and joins of `features.sql`."""
    tree = sqlglot.parse_one(FEATURE_SQL, dialect="duckdb")
    steps = {step.alias: step for step in tree.ctes}
    history = steps["history"].this
    keep = ("tx_id", "wanted", *SUMS)
    for select in (history, steps["terminal_reports"].this, tree):
        select.set("expressions", [c for c in select.expressions if c.alias_or_name in keep])
    used = {window.alias for window in history.find_all(exp.Window)}
    history.set("windows", [w for w in history.args["windows"] if w.name in used])
    history.set("from_", exp.From(this=exp.to_table("tx")))
    tree.set("joins", [j for j in tree.args["joins"] if j.this.name == "terminal_reports"])
    tree.args["with_"].set("expressions", [steps["history"], steps["terminal_reports"]])
    return tree.sql(dialect="duckdb", comments=False)


def _codes(*columns: pd.Series) -> list[np.ndarray]:
    """The same integers (from 0) for the same text in several columns."""
    codes, _ = pd.factorize(pd.concat(columns, ignore_index=True))
    return np.split(codes.astype(np.int64), np.cumsum([len(column) for column in columns])[:-1])


def by_numpy(tx: pd.DataFrame, fraud: pd.DataFrame) -> pd.DataFrame:
    """`SUMS` from sorted keys, binary searches and running sums.

    A key holds entity and second in one integer, so that one search finds the edge of a window
    within an entity.

    Parameters
    ----------
    tx : (n, ...) tx_id, ts, customer_id, terminal_id, amount_cents
    fraud : (m, ...) terminal_id, label_ts

    Returns
    -------
    (n, 13) tx_id and `SUMS`, in the order of `tx`
    """
    ts = tx["ts"].to_numpy(np.int64)
    base = min(ts.min(), fraud["label_ts"].min() if len(fraud) else ts.min()) - 31 * DAY
    ts, label_ts = ts - base, fraud["label_ts"].to_numpy(np.int64) - base
    span = max(ts.max(), label_ts.max() if len(label_ts) else 0) + 1
    (customer,) = _codes(tx["customer_id"])
    terminal, reported = _codes(tx["terminal_id"], fraud["terminal_id"])
    out = {"tx_id": tx["tx_id"].to_numpy()}

    def edges(own: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """For transactions of sorted keys `own` the end, and the starts for each of `DAYS`, among
        the sorted `events`.
        """
        end = np.searchsorted(events, own - WINDOW_GAP_SECONDS, side="right")
        return end, [np.searchsorted(events, own - days * DAY, side="left") for days in DAYS]

    def back(order: np.ndarray, values: np.ndarray) -> np.ndarray:
        result = np.empty(len(order), np.int64)
        result[order] = values
        return result

    own = customer * span + ts
    order = np.argsort(own, kind="stable")
    own = own[order]
    money = np.concatenate([[0], np.cumsum(tx["amount_cents"].to_numpy(np.int64)[order])])
    end, starts = edges(own, own)
    out |= {
        f"c_n_{days}d": back(order, end - start) for days, start in zip(DAYS, starts, strict=True)
    }
    out |= {
        f"c_sum_{days}d": back(order, money[end] - money[start])
        for days, start in zip(DAYS, starts, strict=True)
    }
    own = terminal * span + ts
    order = np.argsort(own, kind="stable")
    own = own[order]
    end, starts = edges(own, own)
    out |= {
        f"t_n_{days}d": back(order, end - start) for days, start in zip(DAYS, starts, strict=True)
    }
    end, starts = edges(own, np.sort(reported * span + label_ts))
    out |= {
        f"t_fraud_{days}d": back(order, end - start)
        for days, start in zip(DAYS, starts, strict=True)
    }
    return pd.DataFrame(out)


def _customer_windows(group: pd.DataFrame) -> pd.DataFrame:
    """One customer's counts and means, as the Handbook's readers write them: a rolling window for
    each length.
    """
    group = group.sort_values("at")
    amount = group.set_index("at")["amount_cents"]
    for days in DAYS:
        total, count = amount.rolling(f"{days}D").sum(), amount.rolling(f"{days}D").count()
        group[f"c_n_{days}d"] = count.to_numpy()
        group[f"c_mean_{days}d"] = (total / count).to_numpy()
    return group


def _terminal_windows(group: pd.DataFrame, delay: int = 7) -> pd.DataFrame:
    """One terminal's counts and its frauds of a window that ended `delay` days ago: a long window
    less a short one.
    """
    group = group.sort_values("at")
    fraud = group.set_index("at")["fraud"]
    recent = fraud.rolling(f"{delay}D").sum()
    for days in DAYS:
        group[f"t_n_{days}d"] = fraud.rolling(f"{days}D").count().to_numpy()
        group[f"t_fraud_{days}d"] = (fraud.rolling(f"{delay + days}D").sum() - recent).to_numpy()
    return group


def by_groups(tx: pd.DataFrame) -> pd.DataFrame:
    """The same features in the Handbook's style: groupby, apply, rolling; once by customer and once
    by terminal.

    Its windows end with the transaction itself and not a minute before, and a fraud is known
    exactly seven days after it happened; apart from these edges the numbers are those of
    `by_numpy`.

    Parameters
    ----------
    tx : (n, ...) tx_id, at (datetime), customer_id, terminal_id, amount_cents, fraud (0 or 1)

    Returns
    -------
    (n, ...) tx_id and the features, in time order
    """
    columns = ["tx_id", "at", "customer_id", "terminal_id", "amount_cents", "fraud"]
    tx = tx.groupby("customer_id", group_keys=False)[columns].apply(_customer_windows)
    tx = tx.sort_values("at").reset_index(drop=True)
    tx = tx.groupby("terminal_id", group_keys=False)[list(tx.columns)].apply(_terminal_windows)
    return tx.sort_values("at").reset_index(drop=True)
