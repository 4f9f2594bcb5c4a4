"""Compute the windows of `features.sql` with NumPy.

A request needs a few thousand rows, and an SQL engine takes longer to start than to compute them.
What is computed is read from the text by `sql_plan`. The tests compare the result with the text.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fraudops.features.sql_plan import Aggregate, FeaturePlan, Mark, Window, load_plan
from fraudops.features.transform import ColumnArrays

UNKNOWN_VALUE = -1  # NULL of a mark; the marks of the text are not negative
CUSTOMER_COLUMNS = ("ts", "customer_id", "terminal_id", "category", "amount_cents")
TERMINAL_COLUMNS = ("ts", "terminal_id", "amount_cents")
REPORT_EVENT_COLUMNS = ("tx_id", "label_ts", "customer_id", "terminal_id")
REFUND_EVENT_COLUMNS = ("ts", "customer_id")
_EMPTY_VALUES = {"MAX": np.iinfo(np.int64).min, "MIN": np.iinfo(np.int64).max}


class EventHistory(NamedTuple):
    """Stored rows of some customers and terminals.

    Attributes
    ----------
    customer_transactions : sequence of tuple
        `CUSTOMER_COLUMNS` and the row marks of the plan, for each transaction of the customers.
    customer_reports : sequence of tuple
        `REPORT_EVENT_COLUMNS` of each fraud report on the customers.
    terminal_transactions : sequence of tuple
        `TERMINAL_COLUMNS` of each transaction at the terminals.
    terminal_reports : sequence of tuple
        `REPORT_EVENT_COLUMNS` of each fraud report on the terminals.
    customer_refunds : sequence of tuple
        `REFUND_EVENT_COLUMNS` of each refund of the customers.
    """

    customer_transactions: Sequence[Sequence]
    customer_reports: Sequence[Sequence]
    terminal_transactions: Sequence[Sequence]
    terminal_reports: Sequence[Sequence]
    customer_refunds: Sequence[Sequence]


class _Events:
    """Events as columns of whole numbers, and aggregates of them for some transactions.

    Parameters
    ----------
    n_events, n_requested : int
        The first rows are the events; the last rows ask. Rows may be both.
    ts : (n,) array of int64
    codes : dict of str to (n,) array of int64
        Whole numbers in place of texts.
    values : dict of str to (n_events,) array of int64
    marks : collection of str
        Columns in which `UNKNOWN_VALUE` stands for NULL.
    """

    # type: ignore[no-untyped-def]
    def __init__(self, n_events, n_requested, ts, codes, values, marks=()):
        self.n_events, self.n_requested = n_events, n_requested
        self.ts, self.codes, self.values, self.marks = ts, codes, values, marks
        self._cache: dict = {}

    def _cached(self, key: tuple, function, *arguments):  # type: ignore[no-untyped-def]
        if key not in self._cache:
            self._cache[key] = function(*arguments)
        return self._cache[key]

    def _sort(
        self, keys: tuple[str, ...], longest: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sorted positions of the events, the order that sorts them, and the requested positions.

        A position holds the keys and the second in one integer.
        """
        owner = self.codes[keys[0]]
        for key in keys[1:]:
            pairs = owner * (self.codes[key].max() + 1) + self.codes[key]
            owner = np.unique(pairs, return_inverse=True)[1]
        start = self.ts.min() - longest - 1
        position = owner * (self.ts.max() - start + 1) + (self.ts - start)
        events = position[: self.n_events]
        order = np.argsort(events, kind="stable")
        return events[order], order, position[-self.n_requested :]

    def _find_edges(
        self, window: Window, positions: np.ndarray, requested: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        low = np.searchsorted(positions, requested - window.start, side="left")
        return low, np.searchsorted(positions, requested - window.end, side="right")

    def _cumulative_sum(self, column: str, order: np.ndarray) -> np.ndarray:
        values = self.values[column]
        if column in self.marks:
            values = values != UNKNOWN_VALUE
        total = np.zeros(len(order) + 1, np.int64)
        np.cumsum(values[order], out=total[1:])
        return total

    def compute(self, one: Aggregate, longest: int) -> np.ndarray:
        """Compute an aggregate for each requested transaction.

        Parameters
        ----------
        one : Aggregate
        longest : int
            Seconds of the longest window of the plan.

        Returns
        -------
        (n_requested,) array
            int64, or float64 with NaN where an aggregate without default has no value.
        """
        keys = one.window.keys
        positions, order, requested = self._cached(keys, self._sort, keys, longest)
        low, high = self._cached(one.window, self._find_edges, one.window, positions, requested)
        if one.function in ("COUNT", "SUM"):
            if not one.column:
                return np.maximum(high - low, 0)
            total = self._cached((one.column, *keys), self._cumulative_sum, one.column, order)
            found, empty = total[high] - total[low], high <= low
        else:
            nothing = _EMPTY_VALUES[one.function]
            values = self.values[one.column]
            if one.column in self.marks:
                values = np.where(values == UNKNOWN_VALUE, nothing, values)
            reduce = np.maximum if one.function == "MAX" else np.minimum
            edges = np.column_stack([low, high]).ravel()
            found = reduce.reduceat(np.append(values[order], nothing), edges)[::2]
            empty = (high <= low) | (found == nothing)
        return np.where(empty, np.nan if one.empty_value is None else one.empty_value, found)


def _encode_texts(texts: Sequence[str]) -> np.ndarray:
    """Give equal texts the same whole number, from 0."""
    known: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    return np.fromiter(map(known.__getitem__, texts), np.int64, len(texts))


def _evaluate_mark(mark: Mark, row: dict) -> int:
    """The mark of one transaction."""
    if any(row[name] is None for name in mark.columns):
        return UNKNOWN_VALUE
    value = mark.evaluate(row)
    return (1 if value else UNKNOWN_VALUE) if mark.is_condition else value


def _build_customer_events(
    rows: list[dict], past: EventHistory, plan: FeaturePlan, longest: int
) -> _Events:
    """Transactions of the customers, with their marks; the requested ones come last."""
    requested = (
        (
            *(row[name] for name in CUSTOMER_COLUMNS),
            *(_evaluate_mark(mark, row) for mark in plan.row_marks.values()),
        )
        for row in rows
    )
    names = (*CUSTOMER_COLUMNS, *plan.row_marks)
    columns = dict(
        zip(names, zip(*past.customer_transactions, *requested, strict=True), strict=True)
    )
    texts = ("customer_id", "terminal_id", "category")
    codes = {name: _encode_texts(columns[name]) for name in texts}
    values = {name: np.array(columns[name], np.int64) for name in names if name not in texts}
    n = len(values["ts"])
    marks = {*plan.row_marks, *plan.history_marks}
    every = _Events(n, n, values["ts"], codes, values, marks)
    for name, mark in plan.history_marks.items():
        before = {
            column: every.compute(plan.aggregates[column], longest)
            for column in mark.columns
            if column in plan.aggregates
        }
        values[name] = np.where(mark.evaluate(values | before), 1, UNKNOWN_VALUE)
    return _Events(n, len(rows), values["ts"], codes, values, marks)


def _build_terminal_events(rows: list[dict], past: EventHistory) -> _Events:
    """Transactions at the terminals; the requested ones come last."""
    requested = (tuple(row[name] for name in TERMINAL_COLUMNS) for row in rows)
    ts, terminals, cents = zip(*past.terminal_transactions, *requested, strict=True)
    values = {"ts": np.array(ts, np.int64), "amount_cents": np.array(cents, np.int64)}
    codes = {"terminal_id": _encode_texts(terminals)}
    return _Events(len(ts), len(rows), values["ts"], codes, values)


def _build_joined_events(
    rows: list[dict], events: Sequence[Sequence], names: tuple[str, ...], key: str
) -> _Events:
    """Reports or refunds, followed by the requested transactions, which are no events here.

    `names` are the columns of the events; the only one that ends in ``ts`` is their time.
    """
    time = next(name for name in names if name.endswith("ts"))
    at, owner = names.index(time), names.index(key)
    ts = np.array([one[at] for one in events] + [row["ts"] for row in rows], np.int64)
    owners = _encode_texts([one[owner] for one in events] + [row[key] for row in rows])
    return _Events(len(events), len(rows), ts, {key: owners}, {time: ts[: len(events)]})


def compute_sums_numpy(
    rows: list[dict], past: EventHistory, plan: FeaturePlan | None = None
) -> ColumnArrays:
    """Compute the result of `features.sql` for raw transactions.

    Parameters
    ----------
    rows : list of dict
        Transactions with distinct ids. Each also counts as the past of the others.
    past : EventHistory
        All other rows that the windows can see.
    plan : FeaturePlan, optional
        What to compute; by default the plan of `features.sql`.

    Returns
    -------
    dict of str to (n,) array
        In the order of `rows`, as `compute_feature_matrix` takes them.
    """
    plan = plan or load_plan()
    assert plan, "NumPy cannot compute features.sql; see get_window_engine"
    longest = max(one.window.start for one in plan.aggregates.values())
    every = {
        ("tx", "customer_id"): _build_customer_events(rows, past, plan, longest),
        ("tx", "terminal_id"): _build_terminal_events(rows, past),
    }
    for table, events, names, key in (
        ("fraud", past.customer_reports, REPORT_EVENT_COLUMNS, "customer_id"),
        ("fraud", past.terminal_reports, REPORT_EVENT_COLUMNS, "terminal_id"),
        ("refund", past.customer_refunds, REFUND_EVENT_COLUMNS, "customer_id"),
    ):
        every[table, key] = _build_joined_events(rows, events, names, key)
    return {
        name: every[one.window.source, one.window.keys[0]].compute(one, longest)
        for name, one in plan.aggregates.items()
    }
