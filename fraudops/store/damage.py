"""Damaged SQLite files are reported in one message that names the file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from fraudops.errors import UserError

DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DamagedDatabaseError(UserError):
    """An SQLite file cannot be read."""


def report_damage(engine: sa.Engine, file: Path) -> None:
    """Let an engine raise `DamagedDatabaseError` where SQLite finds its file damaged.

    Parameters
    ----------
    engine : Engine
        Of SQLite.
    file : Path
        For the message.
    """

    @sa.event.listens_for(engine, "handle_error")
    def on_error(context: sa.engine.ExceptionContext) -> None:
        if _is_damage(context.original_exception):
            raise _make_error(file) from context.original_exception


def check_sqlite_file(file: Path) -> None:
    """Check that SQLite can read the list of tables of a file.

    Parameters
    ----------
    file : Path
        A missing file is left alone.

    Raises
    ------
    DamagedDatabaseError
        If it cannot.
    """
    if not file.is_file():
        return
    with closing(sqlite3.connect(file)) as connection:
        try:
            connection.execute("SELECT name FROM sqlite_master").fetchall()
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                raise _make_error(file) from error
            raise


def _is_damage(error: BaseException | None) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE_CODES


def _make_error(file: Path) -> DamagedDatabaseError:
    return DamagedDatabaseError(
        f"The database {file} is damaged: SQLite cannot read it. Stop what uses it, move it to "
        "another folder, and put a copy in its place. Without a copy, `fraudops run` makes a new "
        "one, and the old record is lost to it."
    )
