"""The history of the operational database's tables: one file in `versions` for each change.

alembic runs the files in order. To change a table: change `fraudops.store.schema`, add the next
file to `versions`, and set `HEAD_REVISION` to its revision. A file that is published never changes
again. A test compares a migrated database with `fraudops.store.schema`.
"""

from pathlib import Path

import sqlalchemy as sa

HEAD_REVISION = "0010"  # of the newest file
FOLDER = Path(__file__).parent


class NotMigratableError(Exception):
    """No migration leads from the tables of a database to those of today; the text names why."""


def read_revision(connection: sa.Connection) -> str | None:
    """Read the revision of a database.

    Parameters
    ----------
    connection : sqlalchemy.Connection

    Returns
    -------
    str or None
        None for an empty database, and for one that is older than the migrations.
    """
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


def stamp_revision(connection: sa.Connection) -> None:
    """Note in a database that was just made that it has the newest revision.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A writing transaction.
    """
    table = sa.Table(
        "alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True)
    )
    table.create(connection)
    connection.execute(table.insert(), {"version_num": HEAD_REVISION})


def migrate(connection: sa.Connection) -> None:
    """Bring a database to `HEAD_REVISION`.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        A writing transaction. If one change fails, all are undone.

    Raises
    ------
    NotMigratableError
        If no migration starts from these tables, or if a later version of the course made them.
    """
    from alembic import command  # a program whose database is up to date does not load it
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    revision = read_revision(connection)
    if revision is not None and revision not in known:
        raise NotMigratableError(f"revision {revision}, which this version does not know")
    command.upgrade(config, "head")
