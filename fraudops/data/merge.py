"""Decide what each delivered row is: new, a correction, known or rejected."""

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fraudops.data.columns import IS_PURCHASE_SQL, IS_REFUND_SQL, STORED_COLUMNS
from fraudops.data.formula_cells import build_escape_sql, unescape_formula
from fraudops.data.parquet import (
    DAY_FILE_GROUP_ROWS,
    build_arrow_schema,
    link_or_copy,
    quote_sql,
    quote_sql_glob,
    read_days_sql,
    split_by_day,
    write_parquet,
)
from fraudops.data.schema import validate_chunk
from fraudops.data.sources import Source
from fraudops.errors import UserError
from fraudops.timeline import DAY, day_of

DUCKDB_MEMORY_LIMIT = "1GB"  # for sorting; what is more goes to disk beside the data
SUPERSEDED_FILE = "superseded.parquet"
# So many rows of one file that use an id again are no corrections: the id is not unique.
MAX_REUSED_ROWS, MAX_REUSED_SHARE = 20, 0.1


class StagedIngestion:
    """One ingestion while it works. Its rows are on disk beside the data, so memory is limited.

    `work_folder` holds them; `before` is the transactions folder that is extended, or None. `given`
    names the columns that sources brought already computed, in order.
    """

    def __init__(self, work_folder: Path, before: Path | None):
        self.work, self.before = work_folder, before
        self.given: list[str] = []
        self.had: list[str] = []  # given columns of earlier deliveries
        config = {
            "memory_limit": DUCKDB_MEMORY_LIMIT,
            "temp_directory": str(work_folder / "spill"),
            "threads": 1,
        }
        self.db = duckdb.connect(config=config)
        self.db.execute("SET enable_progress_bar = false")  # it would stay in the page
        self.db.execute(
            "CREATE TABLE bad (source VARCHAR, line BIGINT, reason VARCHAR, row VARCHAR)"
        )

    def __enter__(self) -> "StagedIngestion":
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    @property
    def row(self) -> list[str]:
        """Columns of a stored transaction. Two rows that agree in all of them are the same."""
        return [*STORED_COLUMNS, *self.given, "is_fraud", "label_ts"]

    def stage(self, source: Source, now: int, on_rows: Callable[[int], None]) -> None:
        """Check the chunks, and stage valid and rejected rows."""
        seq, staged = 0, self.work / "staged"
        staged.mkdir()
        named = [*STORED_COLUMNS, "is_fraud", "label_ts", "seq", "source", "line"]
        pq.write_table(build_arrow_schema(named).empty_table(), staged / "none.parquet")
        for number, chunk in enumerate(source.chunks):
            good, bad = validate_chunk(chunk, now, source.most_cents)
            good = good.assign(
                seq=np.arange(seq, seq + len(good)), source=chunk.source or source.name
            )
            given = [name for name in good if name.startswith("given_")]
            self.given = sorted({*self.given, *given})
            table = pa.Table.from_pandas(
                good, build_arrow_schema([*named, *given]), preserve_index=False
            )
            pq.write_table(table, staged / f"{number:06d}.parquet")
            if len(bad):
                self._reject(bad.assign(source=chunk.source or source.name), "bad")
            seq += len(good) + len(bad)
            on_rows(len(good) + len(bad))

    def _reject(self, rows: pd.DataFrame, table: str) -> None:
        # no reader of CSV keeps that character
        rows = rows.assign(row=rows["row"].str.replace("\0", "\\0"))
        self.db.register("rejected", rows)
        self.db.execute(f"INSERT INTO {table} SELECT source, line, reason, row FROM rejected")
        self.db.unregister("rejected")

    def _open(self) -> None:
        """Create the views `staged` (delivered), `old` (current), `earlier` and `known`."""
        run = self.db.execute
        delivered = (
            f"read_parquet({quote_sql_glob(self.work / 'staged', '*.parquet')}, union_by_name "
            "= true)"
        )
        given_column = self.given
        if self.before is not None:
            have = self._columns(read_days_sql(self.before))
            if not {"version", "kind"} <= {*have}:
                raise UserError(
                    f"{self.before} comes from an earlier version of this library and "
                    "cannot be added to: "
                    "ingest its source again first, without adding."
                )
            self.had = sorted(name for name in have if name.startswith("given_"))
            self.given = sorted({*self.given, *self.had})
        run(
            f"CREATE VIEW staged AS SELECT {self._list_row_columns(given_column)}, seq, source, "
            f"line FROM {delivered}"
        )
        if self.before is None:
            run(
                f"CREATE VIEW old AS SELECT {_quote_columns(self.row)}, 1 AS version FROM "
                "staged WHERE FALSE"
            )
        else:
            run(
                f"CREATE VIEW old AS SELECT {self._list_row_columns(self.had)}, version FROM "
                f"{read_days_sql(self.before)}"
            )
        if self.before is None or not (self.before / SUPERSEDED_FILE).exists():
            run("CREATE VIEW earlier AS SELECT *, '' AS replaced_by FROM old WHERE FALSE")
        else:
            files = f"read_parquet({quote_sql_glob(self.before, SUPERSEDED_FILE)})"
            have = self._columns(files)
            run(
                f"CREATE VIEW earlier AS SELECT {self._list_row_columns(have)}, version, "
                f"replaced_by FROM {files}"
            )
        run(
            "CREATE VIEW known AS SELECT *, TRUE AS is_current FROM old UNION ALL BY NAME"
            " SELECT * EXCLUDE (replaced_by), FALSE AS is_current FROM earlier"
        )

    def _columns(self, table: str) -> list[str]:
        return [
            column[0] for column in self.db.execute(f"SELECT * FROM {table} LIMIT 0").description
        ]

    def _list_row_columns(self, have: list[str]) -> str:
        """List the row's columns in SQL, with nulls for missing given columns."""
        missing = {*self.given} - {*have}
        return ", ".join(
            f'CAST(NULL AS DOUBLE) AS "{name}"' if name in missing else f'"{name}"'
            for name in self.row
        )

    def resolve(self) -> dict[str, int]:
        """Decide what each row is: new, a correction, known, or rejected.

        It creates the table `judged` (all rows of ids that came more than once) and adds to `bad`.
        The decision depends on the rows only, so a repeated delivery is rejected for the same
        reasons. It returns the counts of `IngestResult`.
        """
        self._open()
        run, same = self.db.execute, _quote_columns(self.row)
        at = "'line ' || line || ' of ' || source"
        run(
            "CREATE TABLE contested AS SELECT tx_id FROM staged GROUP BY tx_id HAVING count(*) > 1"
            " UNION SELECT tx_id FROM staged SEMI JOIN old USING (tx_id)"
        )
        # line_at, owner_seq and owner_at look at this delivery alone; on_record and owner at the
        # data set too
        run(
            f"""
            CREATE TABLE judged AS
            WITH seen AS (
                SELECT {same}, -1 AS seq, version, is_current, '' AS source, 0 AS line FROM known
                SEMI JOIN contested USING (tx_id)
                UNION ALL SELECT {same}, seq, NULL, FALSE, source, line FROM staged SEMI JOIN
                    contested USING (tx_id)
            ),
            placed AS (
                SELECT *, seq < 0 AS is_known,
                    first_value(customer_id) OVER (PARTITION BY tx_id ORDER BY seq, version) AS
                        owner,
                    bool_or(seq < 0) OVER (PARTITION BY {same}) AS on_record,
                    row_number() OVER (PARTITION BY {same}, seq < 0 ORDER BY seq) AS nth,
                    first_value({at}) OVER (PARTITION BY {same}, seq < 0 ORDER BY seq) AS line_at
                FROM seen
            ),
            owned AS (
                SELECT *, min(seq) FILTER (NOT is_known AND customer_id = owner) OVER
                    (PARTITION BY tx_id) AS owner_seq,
                    arg_min({at}, seq) FILTER (NOT is_known AND customer_id = owner) OVER
                        (PARTITION BY tx_id) AS owner_at
                FROM placed
            ),
            fated AS (
                SELECT *, CASE WHEN is_known THEN 'known' WHEN customer_id <> owner THEN
                    'foreign' WHEN nth > 1 THEN 'repeat'
                    WHEN on_record THEN 'unchanged' ELSE 'new' END AS fate
                FROM owned
            )
            SELECT * REPLACE (
                CAST(CASE WHEN fate = 'new' THEN coalesce(max(version) OVER (PARTITION BY tx_id), 0)
                    + sum(CASE WHEN fate = 'new' THEN 1 ELSE 0 END) OVER (PARTITION BY tx_id
                        ORDER BY seq)
                    ELSE version END AS INTEGER) AS version
            ) FROM fated
            """
        )
        row = "to_json({" + ", ".join(f"'{name}': \"{name}\"" for name in self.row) + "})"
        run(
            "INSERT INTO bad SELECT source, line, CASE WHEN fate = 'repeat' THEN 'tx_id "
            "is already on ' || line_at ||"
            " ', with the same content' WHEN owner_seq < seq THEN 'tx_id is already on ' "
            "|| owner_at ||"
            " ', for another customer' ELSE 'tx_id is already on record, for another "
            f"customer' END, {row} FROM judged"
            " WHERE fate IN ('repeat', 'foreign')"
        )
        run(
            f"CREATE VIEW incoming AS SELECT {same}, 1 AS version, TRUE AS is_latest FROM "
            "staged ANTI JOIN contested"
            f" USING (tx_id) UNION ALL SELECT {same}, version, version = max(version) "
            "OVER (PARTITION BY tx_id) FROM judged"
            " WHERE fate = 'new'"
        )
        border = self._one("SELECT max(ts) FROM old") // DAY * DAY if self.before else 0
        unchanged = self._one("SELECT count(*) FROM judged WHERE fate = 'unchanged'")
        accepted = self._one("SELECT count(*) FROM incoming") + unchanged
        quarantined = self._one("SELECT count(*) FROM bad")
        return {
            "read": accepted + quarantined,
            "accepted": accepted,
            "quarantined": quarantined,
            "corrected": self._one(
                "SELECT count(*) FROM judged WHERE fate = 'new' AND version > 1"
            ),
            "unchanged": unchanged,
            "late": self._one(f"SELECT count(*) FROM incoming WHERE version = 1 AND ts < {border}")
            if border
            else 0,
        }

    def _one(self, query: str) -> int:
        return self.db.execute(query).fetchall()[0][0]

    def describe_main_reason(self) -> str:
        """Name the most frequent reason for a rejection."""
        top = self.db.execute(
            "SELECT reason, count(*) AS n FROM bad GROUP BY reason ORDER BY n DESC, reason LIMIT 1"
        ).fetchall()
        return f" Most often: {top[0][0]} ({top[0][1]} rows)." if top else ""

    def describe_reused_ids(self, accepted: int) -> str:
        """Describe ids that one file uses more than once, for one customer and other content.

        The last row of each id counts, as if it corrected the others.

        Parameters
        ----------
        accepted : int
            Accepted rows of the delivery.

        Returns
        -------
        str
            Empty if there is none.

        Raises
        ------
        UserError
            If there are so many that the column cannot be the id of a transaction.
        """
        uses = self.db.execute(
            "SELECT tx_id, source, list(line ORDER BY line) FROM judged WHERE fate = 'new' "
            "GROUP BY tx_id, source HAVING count(*) > 1 ORDER BY count(*) DESC, tx_id"
        ).fetchall()
        if not uses:
            return ""
        reused = sum(len(lines) - 1 for _, _, lines in uses)
        tx_id, source, lines = uses[0]
        shown = ", ".join(map(str, lines[:5]))
        text = (
            f"{len(uses):,} ids are used more than once in one file with other content, for "
            f"example {tx_id!r} on the lines {shown} of {source}"
        )
        if reused >= MAX_REUSED_ROWS and reused > MAX_REUSED_SHARE * accepted:
            raise UserError(
                f"{text}. Of {accepted:,} rows {reused:,} would be replaced. The column seems to "
                "number invoices or batches: tx_id must be different for each transaction. "
                "Nothing was ingested."
            )
        return f"{text}. Only the last row of each counts."

    def write_quarantine(self, target: Path, earlier: Path | None) -> None:
        """Write all rejected rows with source, line and reason; equal rows once.

        No text is a spreadsheet's formula (`formula_cells`).
        """
        rows = "SELECT * FROM bad"
        if earlier and earlier.exists():
            self.db.execute("CREATE TABLE bad_before AS SELECT * FROM bad WHERE FALSE")
            types = {"source": str, "line": "int64", "reason": str, "row": str}
            with pd.read_csv(
                earlier, dtype=types, na_filter=False, chunksize=DAY_FILE_GROUP_ROWS
            ) as parts:
                for part in parts:
                    for name in ("source", "reason", "row"):
                        part[name] = part[name].map(unescape_formula)
                    self._reject(part, "bad_before")
            rows += " UNION SELECT * FROM bad_before"
        columns = [
            name if name == "line" else f"{build_escape_sql(name)} AS {name}"
            for name in ("source", "line", "reason", "row")
        ]
        ordered = f"SELECT * FROM ({rows}) ORDER BY source, line, reason, row"
        self.db.execute(
            f"COPY (SELECT {', '.join(columns)} FROM ({ordered})) TO {quote_sql(target)} "
            "(FORMAT csv, HEADER)"
        )

    def write_days(self, new: Path) -> None:
        """Write changed days, link the others, and write the superseded versions."""
        new.mkdir()
        days = self.db.execute(
            f"SELECT DISTINCT ts // {DAY} FROM incoming WHERE is_latest UNION SELECT ts "
            f"// {DAY} FROM judged"
            " WHERE is_current AND tx_id IN (SELECT tx_id FROM judged WHERE fate = 'new')"
        ).fetchall()
        touched = {f"day={day_of(day * DAY)}" for (day,) in days}
        rows = f"SELECT {_quote_columns(self.row)}, version FROM incoming WHERE is_latest"
        kept = sorted(self.before.glob("day=*")) if self.before else []
        again = [folder for folder in kept if folder.name in touched or self.given != self.had]
        if again:
            files = ", ".join(quote_sql_glob(folder, "*.parquet") for folder in again)
            rows += (
                f" UNION ALL SELECT {self._list_row_columns(self.had)}, version FROM "
                f"read_parquet([{files}], hive_partitioning = false,"
                " union_by_name = true) ANTI JOIN (SELECT tx_id FROM judged WHERE fate = "
                "'new') USING (tx_id)"
            )
        schema = build_arrow_schema([*self.row, "version"])
        for day, parts in itertools.groupby(
            split_by_day(self._read(f"{rows} ORDER BY ts, tx_id")), key=itemgetter(0)
        ):
            folder = new / f"day={day_of(day * DAY)}"
            folder.mkdir()
            write_parquet((part for _, part in parts), schema, folder / "data_0.parquet")
        for folder in kept:
            if folder not in again:
                shutil.copytree(folder, new / folder.name, copy_function=link_or_copy)
        self._write_superseded(new / SUPERSEDED_FILE)

    def _write_superseded(self, target: Path) -> None:
        names = [*self.row, "version", "replaced_by"]
        rows = (
            f"SELECT {_quote_columns(names)} FROM (SELECT *, lead('line ' || line || ' of "
            "' || source) OVER"
            " (PARTITION BY tx_id ORDER BY version) AS replaced_by FROM judged WHERE "
            "is_current OR fate = 'new')"
            f" WHERE replaced_by IS NOT NULL UNION ALL SELECT {_quote_columns(names)} FROM earlier"
        )
        if self._one(f"SELECT count(*) FROM ({rows})"):
            write_parquet(
                self._read(f"{rows} ORDER BY tx_id, version"), build_arrow_schema(names), target
            )

    def count_refunds(self, days: Path) -> int:
        """Count the refunds of the data set; see `check_signs`."""
        days_sql = read_days_sql(days)
        refunds = self._one(f"SELECT count(*) FROM {days_sql} WHERE {IS_REFUND_SQL}")
        purchases = self._one(f"SELECT count(*) FROM {days_sql} WHERE {IS_PURCHASE_SQL}")
        check_signs(refunds, purchases)
        return refunds

    def write_labels(self, days: Path, target: Path) -> None:
        """Write the fraud reports on purchases, current versions, in the order of arrival."""
        names = ["tx_id", "customer_id", "terminal_id", "label_ts", "is_fraud"]
        rows = (
            f"SELECT {_quote_columns(names)} FROM {read_days_sql(days)} WHERE is_fraud = 1 "
            f"AND label_ts IS NOT NULL AND {IS_PURCHASE_SQL}"
        )
        write_parquet(
            self._read(f"{rows} ORDER BY label_ts, tx_id"), build_arrow_schema(names), target
        )

    def _read(self, query: str) -> Iterator[pa.Table]:
        for batch in self.db.sql(query).to_arrow_reader(DAY_FILE_GROUP_ROWS):
            yield pa.Table.from_batches([batch])


def _quote_columns(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def check_signs(refunds: int, purchases: int) -> None:
    """Refuse more negative amounts than others: then a minus does not mean a refund.

    Raises
    ------
    UserError
    """
    if refunds > purchases:
        raise UserError(
            f"{refunds:,} of {refunds + purchases:,} amounts are negative. A negative amount is a "
            "refund, and there cannot be more refunds than purchases: if the file writes payments "
            "with a minus, change the signs. Nothing was ingested."
        )
