"""Check of E03: each row is accepted, or in quarantine with all its reasons."""

import pandas as pd
import pandera.pandas as pa

from fraudops.exercises import Misconception, Probe

SCHEMA = pa.DataFrameSchema(
    {"amount_cents": pa.Column(int, pa.Check.gt(0)), "customer_id": pa.Column(str, nullable=False)},
    name="transactions",
)


def observe(function, amounts, customers):
    table = pd.DataFrame({"amount_cents": amounts, "customer_id": customers})
    accepted, reasons = function(table, SCHEMA)
    return {"accepted": sorted(accepted), "quarantined": [list(one) for one in reasons]}


def make_probes(random):
    good = [int(one) for one in random.integers(100, 9_000, size=3)]
    return [
        Probe((good, ["c1", "c2", "c3"]), "a clean delivery", observe),
        Probe(([good[0], -5, good[1]], ["c1", "c2", None]), "two rows are broken", observe),
        Probe(([good[0], -7], ["c1", None]), "one row is broken twice", observe),
    ]


def find_failures(table, schema, lazy=True):
    try:
        schema.validate(table, lazy=lazy)
    except pa.errors.SchemaErrors as error:
        failures = error.failure_cases
        return sorted(zip(failures["index"], failures["column"], strict=True))
    except pa.errors.SchemaError as error:
        return sorted((one, error.schema.name) for one in error.failure_cases["index"])
    return []


def split(table, failures):
    broken = [row for row, _ in failures]
    return [row for row in table.index if row not in broken], failures


def answer(table, schema):
    return split(table, find_failures(table, schema))


def give_one_reason(table, schema):
    first = {}
    for row, column in find_failures(table, schema):
        first.setdefault(row, column)
    return split(table, sorted(first.items()))


def refuse_all(table, schema):
    failures = find_failures(table, schema)
    return ([] if failures else table.index.tolist()), failures


MISCONCEPTIONS = (
    Misconception(
        "rows_lost",
        "The broken rows are in neither list. They are lost, and cannot be repaired.",
        lambda table, schema: (answer(table, schema)[0], []),
    ),
    Misconception(
        "not_lazy",
        "Without lazy=True pandera stops at the first check that fails. The other reasons"
        " are not reported, and rows that break only a later check are accepted.",
        lambda table, schema: split(table, find_failures(table, schema, lazy=False)),
    ),
    Misconception(
        "one_reason_a_row",
        "A row that breaks two rules needs two reasons. If you report one, the repaired "
        "row comes back broken.",
        give_one_reason,
    ),
    Misconception(
        "all_refused",
        "One broken row must not stop the good ones. Accept every row that keeps to the schema.",
        refuse_all,
    ),
)
