"""Rows that are written together with their ledger entry, in one transaction."""

from collections import defaultdict

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger.chain import append_entry, load_entries


def insert_labels(connection: sa.Connection, rows: list[dict]) -> int:
    """Insert the labels that are new, inside a writing transaction.

    Each label of a reviewer gets a ledger entry `label`.

    Parameters
    ----------
    connection : Connection
    rows : list of dict
        Rows of `store.labels`.

    Returns
    -------
    int
        Number of new labels.
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
    """Change the deployment and record it in the ledger, in one transaction.

    Parameters
    ----------
    engine : Engine
    values : dict of str to dict or None
        By key; see `store.set_deployment`.
    actor : str
    reason : str
    """
    with store.write_transaction(engine) as connection:
        store.set_deployment(connection, values)
        append_entry(connection, "service", actor, reason=reason, **values)


def log_carried_over_users(connection: sa.Connection) -> None:
    """Record the users that an operation took over from the one before.

    Parameters
    ----------
    connection : Connection
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
