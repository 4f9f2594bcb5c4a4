"""The operational database through SQLAlchemy: connections, transactions, copies."""

import math
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from fraudops.errors import UserError
from fraudops.store import ddl, migrations
from fraudops.store.damage import report_damage
from fraudops.store.schema import METADATA
from fraudops.store.signing_key import find_key_file
from fraudops.workspace import Workspace


class IncompatibleSchemaError(UserError):
    """Another version of the course created the database."""


T = TypeVar("T")
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
        url,
        connect_args={"timeout": ddl.LOCK_TIMEOUT_SECONDS} if sqlite else {},
        # read where an entry is appended
        execution_options={"signing_key_file": str(find_key_file(workspace))},
    )
    if sqlite:
        report_damage(engine, Path(str(engine.url.database)))

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
    if engine.url.database in (None, "", ":memory:"):  # each one in memory is new
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


def read_undisturbed(workspace: Workspace, read: Callable[[sa.Engine], T]) -> T:
    """Read the operational database without a change of its files: no migration, no log beside it.

    Parameters
    ----------
    workspace : Workspace
    read : callable
        Gets an engine that refuses to write. It is called again if a writer came meanwhile.

    Returns
    -------
    T
        What `read` returns.

    Raises
    ------
    IncompatibleSchemaError
        If the tables are not those of this version.
    UserError
        If there is no database.
    """
    url = sa.make_url(workspace.database_url)
    if url.get_backend_name() != "sqlite":
        options = {"options": "-c default_transaction_read_only=on"}
        return _read_checked(sa.create_engine(url, connect_args=options), read)
    file = Path(url.database or "")
    if not file.is_file():
        raise UserError(f"There is no database {file}: run `fraudops run` first.")
    log = file.with_name(file.name + "-wal")
    # Without a log no program has the file open, and SQLite needs to create none beside it.
    is_alone = not log.exists()
    result = _read_checked(_create_read_only_engine(file, is_alone), read)
    if is_alone and log.exists():
        return _read_checked(_create_read_only_engine(file, False), read)
    return result


def _create_read_only_engine(file: Path, is_alone: bool) -> sa.Engine:
    address = f"{file.resolve().as_uri()}?mode=ro{'&immutable=1' if is_alone else ''}"

    def open_file() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, isolation_level=None)
        connection.create_function("ln", 1, math.log, deterministic=True)
        return connection

    engine = sa.create_engine("sqlite://", creator=open_file, poolclass=sa.NullPool)
    report_damage(engine, file)
    sa.event.listen(engine, "begin", lambda connection: ddl.begin_transaction(connection, False))
    return engine


def _read_checked(engine: sa.Engine, read: Callable[[sa.Engine], T]) -> T:
    try:
        with engine.connect() as connection:
            revision = migrations.read_revision(connection)
        if revision != migrations.HEAD_REVISION:
            raise IncompatibleSchemaError(
                f"The database is of revision {revision or 'none'}, and this version of the course "
                f"needs {migrations.HEAD_REVISION}. Reading alone does not migrate it: start any "
                "other command once, or verify a copy."
            )
        return read(engine)
    finally:
        engine.dispose()


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
