"""Read the windows, aggregates, marks and joins of `features.sql` from its syntax tree.

Each part that is read is written again and compared with the text. A part that is not understood
raises `UnsupportedSqlError`, and then the SQL text itself is run instead of NumPy.
"""

import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from fraudops.data import TRANSACTION_COLUMNS
from fraudops.features.definitions import (
    CUSTOMER_HISTORY_SECONDS,
    FEATURE_SQL,
    NULLABLE_SUMS,
    TERMINAL_HISTORY_SECONDS,
    WINDOW_GAP_SECONDS,
)

if TYPE_CHECKING:
    from sqlglot import exp

_WANTED_KEYS = "{0} IN (SELECT {0} FROM tx WHERE wanted = 1)"
_RELEVANT = (
    f"SELECT * FROM tx WHERE {_WANTED_KEYS.format('customer_id')}"
    f" OR {_WANTED_KEYS.format('terminal_id')}"
)
_RESULT = (
    "SELECT * FROM history"
    " LEFT JOIN customer_reports ON customer_reports.tx_id = history.tx_id"
    " LEFT JOIN terminal_reports ON terminal_reports.tx_id = history.tx_id"
    " LEFT JOIN customer_refunds ON customer_refunds.tx_id = history.tx_id WHERE wanted = 1"
)
_STEPS = (
    "relevant",
    "customer_60_days",
    "marked",
    "history",
    "customer_reports",
    "terminal_reports",
    "customer_refunds",
)
_EVENT_TIMES = {"fraud": "label_ts", "refund": "ts"}  # joined tables, and from when a row counts
_PARTITIONS = (
    ("customer_id",),
    ("customer_id", "terminal_id"),
    ("customer_id", "category"),
    ("terminal_id",),
)
_SUM_COLUMNS = ("ts", "amount_cents")  # columns of whole numbers that are never NULL


class UnsupportedSqlError(ValueError):
    """The SQL text has a part that NumPy cannot compute."""


class Window(NamedTuple):
    """A window: rows with equal keys in an interval before a transaction.

    Attributes
    ----------
    source : str
        The table.
    keys : tuple[str, ...]
    start : int
        Seconds before the transaction.
    end : int
        Seconds before the transaction.
    """

    source: str  # "tx", "fraud" or "refund"
    keys: tuple[str, ...]
    start: int
    end: int


class Aggregate(NamedTuple):
    """One count, sum, minimum or maximum over a window."""

    function: str  # COUNT, SUM, MIN or MAX
    column: str  # empty: COUNT(*)
    window: Window
    empty_value: int | None  # the result without rows; None is NULL


class Mark(NamedTuple):
    """A value of a transaction: an expression, or 1 if a condition holds, else NULL.

    Attributes
    ----------
    sql : str
    columns : frozenset[str]
    evaluate : callable
    is_condition : bool
    """

    sql: str
    columns: frozenset[str]  # that the expression uses
    evaluate: Callable[[Mapping[str, Any]], Any]
    is_condition: bool


class FeaturePlan(NamedTuple):
    """What `features.sql` computes.

    Attributes
    ----------
    aggregates : dict of str to Aggregate
        By name, in the order of the result.
    row_marks : dict of str to Mark
        Marks that need only the columns of the transaction.
    history_marks : dict of str to Mark
        Marks that need an aggregate of the customer's earlier transactions.
    """

    aggregates: dict[str, Aggregate]
    row_marks: dict[str, Mark]
    history_marks: dict[str, Mark]


@cache
def load_plan() -> FeaturePlan | None:
    """Read the plan of `features.sql` once a process.

    Returns
    -------
    FeaturePlan or None
        None if the text has a part that is not understood.
    """
    try:
        return read_plan(FEATURE_SQL)
    except UnsupportedSqlError:
        return None


def get_window_engine() -> str:
    """Get the engine that computes the features of an arriving transaction.

    Returns
    -------
    str
        "numpy", or "sql" if NumPy cannot compute a part of `features.sql`.

    Examples
    --------
    >>> get_window_engine()
    'numpy'
    """
    return "numpy" if load_plan() else "sql"


def read_plan(text: str) -> FeaturePlan:
    """Read what a text like `features.sql` computes.

    Parameters
    ----------
    text : str
        The SQL text.

    Returns
    -------
    FeaturePlan

    Raises
    ------
    UnsupportedSqlError
        If the text has a part that is not understood.
    """
    import sqlglot  # 0.15 s, which only the service needs

    try:
        tree = sqlglot.parse_one(text)
        steps = {step.alias: step.this for step in tree.ctes}
        _expect(list(steps), list(_STEPS))
        tree.set("with_", None)
        return _read_steps(steps, tree)
    except (sqlglot.ParseError, AttributeError, KeyError, TypeError) as error:
        raise UnsupportedSqlError(f"{type(error).__name__}: {error}") from error


def _read_steps(steps: "dict[str, exp.Select]", result: "exp.Select") -> FeaturePlan:
    _expect(_to_sql(steps["relevant"]), _RELEVANT)

    _expect(_get_skeleton(steps["customer_60_days"]), "SELECT * FROM relevant")
    star, *columns = steps["customer_60_days"].expressions
    _expect(_to_sql(star), "relevant.*")
    first = _read_aggregates(columns, _read_windows(steps["customer_60_days"]), _SUM_COLUMNS)

    star, *columns = steps["marked"].expressions
    _expect(_to_sql(star), "customer_60_days.*")
    marks = {column.alias: _read_mark(column.this, {*first}) for column in columns}
    row_marks = {n: m for n, m in marks.items() if m.columns <= {*TRANSACTION_COLUMNS}}
    history_marks = {n: m for n, m in marks.items() if n not in row_marks}

    history = steps["history"]
    _expect(_get_skeleton(history), "SELECT * FROM marked")
    copied = [c.name for c in history.expressions if c.key == "column"]
    _expect(copied, ["tx_id", "ts", "wanted", *first])
    columns = [c for c in history.expressions if c.key != "column"]
    later = _read_aggregates(columns, _read_windows(history), (*_SUM_COLUMNS, *marks))
    kept = int(steps["marked"].args["where"].this.expression.expression.name)
    _expect(
        _get_skeleton(steps["marked"]),
        "SELECT * FROM customer_60_days"
        f" WHERE ts >= (SELECT MIN(ts) FROM tx WHERE wanted = 1) - {kept}",
    )
    aggregates = first | later
    for name in _STEPS[4:]:
        aggregates |= _read_joined_events(steps[name])
    _expect(len(aggregates), sum(len(_get_aliases(step)) for step in steps.values()) - len(marks))
    plan = FeaturePlan(_read_result(result, aggregates), row_marks, history_marks)
    _check_history(plan, first, later, kept)
    return plan


def _check_history(
    plan: FeaturePlan, first: dict[str, Aggregate], later: dict[str, Aggregate], kept: int
) -> None:
    """Refuse windows that reach beyond what is loaded, or end too late or without a NULL."""
    _expect({one.window.keys for one in first.values()}, {("customer_id",)})
    before_marks = max(one.window.start for one in first.values())
    for name, one in plan.aggregates.items():
        is_customer = one.window.keys[0] == "customer_id"
        reach = one.window.start + (before_marks if one.column in plan.history_marks else 0)
        limit = CUSTOMER_HISTORY_SECONDS if is_customer else TERMINAL_HISTORY_SECONDS
        _expect(reach <= limit, True)
        _expect(name not in later or one.window.start <= kept, True)
        _expect(one.window.end >= WINDOW_GAP_SECONDS, True)
        _expect(is_customer or one.window.source != "tx" or one.column in ("", *_SUM_COLUMNS), True)
        _expect(one.empty_value is None, name in NULLABLE_SUMS)


def _expect(found: Any, expected: Any) -> None:
    if found != expected:
        raise UnsupportedSqlError(f"The text has {found!r} where {expected!r} is expected.")


def _to_sql(node: "exp.Expression") -> str:
    return node.sql(comments=False)


def _get_aliases(select: "exp.Select") -> list[str]:
    return [column.alias for column in select.expressions if column.key == "alias"]


def _get_skeleton(select: "exp.Select") -> str:
    """The text of a SELECT without its columns and windows."""
    from sqlglot import exp

    skeleton = select.copy()
    skeleton.set("expressions", [exp.Star()])
    skeleton.set("windows", None)
    return _to_sql(skeleton)


def _read_windows(select: "exp.Select") -> dict[str, Window]:
    windows = {}
    for node in select.args["windows"]:
        keys = tuple(column.name for column in node.args["partition_by"])
        spec = node.args["spec"]
        start, end = int(spec.args["start"].name), int(spec.args["end"].name)
        _expect(keys in _PARTITIONS, True)
        _expect(
            _to_sql(node),
            f"{node.name} OVER (PARTITION BY {', '.join(keys)} ORDER BY ts"
            f" RANGE BETWEEN {start} PRECEDING AND {end} PRECEDING)",
        )
        windows[node.name] = Window("tx", keys, start, end)
    return windows


def _read_aggregates(
    columns: "list[exp.Alias]", windows: dict[str, Window], allowed: tuple[str, ...]
) -> dict[str, Aggregate]:
    """Read ``[CAST(][COALESCE(]f(column) OVER window[, n)][ AS BIGINT)] AS name``."""
    from sqlglot import exp

    aggregates = {}
    for alias in columns:
        node = alias.this
        if isinstance(node, exp.Cast):
            _expect(_to_sql(node.to), "BIGINT")
            node = node.this
        node, empty_value = _read_coalesce(node)
        window, function = node.alias, node.this
        column = "" if isinstance(function.this, exp.Star) else function.this.name
        name = function.key.upper()
        _expect(_to_sql(node), f"{name}({column or '*'}) OVER {window}")
        _expect(column in allowed or (name, column) == ("COUNT", ""), True)
        _expect(
            name in ("MIN", "MAX") or name == ("SUM" if column in _SUM_COLUMNS else "COUNT"), True
        )
        if name == "COUNT":
            _expect(empty_value, None)
            empty_value = 0
        aggregates[alias.alias] = Aggregate(name, column, windows[window], empty_value)
    return aggregates


def _read_coalesce(node: "exp.Expression") -> "tuple[exp.Expression, int | None]":
    """Read ``COALESCE(node, number)``, or a node without a default."""
    from sqlglot import exp

    if not isinstance(node, exp.Coalesce):
        return node, None
    (default,) = node.expressions
    return node.this, int(_to_sql(default))


def _read_mark(node: "exp.Expression", aggregates: set[str]) -> Mark:
    from sqlglot import exp

    sql, value = _to_sql(node), node
    if isinstance(node, exp.Case):
        value = node.args["ifs"][0].this
        _expect(sql, f"CASE WHEN {_to_sql(value)} THEN 1 END")
    columns = frozenset(column.name for column in value.find_all(exp.Column))
    _expect(columns <= {*TRANSACTION_COLUMNS, *aggregates}, True)
    if not columns <= {*TRANSACTION_COLUMNS}:  # evaluated on columns that are never NULL
        _expect(columns <= {*_SUM_COLUMNS, *aggregates} and isinstance(node, exp.Case), True)
    return Mark(sql, columns, _compile(value), isinstance(node, exp.Case))


def _compile(node: "exp.Expression") -> Callable[[Mapping[str, Any]], Any]:
    """Make a function of the columns, for numbers and for arrays."""
    from sqlglot import exp

    operators = {
        exp.Add: operator.add,
        exp.Sub: operator.sub,
        exp.Mul: operator.mul,
        exp.And: operator.and_,
        exp.GT: operator.gt,
        exp.GTE: operator.ge,
        exp.LT: operator.lt,
        exp.LTE: operator.le,
        exp.EQ: operator.eq,
    }
    if isinstance(node, exp.Paren):
        return _compile(node.this)
    if isinstance(node, exp.Column):
        return operator.itemgetter(node.name)
    if isinstance(node, exp.Literal):
        constant = node.this if node.is_string else int(node.this)
        return lambda columns: constant
    if type(node) not in operators:
        raise UnsupportedSqlError(f"The text has {_to_sql(node)!r}, which is not understood.")
    apply, left, right = operators[type(node)], _compile(node.this), _compile(node.expression)
    return lambda columns: apply(left(columns), right(columns))


def _read_joined_events(select: "exp.Select") -> dict[str, Aggregate]:
    """Read the counts and times of fraud reports or refunds from a join."""
    from sqlglot import exp

    condition = select.args["joins"][0].args["on"]
    table = select.args["joins"][0].this.name
    time = _EVENT_TIMES[table]
    key, between = condition.this.expression.name, condition.expression
    start, end = (int(between.args[side].expression.name) for side in ("low", "high"))
    _expect((key,) in _PARTITIONS, True)
    _expect(
        _get_skeleton(select),
        f"SELECT * FROM tx JOIN {table} ON {table}.{key} = tx.{key}"
        f" AND {table}.{time} BETWEEN tx.ts - {start} AND tx.ts - {end}"
        " WHERE tx.wanted = 1 GROUP BY tx.tx_id",
    )
    tx_id, *columns = select.expressions
    _expect(_to_sql(tx_id), "tx.tx_id")
    aggregates = {}
    for alias in columns:
        node, begin = alias.this, start
        if isinstance(node, exp.Filter):
            begin = int(node.expression.this.expression.expression.name)
            _expect(_to_sql(node), f"COUNT(*) FILTER(WHERE {table}.{time} >= tx.ts - {begin})")
            _expect(begin <= start, True)
            node = node.this
        name = node.key.upper()
        column = "" if name == "COUNT" else time
        _expect(_to_sql(node), "COUNT(*)" if name == "COUNT" else f"{name}({table}.{time})")
        _expect(name in ("COUNT", "MIN", "MAX"), True)
        window = Window(table, (key,), begin, end)
        aggregates[alias.alias] = Aggregate(name, column, window, None)
    return aggregates


def _read_result(select: "exp.Select", aggregates: dict[str, Aggregate]) -> dict[str, Aggregate]:
    """Read the columns of the result; a count of reports or refunds has the default 0."""
    _expect(_get_skeleton(select), _RESULT)
    first, *columns = select.expressions
    _expect([_to_sql(first), _to_sql(columns[0])], ["history.tx_id", "ts"])
    found = {}
    for column in columns[1:]:
        name = column.alias_or_name
        aggregate = aggregates[name]
        if column.key == "alias":
            _expect(_to_sql(column), f"COALESCE({name}, 0) AS {name}")
            aggregate = aggregate._replace(empty_value=0)
        else:
            _expect(_to_sql(column), name)
        found[name] = aggregate
    _expect(len(found), len(columns) - 1)
    return found
