"""Read files into raw rows: CSV, compressed or not, Parquet and pickled frames, in chunks."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from fraudops.data.safe_pickle import read_pickled_frame
from fraudops.errors import UserError

CHUNK_BYTES = 16 << 20
CHUNK_ROWS = 200_000
TABLE_SUFFIXES = (".csv", ".csv.gz", ".zip", ".parquet")


@dataclass
class RawRows:
    """Some rows of a file.

    Attributes
    ----------
    frame : DataFrame
        Text columns; '' for a missing value.
    line : ndarray
        Line or row numbers from 1.
    broken : list of tuple[int, str, str
        Rows that cannot be parsed: line, reason, text.
    header : int
        Lines of the header.
    """

    frame: pd.DataFrame
    line: np.ndarray
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    header: int = 0  # lines before the first row


def list_source_files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the file itself, or the files of a folder in the order of their names.

    Raises
    ------
    UserError
        If there is none, or one has another ending.
    """
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = sorted(file for file in path.iterdir() if not file.name.startswith("."))
        if not found:
            raise UserError(
                f"{path} is an empty folder: put the files of the source in it "
                f"({', '.join(suffixes)})."
            )
    else:
        raise UserError(
            f"{path} is not a file and not a folder. Check the path (seen from {Path.cwd()})."
        )
    unreadable = [file.name for file in found if not file.name.endswith(suffixes) or file.is_dir()]
    if unreadable and (path.is_dir() or _file_format(path) == ".pkl"):
        raise UserError(
            f"{path if path.is_dir() else path.parent} holds {', '.join(unreadable[:5])}, which "
            "this source does not read: "
            f"leave only files that end in {', '.join(suffixes)}."
        )
    return found


def read_header(file: Path) -> list[str]:
    """Read the names of a file's columns.

    Raises
    ------
    UserError
        If the file is empty or damaged, or two columns have one name.
    """
    if _file_format(file) == ".pkl":
        names = list(read_pickled_frame(file).columns)
    elif _file_format(file) == ".parquet":
        with _explain_read_errors(file, "Parquet"):
            names = pq.read_schema(file).names
    else:
        names = _read_csv_header(file)
    if len(set(names)) < len(names):
        duplicates = sorted({n for n in names if names.count(n) > 1})
        raise UserError(
            f"{file} has two columns named {', '.join(map(repr, duplicates))}: "
            "rename or remove one."
        )
    return names


def read_raw_rows(file: Path) -> Iterator[RawRows]:
    """Read the rows of a file with limited memory; a pickle is read whole."""
    if _file_format(file) == ".pkl":
        yield from _read_batches(
            pa.Table.from_pandas(read_pickled_frame(file), preserve_index=False).to_batches(
                CHUNK_ROWS
            )
        )
    elif _file_format(file) == ".parquet":
        with _explain_read_errors(file, "Parquet"):
            yield from _read_batches(pq.ParquetFile(file).iter_batches(CHUNK_ROWS))
    else:
        yield from _read_csv(file)


def _file_format(file: Path) -> str:
    return {".parquet": ".parquet", ".pkl": ".pkl"}.get(file.suffix, ".csv")


def _read_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[RawRows]:
    first = 1
    for batch in batches:
        columns = {
            name: pc.fill_null(pc.cast(column, pa.string()), "")
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
        yield RawRows(pa.table(columns).to_pandas(), np.arange(first, first + len(batch)))
        first += len(batch)


def _open_bytes(file: Path) -> IO[bytes]:
    if file.suffix == ".gz":
        return gzip.open(file, "rb")
    if file.suffix == ".zip":
        archive = zipfile.ZipFile(file)
        if len(archive.namelist()) != 1:
            raise UserError(
                f"{file} holds {len(archive.namelist())} files: leave just one CSV in it."
            )
        return archive.open(archive.namelist()[0])
    return file.open("rb")


READ_ERRORS = (
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    zipfile.BadZipFile,
    UnicodeDecodeError,
    pa.ArrowInvalid,
    pa.ArrowNotImplementedError,
)


@contextmanager
def _explain_read_errors(file: Path, what: str) -> Iterator[None]:
    """Turn errors of the readers into messages for the user."""
    try:
        yield
    except READ_ERRORS as error:
        if isinstance(error, EOFError | zlib.error | gzip.BadGzipFile | zipfile.BadZipFile):
            reason = (
                f"is damaged or cut off ({error}). Nothing was ingested: copy or download it again."
            )
        else:
            reason = (
                f"cannot be read as {what} ({str(error).splitlines()[0]}). Nothing was ingested."
            )
        raise UserError(f"{file} {reason}") from None


def _read_csv_header(file: Path) -> list[str]:
    with _explain_read_errors(file, "a CSV in UTF-8"), _open_bytes(file) as handle:
        line = handle.readline().decode("utf-8-sig")
    if not line.strip():
        raise UserError(f"{file} is empty: it needs a header line and at least one transaction.")
    row = pa.csv.read_csv(pa.BufferReader((line.rstrip("\r\n") + "\n").encode()))
    return pd.Series(row.column_names).str.strip().tolist()


def _read_csv(file: Path) -> Iterator[RawRows]:
    names = read_header(file)
    broken: list[tuple[int, str, str]] = []

    def on_broken(row: pa.csv.InvalidRow) -> str:
        broken.append(
            (
                row.number,
                f"{row.actual_columns} fields where the header has {row.expected_columns}",
                row.text,
            )
        )
        return "skip"

    next_line = 2
    with _explain_read_errors(file, "a CSV in UTF-8"), _open_bytes(file) as handle:
        batches = pa.csv.open_csv(
            pa.PythonFile(handle, "r"),
            read_options=pa.csv.ReadOptions(
                block_size=CHUNK_BYTES, column_names=names, skip_rows=1, use_threads=False
            ),
            parse_options=pa.csv.ParseOptions(
                invalid_row_handler=on_broken, ignore_empty_lines=False
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        for batch in batches:
            content = batch.to_pandas()
            taken, broken[:] = list(broken), []
            line = np.setdiff1d(
                np.arange(next_line, next_line + len(content) + len(taken)),
                [number for number, _, _ in taken],
                assume_unique=True,
            )
            next_line += len(content) + len(taken)
            blank = (content == "").all(axis=1).to_numpy()  # an empty line is no row
            content, line = content[~blank], line[~blank]
            yield RawRows(content, line, taken, header=1)
    if broken:
        empty = pd.DataFrame(columns=names, dtype=str)
        yield RawRows(empty, np.array([], int), broken, header=1)
