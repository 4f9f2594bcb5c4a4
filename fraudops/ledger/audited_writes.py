"""Rows that are written together with their ledger entry, in one transaction."""

from collections import defaultdict

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger.chain import append_entry, load_entries


def insert_labels(connection: sa.Connection, rows: list[dict]) -> int:
    """Store the labels that are new, inside a writing transaction; returns how many were.

    What reviewers say is an entry `label` of the ledger for each of them, as their decisions on the
    review page are.
    """
    columns, payload = store.labels.c, defaultdict(dict)
    for row in rows:
        is_given = (
            columns.tx_id == row["tx_id"],
            columns.source == "reviewer",
            columns.actor == row["actor"],
        )
        if (
            row["source"] == "reviewer"
            and connection.scalar(sa.select(columns.tx_id).where(*is_given)) is None
        ):
            payload[row["actor"]].setdefault(row["tx_id"], [row["is_fraud"], row["label_ts"]])
    for actor, labels in payload.items():
        append_entry(
            connection,
            "label",
            actor,
            labels=[[tx_id, *change] for tx_id, change in labels.items()],
        )
    return store.insert_new(connection, store.labels, rows)


def change_deployment(
    engine: sa.Engine, values: dict[str, dict | None], actor: str, reason: str
) -> None:
    """Set some keys and say so in the ledger, in one transaction."""
    with store.write_transaction(engine) as connection:
        store.set_deployment(connection, values)
        append_entry(connection, "service", actor, reason=reason, **values)


def log_carried_over_users(connection: sa.Connection) -> None:
    """Enter users that an operation took over from the one before, and who have no entry in its
    ledger yet.
    """
    stored = {entry["payload"]["name"] for entry in load_entries(connection, "user")}
    for row in connection.execute(sa.select(store.users).order_by(store.users.c.name)).all():
        if row.name not in stored:
            payload = {
                "name": row.name,
                "change": "taken over",
                "role": row.role,
                "active": bool(row.active),
            }
            append_entry(connection, "user", "pipeline", **payload)
