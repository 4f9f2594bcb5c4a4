"""The windows of `features.sql` by NumPy, for the few thousand rows that a request needs: an engine takes longer to begin.

`features.sql` stays the one text. What is summed, over which window, under which name, and what an event is are read out of it;
only the rule of what is unusual, and what `paid` and `seen` are, stand here a second time. `agrees` compares all of it with the
text itself, run by SQLite on the edges of all windows, and where they differ it is not used.
"""

import itertools
import re
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from fraudops.data import TRANSACTION_COLUMNS
from fraudops.features.definitions import FEATURE_SQL, NULLABLE_SUMS, WINDOW_GAP_SECONDS
from fraudops.features.transform import ColumnArrays

_WINDOW = re.compile(
    r"(\w+) AS \(PARTITION BY ([\w, ]+) ORDER BY ts RANGE BETWEEN (\d+) PRECEDING AND (\d+) PRECEDING\)"
)
_SUM = re.compile(
    r"CAST\((?:COALESCE\()?(SUM|MAX|MIN)\((?:(\w+)|CASE WHEN (\w+) = 1 THEN ts END)\) OVER (\w+)(?:, (-?\d+)\))? AS BIGINT\)"
    r" AS (\w+)"
)
_SPLIT = re.compile(r"CAST\(\((\w+) - \1 % (\d+)\) / \2 AS BIGINT\) AS (\w+),\s+\1 % \2 AS (\w+)")
PACKING_FACTOR = 2**42  # what a transaction counts in `paid` and `seen`
_EMPTY_VALUES = {"MAX": np.iinfo(np.int64).min, "MIN": np.iinfo(np.int64).max}  # of nothing
UNKNOWN_PLACE = -1  # a place that is not known; the text's are not negative
CUSTOMER_EVENT_COLUMNS = (
    "ts",
    "customer_id",
    "terminal_id",
    "category",
    "amount_cents",
    "is_online",
    "place",
)
TERMINAL_EVENT_COLUMNS = ("ts", "terminal_id", "amount_cents")
# what the text makes of a transaction's columns
EVENT_EXPRESSIONS = {
    name: f"COALESCE({found[1] if (found := re.search(rf'^ *(.+) AS {name},?$', FEATURE_SQL, re.M)) else 'NULL'}, {UNKNOWN_PLACE})"
    for name in ("is_online", "place")
}


class EventHistory(NamedTuple):
    """What is stored of some customers and terminals.

    Attributes
    ----------
    of_customers : `OF_CUSTOMERS` of each transaction of these customers
    on_customers : tx_id, label_ts, customer_id, terminal_id of each fraud report on one of them
    at_terminals : `AT_TERMINALS` of each transaction at these terminals
    on_terminals : as `on_customers`, of each fraud report on one of them
    """

    of_customers: Sequence[Sequence]
    on_customers: Sequence[Sequence]
    at_terminals: Sequence[Sequence]
    on_terminals: Sequence[Sequence]


class _Window(NamedTuple):
    keys: tuple[str, ...]  # whose events it holds
    longest: int  # seconds before the transaction where it begins
    shortest: int  # and ends


class _Sum(NamedTuple):
    how: str  # SUM, MAX or MIN
    what: str  # of a column of the events
    when: str  # or of the time of those that this column marks
    window: str
    nothing: str  # its value without events; empty if it has none
    name: str


WINDOW_DEFINITIONS = {
    name: _Window(tuple(keys.split(", ")), int(a), int(b))
    for name, keys, a, b in _WINDOW.findall(FEATURE_SQL)
}
SUM_DEFINITIONS = [_Sum(*found) for found in _SUM.findall(FEATURE_SQL)]
PACKED_SUMS = [(both, int(unit), *names) for both, unit, *names in _SPLIT.findall(FEATURE_SQL)]
LONGEST_WINDOW_SECONDS = max((window.longest for window in WINDOW_DEFINITIONS.values()), default=0)


class _Events:
    """Transactions and reports as columns of whole numbers, and what the last of them see through windows."""

    def __init__(
        self, last: int, ts: np.ndarray, codes: dict[str, np.ndarray], values: dict[str, np.ndarray]
    ):
        """Columns (n,); `codes` stand for customers, terminals and categories. `last` of the events look."""
        self.last, self.ts, self.codes, self.values = last, ts, codes, values
        self.start = ts.min() - LONGEST_WINDOW_SECONDS - 1
        self.span = ts.max() - self.start + 1
        self._known: dict = {}

    def _once(self, key: tuple, make, *given):  # type: ignore[no-untyped-def]
        if key not in self._known:
            self._known[key] = make(*given)
        return self._known[key]

    def _sort(self, keys: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Owner and second of the events in one integer: sorted, the order that sorts them, and those of the last events."""
        owner = self.codes[keys[0]]
        for key in keys[1:]:
            owner = np.unique(
                owner * (self.codes[key].max() + 1) + self.codes[key], return_inverse=True
            )[1]
        place = owner * self.span + (self.ts - self.start)
        order = np.argsort(place, kind="stable")
        return place[order], order, place[-self.last :]

    def _edges(self, window: _Window) -> tuple[np.ndarray, np.ndarray]:
        there, _, mine = self._once(window.keys, self._sort, window.keys)
        low = np.searchsorted(there, mine - window.longest, side="left")
        return low, np.searchsorted(there, mine - window.shortest, side="right")

    def _running(self, what: str, order: np.ndarray) -> np.ndarray:
        total = np.zeros(len(order) + 1, np.int64)
        np.cumsum(self.values[what][order], out=total[1:])
        return total

    def look(self, one: _Sum) -> np.ndarray:
        """A sum for each of the last events, (last,) int64, or float64 with NaN where it has no value."""
        window = WINDOW_DEFINITIONS[one.window]
        low, high = self._once((one.window,), self._edges, window)
        order = self._known[window.keys][1]
        if one.how == "SUM":
            running = self._once((one.what, *window.keys), self._running, one.what, order)
            return running[high] - running[low]
        none = _EMPTY_VALUES[one.how]
        value = (
            self.values[one.what]
            if one.what
            else np.where(self.values[one.when] == 1, self.ts, none)
        )
        reduce = np.maximum if one.how == "MAX" else np.minimum
        found = reduce.reduceat(
            np.append(value[order], none), np.column_stack([low, high]).ravel()
        )[::2]
        empty = (high <= low) | (found == none)
        if one.name in NULLABLE_SUMS:
            return np.where(empty, np.nan, found)
        return np.where(empty, int(one.nothing), found)


def _encode_texts(*columns: Sequence[str]) -> np.ndarray:
    """The same whole number, from 0, for the same text, over all columns."""
    known: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    values = [*itertools.chain(*columns)]
    return np.fromiter(map(known.__getitem__, values), np.int64, len(values))


def _to_customer_event(row: dict) -> tuple:
    """`OF_CUSTOMERS` of a transaction that is asked for."""
    ts, lat, lon = row["ts"], row["lat_cdeg"], row["lon_cdeg"]
    place = (
        UNKNOWN_PLACE
        if lat is None or lon is None
        else ts * 2**30 + (lat + 9000) * 36001 + lon + 18000
    )
    online = int(row["channel"] == "online")
    return (
        ts,
        row["customer_id"],
        row["terminal_id"],
        row["category"],
        row["amount_cents"],
        online,
        place,
    )


def _build_customer_events(rows: list[dict], past: EventHistory) -> _Events:
    """What the text calls customer_event, with what is unusual; the transactions that are asked for come last."""
    ts, customers, terminals, kinds, cents, online, places = zip(
        *past.of_customers, *map(_to_customer_event, rows), strict=True
    )
    r, n = len(past.on_customers), len(ts)
    _, reported, names, shops = zip(*past.on_customers, strict=True) if r else ((),) * 4
    codes = {
        "customer_id": _encode_texts(names, customers), "terminal_id": _encode_texts(shops, terminals), "category": _encode_texts([""] * r, kinds)
    }  # fmt: skip
    values = {
        name: np.zeros(r + n, np.int64)
        for name in ("is_tx", "is_fraud", "amount_cents", "is_online", "is_unusual")
    }
    values["place"] = np.full(r + n, UNKNOWN_PLACE, np.int64)
    values["is_fraud"][:r] = values["is_tx"][r:] = 1
    values["amount_cents"][r:], values["is_online"][r:], values["place"][r:] = cents, online, places
    values["paid"] = PACKING_FACTOR * values["is_tx"] + values["amount_cents"]
    ts = np.array(reported + ts, np.int64)
    season = _Events(n, ts, codes, values)
    number, total = (
        season.look(one) for one in SUM_DEFINITIONS if one.name in ("c_n_60d", "c_sum_60d")
    )
    values["is_unusual"][r:] = (number >= 3) & (values["amount_cents"][r:] * number > 3 * total)
    return _Events(len(rows), ts, codes, values)


def _build_terminal_events(rows: list[dict], past: EventHistory) -> _Events:
    """What the text calls terminal_event; the transactions that are asked for come last."""
    asked = [tuple(row[name] for name in TERMINAL_EVENT_COLUMNS) for row in rows]
    ts, terminals, cents = zip(*past.at_terminals, *asked, strict=True)
    r, n = len(past.on_terminals), len(ts)
    _, reported, _, shops = zip(*past.on_terminals, strict=True) if r else ((),) * 4
    values = {name: np.zeros(r + n, np.int64) for name in ("is_tx", "is_fraud", "amount_cents")}
    values["is_fraud"][:r] = values["is_tx"][r:] = 1
    values["amount_cents"][r:] = cents
    values["seen"] = PACKING_FACTOR * values["is_tx"] + values["is_fraud"]
    return _Events(
        len(rows),
        np.array(reported + ts, np.int64),
        {"terminal_id": _encode_texts(shops, terminals)},
        values,
    )


def compute_sums_numpy(rows: list[dict], past: EventHistory) -> ColumnArrays:
    """What `features.sql` gives for raw transactions, from what is stored and from one another.

    Parameters
    ----------
    rows : transactions with distinct ids
    past : all that their windows can see, without `rows` themselves

    Returns
    -------
    (n,) arrays by name, in the order of `rows`, as `features.divide` takes them
    """
    customers, terminals = _build_customer_events(rows, past), _build_terminal_events(rows, past)
    found = {
        one.name: (terminals if one.name.startswith("t_") else customers).look(one)
        for one in SUM_DEFINITIONS
    }
    for both, unit, count, total in PACKED_SUMS:
        found[count], found[total] = np.divmod(found.pop(both), unit)
    return found


_REQUESTED_KEYS_SQL = "IN (SELECT {0} FROM tx WHERE wanted = 1)"


def make_random_events(seed: int, asked: int = 12) -> tuple[list[dict], list[dict], list[tuple]]:
    """Random transactions to ask for, other ones, and fraud reports, many of them on the very edges of windows.

    Returns
    -------
    `asked` rows and four, some 600 rows, some 150 reports (tx_id, label_ts, customer_id, terminal_id)
    """
    random = np.random.default_rng(seed)
    mine = 10**9 + random.integers(0, 5 * 86_400, asked)
    mine[asked // 2 :] = (
        mine[: asked - asked // 2] + WINDOW_GAP_SECONDS + random.integers(-1, 2, asked - asked // 2)
    )
    edges = np.array(
        sorted({edge for window in WINDOW_DEFINITIONS.values() for edge in window[1:]} | {0})
    )
    times = (mine[:, None, None] - edges[:, None] + [-1, 0, 1]).ravel()
    times = np.concatenate([times, 10**9 - random.integers(0, 90 * 86_400, 300)])

    def rows(name: str, ts: np.ndarray) -> list[dict]:
        n, known = len(ts), random.random(len(ts)) < 0.7
        columns = (
            [f"{name}{i}" for i in range(n)], ts.tolist(),
            [f"c{i}" for i in random.integers(0, 3, n)], [f"m{i}" for i in random.integers(0, 4, n)],
            np.rint(random.lognormal(8, 1.5, n)).astype(int).tolist(),
            random.choice(["food", "fuel", "travel"], n).tolist(), random.choice(["online", "chip"], n).tolist(),
            np.where(known, random.integers(-9000, 9001, n), None).tolist(),
            np.where(known, random.integers(-18000, 18001, n), None).tolist(),
        )  # fmt: skip
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
    for i, (number, last) in enumerate(
        itertools.product((2, 3), (300, 301))
    ):  # unusual: not yet, just not, just
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
    return (
        some,
        others,
        [(one["tx_id"], ts, one["customer_id"], one["terminal_id"]) for one, ts in pairs],
    )


def compute_sums_sqlite(
    rows: list[dict], others: list[dict], reports: list[tuple]
) -> tuple[ColumnArrays, EventHistory]:
    """`sums` by the text itself, run by SQLite, from everything that there is; and the `Past` of these transactions."""
    events = ", ".join(EVENT_EXPRESSIONS.get(name, name) for name in CUSTOMER_EVENT_COLUMNS)
    queries = (
        f"SELECT {events} FROM tx WHERE wanted = 0 AND customer_id {_REQUESTED_KEYS_SQL.format('customer_id')}",
        f"SELECT * FROM fraud WHERE customer_id {_REQUESTED_KEYS_SQL.format('customer_id')}",
        f"SELECT {', '.join(TERMINAL_EVENT_COLUMNS)} FROM tx WHERE wanted = 0 AND terminal_id {_REQUESTED_KEYS_SQL.format('terminal_id')}",
        f"SELECT * FROM fraud WHERE terminal_id {_REQUESTED_KEYS_SQL.format('terminal_id')}",
    )
    db = sqlite3.connect(":memory:")
    try:
        db.execute(f"CREATE TABLE tx ({', '.join(TRANSACTION_COLUMNS)}, wanted)")
        db.execute("CREATE TABLE fraud (tx_id, label_ts, customer_id, terminal_id)")
        tx = [
            (*(row[name] for name in TRANSACTION_COLUMNS), wanted)
            for part, wanted in ((rows, 1), (others, 0))
            for row in part
        ]
        db.executemany(
            f"INSERT INTO tx VALUES ({', '.join('?' * (len(TRANSACTION_COLUMNS) + 1))})", tx
        )
        db.executemany("INSERT INTO fraud VALUES (?, ?, ?, ?)", reports)
        past = EventHistory(*(db.execute(query).fetchall() for query in queries))
        answer = db.execute(FEATURE_SQL)
        names = [column[0] for column in answer.description]
        found = {one[0]: one for one in answer}
    finally:
        db.close()
    columns = dict(
        zip(names, zip(*(found[row["tx_id"]] for row in rows), strict=True), strict=True)
    )
    return {name: columns[name] for name in names if name not in ("tx_id", "ts")}, past


@cache
def numpy_matches_sql() -> bool:
    """Whether the text itself gives the same whole numbers for made-up transactions."""
    rows, others, reports = make_random_events(0)
    try:
        wanted, past = compute_sums_sqlite(rows, others, reports)
        found = compute_sums_numpy(rows, past)
    except (
        KeyError,
        ValueError,
        sqlite3.Error,
    ):  # the text says something that is not understood here
        return False
    same = (
        [None if value != value else int(value) for value in found.get(name, ())] == [*values]
        for name, values in wanted.items()
    )
    return found.keys() == wanted.keys() and all(same)
