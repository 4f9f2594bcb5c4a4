"""What every worker of the service follows: the model that answers, the one in its shadow, and the
switch to plain rules.

Kept in the database, so that all workers and replicas see a change with their next request; each
change is in the ledger.
"""

import json
import time

import sqlalchemy as sa

from fraudops.store import schema


def read_deployment(connection: sa.Connection) -> dict[str, tuple[dict, float]]:
    """What is set: by key ('mode', 'champion', 'challenger') the value and since when (s since
    1970).
    """
    c = schema.controls.c
    return {
        key: (json.loads(value), at)
        for key, value, at in connection.execute(sa.select(c.key, c.value, c.changed_at))
    }


def set_deployment(
    connection: sa.Connection, values: dict[str, dict | None], at: float | None = None
) -> None:
    """Set some keys inside a writing transaction; the caller says why in the ledger."""
    for key, value in values.items():
        connection.execute(schema.controls.delete().where(schema.controls.c.key == key))
        row = {
            "key": key,
            "value": json.dumps(value),
            "changed_at": time.time() if at is None else at,
        }
        connection.execute(schema.controls.insert(), row)
