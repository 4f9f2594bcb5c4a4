"""Compare the facts with the ledger: each row that an entry records must agree with the entry.

Decisions, reviewers' labels, chargebacks, cases, users, the champion and what became of alerts are
compared with their own entries. Predictions, their inputs, transactions and labels are compared
with seals (`ledger.seals`). Not covered: passwords, leases, drafts, skips, settings and saved views
of the review desk, shadow answers, and the texts of alerts.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger import chain
from fraudops.ledger.case_record import compare_cases, drop_undone
from fraudops.ledger.seal_comparison import compare_seals
from fraudops.ledger.seals import CLOCK_TOLERANCE_SECONDS, SEALED_TABLES, is_unsealed
from fraudops.ledger.verifier import DECISION_DEFAULTS

FINAL_STAGES = ("decision", "confirmation")  # a label follows from these


@dataclass
class LedgerFacts:
    """What the ledger records about the tables.

    Attributes
    ----------
    decisions : dict of str to list of dict
        By transaction, in order.
    chargebacks : dict of tuple to tuple
        ``(number of the entry, is_fraud, label_ts)`` by ``(tx_id, actor)``, of chargebacks that
        came through the service.
    users : dict of str to tuple
        ``(role, active)`` by name.
    controls : dict of str to tuple
        ``(number of the entry, value)`` by key. The value may be a part of the stored one.
    alerts : dict of tuple to tuple
        ``(number of the entry, outcome, reason, actor)`` by ``(alert_id, state)``.
    settled : dict of str to int
        Number of the entry with which a case left the queue by itself, by transaction.
    seals : dict of int to dict
        By number of the entry.
    """

    decisions: dict[str, list[dict]] = field(default_factory=lambda: defaultdict(list))
    chargebacks: dict[tuple, tuple] = field(default_factory=dict)
    users: dict[str, tuple] = field(default_factory=dict)
    controls: dict[str, tuple] = field(default_factory=dict)
    alerts: dict[tuple, tuple] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    seals: dict[int, dict] = field(default_factory=dict)


def read_ledger_facts(connection: sa.Connection) -> LedgerFacts:
    """Read what the ledger records about the tables."""
    facts = LedgerFacts()
    for entry in chain.stream_entries(connection):
        payload, seq = entry["payload"], entry["seq"]
        match entry["event"]:
            case "decision":
                facts.decisions[payload["tx_id"]].append(
                    {"seq": seq, "at": entry["at"], "actor": entry["actor"]} | payload
                )
            case "chargebacks":
                for tx_id, actor, is_fraud, label_ts in payload["labels"]:
                    facts.chargebacks.setdefault((tx_id, actor), (seq, is_fraud, label_ts))
            case "user":
                role, active = facts.users.get(payload["name"], (None, None))
                active = {"added": 1, "activated": 1, "deactivated": 0}.get(
                    payload["change"], active
                )
                facts.users[payload["name"]] = (
                    payload.get("role", role),
                    int(bool(payload.get("active", active))),
                )
            case "champion":
                names = [
                    name
                    for name in ("version", "sha256", "file", "threshold", "policy")
                    if name in payload
                ]
                facts.controls["champion"] = (seq, {name: payload[name] for name in names})
            case "service":
                facts.controls |= {
                    key: (seq, value)
                    for key, value in payload.items()
                    if key not in ("reason", "on_behalf_of")
                }
            case "alert":
                key = (payload["alert_id"], payload["state"])
                change = (payload["outcome"], payload["reason"], entry["actor"])
                facts.alerts[key] = (seq, *change)
            case "settled":
                for tx_id, _cause in payload["cases"]:
                    facts.settled.setdefault(tx_id, seq)
            case "seal":
                facts.seals[seq] = {"at": entry["at"]} | payload
    return facts


def find_differences(connection: sa.Connection) -> Iterator[str]:
    """Find where tables and ledger disagree.

    Parameters
    ----------
    connection : Connection
        Of `store.read_transaction`. The chain must be intact.

    Yields
    ------
    str
        A difference in words.
    """
    for compare in list_comparisons(connection).values():
        yield from compare()


COMPARISON_NAMES = (
    "decisions",
    "labels of reviewers",
    "chargebacks",
    "unrecorded transactions",
    "unrecorded refunds",
    "cases",
    "users",
    "champion and service",
    "alerts",
    *(f"sealed {table.name}" for table in SEALED_TABLES),
)


def list_comparisons(connection: sa.Connection) -> dict[str, Callable[[], Iterator[str]]]:
    """List the comparisons of tables and ledger by name, in the order of `COMPARISON_NAMES`.

    Parameters
    ----------
    connection : Connection
        Of `store.read_transaction`. The chain must be intact.

    Returns
    -------
    dict of str to callable
        Each finds the differences of one part.
    """
    facts = read_ledger_facts(connection)
    compare: list[Callable[[], Iterator[str]]] = [
        partial(_compare_decisions, connection, facts),
        partial(_compare_reviewer_labels, connection, facts),
        partial(_compare_chargebacks, connection, facts),
        partial(_find_unrecorded_transactions, connection),
        partial(_find_unrecorded_refunds, connection),
        partial(compare_cases, connection, facts.decisions, facts.settled),
        partial(_compare_users, connection, facts),
        partial(_compare_controls, connection, facts),
        partial(_compare_alerts, connection, facts),
        *(partial(compare_seals, connection, facts.seals, table) for table in SEALED_TABLES),
    ]
    return dict(zip(COMPARISON_NAMES, compare, strict=True))


def _compare_decisions(connection: sa.Connection, facts: LedgerFacts) -> Iterator[str]:
    decisions, seen_ids = store.decisions, set()
    rows = store.stream_rows(
        connection, sa.select(decisions).order_by(decisions.c.tx_id, decisions.c.id)
    )
    for tx_id, group in itertools.groupby(rows, key=lambda row: row.tx_id):
        seen_ids.add(tx_id)
        for row, entry in itertools.zip_longest(group, facts.decisions.get(tx_id, [])):
            if entry is None:
                yield (
                    f"decision {row.id} ({row.verdict} on {tx_id} by {row.actor}) is in the "
                    "table, and in no entry"
                )
            elif row is None:
                yield _describe_missing_decision(tx_id, entry)
            else:
                yield from _compare_decision(row, DECISION_DEFAULTS | entry)
    for tx_id in facts.decisions.keys() - seen_ids:
        yield from (_describe_missing_decision(tx_id, entry) for entry in facts.decisions[tx_id])


def _describe_missing_decision(tx_id: str, entry: dict) -> str:
    return (
        f"entry {entry['seq']} records a decision on {tx_id} by {entry['actor']} that is not "
        "in the table"
    )


def _compare_decision(row: sa.Row, entry: dict) -> Iterator[str]:
    """Compare a row of `decisions` with its entry.

    Entries of earlier versions do not hold the time and the duration. Then the time may differ from
    that of the entry by the time of writing.
    """
    for name, value in row._mapping.items():
        if name == "id":
            continue
        expected = entry.get(name, entry["at"] if name == "decided_at" else value)
        is_equal = value == expected
        if name == "decided_at" and name not in entry:
            is_equal = abs(value - expected) <= CLOCK_TOLERANCE_SECONDS
        if not is_equal:
            yield (
                f"decision {row.id} on {row.tx_id} has {name} {value!r}, and entry "
                f"{entry['seq']} has {expected!r}"
            )


def _compare_reviewer_labels(connection: sa.Connection, facts: LedgerFacts) -> Iterator[str]:
    labels, found = store.labels, set()
    standing = {tx_id: drop_undone(entries) for tx_id, entries in facts.decisions.items()}
    columns = (labels.c.tx_id, labels.c.actor, labels.c.is_fraud)
    for tx_id, actor, is_fraud in store.stream_rows(
        connection, sa.select(*columns).where(labels.c.source == "reviewer")
    ):
        found.add((tx_id, is_fraud))
        verdict = "fraud" if is_fraud else "genuine"
        is_decided = any(
            (one["verdict"], one["actor"]) == (verdict, actor) and _is_final(one)
            for one in standing.get(tx_id, [])
        )
        if not is_decided:
            yield f"the label {verdict} of {actor} on {tx_id} rests on no decision in the ledger"
    for tx_id, entries in standing.items():
        for one in entries:
            if _is_final(one) and (tx_id, int(one["verdict"] == "fraud")) not in found:
                yield (
                    f"entry {one['seq']} decided that {tx_id} is {one['verdict']}, and no "
                    "label says so"
                )


def _is_final(entry: dict) -> bool:
    """Tell whether a label follows from the entry of a decision."""
    return entry.get("stage", "decision") in FINAL_STAGES and entry["verdict"] != "unsure"


def _compare_chargebacks(connection: sa.Connection, facts: LedgerFacts) -> Iterator[str]:
    """Compare each chargeback with the entry of its arrival; one without needs a seal."""
    labels, seen = store.labels, set()
    columns = (labels.c.tx_id, labels.c.actor, labels.c.is_fraud, labels.c.label_ts)
    query = sa.select(*columns, is_unsealed(labels).label("unsealed"))
    for row in store.stream_rows(connection, query.where(labels.c.source == "chargeback")):
        key = (row.tx_id, row.actor)
        seen.add(key)
        seq, *recorded = facts.chargebacks.get(key, (0,))
        if not seq and row.unsealed:
            yield (f"the chargeback on {row.tx_id} by {row.actor} is in no entry and under no seal")
        elif seq and recorded != [row.is_fraud, row.label_ts]:
            yield (
                f"the chargeback on {row.tx_id} by {row.actor} has {[row.is_fraud, row.label_ts]}"
                f" (fraud, time), and entry {seq} has {recorded}"
            )
    for (tx_id, actor), (seq, *_) in facts.chargebacks.items():
        if (tx_id, actor) not in seen:
            yield f"entry {seq} records a chargeback on {tx_id} by {actor}, and no label says so"


def _find_unrecorded_transactions(connection: sa.Connection) -> Iterator[str]:
    """Find transactions without a seal and without a prediction: neither imported nor scored."""
    t, p = store.transactions, store.predictions
    is_scored = sa.exists().where(p.c.tx_id == t.c.tx_id)
    query = sa.select(t.c.tx_id).where(is_unsealed(t), ~is_scored).order_by(t.c.tx_id)
    for tx_id in store.stream_rows(connection, query):
        yield f"the transaction {tx_id[0]} was neither scored nor imported: no seal knows it"


def _find_unrecorded_refunds(connection: sa.Connection) -> Iterator[str]:
    """Find refunds without a seal: the service and the import seal each one as they write it."""
    r = store.refunds
    for tx_id in store.stream_rows(
        connection, sa.select(r.c.tx_id).where(is_unsealed(r)).order_by(r.c.tx_id)
    ):
        yield f"the refund {tx_id[0]} was neither sent nor imported: no seal knows it"


def _compare_users(connection: sa.Connection, facts: LedgerFacts) -> Iterator[str]:
    users = store.users
    stored = {
        name: (role, active)
        for name, role, active in connection.execute(
            sa.select(users.c.name, users.c.role, users.c.active)
        )
    }
    for name in sorted(stored.keys() | facts.users.keys()):
        if name not in stored or name not in facts.users:
            missing = (
                "in the table, and no entry added that user"
                if name in stored
                else "in the ledger, and not in the table"
            )
            yield f"the user {name} is {missing}"
        elif stored[name] != facts.users[name]:
            words = [
                f"{role}, {'active' if active else 'not active'}"
                for role, active in (stored[name], facts.users[name])
            ]
            yield f"the user {name} is {words[0]} in the table, and {words[1]} in the ledger"


def _compare_controls(connection: sa.Connection, facts: LedgerFacts) -> Iterator[str]:
    c = store.controls.c
    stored = {
        key: json.loads(value) for key, value in connection.execute(sa.select(c.key, c.value))
    }
    for key in sorted(stored.keys() | facts.controls.keys()):
        seq, expected = facts.controls.get(key, (0, None))
        value = stored.get(key)
        if isinstance(value, dict) and isinstance(expected, dict):
            value = {name: value.get(name) for name in expected}
        if value != expected:
            where = f"entry {seq} says {expected}" if seq else "no entry says so"
            yield f"what the service follows as {key} is {value}, and {where}"


def _compare_alerts(connection: sa.Connection, facts: LedgerFacts) -> Iterator[str]:
    rows = connection.execute(sa.select(store.alert_changes)).all()
    stored = {(row.alert_id, row.state): (row.outcome, row.reason, row.actor) for row in rows}
    for alert_id, state in sorted(stored.keys() | facts.alerts.keys()):
        row, (seq, *entry) = (
            stored.get((alert_id, state)),
            facts.alerts.get((alert_id, state), (0,)),
        )
        if not seq:
            yield f"the alert {alert_id} is {state} in the table, and in no entry"
        elif row is None:
            yield f"entry {seq} says that the alert {alert_id} was {state}, and the table does not"
        elif row != tuple(entry):
            yield f"the alert {alert_id} was {state} with {row}, and entry {seq} has {tuple(entry)}"


def take_first(differences: Iterator[str], limit: int = 20) -> list[str]:
    """Take the first differences; the last line says if there are more."""
    found: list[Any] = list(itertools.islice(differences, limit + 1))
    return [*found[:limit], "... and more"] if len(found) > limit else found
