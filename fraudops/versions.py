"""What becomes of each delivered row: new, a correction, known already, or for quarantine; and the day files that follow."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np

from fraudops.contract import TRANSACTION, check
from fraudops.sources import Source
from fraudops.timeline import DAY

MEMORY_LIMIT = "1500MB"  # for sorting; what is more goes to disk beside the data
LABEL = ("is_fraud", "label_ts")
SUPERSEDED = "superseded.parquet"


class Landing:
    """One ingestion under way: a DuckDB file beside the data that takes chunk after chunk, so that memory stays bounded."""

    def __init__(self, work: Path, before: Path | None):
        self.before = before
        self.given: list[str] = []
        self.db = duckdb.connect(work / "landing.duckdb")
        self.db.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        self.db.execute(f"SET temp_directory = '{(work / 'spill').as_posix()}'")
        self.db.execute("SET threads = 1")  # one writer, so that equal rows give equal files; for that, too, no guess from
        self.db.execute("SET disabled_optimizers = 'statistics_propagation'")  # today's rows at which columns have no nulls
        self.db.execute(
            "CREATE TABLE staged (seq BIGINT, source VARCHAR, line BIGINT, tx_id VARCHAR, ts BIGINT, customer_id VARCHAR,"
            " terminal_id VARCHAR, amount_cents BIGINT, category VARCHAR, channel VARCHAR, lat_cdeg INTEGER,"
            " lon_cdeg INTEGER, is_fraud INTEGER, label_ts BIGINT)"
        )
        self.db.execute("CREATE TABLE bad (source VARCHAR, line BIGINT, reason VARCHAR, row VARCHAR)")

    def __enter__(self) -> "Landing":
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    @property
    def content(self) -> list[str]:
        """Columns that make two rows of one id the same or not."""
        return [*TRANSACTION[1:], *LABEL, *self.given]

    def stage(self, source: Source, now: int, on_rows: Callable[[int], None]) -> None:
        """Check chunk after chunk and take in what is good and what is bad."""
        seq = 0
        for chunk in source.chunks:
            good, bad = check(chunk, now, source.most_cents)
            good = good.assign(seq=np.arange(seq, seq + len(good)), source=chunk.source or source.name)
            bad = bad.assign(source=chunk.source or source.name)
            for name in good:
                if name.startswith("given_") and name not in self.given:
                    self.given.append(name)
                    self.db.execute(f'ALTER TABLE staged ADD COLUMN "{name}" DOUBLE')
            for table, frame in (("staged", good), ("bad", bad)):
                self.db.register("rows", frame)
                self.db.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
                self.db.unregister("rows")
            seq += len(good) + len(bad)
            on_rows(len(good) + len(bad))

    def resolve(self) -> dict[str, int]:
        """Decide what each row is: new, a correction, on record already, a repetition, or another customer's id.

        Makes the tables `incoming` (accepted rows with their versions), `judged` (all rows of ids that came more than
        once) and adds to `bad`. Returns the counts of `Ingested`.
        """
        run = self.db.execute
        if self.before:
            files = f"read_parquet('{self.before.as_posix()}/day=*/*.parquet', hive_partitioning = false, union_by_name = true)"
            for name in [column[0] for column in run(f"SELECT * FROM {files} LIMIT 0").description]:
                if name.startswith("given_") and name not in self.given:
                    self.given.append(name)
                    run(f'ALTER TABLE staged ADD COLUMN "{name}" DOUBLE')
            run(f"CREATE VIEW old AS SELECT *, TRUE AS is_current FROM {files}")
            known, replaced = "old", self.before / SUPERSEDED
            if replaced.exists():
                run(f"CREATE VIEW earlier AS SELECT * FROM read_parquet('{replaced.as_posix()}')")
                known = "(SELECT * FROM old UNION ALL BY NAME SELECT *, FALSE AS is_current FROM earlier)"
        else:
            run("CREATE VIEW old AS SELECT *, 1 AS version, TRUE AS is_current FROM staged WHERE FALSE")
            known = "old"
        columns, same = self._columns(), self._columns("tx_id", *self.content)
        run(
            "CREATE TABLE contested AS SELECT tx_id FROM staged GROUP BY tx_id HAVING count(*) > 1"
            " UNION SELECT tx_id FROM staged SEMI JOIN old USING (tx_id)"
        )
        have = {column[0] for column in run(f"SELECT * FROM {known} LIMIT 0").description}
        of_known = ", ".join(f'"{name}"' if name in have else f'NULL AS "{name}"' for name in ("tx_id", *self.content))
        run(
            f"""
            CREATE TABLE judged AS
            WITH seen AS (
                SELECT {of_known}, -1 AS seq, version, is_current, '' AS source, 0 AS line FROM {known}
                WHERE tx_id IN (FROM contested)
                UNION ALL SELECT {columns}, seq, NULL, FALSE, source, line FROM staged WHERE tx_id IN (FROM contested)
            ),
            placed AS (
                SELECT *, seq < 0 AS is_known,
                    first_value(customer_id) OVER first_of_id AS owner,
                    first_value('line ' || line || ' of ' || source) OVER first_of_id AS owner_at,
                    first_value(seq) OVER first_of_id < 0 AS owner_known,
                    row_number() OVER (PARTITION BY {same} ORDER BY seq, version) AS nth,
                    bool_or(seq < 0) OVER (PARTITION BY {same}) AS on_record,
                    row_number() OVER (PARTITION BY {same}, seq < 0 ORDER BY seq) AS nth_here,
                    first_value('line ' || line || ' of ' || source) OVER (PARTITION BY {same}, seq < 0 ORDER BY seq) AS here_at
                FROM seen
                WINDOW first_of_id AS (PARTITION BY tx_id ORDER BY seq, version)
            ),
            fated AS (
                SELECT *, CASE WHEN is_known THEN 'known' WHEN customer_id <> owner THEN 'foreign' WHEN nth = 1 THEN 'new'
                    WHEN on_record AND nth_here = 1 THEN 'unchanged' ELSE 'repeat' END AS fate
                FROM placed
            )
            SELECT * REPLACE (
                CASE WHEN fate = 'new' THEN coalesce(max(version) OVER (PARTITION BY tx_id), 0)
                    + sum(CASE WHEN fate = 'new' THEN 1 ELSE 0 END) OVER (PARTITION BY tx_id ORDER BY seq)
                    ELSE version END AS version
            ) FROM fated
            """
        )
        run(
            f"CREATE TABLE incoming AS SELECT {columns}, CAST(1 AS INTEGER) AS version, FALSE AS has_later FROM staged"
            f" ANTI JOIN contested USING (tx_id) UNION ALL SELECT {columns}, CAST(version AS INTEGER),"
            " version < max(version) OVER (PARTITION BY tx_id) FROM judged WHERE fate = 'new'"
        )
        row = "to_json({" + ", ".join(f"'{name}': \"{name}\"" for name in ("tx_id", *self.content)) + "})"
        run(
            "INSERT INTO bad SELECT source, line, CASE fate WHEN 'repeat' THEN 'tx_id is already on ' || here_at ||"
            " ', with the same content' ELSE 'tx_id is already ' || CASE WHEN owner_known THEN 'on record' ELSE 'on ' ||"
            f" owner_at END || ', for another customer' END, {row} FROM judged WHERE fate IN ('repeat', 'foreign')"
        )
        count = "SELECT count(*) FROM "
        last = run("SELECT max(ts) FROM old").fetchone()[0]
        border = last // DAY * DAY if last is not None else 0
        values = {
            "quarantined": run(count + "bad").fetchone()[0],
            "accepted": run(count + "incoming").fetchone()[0],
            "corrected": run(count + "incoming WHERE version > 1").fetchone()[0],
            "unchanged": run(count + "judged WHERE fate = 'unchanged'").fetchone()[0],
            "late": run(count + f"incoming WHERE version = 1 AND ts < {border}").fetchone()[0],
        }
        values["accepted"] += values["unchanged"]
        return {"read": values["accepted"] + values["quarantined"]} | values

    def _columns(self, *names: str) -> str:
        return ", ".join(f'"{name}"' for name in names or ("tx_id", *self.content))

    def most_often(self) -> str:
        """The commonest reason of this ingestion, as a sentence."""
        top = self.db.execute(
            "SELECT reason, count(*) AS n FROM bad GROUP BY reason ORDER BY n DESC, reason LIMIT 1"
        ).fetchone()
        return f" Most often: {top[0]} ({top[1]} rows)." if top else ""

    def write_quarantine(self, target: Path, earlier: Path | None) -> None:
        """All rejected rows with source, line and reason; those of earlier deliveries are kept."""
        rows = "SELECT source, line, reason, row FROM bad"
        if earlier and earlier.exists():
            types = "{'source': 'VARCHAR', 'line': 'BIGINT', 'reason': 'VARCHAR', 'row': 'VARCHAR'}"
            rows += f" UNION SELECT * FROM read_csv('{earlier.as_posix()}', header = true, columns = {types}, quote = '\"',"
            rows += " escape = '\"', delim = ',')"
        self.db.execute(
            f"COPY (SELECT * FROM ({rows}) ORDER BY source, line, reason) TO '{target.as_posix()}' (FORMAT csv, HEADER)"
        )

    def write_days(self, new: Path) -> None:
        """The day folders as they will be: touched days written anew, the others linked; and the superseded versions."""
        run, columns = self.db.execute, self._columns()
        new.mkdir()
        run("CREATE TABLE replaced AS SELECT DISTINCT tx_id FROM judged WHERE fate = 'new' AND version > 1")
        run(f"CREATE TABLE current AS SELECT {columns}, version FROM incoming WHERE NOT has_later")
        if self.before:
            touched = (
                f"(SELECT DISTINCT ts // {DAY} FROM current UNION"
                f" SELECT DISTINCT ts // {DAY} FROM judged WHERE is_current AND tx_id IN (FROM replaced))"
            )
            have = {column[0] for column in run("SELECT * FROM old LIMIT 0").description}
            of_old = ", ".join(f'"{name}"' if name in have else f'NULL AS "{name}"' for name in ("tx_id", *self.content))
            run(
                f"INSERT INTO current SELECT {of_old}, version FROM old WHERE ts // {DAY} IN {touched}"
                " AND tx_id NOT IN (FROM replaced)"
            )
        run("CREATE TABLE sorted AS SELECT * FROM current ORDER BY ts, tx_id")
        for (day,) in run(f"SELECT DISTINCT ts // {DAY} AS day FROM sorted ORDER BY day").fetchall():
            folder = new / f"day={datetime.fromtimestamp(day * DAY, UTC).date()}"
            folder.mkdir()
            run(
                f"COPY (SELECT * FROM sorted WHERE ts >= {day * DAY} AND ts < {(day + 1) * DAY} ORDER BY ts, tx_id)"
                f" TO '{(folder / 'data_0.parquet').as_posix()}' (FORMAT parquet)"
            )
        if self.before:
            gone = {
                str(datetime.fromtimestamp(day * DAY, UTC).date())
                for (day,) in run(
                    f"SELECT DISTINCT ts // {DAY} FROM judged WHERE is_current AND tx_id IN (FROM replaced)"
                ).fetchall()
            }
            for folder in self.before.glob("day=*"):
                if not (new / folder.name).exists() and folder.name.removeprefix("day=") not in gone:
                    shutil.copytree(folder, new / folder.name, copy_function=_link)
        self._write_superseded(new / SUPERSEDED)

    def _write_superseded(self, target: Path) -> None:
        columns = self._columns()
        rows = (
            f"SELECT {columns}, CAST(version AS INTEGER) AS version, replaced_by FROM"
            " (SELECT *, lead('line ' || line || ' of ' || source) OVER"
            " (PARTITION BY tx_id ORDER BY version) AS replaced_by FROM judged WHERE fate IN ('known', 'new'))"
            " WHERE replaced_by IS NOT NULL AND (is_current OR fate = 'new')"
        )
        if self.before and (self.before / SUPERSEDED).exists():
            rows = f"{rows} UNION ALL BY NAME SELECT * FROM earlier"
        if self.db.execute(f"SELECT count(*) FROM ({rows})").fetchone()[0]:
            self.db.execute(f"COPY (SELECT * FROM ({rows}) ORDER BY tx_id, version) TO '{target.as_posix()}' (FORMAT parquet)")

    def write_labels(self, days: Path, target: Path) -> None:
        """The reports of fraud in the current versions, in order of arrival."""
        self.db.execute(
            "COPY (SELECT tx_id, customer_id, terminal_id, label_ts, 1 AS is_fraud"
            f" FROM read_parquet('{days.as_posix()}/day=*/*.parquet', hive_partitioning = false) WHERE is_fraud = 1"
            f" AND label_ts IS NOT NULL ORDER BY label_ts, tx_id) TO '{target.as_posix()}' (FORMAT parquet)"
        )


def _link(source: str, target: str) -> None:
    """A second name for a file that never changes; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
