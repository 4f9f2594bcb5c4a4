"""Parquet files whose bytes depend on their rows only, and the SQL that reads them."""

import itertools
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fraudops.timeline import DAY

DAY_FILE_GROUP_ROWS = (
    100_000  # rows of a Parquet row group: always full ones, so that equal rows give equal files
)
ARROW_TYPES = {
    "tx_id": pa.string(),
    "ts": pa.int64(),
    "customer_id": pa.string(),
    "terminal_id": pa.string(),
    "amount_cents": pa.int64(),
    "category": pa.string(),
    "kind": pa.string(),
    "channel": pa.string(),
    "lat_cdeg": pa.int32(),
    "lon_cdeg": pa.int32(),
    "is_fraud": pa.int32(),
    "label_ts": pa.int64(),
    "version": pa.int32(),
    "seq": pa.int64(),
    "source": pa.string(),
    "line": pa.int64(),
    "replaced_by": pa.string(),
}


def build_arrow_schema(names: Iterable[str]) -> pa.Schema:
    """Build the Arrow schema of some columns; unknown names (``given_*``) are floats."""
    return pa.schema([(name, ARROW_TYPES.get(name, pa.float64())) for name in names])


def quote_sql(value: str | Path) -> str:
    """Quote a path or text as an SQL literal."""
    text = value.as_posix() if isinstance(value, Path) else value
    return "'" + text.replace("'", "''") + "'"


def quote_sql_glob(folder: Path, pattern: str) -> str:
    """Quote a folder and a pattern for DuckDB's readers; the folder's name is taken literally."""
    return quote_sql(re.sub(r"[\[*?]", r"[\g<0>]", folder.as_posix()) + "/" + pattern)


def read_days_sql(folder: Path) -> str:
    """Write the SQL that reads all day partitions of a transactions folder."""
    return (
        f"read_parquet({quote_sql_glob(folder, 'day=*/*.parquet')}, hive_partitioning = "
        "false, union_by_name = true)"
    )


def split_by_day(tables: Iterable[pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    """Split rows in time order by day: days since 1970, and rows of that day."""
    for table in tables:
        day = table["ts"].to_numpy() // DAY
        for low, high in itertools.pairwise([0, *np.flatnonzero(np.diff(day)) + 1, len(day)]):
            yield int(day[low]), table.slice(low, high - low)


def write_parquet(tables: Iterable[pa.Table], schema: pa.Schema, target: Path) -> None:
    """Write a Parquet file whose bytes depend on the rows only, and not on their chunks."""
    with pq.ParquetWriter(target, schema) as file:
        pending = schema.empty_table()
        for table in tables:
            pending = pa.concat_tables([pending, table.cast(schema)])
            while pending.num_rows >= DAY_FILE_GROUP_ROWS:
                file.write_table(pending.slice(0, DAY_FILE_GROUP_ROWS).combine_chunks())
                pending = pending.slice(DAY_FILE_GROUP_ROWS)
        if pending.num_rows:
            file.write_table(pending.combine_chunks())


def link_or_copy(source: str, target: str) -> None:
    """Link a file that never changes; copy it if the file system cannot link."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
