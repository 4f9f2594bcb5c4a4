"""Read files into raw rows: CSV, compressed or not, Parquet and pickled frames, in chunks."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fraudops.data.columns import DELIVERY_FILE
from fraudops.data.csv_records import (
    MAX_HEADER_LINES,
    RecordReader,
    find_delimiter,
    fit_trailing_columns,
    read_line_blocks,
    read_names,
)
from fraudops.data.delivery import Delivery
from fraudops.data.file_kinds import (
    describe_wrong_encoding,
    find_file_format,
    list_members,
    open_text,
)
from fraudops.data.safe_pickle import read_pickled_frame
from fraudops.errors import UserError

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
    typed : frozenset of str
        Columns that are numbers in the file itself, so that no mark has two readings.
    inexact : frozenset of str
        Those with floating-point numbers so large that not every whole number can be among them.
    """

    frame: pd.DataFrame
    line: np.ndarray
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    header: int = 0  # lines before the first row
    typed: frozenset[str] = frozenset()
    inexact: frozenset[str] = frozenset()


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
        found = sorted(
            file
            for file in path.iterdir()
            if not file.name.startswith((".", "_")) and file.name != DELIVERY_FILE
        )
        if not found:
            raise UserError(
                f"{path} is an empty folder: put the files of the source in it "
                f"({', '.join(suffixes)})."
            )
    else:
        raise UserError(
            f"{path} is not a file and not a folder. Check the path (seen from {Path.cwd()})."
        )
    unreadable = [
        file.name for file in found if not file.name.lower().endswith(suffixes) or file.is_dir()
    ]
    if unreadable and (path.is_dir() or path.suffix.lower() == ".pkl"):
        raise UserError(
            f"{path if path.is_dir() else path.parent} holds {', '.join(unreadable[:5])}, which "
            "this source does not read: "
            f"leave only files that end in {', '.join(suffixes)}."
        )
    return [member for file in found for member in _list_archived_files(file)]


def _list_archived_files(file: Path) -> list[Path]:
    """List the files of an archive as paths inside it; other files are listed themselves."""
    with explain_read_errors(file, "a zip archive"):
        members = list_members(file)
    if len(members) < 2:
        return [file]
    archive = zipfile.Path(file)
    return [archive / member for member in members]  # type: ignore[misc]


def check_archived_columns(files: list[Path], delivery: Delivery) -> None:
    """Refuse an archive whose files do not have the same columns.

    Raises
    ------
    UserError
        Asks which of them is the delivery.
    """
    columns: dict[str, dict[str, list[str]]] = {}
    for file in files:
        if isinstance(file, zipfile.Path):
            archive = columns.setdefault(file.root.filename, {})
            archive[file.at] = read_header(file, delivery)
    for name, members in columns.items():
        if len({tuple(sorted(names)) for names in members.values()}) > 1:
            listed = "; ".join(
                f"{member[:60]!r} has {', '.join(map(repr, names[:8]))[:200]}"
                for member, names in list(members.items())[:5]
            )
            raise UserError(
                f"{name} holds {len(members)} files with different columns. Which is the delivery? "
                f"Unpack the archive and name that file. {listed}."
            )


def read_header(file: Path, delivery: Delivery | None = None) -> list[str]:
    """Read the names of a file's columns; nested ones are left out.

    Raises
    ------
    UserError
        If the file is empty or damaged, or two columns have one name.
    """
    if find_file_format(file) == "pickle":
        names = list(read_pickled_frame(file).columns)
    elif find_file_format(file) == "parquet":
        with explain_read_errors(file, "Parquet"):
            names = _list_flat_columns(pq.read_schema(file))
    else:
        names = _open_csv(file, delivery or Delivery())[0]
    if len(set(names)) < len(names):
        duplicates = sorted({n[:30] for n in names if names.count(n) > 1})
        raise UserError(
            f"{file} has two columns named {', '.join(map(repr, duplicates[:5]))}: "
            "rename or remove one."
        )
    return names


def read_raw_rows(file: Path, delivery: Delivery | None = None) -> Iterator[RawRows]:
    """Read the rows of a file with limited memory; a pickle is read whole."""
    if find_file_format(file) == "pickle":
        yield from _read_batches(
            pa.Table.from_pandas(read_pickled_frame(file), preserve_index=False).to_batches(
                CHUNK_ROWS
            )
        )
    elif find_file_format(file) == "parquet":
        with explain_read_errors(file, "Parquet"):
            opened = pq.ParquetFile(file)
            names = _list_flat_columns(opened.schema_arrow)
            yield from _read_batches(opened.iter_batches(CHUNK_ROWS, columns=names))
    else:
        yield from _read_csv(file, delivery or Delivery())


def _list_flat_columns(schema: pa.Schema) -> list[str]:
    """List the columns that hold one value a row: no source needs lists or structures."""
    return [one.name for one in schema if not pa.types.is_nested(one.type)]


def _read_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[RawRows]:
    first = 1
    for batch in batches:
        inexact = frozenset(
            one.name
            for one, column in zip(batch.schema, batch.columns, strict=True)
            if pa.types.is_floating(one.type) and _has_inexact_numbers(column)
        )
        columns = {
            name: pc.fill_null(pc.cast(_write_out(column, name in inexact), pa.string()), "")
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
        typed = frozenset(one.name for one in batch.schema if _is_number(one.type))
        line = np.arange(first, first + len(batch))
        yield RawRows(pa.table(columns).to_pandas(), line, typed=typed, inexact=inexact)
        first += len(batch)


def _has_inexact_numbers(column: pa.Array) -> bool:
    """Tell whether a column has numbers so large that some whole ones cannot be among them."""
    digits = {16: 11, 32: 24, 64: 53}[column.type.bit_width]
    most = pc.max(pc.abs(pc.cast(column, pa.float64()))).as_py()
    return most is not None and most >= 2**digits


def _write_out(column: pa.Array, is_inexact: bool) -> pa.Array:
    """Make whole numbers of a floating-point column that has no others; text needs no exponent."""
    if is_inexact or not pa.types.is_floating(column.type):
        return column
    numbers = pc.cast(column, pa.float64())
    is_whole = pc.all(pc.equal(pc.floor(numbers), numbers)).as_py()  # not so for NaN
    return pc.cast(numbers, pa.int64()) if is_whole else column


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind)


READ_ERRORS = (
    EOFError,
    NotImplementedError,  # a zip with another compression
    OSError,  # of pyarrow, for damaged pages; and of the disk
    gzip.BadGzipFile,
    zlib.error,
    zipfile.BadZipFile,
    UnicodeDecodeError,
    pa.ArrowInvalid,
    pa.ArrowNotImplementedError,
)


@contextmanager
def explain_read_errors(file: Path, what: str) -> Iterator[None]:
    """Turn errors of the readers into messages for the user."""
    try:
        yield
    except READ_ERRORS as error:
        if isinstance(error, EOFError | zlib.error | gzip.BadGzipFile | zipfile.BadZipFile):
            reason = (
                f"is damaged or cut off ({error}). Nothing was ingested: copy or download it again."
            )
        elif (wrong := _find_wrong_encoding(file)) and what != "Parquet":
            reason = (
                f"is no UTF-8 text: {wrong}. Nothing was ingested: save it as UTF-8, or write its "
                f"`encoding` in {DELIVERY_FILE} (see `fraudops look`)."
            )
        else:
            reason = (
                f"cannot be read as {what} ({str(error).splitlines()[0]}). Nothing was ingested."
            )
        raise UserError(f"{file} {reason}") from None


def _find_wrong_encoding(file: Path) -> str:
    """Describe the first line of a text file that is not UTF-8; empty if there is none."""
    if find_file_format(file) != "csv":
        return ""
    with open_text(file) as handle:
        try:
            for block in read_line_blocks(handle):
                for number, line in enumerate(block.lines, block.first):
                    try:
                        line.decode()
                    except UnicodeDecodeError:
                        return describe_wrong_encoding(line, number)
        except UnicodeDecodeError as error:  # of a text in UTF-16
            return f"it is damaged {error.encoding.upper()} ({error.reason})"
    return ""


def _open_csv(file: Path, delivery: Delivery) -> tuple[list[str], int, str]:
    """Names of the columns, number of lines of the header, and delimiter."""
    with explain_read_errors(file, "a CSV in UTF-8"), open_text(file, delivery.encoding) as handle:
        block = next(read_line_blocks(handle))
        lines = block.lines[:MAX_HEADER_LINES]
        if not lines or not lines[0].strip():
            raise UserError(
                f"{file} is empty: it needs a header line and at least one transaction."
            )
        lines[0].decode()
        delimiter = delivery.delimiter or find_delimiter(lines[0])
        try:
            names, n_header = read_names(lines, delimiter)
        except UserError as error:
            raise UserError(f"{file} cannot be read: {error}. Nothing was ingested.") from None
        rows = block.lines[n_header : n_header + MAX_HEADER_LINES]
        return fit_trailing_columns(names, rows, delimiter), n_header, delimiter


def _read_csv(file: Path, delivery: Delivery) -> Iterator[RawRows]:
    names, n_header, delimiter = _open_csv(file, delivery)
    if len(set(names)) < len(names):
        read_header(file, delivery)  # says which
    reader, n_lines = RecordReader(names, delimiter), n_header
    with explain_read_errors(file, "a CSV in UTF-8"), open_text(file, delivery.encoding) as handle:
        for block in read_line_blocks(handle):
            total = block.first - 1 + len(block.lines)
            if block.first == 1:
                block.lines, block.first = block.lines[n_header:], n_header + 1
            records = reader.read(block)
            n_lines += records.n_lines
            if len(records.frame) or records.broken:
                yield RawRows(records.frame, records.line, records.broken, header=n_header)
    if n_lines != total:  # an error of this program, and no reason to go on with less
        raise UserError(f"{file} has {total:,} lines, and {n_lines:,} were read: report this file.")
