"""Read the records of a CSV file, so that every physical line is accounted for.

A line is a record, unless it has an odd number of quotation marks. Then the record may go on over
the next lines. It is accepted if it closes, has as many fields as the header, and none of the lines
that it takes in looks like a record itself. Otherwise the first line is broken, and the next lines
are read on their own. So a stray quotation mark costs one line.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from fraudops.errors import UserError

CHUNK_BYTES = 16 << 20
MAX_RECORD_LINES = 100  # of one record with line ends in quotation marks
MAX_HEADER_LINES = 20
MAX_LINE_BYTES = 1 << 20
QUOTE = b'"'
DELIMITERS = (",", ";", "\t", "|")  # of equally frequent ones the first counts


@dataclass
class LineBlock:
    """Some lines of a file, without their ends.

    Attributes
    ----------
    first : int
        Number of the first line, from 1.
    lines : list of bytes
        In UTF-8.
    is_last : bool
    """

    first: int
    lines: list[bytes]
    is_last: bool


@dataclass
class RecordBlock:
    """The records of some lines.

    Attributes
    ----------
    frame : DataFrame
        Text columns.
    line : ndarray of int
        The first line of each record.
    broken : list of tuple[int, str, str]
        Lines that are no record: number, reason, text.
    n_lines : int
        Physical lines that are accounted for: of records, broken ones and blank ones.
    """

    frame: pd.DataFrame
    line: np.ndarray
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    n_lines: int = 0


def read_line_blocks(handle: IO[bytes]) -> Iterator[LineBlock]:
    """Read a file in blocks of whole lines.

    Parameters
    ----------
    handle : binary file
        In UTF-8; a byte order mark at its start is left out.

    Yields
    ------
    LineBlock
        The last one may be empty.
    """
    first, rest, is_start = 1, b"", True
    while True:
        chunk = handle.read(CHUNK_BYTES)
        data = rest + chunk
        if is_start:
            data, is_start = data.removeprefix(b"\xef\xbb\xbf"), False
        if b"\r" in data:
            # a file of an old Mac has no other line end
            held = data.endswith(b"\r") and bool(chunk)
            body = data[:-1] if held else data
            data = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + (b"\r" if held else b"")
        if not chunk:
            lines = data.split(b"\n") if data else []
            if lines and not lines[-1]:
                lines.pop()
            yield LineBlock(first, lines, True)
            return
        complete, _, rest = data.rpartition(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            number = first + complete.count(b"\n") + 1
            raise UserError(
                f"Line {number} is longer than a million bytes: the file is no CSV, or its line "
                "ends are lost."
            )
        if complete or data.startswith(b"\n"):
            lines = complete.split(b"\n")
            yield LineBlock(first, lines, False)
            first += len(lines)


def parse_line(text: bytes, delimiter: str) -> list[str] | None:
    """Parse one record; None if a quotation mark in it is not closed or stands in a wrong place.

    Examples
    --------
    >>> parse_line(b'a,"b,c",5" wide', ",")
    ['a', 'b,c', '5" wide']
    >>> parse_line(b'a,"b', ",") is None
    True
    """
    try:
        rows = list(
            csv.reader(io.StringIO(text.decode(), newline=""), delimiter=delimiter, strict=True)
        )
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def unwrap_line(line: bytes, delimiter: str) -> list[str] | None:
    """Parse a record that a program has put in quotation marks as a whole; None if it has not.

    Examples
    --------
    >>> unwrap_line(b'"1,""b,c"",2"', ",")
    ['1', 'b,c', '2']
    """
    whole = parse_line(line, delimiter)
    if whole is None or len(whole) != 1 or not line.strip().startswith(QUOTE):
        return None
    fields = parse_line(whole[0].encode(), delimiter)
    return fields if fields and len(fields) > 2 else None


class RecordReader:
    """Turns blocks of lines into records.

    Parameters
    ----------
    names : list of str
        Columns of the header.
    delimiter : str
    """

    def __init__(self, names: list[str], delimiter: str):
        self.names, self.delimiter = names, delimiter
        self.waiting: list[bytes] = []  # lines whose record may end in the next block

    def read(self, block: LineBlock) -> RecordBlock:
        """Read the records of a block, and of lines that were left by the block before."""
        first, lines = block.first - len(self.waiting), self.waiting + block.lines
        self.waiting = []
        found = RecordBlock(pd.DataFrame(), np.array([], int))
        simple: list[int] = []
        special: list[tuple[int, list[str]]] = []
        at = 0
        while at < len(lines):
            line = lines[at]
            if not line.strip():
                at += 1
            elif line.count(QUOTE) % 2 == 0:
                simple.append(at)
                at += 1
            else:
                taken, fields = self._read_quoted(lines, at, block.is_last)
                if taken == 0:  # the rest of the record may be in the next block
                    break
                if fields is None:
                    self._break(found, first + at, line, "a quotation mark is not closed")
                elif len(fields) != len(self.names):
                    self._break(found, first + at, line, self._count_reason(len(fields)))
                else:
                    special.append((at, fields))
                at += taken
        self.waiting = lines[at:]
        found.n_lines = at
        self._parse_simple(found, lines, simple, special, first)
        return found

    def _read_quoted(
        self, lines: list[bytes], at: int, is_last: bool
    ) -> tuple[int, list[str] | None]:
        """Read a record that begins on a line with an odd number of quotation marks.

        Returns how many lines it takes, and its fields; 0 lines if more lines are needed, and no
        fields if its first line is broken.
        """
        alone = parse_line(lines[at], self.delimiter)
        if alone is not None:
            return 1, alone
        delimiter, text = self.delimiter.encode(), lines[at]
        for number in range(at + 1, min(at + MAX_RECORD_LINES, len(lines))):
            line = lines[number]
            if line.count(delimiter) >= len(self.names) - 1 > 0:  # it looks like a record itself
                return 1, None
            text += b"\n" + line
            if line.count(QUOTE) % 2:
                fields = parse_line(text, self.delimiter)
                is_whole = fields is not None and len(fields) == len(self.names)
                return (number - at + 1, fields) if is_whole else (1, None)
        if not is_last and len(lines) - at < MAX_RECORD_LINES:
            return 0, None
        return 1, None

    def _count_reason(self, count: int) -> str:
        return f"{count} fields where the header has {len(self.names)}"

    def _break(self, found: RecordBlock, number: int, line: bytes, reason: str) -> None:
        found.broken.append((number, reason, line.decode(errors="replace")))

    def _parse_simple(
        self,
        found: RecordBlock,
        lines: list[bytes],
        simple: list[int],
        special: list[tuple[int, list[str]]],
        first: int,
    ) -> None:
        """Parse the lines that are records, at once if the counts agree, else one by one."""
        broken: list[tuple[int, str, str]] = []
        unwrapped: list[tuple[int, list[str]]] = []
        frame = self._parse_at_once([lines[at] for at in simple], broken, unwrapped)
        bad = {number for number, *_ in [*broken, *unwrapped]}
        if len(frame) + len(bad) == len(simple):
            good = [at for i, at in enumerate(simple) if i not in bad]
            found.broken += [(first + simple[i], reason, text) for i, reason, text in broken]
            special += [(simple[i], fields) for i, fields in unwrapped]
        else:  # a quotation mark has taken in the next line
            good, rows = [], []
            for at in simple:
                fields = self._unwrap(lines[at]) or parse_line(lines[at], self.delimiter)
                if fields is None:
                    self._break(found, first + at, lines[at], "a quotation mark is not closed")
                elif len(fields) != len(self.names):
                    self._break(found, first + at, lines[at], self._count_reason(len(fields)))
                else:
                    good.append(at)
                    rows.append(fields)
            frame = pd.DataFrame(rows, columns=self.names, dtype=str)
        if special:
            some = pd.DataFrame([fields for _, fields in special], columns=self.names, dtype=str)
            frame = pd.concat([frame, some], ignore_index=True)
            good += [at for at, _ in special]
        line = np.array(good, int) + first
        order = np.argsort(line, kind="stable")
        is_blank = (frame == "").all(axis=1).to_numpy() if len(frame) else np.zeros(0, bool)
        keep = order[~is_blank[order]]  # a line of delimiters alone is no row
        found.frame, found.line = frame.iloc[keep].reset_index(drop=True), line[keep]
        found.broken.sort()

    def _unwrap(self, line: bytes) -> list[str] | None:
        """Parse a whole quoted record that has the fields of the header."""
        fields = unwrap_line(line, self.delimiter)
        return fields if fields and len(fields) == len(self.names) else None

    def _parse_at_once(
        self,
        lines: list[bytes],
        broken: list[tuple[int, str, str]],
        unwrapped: list[tuple[int, list[str]]],
    ) -> pd.DataFrame:
        if not lines:
            return pd.DataFrame(columns=self.names, dtype=str)
        data = b"\n".join(lines) + b"\n"
        if not data.isascii():
            data.decode()  # pyarrow cannot hand over a broken row that is not UTF-8

        def on_broken(row: pa.csv.InvalidRow) -> str:
            number = row.number - 1
            if row.actual_columns == 1 and (fields := self._unwrap(lines[number])):
                unwrapped.append((number, fields))
            else:
                broken.append((number, self._count_reason(row.actual_columns), row.text))
            return "skip"

        table = pa.csv.read_csv(
            pa.BufferReader(data),
            read_options=pa.csv.ReadOptions(
                block_size=len(data) + 1, column_names=self.names, use_threads=False
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=self.delimiter, invalid_row_handler=on_broken, ignore_empty_lines=False
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()), strings_can_be_null=False
            ),
        )
        return table.to_pandas()


def read_names(lines: list[bytes], delimiter: str) -> tuple[list[str], int]:
    """Read the names of the columns, and how many lines they take.

    Parameters
    ----------
    lines : list of bytes
        The first lines of a file.
    delimiter : str

    Returns
    -------
    names : list of str
    n_lines : int

    Raises
    ------
    UserError
        If a quotation mark of the header is not closed.

    Examples
    --------
    >>> read_names([b'a,"b', b'c"', b"1,2"], ",")
    (['a', 'b\\nc'], 2)
    """
    for number in range(1, min(len(lines), MAX_HEADER_LINES) + 1):
        text = b"\n".join(lines[:number])
        names = unwrap_line(text, delimiter) or parse_line(text, delimiter)
        if names is not None:
            return [name.strip() for name in names], number
    raise UserError(
        "its header has a quotation mark that is not closed: "
        + lines[0].decode(errors="replace")[:200]
    )


def fit_trailing_columns(names: list[str], lines: list[bytes], delimiter: str) -> list[str]:
    """Fit the names to rows that all have more, or fewer, delimiters at their end.

    A spreadsheet writes them for columns that are empty. So the names get more columns if the first
    rows all end in the same number of empty fields, and lose empty names that no row has.

    Parameters
    ----------
    names : list of str
        Of the header.
    lines : list of bytes
        The first lines after it.
    delimiter : str

    Returns
    -------
    list of str
        Columns without a name are called ``(column 7)``.

    Examples
    --------
    >>> fit_trailing_columns(["a", "b"], [b"1,2,,", b"3,4,,"], ",")
    ['a', 'b', '(column 3)', '(column 4)']
    >>> fit_trailing_columns(["a", "b", "", ""], [b"1,2", b"3,4"], ",")
    ['a', 'b']
    """
    rows = [parse_line(line, delimiter) for line in lines if line.strip()]
    lengths = {len(row) if row else 0 for row in rows}
    length = lengths.pop() if len(lengths) == 1 else len(names)
    if length > len(names):
        if not any(field.strip() for row in rows for field in (row or [])[len(names) :]):
            names = [*names, *[""] * (length - len(names))]
    elif length and not any(names[length:]):
        names = names[:length]
    return [name or f"(column {at})" for at, name in enumerate(names, start=1)]


def find_delimiter(line: bytes) -> str:
    """Find what separates the columns of a header: a comma, a semicolon, a tab or a bar.

    Examples
    --------
    >>> find_delimiter(b"a;b,c;d"), find_delimiter(b"a")
    (';', ',')
    """
    return max(DELIMITERS, key=lambda one: line.count(one.encode()))
