"""Rows that are written together with their ledger entry, in one transaction."""

import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.ledger import seals
from fraudops.ledger.chain import append_entry, load_entries


def insert_chargebacks(connection: sa.Connection, rows: list[dict], by: str) -> int:
    """Insert the fraud reports that are new, with one ledger entry, inside a writing transaction.

    A label of a reviewer has no other way into the database than
    `review.ReviewQueue.record_decision`.

    Parameters
    ----------
    connection : Connection
    rows : list of dict
        Rows of `store.labels` with the source ``chargeback``.
    by : str
        Who sent them, for the ledger.

    Returns
    -------
    int
        Number of new labels.

    Raises
    ------
    UserError
        If a row is not a chargeback. Then nothing is inserted.
    """
    for row in rows:
        if row["source"] != "chargeback":
            raise UserError(
                f"The label of {row['tx_id']} has the source {row['source']!r}: only chargebacks "
                "can be inserted. A reviewer's label follows from a decision on the case."
            )
    known = _find_known_labels(connection, [row["tx_id"] for row in rows])
    new = {
        (row["tx_id"], row["actor"]): row
        for row in reversed(rows)
        if (row["tx_id"], row["actor"]) not in known
    }
    if not new:
        return 0
    recorded = [
        [row["tx_id"], row["actor"], row["is_fraud"], row["label_ts"]]
        for row in reversed(new.values())
    ]
    append_entry(connection, "chargebacks", by, labels=recorded)
    return store.insert_new(connection, store.labels, list(new.values()))


def _find_known_labels(connection: sa.Connection, ids: list[str]) -> set[tuple[str, str]]:
    """Find which transactions have a chargeback already, and from whom."""
    f = store.labels.c
    query = sa.select(f.tx_id, f.actor).where(f.source == "chargeback")
    return {
        (tx_id, actor)
        for keys in store.split_keys(ids)
        for tx_id, actor in connection.execute(query.where(f.tx_id.in_(keys)))
    }


def insert_refunds(connection: sa.Connection, rows: list[dict], by: str) -> int:
    """Insert the refunds that are new, and seal them, inside a writing transaction.

    Parameters
    ----------
    connection : Connection
    rows : list of dict
        Rows of `store.refunds`.
    by : str
        Who sent them, for the ledger.

    Returns
    -------
    int
        Number of new refunds.

    Raises
    ------
    UserError
        If a purchase has the id of one of them. Then nothing is inserted.
    """
    t, ids = store.transactions.c, [row["tx_id"] for row in rows]
    for keys in store.split_keys(ids):
        for tx_id in connection.scalars(sa.select(t.tx_id).where(t.tx_id.in_(keys)).limit(1)):
            raise UserError(
                f"The refund {tx_id} has the id of a purchase: give each refund an id of its own."
            )
    new = store.insert_new(connection, store.refunds, rows)
    for keys in store.split_keys(ids) if new else []:
        seals.seal_table(connection, store.refunds, by, store.refunds.c.tx_id.in_(keys))
    return new


def import_history(
    connection: sa.Connection,
    transactions: list[dict],
    labels: list[dict],
    by: str,
    refunds: list[dict] = (),
) -> int:
    """Insert the past that an operation starts with, and seal it at once.

    So a row that is added to this past later is known by the seal that it lacks.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    transactions, labels : list of dict
        Rows of `store.transactions` and of `store.labels`; the labels are chargebacks.
    by : str
        Who inserts them, for the ledger.
    refunds : list of dict, optional
        Rows of `store.refunds`.

    Returns
    -------
    int
        Number of new transactions.
    """
    tables = (store.labels, store.refunds, store.transactions)
    for table, rows in zip(tables, (labels, list(refunds), transactions), strict=True):
        new = store.insert_new(connection, table, rows)
        seals.seal_table(connection, table, by)
    return new


def change_deployment(
    engine: sa.Engine,
    values: dict[str, dict | None],
    actor: str,
    reason: str,
    on_behalf_of: str = "",
) -> None:
    """Change the deployment and record it in the ledger, in one transaction.

    Parameters
    ----------
    engine : Engine
    values : dict of str to dict or None
        By key; see `store.set_deployment`.
    actor : str
        Who is known to have asked for it.
    reason : str
    on_behalf_of : str, optional
        Whom that caller names as the person who wants it.
    """
    named = {"on_behalf_of": on_behalf_of} if on_behalf_of else {}
    with store.write_transaction(engine) as connection:
        store.set_deployment(connection, values)
        append_entry(connection, "service", actor, reason=reason, **named, **values)


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
