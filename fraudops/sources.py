"""Where transactions come from: each source yields chunks of canonical columns, unparsable values as nulls."""

import difflib
import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from fraudops.plan import preset
from fraudops.timeline import DAY
from fraudops.workspace import UserError
from fraudops.world import World, simulate

COLUMNS = (
    "tx_id", "ts", "customer_id", "terminal_id", "amount_cents", "category", "channel", "lat_cdeg", "lon_cdeg", "is_fraud",
    "label_ts",
)  # fmt: skip
LABEL_DELAY_DAYS = 7  # where a file says which rows are fraud but not when that was known
CHUNK_BYTES = 16 << 20


@dataclass
class Chunk:
    """Some rows of a source.

    Attributes
    ----------
    frame : (n, 9) canonical columns (see `COLUMNS`); a value that could not be read is null
    raw : (n, ...) the rows as they stood in the source
    line : (n,) line or row number in the source, from 1
    broken : rows that do not have the header's number of fields: (line, reason, text)
    source : name of the file, where there is one
    """

    frame: pd.DataFrame
    raw: pd.DataFrame
    line: np.ndarray
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    source: str = ""


@dataclass
class Source:
    """A named, opened source: its chunks, and what its columns could not fill."""

    name: str
    chunks: Iterator[Chunk]
    not_filled: tuple[str, ...] = ()
    world: World | None = None
    most_cents: int = 100_000_000  # above it a unit is more likely wrong than a purchase right


def open_source(name: str, path: str = "", profile: str = "course", seed: int = 7) -> Source:
    """Open a source by name.

    Parameters
    ----------
    name : 'simulate', 'sparkov' or 'csv'
    path : the file, for all but 'simulate'
    profile, seed : size and seed of the simulated world

    Raises
    ------
    UserError
        For an unknown name or a file that is missing, empty, truncated or lacks columns.
    """
    if name == "simulate":
        world = simulate(preset(profile, seed))
        return Source(name, _from_world(world), world=world)
    if name not in MAPPINGS:
        nearest = difflib.get_close_matches(name, ["simulate", *MAPPINGS], 1) or ["simulate"]
        raise UserError(f"There is no source {name!r}: did you mean {nearest[0]!r}?")
    if not path:
        raise UserError(f"The source {name!r} reads a file: name it with --path FILE.")
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"{file} is not a file. Check the path (seen from {Path.cwd()}).")
    mapping = MAPPINGS[name]
    not_filled = mapping.check(_header(file), file)
    return Source(name, _from_csv(file, mapping), not_filled)


def _from_world(world: World, rows: int = 250_000) -> Iterator[Chunk]:
    tx = world.transactions
    label = pd.Series(world.labels["label_ts"].to_numpy(), index=world.labels["tx_id"])
    for start in range(0, len(tx), rows):
        part = tx.iloc[start : start + rows]
        label_ts = label.reindex(part["tx_id"]).array

        def text(name: str, letter: str, part: pd.DataFrame = part) -> pd.Series:
            return letter + part[name].astype(str)

        frame = pd.DataFrame(
            {
                "tx_id": text("tx_id", "T"),
                "ts": part["ts"].astype("Int64"),
                "customer_id": text("customer_id", "C"),
                "terminal_id": text("terminal_id", "M"),
                "amount_cents": part["amount_cents"].astype("Int64"),
                "category": part["category"].astype(object).fillna("unknown").astype(str),
                "channel": part["channel"].astype(object).fillna("unknown").astype(str),
                "lat_cdeg": part["lat_cdeg"],
                "lon_cdeg": part["lon_cdeg"],
                "is_fraud": (part["kind"] != "").astype("Int64"),
                "label_ts": pd.array(label_ts, dtype="Int64"),
            }
        )
        yield Chunk(frame, frame, np.arange(start + 1, start + len(part) + 1))


def _open_bytes(file: Path) -> IO[bytes]:
    if file.suffix == ".gz":
        return gzip.open(file, "rb")
    if file.suffix == ".zip":
        archive = zipfile.ZipFile(file)
        if len(archive.namelist()) != 1:
            raise UserError(f"{file} holds {len(archive.namelist())} files: leave just one CSV in it.")
        return archive.open(archive.namelist()[0])
    return file.open("rb")


READ_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, UnicodeDecodeError, pa.ArrowInvalid)


def _unreadable(file: Path, error: Exception) -> UserError:
    if isinstance(error, EOFError | zlib.error | gzip.BadGzipFile | zipfile.BadZipFile):
        return UserError(f"{file} is damaged or cut off ({error}). Nothing was ingested: copy or download it again.")
    return UserError(f"{file} cannot be read as a CSV in UTF-8 ({str(error).splitlines()[0]}). Nothing was ingested.")


def _header(file: Path) -> list[str]:
    try:
        with _open_bytes(file) as handle:
            line = handle.readline().decode("utf-8-sig")
    except READ_ERRORS as error:
        raise _unreadable(file, error) from None
    if not line.strip():
        raise UserError(f"{file} is empty: it needs a header line and at least one transaction.")
    names = pd.Series(pa.csv.read_csv(pa.BufferReader((line.rstrip("\r\n") + "\n").encode())).column_names).str.strip().tolist()
    if len(set(names)) < len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        raise UserError(f"{file} has two columns named {', '.join(map(repr, twice))}: rename or remove one.")
    return names


def _from_csv(file: Path, mapping: "Mapping") -> Iterator[Chunk]:
    names = _header(file)
    broken: list[tuple[int, str, str]] = []

    def on_broken(row: pa.csv.InvalidRow) -> str:
        broken.append((row.number, f"{row.actual_columns} fields where the header has {row.expected_columns}", row.text))
        return "skip"

    next_line = 2
    try:
        with _open_bytes(file) as handle:
            batches = pa.csv.open_csv(
                pa.PythonFile(handle, "r"),
                read_options=pa.csv.ReadOptions(block_size=CHUNK_BYTES, column_names=names, skip_rows=1, use_threads=False),
                parse_options=pa.csv.ParseOptions(invalid_row_handler=on_broken, ignore_empty_lines=False),
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
            for batch in batches:
                raw = batch.to_pandas()
                taken, broken[:] = list(broken), []
                line = np.setdiff1d(
                    np.arange(next_line, next_line + len(raw) + len(taken)),
                    [number for number, _, _ in taken],
                    assume_unique=True,
                )
                next_line += len(raw) + len(taken)
                blank = (raw == "").all(axis=1).to_numpy()  # an empty line is no row
                raw, line = raw[~blank], line[~blank]
                yield Chunk(mapping.apply(raw), raw, line, taken)
    except READ_ERRORS as error:
        raise _unreadable(file, error) from None
    if broken:
        empty = pd.DataFrame(columns=names, dtype=str)
        yield Chunk(mapping.apply(empty), empty, np.array([], int), broken)


def _number(text: pd.Series) -> pd.Series:
    return pd.to_numeric(text.str.strip(), errors="coerce").astype("float64")


def _time(text: pd.Series) -> pd.Series:
    """Seconds since 1970 from whole numbers or from ISO timestamps (UTC where no offset is given)."""
    seconds = _number(text)
    rest = seconds.isna() & (text.str.strip() != "")
    if rest.any():
        parsed = pd.to_datetime(text[rest].str.strip(), errors="coerce", utc=True, format="ISO8601")
        seconds[rest] = (parsed - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return _integer(np.floor(seconds))


def _integer(values: pd.Series) -> pd.Series:
    """Whole numbers or null; what does not fit 63 bits is null too."""
    good = np.isfinite(values) & (values.abs() < 2**62)
    return values.where(good).astype("Int64")


def _cents(text: pd.Series) -> pd.Series:
    return _integer((_number(text) * 100).round())


def _flag(text: pd.Series) -> pd.Series:
    words = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
    return text.str.strip().str.lower().map(words).astype("Int64")


def _text(text: pd.Series) -> pd.Series:
    return text.str.strip().mask(text.str.strip() == "")


def _known_after_delay(frame: pd.DataFrame) -> pd.Series:
    return (frame["ts"] + LABEL_DELAY_DAYS * DAY).where(frame["is_fraud"] == 1)


@dataclass(frozen=True)
class Mapping:
    """How a file's columns become canonical ones."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[pd.DataFrame], pd.DataFrame]
    defaults: str

    def check(self, names: list[str], file: Path) -> tuple[str, ...]:
        """What is not filled from the file; UserError where a needed column is missing."""
        missing = [name for name in self.required if not any(n in names for n in name.split("|"))]
        if missing:
            hints = []
            for name in missing:
                near = difflib.get_close_matches(name.split("|")[0], names, 1, 0.5)
                hints.append(f"{name.replace('|', ' or ')!r}" + (f" (is it {near[0]!r}?)" if near else ""))
            raise UserError(
                f"{file} has no column {', '.join(hints)}. It has: {', '.join(names)}. "
                "Rename its columns, or choose another source."
            )
        absent = [name for name in self.optional if name not in names]
        return tuple(f"{name}: {self.defaults}" for name in absent)

    def apply(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Canonical columns of some raw rows."""
        frame = self.build(raw)
        frame["label_ts"] = frame["label_ts"].where(frame["is_fraud"] == 1)
        return frame.reindex(columns=list(COLUMNS))


def _build_csv(raw: pd.DataFrame) -> pd.DataFrame:
    blank = pd.Series("", index=raw.index, dtype=str)
    frame = pd.DataFrame(
        {
            "tx_id": _text(raw["tx_id"]),
            "ts": _time(raw["ts"] if "ts" in raw else raw["timestamp"]),
            "customer_id": _text(raw["customer_id"]),
            "terminal_id": _text(raw["terminal_id"]),
            "amount_cents": _cents(raw["amount"]),
            "category": _text(raw.get("category", blank)).fillna("unknown"),
            "channel": _text(raw.get("channel", blank)).fillna("unknown"),
            "is_fraud": _flag(raw["is_fraud"]),
        }
    )
    given = _time(raw.get("label_ts", blank))
    return frame.assign(label_ts=given.fillna(_known_after_delay(frame)))


def _build_sparkov(raw: pd.DataFrame) -> pd.DataFrame:
    category = _text(raw["category"])
    online = category.str.endswith("_net").fillna(False).astype(bool)
    frame = pd.DataFrame(
        {
            "tx_id": _text(raw["trans_num"]) + "-" + _text(raw["cc_num"]),  # generated files repeat a number across cards
            "ts": _time(raw["trans_date_trans_time"]),
            "customer_id": _text(raw["cc_num"]),
            "terminal_id": _text(raw["merchant"]),
            "amount_cents": _cents(raw["amt"]),
            "category": category.fillna("unknown"),
            "channel": np.where(online, "online", "card_present"),
            "is_fraud": _flag(raw["is_fraud"]),
        }
    )
    return frame.assign(label_ts=_known_after_delay(frame))


MAPPINGS = {
    "csv": Mapping(
        ("tx_id", "ts|timestamp", "customer_id", "terminal_id", "amount", "is_fraud"),
        ("category", "channel", "label_ts"),
        _build_csv,
        f"not in the file ('unknown'; labels known {LABEL_DELAY_DAYS} days after the transaction)",
    ),
    "sparkov": Mapping(
        ("trans_num", "trans_date_trans_time", "cc_num", "merchant", "category", "amt", "is_fraud"),
        ("label_ts",),
        _build_sparkov,
        f"not in the file (labels known {LABEL_DELAY_DAYS} days after the transaction; channel from the category's ending)",
    ),
}
