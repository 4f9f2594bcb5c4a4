"""What a person has chosen at the review desk: settings and saved views, kept in the database."""

import json
from typing import Any

import sqlalchemy as sa

from fraudops import store


def save_preference(engine: sa.Engine, actor: str, name: str, value: Any) -> None:
    """Save what a person has chosen; it replaces what was saved under the name.

    Parameters
    ----------
    engine : Engine
    actor : str
    name : str
    value : JSON value
        None removes it.
    """
    p = store.preferences
    with store.write_transaction(engine) as connection:
        connection.execute(p.delete().where(p.c.actor == actor, p.c.name == name))
        if value is not None:
            row = {"actor": actor, "name": name, "value": json.dumps(value)}
            connection.execute(p.insert(), row)


def load_preference(engine: sa.Engine, actor: str, name: str, default: Any) -> Any:
    """Load what a person has chosen.

    Parameters
    ----------
    engine : Engine
    actor : str
    name : str
    default : Any
        If nothing was saved.

    Returns
    -------
    Any
    """
    p = store.preferences.c
    with engine.connect() as connection:
        text = connection.scalar(sa.select(p.value).where(p.actor == actor, p.name == name))
    return default if text is None else json.loads(text)
