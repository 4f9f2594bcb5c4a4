"""The operational database through SQLAlchemy: connections, transactions, copies."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from fraudops.errors import UserError
from fraudops.store import ddl, migrations
from fraudops.store.schema import METADATA
from fraudops.workspace import Workspace


class IncompatibleSchemaError(UserError):
    """Another version of the course created the database."""


_checked: set[tuple] = set()  # databases whose tables this process has checked


def connect(workspace: Workspace, url: str = "") -> sa.Engine:
    """Open the operational database; make or migrate its tables if need be.

    The tables are checked once a process. If they are up to date, nothing is locked or written.

    Parameters
    ----------
    workspace : Workspace
    url : str, optional
        SQLAlchemy URL of SQLite or PostgreSQL; that of the workspace if empty.

    Returns
    -------
    sqlalchemy.Engine

    Raises
    ------
    IncompatibleSchemaError
        If no migration leads from its tables to those of this version.
    """
    url = url or workspace.database_url
    sqlite = url.startswith("sqlite")
    engine = sa.create_engine(
        url, connect_args={"timeout": ddl.LOCK_TIMEOUT_SECONDS} if sqlite else {}
    )
    if sqlite:

        @sa.event.listens_for(engine, "connect")
        def on_connect(connection, _record):  # type: ignore[no-untyped-def]
            connection.isolation_level = None  # BEGIN is said below
            # not every SQLite has it
            connection.create_function("ln", 1, math.log, deterministic=True)
            connection.execute("PRAGMA journal_mode = WAL")
            # a committed prediction survives a power cut
            connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        ddl.begin_transaction(connection, connection.get_execution_options().get("writing", False))

    if _identify(engine) in _checked:
        return engine
    try:
        _prepare_tables(engine)
    except migrations.NotMigratableError as error:
        engine.dispose()
        raise IncompatibleSchemaError(
            f"The database {engine.url.render_as_string()} was made by another version of the "
            f"course and cannot be migrated: it has {error}. Run `fraudops run --from "
            "3_1_champion`, which keeps the old file in store/archive/ and begins a new one. A "
            "server's database is not moved: name an empty one in FRAUDOPS_DATABASE_URL."
        ) from None
    _checked.add(_identify(engine))
    return engine


def _identify(engine: sa.Engine) -> tuple:
    """Identify a database by its URL and its file, which may be replaced."""
    if engine.dialect.name != "sqlite":
        return (engine.url.render_as_string(hide_password=False),)
    if not engine.url.database:  # in memory: each one is new
        return (object(),)
    file = Path(engine.url.database)
    status = file.stat() if file.exists() else None
    return (str(file), status and (status.st_dev, status.st_ino))


def _prepare_tables(engine: sa.Engine) -> None:
    """Create, migrate or check the tables, and create the triggers."""
    with engine.connect() as connection:
        current = migrations.read_revision(connection) == migrations.HEAD_REVISION
        if current and not ddl.find_missing_triggers(connection):
            return
    with write_transaction(engine) as connection:  # another process may have done it meanwhile
        revision = migrations.read_revision(connection)
        old = bool(set(sa.inspect(connection).get_table_names()) & set(METADATA.tables))
        if revision != migrations.HEAD_REVISION:
            if old:
                migrations.migrate(connection)
            else:
                METADATA.create_all(connection)
                migrations.stamp_revision(connection)
        ddl.create_triggers(connection)
    if old and revision != migrations.HEAD_REVISION:
        print(
            f"The database {engine.url.render_as_string()} was of "
            f"{f'revision {revision}' if revision else 'an older version'}. It is migrated to "
            f"revision {migrations.HEAD_REVISION}; its rows are kept.",
            file=sys.stderr,
        )


@contextmanager
def write_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a transaction that holds the write lock from its first statement.

    So no other process writes between a read and a write.

    Parameters
    ----------
    engine : Engine

    Yields
    ------
    Connection
    """
    with engine.execution_options(writing=True).begin() as connection:
        yield connection


@contextmanager
def read_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a transaction that sees one state of the database.

    Parameters
    ----------
    engine : Engine

    Yields
    ------
    Connection
    """
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.execution_options(**options).connect() as connection:
        yield connection
