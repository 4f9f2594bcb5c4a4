"""Find out what a file is from its bytes, whatever its name says, and open it as UTF-8."""

import codecs
import gzip
import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from fraudops.errors import UserError

HEAD_BYTES = 4096
GZIP, ZIP, PARQUET, OLD_EXCEL = b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"
OTHER_ENCODINGS = ("cp1252", "cp874")  # of Western Europe, and of Thailand
NOT_IN_ARCHIVES = (".zip", ".parquet", ".pkl", ".xlsx", ".xls")
NEW_EXCEL_MEMBER = "[Content_Types].xml"
EXCEL_ADVICE = "is an Excel workbook: save the sheet as `CSV UTF-8`."


def find_file_format(file: Path) -> str:
    """Find how a file must be read.

    Parameters
    ----------
    file : Path

    Returns
    -------
    str
        ``parquet`` or ``csv`` by its first bytes; ``pickle`` by its ending, because only a source
        that allows pickles may open one.
    """
    if file.suffix.lower() == ".pkl":
        return "pickle"
    if file.suffix.lower() == ".parquet":
        return "parquet"
    with file.open("rb") as handle:
        return "parquet" if handle.read(len(PARQUET)) == PARQUET else "csv"


def open_text(file: Path, encoding: str = "") -> IO[bytes]:
    """Open a text file, compressed or not, and give its bytes in UTF-8.

    Parameters
    ----------
    file : Path
        Compression is found from the first bytes: a browser may have unpacked a ``.gz``, and a
        program may have left out the ending. UTF-16 is converted.
    encoding : str, optional
        Of the text, if it is known. Default: UTF-8, or UTF-16 if it begins like it.

    Returns
    -------
    binary file

    Raises
    ------
    UserError
        If the file is no table in text: a web page, JSON, a Git LFS pointer, a workbook.
    """
    with file.open("rb") as handle:
        start = handle.read(len(ZIP))
    if start.startswith(GZIP):
        # the stream of an archive's member has no name that gzip could open
        stream: IO[bytes] = gzip.open(file if isinstance(file, Path) else file.open("rb"), "rb")
    elif start.startswith(ZIP):
        stream = _open_only_member(file)
    else:
        stream = file.open("rb")
    buffered = io.BufferedReader(stream, 2 * HEAD_BYTES)  # type: ignore[arg-type]
    head = buffered.peek(HEAD_BYTES)[:HEAD_BYTES]
    other = _describe_other_kind(head)
    if other:
        buffered.close()
        raise UserError(f"{file} {other} Nothing was ingested.")
    encoding = encoding or _find_utf16(head)
    return _Utf8Reader(buffered, encoding) if encoding else buffered


def check_encoding(file: Path, encoding: str) -> None:
    """Refuse a text in UTF-8 that is declared to have an encoding of one byte a letter.

    Raises
    ------
    UserError
        If its bytes are valid UTF-8 with letters beyond ASCII: read otherwise they are garbage.
    """
    if not encoding or find_file_format(file) != "csv":
        return
    if codecs.lookup(encoding).name.startswith("utf"):
        return
    decoder, is_ascii = codecs.getincrementaldecoder("utf-8")(), True
    with open_text(file) as text:
        try:
            while block := text.read(1 << 20):
                is_ascii = is_ascii and block.isascii()
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return
    if not is_ascii:
        raise UserError(
            f"{file} is UTF-8, and its description says `encoding: {encoding}`: leave that out. "
            "Nothing was ingested."
        )


def describe_storage(file: Path) -> dict[str, str]:
    """Describe compression and encoding of a text file, as far as its first bytes tell."""
    with file.open("rb") as handle:
        start = handle.read(len(ZIP))
    found = {}
    for mark, name in ((GZIP, "gzip"), (ZIP, "zip")):
        if start.startswith(mark) or (mark == ZIP and isinstance(file, zipfile.Path)):
            found["compression"] = name
    with open_text(file) as text:
        is_utf16 = isinstance(text, _Utf8Reader)
        head = text.read(len(codecs.BOM_UTF8))
    marked = " with a byte order mark" if head.startswith(codecs.BOM_UTF8) else ""
    return found | {"encoding": "UTF-16" if is_utf16 else f"UTF-8{marked}"}


class _Utf8Reader(io.RawIOBase):
    """Bytes in UTF-8 of a file in another encoding."""

    def __init__(self, stream: IO[bytes], encoding: str):
        self._text = io.TextIOWrapper(stream, encoding, newline="")

    def read(self, size: int = -1) -> bytes:
        return self._text.read(size).encode()

    def close(self) -> None:
        self._text.close()
        super().close()


def list_members(file: Path) -> list[str]:
    """List the files in a zip archive that may be tables.

    Parameters
    ----------
    file : Path

    Returns
    -------
    list of str
        In the order of their names, without those that an operating system has added. Empty if the
        file is no archive.

    Raises
    ------
    UserError
        If it is a workbook, encrypted, empty, or holds other archives.
    """
    if not isinstance(file, Path) or not file.is_file():
        return []
    with file.open("rb") as handle:
        if not handle.read(len(ZIP)).startswith(ZIP):
            return []
    with zipfile.ZipFile(file) as archive:
        found = archive.infolist()
    if any(one.filename == NEW_EXCEL_MEMBER for one in found):
        raise UserError(f"{file} {EXCEL_ADVICE} Nothing was ingested.")
    members = [one for one in found if not one.is_dir() and not _is_added(one.filename)]
    if not members:
        raise UserError(f"{file} holds no file: put a CSV in it.")
    if any(one.flag_bits & 0x1 for one in members):
        raise UserError(f"{file} is encrypted: unpack it, and ingest the file that was in it.")
    nested = [one.filename for one in members if one.filename.lower().endswith(NOT_IN_ARCHIVES)]
    if nested:
        raise UserError(f"{file} holds {nested[0][:60]!r}: unpack it, and ingest that file.")
    return sorted(one.filename for one in members)


def _is_added(name: str) -> bool:
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith(".")


def _open_only_member(file: Path) -> IO[bytes]:
    members = list_members(file)
    if len(members) != 1:
        raise UserError(f"{file} holds {len(members)} files: name a folder with them.")
    return zipfile.ZipFile(file).open(members[0])


def _describe_other_kind(head: bytes) -> str:
    """Say what a file is that is no table in text; empty if it may be one."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer and not the file itself: run `git lfs pull`."
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page or XML, perhaps a login page: download the CSV again."
    if text.startswith((b"{", b"[")):
        return "is JSON: export the table as CSV or Parquet."
    if text.startswith(b"%pdf"):
        return "is a PDF: export the table as CSV or Parquet."
    if head.startswith(OLD_EXCEL):
        return EXCEL_ADVICE
    if head.startswith((PARQUET, ZIP)):
        return "holds a Parquet file or an archive in compressed form: unpack it."
    return ""


def _find_utf16(head: bytes) -> str:
    """Find the UTF-16 encoding of a text by its mark, or by the zeros of its Latin letters."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = head[:64]  # names of columns, in Latin letters
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > 0.9 * half and not even:
        return "utf-16-le"
    return "utf-16-be" if half and even > 0.9 * half and not odd else ""


def describe_wrong_encoding(line: bytes, number: int) -> str:
    r"""Describe a line that is not UTF-8, and what it would be in other encodings.

    Parameters
    ----------
    line : bytes
    number : int
        Of the line in its file, from 1.

    Returns
    -------
    str

    Examples
    --------
    >>> describe_wrong_encoding("T1,\u00e9".encode("cp1252"), 2)
    "line 2 is not UTF-8. In cp1252 it is 'T1,é', in cp874 it is 'T1,้'"
    """
    read = []
    for encoding in OTHER_ENCODINGS:
        try:
            read.append(f"in {encoding} it is {line.decode(encoding)[:100]!r}")
        except UnicodeDecodeError:
            continue
    choice = ", ".join(read) or "it is damaged"
    return f"line {number} is not UTF-8. {choice[0].upper()}{choice[1:]}"
