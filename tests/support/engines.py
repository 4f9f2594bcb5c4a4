"""The four engines that run `features.sql`, each on the same frames."""

import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from fraudops.features import FEATURE_SQL
from fraudops.workspace import REPOSITORY
from tests.support.chromium import APT_WAIT

POSTGRES_HELP = (
    "This test needs a PostgreSQL server, and none was found or could be installed. Install it "
    "(Debian, Ubuntu: `sudo apt-get install postgresql`; macOS: `brew install postgresql`), or "
    "set FRAUDOPS_SKIP_ENGINES=1 to leave these tests out."
)
SPARK_HELP = (
    "This test needs Java 17 or newer (Debian, Ubuntu: `sudo apt-get install "
    "default-jre-headless`; macOS: `brew install openjdk`) and Spark (`make "
    ".venv-spark/.ready`). Install them, or set "
    "FRAUDOPS_SKIP_ENGINES=1 to leave this test out."
)
BIGINTS = ("ts", "amount_cents", "label_ts")


def in_sqlite(tx: pd.DataFrame, fraud: pd.DataFrame, refund: pd.DataFrame) -> pd.DataFrame:
    """SQLite, in memory."""
    with sqlite3.connect(":memory:") as db:
        tx.to_sql("tx", db, index=False)
        fraud.to_sql("fraud", db, index=False)
        refund.to_sql("refund", db, index=False)
        return pd.read_sql(FEATURE_SQL, db)


def _postgres_tools() -> Path | None:
    """The folder of initdb and pg_ctl; installs the system's package if root can."""
    for attempt in range(2):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")) or [
            Path(p) for p in [shutil.which("pg_ctl")] if p
        ]
        if found:
            return found[-1].parent
        if attempt or os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
            return None
        for words in (["update"], ["install", "-y", "--no-install-recommends", "postgresql"]):
            command = ["apt-get", "-qq", *APT_WAIT, *words]
            subprocess.run(command, check=False, capture_output=True)
    return None


def missing_engine(help_text: str) -> None:
    """Fail the test because an engine is missing, or skip it if FRAUDOPS_SKIP_ENGINES=1."""
    if os.environ.get("FRAUDOPS_SKIP_ENGINES") == "1":
        pytest.skip(help_text)
    pytest.fail(help_text)


@contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server on a socket of its own; yields its URL, without the database's name."""
    tools = _postgres_tools()
    if tools is None:
        missing_engine(POSTGRES_HELP)
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        yield from _run_postgres(tools, Path(name))


def _run_postgres(tools: Path, folder: Path) -> Iterator[str]:
    account = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        account = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)

    def call(tool: str, *words: str) -> None:
        subprocess.run(
            [str(tools / tool), *words], check=True, capture_output=True, cwd=folder, **account
        )

    data = folder / "data"
    call("initdb", "--auth=trust", "--username=course", "--no-sync", "-D", str(data))
    options = f"-c listen_addresses='' -k {folder} -c fsync=off"
    call("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://course@/{{name}}?host={folder}"
    finally:
        call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")


def create_database(server: str) -> str:
    """Create an empty database on a server of `postgres_server`; returns its URL."""
    name = f"db{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server.format(name="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.format(name=name)


def in_postgres(
    url: str, tx: pd.DataFrame, fraud: pd.DataFrame, refund: pd.DataFrame
) -> pd.DataFrame:
    """PostgreSQL, through temporary tables."""
    import psycopg

    with psycopg.connect(url.replace("+psycopg", "")) as db, db.cursor() as cursor:
        for name, frame in (("tx", tx), ("fraud", fraud), ("refund", refund)):
            types = {
                c: "bigint"
                if c in BIGINTS
                else "integer"
                if c.endswith(("cdeg", "wanted"))
                else "text"
                for c in frame
            }
            cursor.execute(
                f"CREATE TEMPORARY TABLE {name} ({', '.join(f'{c} {t}' for c, t in types.items())})"
            )
            with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                for row in (
                    frame.astype(object)
                    .where(frame.notna(), None)
                    .itertuples(index=False, name=None)
                ):
                    copy.write_row(row)
        cursor.execute(FEATURE_SQL)
        return pd.DataFrame(
            cursor.fetchall(), columns=[column.name for column in cursor.description]
        )


def find_spark_python() -> Path:
    """The interpreter of Spark's own environment, which `make test` makes."""
    python = REPOSITORY / ".venv-spark" / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists() or not shutil.which("java"):
        missing_engine(SPARK_HELP)
    return python


def in_spark(
    folder: Path, tx: pd.DataFrame, fraud: pd.DataFrame, refund: pd.DataFrame
) -> pd.DataFrame:
    """Spark in local mode, in its own environment: pandera would import a Spark in ours."""
    python = find_spark_python()
    for name, frame in (("tx", tx), ("fraud", fraud), ("refund", refund)):
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    sql = folder / "features.sql"
    sql.write_text(FEATURE_SQL, encoding="utf-8")
    environment = os.environ | {"PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1"}
    subprocess.run(
        [str(python), "-c", _SPARK, str(folder)], check=True, env=environment, cwd=folder
    )
    return pd.read_parquet(folder / "sums.parquet")


_SPARK = """
import sys
from pathlib import Path

from pyspark.sql import SparkSession

folder = Path(sys.argv[1])
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.log.level", "ERROR")
    .getOrCreate()
)
for name in ("tx", "fraud", "refund"):
    spark.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(name)
sums = spark.sql((folder / "features.sql").read_text(encoding="utf-8"))
sums.write.parquet(str(folder / "sums.parquet"))
spark.stop()
"""
