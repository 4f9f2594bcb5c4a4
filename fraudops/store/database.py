"""The operational database through SQLAlchemy: connections, transactions, copies."""

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

from fraudops.errors import UserError
from fraudops.store import ddl, migrations
from fraudops.store.schema import METADATA, operation, transactions, users
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
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return (engine.url.render_as_string(hide_password=False),)
    file = Path(engine.url.database)
    status = file.stat() if file.exists() else None
    return (str(file), status and (status.st_dev, status.st_ino))


def _prepare_tables(engine: sa.Engine) -> None:
    """Create, migrate or check the tables, and create the triggers of the ledger."""
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
        ddl.create_ledger_triggers(connection)
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


def stream_rows(connection: sa.Connection, query: sa.Select) -> Iterator[sa.Row]:
    """Read the rows of a query a part at a time.

    Parameters
    ----------
    connection : Connection
    query : Select

    Yields
    ------
    Row
    """
    yield from connection.execute(
        query, execution_options={"stream_results": True, "yield_per": 5_000}
    )


def insert_new(connection: sa.Connection, table: sa.Table, rows: list[dict]) -> int:
    """Insert the rows whose key is new; the others stay as they are.

    Parameters
    ----------
    connection : Connection
    table : Table
    rows : list of dict

    Returns
    -------
    int
        Number of new rows.
    """
    if not rows:
        return 0
    insert = (
        (sqlite_dialect if connection.dialect.name == "sqlite" else postgresql)
        .insert(table)
        .on_conflict_do_nothing()
    )
    return connection.execute(insert, rows, execution_options={"preserve_rowcount": True}).rowcount


def read_frame(connection: sa.Connection, query: sa.Select) -> pd.DataFrame:
    """Read the rows of a query into a data frame.

    Parameters
    ----------
    connection : Connection
    query : Select

    Returns
    -------
    DataFrame
    """
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))


def to_transaction_rows(tx: pd.DataFrame) -> list[dict]:
    """Convert canonical columns to rows of `transactions`.

    Parameters
    ----------
    tx : DataFrame
        Columns `data.TRANSACTION_COLUMNS`. An unknown place becomes NULL.

    Returns
    -------
    list of dict
    """
    rows = tx[[column.name for column in transactions.columns]]
    places = {
        name: rows[name].astype(object).where(rows[name].notna(), None)
        for name in ("lat_cdeg", "lon_cdeg")
    }
    return rows.assign(**places).to_dict("records")


def to_label_rows(
    known: pd.DataFrame, source: str = "chargeback", actor: str = "issuer"
) -> list[dict]:
    """Convert fraud reports to rows of `labels`.

    Parameters
    ----------
    known : DataFrame
        ``tx_id, customer_id, terminal_id, label_ts``.
    source : str, optional
    actor : str, optional

    Returns
    -------
    list of dict
    """
    columns = ["tx_id", "customer_id", "terminal_id", "label_ts"]
    return known[columns].assign(source=source, actor=actor, is_fraud=1).to_dict("records")


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
    """Move the anchors of an earlier ledger to the archive."""
    file = workspace.root / "audit" / "anchors.jsonl"
    if file.is_file():
        shutil.move(file, file.with_name(f"anchors-until-{time.time_ns() // 10**9}.jsonl"))


def copy_database(engine: sa.Engine, to: Workspace) -> None:
    """Copy everything into the SQLite file of another workspace.

    Parameters
    ----------
    engine : Engine
        Of SQLite or PostgreSQL.
    to : Workspace
        Its database is replaced.
    """
    file = to.path("store", "fraudops.db")
    for old in (file, *(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))):
        old.unlink(missing_ok=True)
    target = connect(to, to.database_file_url)
    with engine.connect() as source, write_transaction(target) as connection:
        for table in METADATA.sorted_tables:
            stored = [column for column in table.columns if column.computed is None]
            rows = source.execute(sa.select(*stored).order_by(*table.primary_key)).mappings()
            for part in rows.partitions(10_000):
                connection.execute(table.insert(), [dict(row) for row in part])
    target.dispose()


MAX_KEYS_PER_QUERY = 400  # keys in one IN (...): below every engine's limit


def split_keys(values: list[str]) -> list[list[str]]:
    """Split values into parts that fit one ``IN (...)``.

    Parameters
    ----------
    values : list of str

    Returns
    -------
    list of list of str
    """
    return [values[i : i + MAX_KEYS_PER_QUERY] for i in range(0, len(values), MAX_KEYS_PER_QUERY)]
