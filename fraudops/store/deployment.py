"""The deployment that every worker follows: champion, challenger, and the switch to rules.

It is in the database, so all workers and replicas see a change with their next request. Each change
is in the ledger.
"""

import json
import time

import sqlalchemy as sa

from fraudops.store import schema


def read_deployment(connection: sa.Connection) -> dict[str, tuple[dict, float]]:
    """Read the deployment: which model answers, and whether the fallback rules do.

    Parameters
    ----------
    connection : Connection

    Returns
    -------
    dict of str to tuple
        Value and time (seconds since 1970) by key: ``mode``, ``champion``, ``challenger``.
    """
    c = schema.controls.c
    return {
        key: (json.loads(value), at)
        for key, value, at in connection.execute(sa.select(c.key, c.value, c.changed_at))
    }


def set_deployment(
    connection: sa.Connection, values: dict[str, dict | None], at: float | None = None
) -> None:
    """Set keys of the deployment inside a writing transaction.

    The caller records the reason in the ledger.

    Parameters
    ----------
    connection : Connection
    values : dict of str to dict or None
    at : float, optional
        Seconds since 1970; None: now.
    """
    for key, value in values.items():
        connection.execute(schema.controls.delete().where(schema.controls.c.key == key))
        row = {
            "key": key,
            "value": json.dumps(value),
            "changed_at": time.time() if at is None else at,
        }
        connection.execute(schema.controls.insert(), row)
