"""The seal of a prepared world: digests of what no action of a student changes."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger import canonical_json
from fraudops.workspace import Workspace, compute_fingerprint

# Rows in this order; those that an action adds come after them.
SEALED_ROW_ORDERS = {
    store.ledger: ("seq",),
    store.decisions: ("id",),
    store.predictions: ("ts", "tx_id"),
    store.transactions: ("ts", "tx_id"),
    store.labels: ("label_ts", "tx_id", "source", "actor"),
    store.alerts: ("as_of", "alert_id"),
}
# Other values in each copy of a world: keys and run ids are drawn, folders and machines differ.
UNSEALED_COLUMNS = ("signature", "previous", "hash", "probability", "threshold", "scored_at")
UNSEALED_KEYS = ("file", "sha256", "policy", "gates", "days")
SEALED_FILES = ("data/transactions", "data/labels.parquet", "logs", "challenger")

Seal = dict[str, list]


def compute_seal(workspace: Workspace, counts: dict[str, int] | None = None) -> Seal:
    """Compute the seal of a world.

    Parameters
    ----------
    workspace : Workspace
    counts : dict of str to int, optional
        Rows to read of each table, so that later rows do not count. Default: all.

    Returns
    -------
    dict of str to list
        Number of rows and digest by name of the table or file; a file has 0 rows.
    """
    seal: Seal = {}
    for name in SEALED_FILES:
        path = workspace.root / name
        if path.exists():
            seal[name] = [0, compute_fingerprint(path)]
    if (workspace.root / "store" / "fraudops.db").is_file():
        seal |= store.read_undisturbed(workspace, lambda engine: _read_tables(engine, counts))
    return seal


def _read_tables(engine: sa.Engine, counts: dict[str, int] | None) -> Seal:
    seal: Seal = {}
    with store.read_transaction(engine) as connection:
        for table, order in SEALED_ROW_ORDERS.items():
            query = sa.select(table).order_by(*(table.c[name] for name in order))
            if counts is not None:
                query = query.limit(counts.get(table.name, 0))
            total, rows = hashlib.sha256(), 0
            for text in _iterate_rows(connection, query):
                total.update(text.encode() + b"\n")
                rows += 1
            seal[table.name] = [rows, total.hexdigest()]
    return seal


def _iterate_rows(connection: sa.Connection, query: sa.Select) -> Iterator[str]:
    for row in store.stream_rows(connection, query):
        values = {
            name: _drop_unsealed(value) if name == "body" else value
            for name, value in row._mapping.items()
            if name not in UNSEALED_COLUMNS
        }
        yield canonical_json(values)


def _drop_unsealed(body: str) -> Any:
    """Read the text of an entry, without what differs in each copy."""
    try:
        return json.loads(body, object_hook=_keep_sealed)
    except ValueError:
        return body


def _keep_sealed(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in UNSEALED_KEYS}


def find_changes(workspace: Workspace, seal: Seal) -> list[str]:
    """Find what was changed in a world since its seal.

    Parameters
    ----------
    workspace : Workspace
    seal : dict
        See `compute_seal`.

    Returns
    -------
    list of str
        Names of tables and files; rows that were added later do not count.
    """
    now = compute_seal(workspace, {name: rows for name, (rows, _) in seal.items()})
    return sorted(name for name in seal.keys() | now.keys() if seal.get(name) != now.get(name))


def write_seal_name(seal: Seal) -> str:
    """Write a seal as one hash, to print it."""
    return hashlib.sha256(canonical_json(seal).encode()).hexdigest()
