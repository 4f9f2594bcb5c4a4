"""The four engines that run `features.sql`, each from the same frames: what comes back is what the text says there."""

import os
import pwd
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from fraudops.features import FEATURE_SQL
from fraudops.workspace import REPOSITORY

BIGINTS = ("ts", "amount_cents", "label_ts")


def in_sqlite(tx: pd.DataFrame, fraud: pd.DataFrame) -> pd.DataFrame:
    """SQLite, in memory."""
    with sqlite3.connect(":memory:") as db:
        tx.to_sql("tx", db, index=False)
        fraud.to_sql("fraud", db, index=False)
        return pd.read_sql(FEATURE_SQL, db)


def _postgres_tools() -> Path | None:
    """The folder of initdb and pg_ctl; installs the system's package where that can be done and is needed."""
    for attempt in range(2):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")) or [
            Path(p) for p in [shutil.which("pg_ctl")] if p
        ]
        if found:
            return found[-1].parent
        if attempt or os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
            return None
        for words in (["update"], ["install", "-y", "--no-install-recommends", "postgresql"]):
            subprocess.run(["apt-get", "-qq", *words], check=True, capture_output=True)
    return None


@contextmanager
def postgres_server(folder: Path) -> Iterator[str | None]:
    """A PostgreSQL server of its own on a socket in `folder`; yields its connection text, or None where there is none."""
    tools = _postgres_tools()
    if tools is None:
        yield None
        return
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
        yield f"host={folder} user=course dbname=postgres"
    finally:
        call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")


def in_postgres(connection: str, tx: pd.DataFrame, fraud: pd.DataFrame) -> pd.DataFrame:
    """PostgreSQL, through temporary tables."""
    import psycopg

    with psycopg.connect(connection) as db, db.cursor() as cursor:
        for name, frame in (("tx", tx), ("fraud", fraud)):
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


def spark_python() -> Path | None:
    """The interpreter of Spark's own environment (`make test` makes it), or None where it or Java is missing."""
    python = REPOSITORY / ".venv-spark" / ("Scripts" if os.name == "nt" else "bin") / "python"
    return python if python.exists() and shutil.which("java") else None


def in_spark(python: Path, folder: Path, tx: pd.DataFrame, fraud: pd.DataFrame) -> pd.DataFrame:
    """Spark in local mode, from Parquet to Parquet, in its own environment: pandera would import a Spark that is in ours."""
    for name, frame in (("tx", tx), ("fraud", fraud)):
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
    SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2")
    .config("spark.log.level", "ERROR").getOrCreate()
)
for name in ("tx", "fraud"):
    spark.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(name)
spark.sql((folder / "features.sql").read_text(encoding="utf-8")).write.parquet(str(folder / "sums.parquet"))
spark.stop()
"""
