"""Record in the ledger who looks at a case, list or export.

The entry is written before anything is shown. So nothing is seen without an entry.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from fraudops import store
from fraudops.ledger import chain


def log_case_read(engine: sa.Engine, tx_id: str, actor: str) -> None:
    """Record that a reviewer opens a case (event `read`).

    Parameters
    ----------
    engine : Engine
    tx_id : str
    actor : str
    """
    _log_access(engine, "read", actor, tx_id=tx_id)


def log_list_read(
    engine: sa.Engine, name: str, filters: Mapping[str, Any], rows: int, actor: str
) -> None:
    """Record that a person looks at a list (event `list`).

    Parameters
    ----------
    engine : Engine
    name : str
        Of the list.
    filters : mapping of str to Any
        JSON values.
    rows : int
        Number of rows shown.
    actor : str
    """
    _log_access(engine, "list", actor, name=name, filters=dict(filters), rows=int(rows))


def _log_access(engine: sa.Engine, event: str, actor: str, **payload: Any) -> None:
    with store.write_transaction(engine) as connection:
        chain.append_entry(connection, event, actor, **payload)
