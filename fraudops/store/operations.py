"""One database for each operation: begin, archive, copy."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import sqlalchemy as sa
from filelock import FileLock

from fraudops.errors import UserError
from fraudops.store.database import IncompatibleSchemaError, connect, write_transaction
from fraudops.store.rows import insert_new
from fraudops.store.schema import METADATA, operation, users
from fraudops.store.signing_key import copy_key
from fraudops.workspace import Workspace


@contextmanager
def lock_database(workspace: Workspace) -> Iterator[None]:
    """Keep `begin_operation` of another process from moving the database.

    Parameters
    ----------
    workspace : Workspace
    """
    with FileLock(workspace.path("state", ".store.lock")):
        yield


def begin_operation(workspace: Workspace, key: str) -> sa.Engine:
    """Open the database of an operation: one data set and its first champion.

    The database of another operation is moved to ``store/archive/``. The new one begins with the
    same users.

    Parameters
    ----------
    workspace : Workspace
    key : str
        Identifies the operation.

    Returns
    -------
    Engine

    Raises
    ------
    UserError
        If a server database holds another operation, because it cannot be moved.
    """
    with lock_database(workspace):
        return _open_operation(workspace, key)


def _open_operation(workspace: Workspace, key: str) -> sa.Engine:
    try:
        engine = connect(workspace)
    except IncompatibleSchemaError:
        if not workspace.database_url.startswith("sqlite"):
            raise
        _archive_database(workspace, "old")
        return _open_operation(workspace, key)
    with write_transaction(engine) as connection:
        stored_key = connection.scalar(sa.select(operation.c.key))
        if stored_key is None:
            connection.execute(operation.insert(), {"key": key})
            _archive_anchors(workspace)
        kept_users = [dict(row) for row in connection.execute(sa.select(users)).mappings()]
    if stored_key in (None, key):
        return engine
    engine.dispose()
    if not workspace.database_url.startswith("sqlite"):
        raise UserError(
            "The database of FRAUDOPS_DATABASE_URL holds the operation of another data "
            "set or champion. "
            "Name an empty database, or remove that one yourself."
        )
    _archive_database(workspace, stored_key[:16])
    engine = _open_operation(workspace, key)
    with write_transaction(engine) as connection:
        insert_new(connection, users, kept_users)
    return engine


def _archive_database(workspace: Workspace, name: str) -> None:
    """Move the SQLite file to the archive, with its write-ahead log."""
    file = workspace.path("store", "fraudops.db")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.move(
        file, workspace.path("store", "archive", f"{name}-{file.stat().st_mtime_ns // 10**9}.db")
    )
    for leftover in (file.with_name(file.name + suffix) for suffix in ("-wal", "-shm")):
        leftover.unlink(missing_ok=True)


def _archive_anchors(workspace: Workspace) -> None:
    """Move the anchors and the verifications of an earlier ledger to the archive."""
    for name in ("anchors", "verifications"):
        file = workspace.root / "audit" / f"{name}.jsonl"
        if file.is_file():
            shutil.move(file, file.with_name(f"{name}-until-{time.time_ns() // 10**9}.jsonl"))


def copy_database(engine: sa.Engine, to: Workspace) -> None:
    """Copy everything into the SQLite file of another workspace, with the key of the ledger.

    Parameters
    ----------
    engine : Engine
        Of SQLite or PostgreSQL.
    to : Workspace
        Its database is replaced.
    """
    copy_key(engine.get_execution_options().get("signing_key_file"), to)
    file = to.path("store", "fraudops.db")
    for old in (file, *(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))):
        old.unlink(missing_ok=True)
    if engine.dialect.name == "sqlite":
        with engine.connect() as source, closing(sqlite3.connect(file)) as target_file:
            source.connection.driver_connection.backup(target_file)
        return
    target = connect(to, to.database_file_url)
    with engine.connect() as source, write_transaction(target) as connection:
        for table in METADATA.sorted_tables:
            stored = [column for column in table.columns if column.computed is None]
            rows = source.execute(sa.select(*stored).order_by(*table.primary_key)).mappings()
            for part in rows.partitions(10_000):
                connection.execute(table.insert(), [dict(row) for row in part])
    target.dispose()
