"""Databases of earlier versions are migrated: rows kept, the same tables as new ones, the chain
holds.
"""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.store import migrations
from fraudops.workspace import REPOSITORY

DATABASES = sorted(Path(__file__).with_name("databases").glob("*.sql"))


def restore(dump: Path, workspace) -> dict[str, int]:
    """Write a database from its dump into the workspace; the number of rows of each table."""
    with sqlite3.connect(workspace.path("store", "fraudops.db")) as old:
        old.executescript(dump.read_text(encoding="utf-8"))
        names = [
            name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        counts = {name: old.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    old.close()
    return counts


def describe(engine: sa.Engine) -> dict:
    """Tables, columns, indexes and triggers of a database."""
    found = sa.inspect(engine)
    tables = {
        name: (
            {column["name"] for column in found.get_columns(name)},
            {(one["name"], tuple(one["column_names"])) for one in found.get_indexes(name)},
            found.get_pk_constraint(name)["constrained_columns"],
        )
        for name in found.get_table_names()
    }
    with engine.connect() as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        triggers = set(connection.exec_driver_sql(query).scalars())
    return tables | {"triggers": triggers}


@pytest.mark.parametrize("dump", DATABASES, ids=lambda path: path.stem)
def test_an_old_database_is_migrated_with_a_message(dump, workspace, tmp_path, capsys):
    counts = restore(dump, workspace)
    assert sum(counts.values()) > 10
    engine = store.connect(workspace)
    assert "It is migrated to revision" in capsys.readouterr().err
    with engine.connect() as connection:
        for name, count in counts.items():
            query = sa.select(sa.func.count()).select_from(sa.table(name))
            assert connection.scalar(query) == count, name
        assert ledger.verify_chain(connection) is None
        entry = store.ledger.c
        for row in connection.execute(sa.select(store.ledger)):
            body = ledger.load_entries(connection)[row.seq - 1]
            assert (row.event, row.actor, row.at) == (body["event"], body["actor"], body["at"])
        assert connection.scalar(sa.select(sa.func.count(entry.event))) > 0
    new = store.connect(workspace, f"sqlite:///{(tmp_path / 'new.db').as_posix()}")
    assert describe(engine) == describe(new)
    assert not capsys.readouterr().err  # a new database is no news
    engine.dispose()
    new.dispose()
    store.connect(workspace).dispose()
    assert not capsys.readouterr().err


def test_postgresql_migrates_from_the_first_revision(workspace, postgres):
    from alembic import command
    from alembic.config import Config

    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrations.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            """INSERT INTO ledger VALUES (1, '{"actor": "ann", "at": 1.5, "event": "x"}', '0',
            'h')
            """
        )
    engine.dispose()
    migrated = store.connect(workspace, postgres)
    with migrated.connect() as connection:
        row = connection.execute(sa.select(store.ledger)).one()
        assert (row.event, row.actor, row.at) == ("x", "ann", 1.5)
    columns = {column["name"] for column in sa.inspect(migrated).get_columns("ledger")}
    assert columns == {column.name for column in store.ledger.columns}
    migrated.dispose()


def test_a_database_of_a_later_version_is_refused(workspace, tmp_path):
    engine = store.connect(workspace)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    file = workspace.path("store", "fraudops.db")
    file.rename(tmp_path / "later.db")
    with pytest.raises(UserError, match="revision 9999, which this version does not know"):
        store.connect(workspace, f"sqlite:///{(tmp_path / 'later.db').as_posix()}")


def test_the_newest_file_is_the_head_revision():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(migrations.FOLDER)).get_heads() == [migrations.HEAD_REVISION]


def test_an_up_to_date_database_is_opened_without_alembic_and_without_the_write_lock(workspace):
    engine = store.connect(workspace)
    code = (
        "import sys; from fraudops import store; from fraudops.workspace import Workspace; "
        "store.connect(Workspace.find(sys.argv[1])).connect().close(); "
        "print('alembic' in sys.modules)"
    )
    with store.write_transaction(engine):  # a second writer would wait for this one
        ran = subprocess.run(
            [sys.executable, "-c", code, str(workspace.root)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert ran.stdout.strip() == "False", ran.stderr
    engine.dispose()


def test_each_database_in_memory_is_new(workspace):
    for url in ("sqlite://", "sqlite:///:memory:"):
        for _ in range(2):
            engine = store.connect(workspace, url)
            assert sa.inspect(engine).has_table("ledger")
            engine.dispose()
