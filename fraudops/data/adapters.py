"""Adapters: how the columns of public data sets become canonical. Unreadable values become null."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from fraudops.data.amounts import parse_amounts
from fraudops.data.readers import TABLE_SUFFIXES
from fraudops.data.schema import CANONICAL_COLUMNS
from fraudops.errors import UserError
from fraudops.timeline import DAY

LABEL_DELAY_DAYS = 7  # where a file says which rows are fraud but not when that was known
# the file counts hours from an unnamed day
PAYSIM_START_TS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
# two days of September 2013; which ones is not published
MAX_NAMES, MAX_NAME = 40, 30  # names in a message, and characters of each
YEARS = (1900, 2261)  # of a timestamp in nanoseconds
UNREADABLE_LABEL_TS = -1  # the schema refuses it
UNREADABLE_CDEG = 99_999  # the schema refuses it
CUT_ID = r"\d(?:[.,]\d+)?[eE][+]\d{2,3}"  # as spreadsheets and pandas write large numbers
FLOAT_ID = r"-?\d+[.]0+"  # as pandas writes whole numbers of a column with gaps
MISSING_ID_WORDS = ("", "nan", "none", "null", "<na>", "nat", "#n/a", "n/a")
ULB_START_TS = int(datetime(2013, 9, 1, tzinfo=UTC).timestamp())


def _parse_number(text: pd.Series) -> pd.Series:
    return pd.to_numeric(text.str.strip(), errors="coerce").astype("float64")


def _parse_ts(text: pd.Series) -> pd.Series:
    """Parse seconds since 1970, or ISO timestamps (UTC without an offset).

    Words such as ``now`` are no dates, and no year beyond `YEARS` is one.
    """
    seconds, text = _parse_number(text), text.str.strip()
    year = pd.to_numeric(text.str.extract(r"^(\d{4})-", expand=False), errors="coerce")
    rest = seconds.isna() & year.between(*YEARS)
    if rest.any():
        iso = text[rest].str.replace(r" UTC$", "Z", regex=True)  # as BigQuery writes it
        parsed = pd.to_datetime(iso, errors="coerce", utc=True, format="ISO8601")
        seconds[rest] = (parsed - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return _to_int64(np.floor(seconds))


def _to_int64(values: pd.Series) -> pd.Series:
    """Convert to whole numbers; null if a value does not fit 63 bits."""
    good = np.isfinite(values) & (values.abs() < 2**62)
    return values.where(good).astype("Int64")


def _parse_cents(text: pd.Series) -> pd.Series:
    """Parse an amount; null if it is no number or has two readings."""
    return _to_int64((parse_amounts(text) * 100).round())


def _parse_centidegrees(text: pd.Series) -> pd.Series:
    text = text.str.strip()
    point = text.str.replace(r"^(-?\d+),(\d+)$", r"\1.\2", regex=True)
    parsed = _to_int64((_parse_number(point) * 100).round())
    return parsed.mask(parsed.isna() & ~_is_missing(text), UNREADABLE_CDEG)


def _parse_given(text: pd.Series) -> pd.Series:
    """Parse a number that the source has computed; infinite, which the schema refuses, if a text
    is no number.
    """
    parsed = _parse_number(text)
    return parsed.mask(parsed.isna() & ~_is_missing(text), np.inf)


def _is_missing(text: pd.Series) -> pd.Series:
    return text.str.strip().str.lower().isin(MISSING_ID_WORDS)


def _parse_flag(text: pd.Series) -> pd.Series:
    words = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
    return text.str.strip().str.lower().map(words).astype("Int64")


def _parse_text(text: pd.Series) -> pd.Series:
    return text.str.strip().mask(text.str.strip() == "")


def _parse_id(text: pd.Series) -> pd.Series:
    """Parse ids; null where a program has written that there is none.

    Raises
    ------
    UserError
        If a spreadsheet has cut off the digits of an id, or a program has written ids as numbers
        with decimals: the same id may have another spelling in the next file.
    """
    text = text.str.strip()
    is_float = text.str.fullmatch(FLOAT_ID).astype(bool)
    if is_float.any():
        raise UserError(
            f"The column {text.name!r} has the id {text[is_float].iloc[0]!r}: a program has read "
            "ids as numbers and added decimals, so the same id may look different in another "
            "file. Read the column as text before you export it, for example with "
            f"`pandas.read_csv(..., dtype={{{text.name!r}: str}})`."
        )
    is_damaged = text.str.fullmatch(CUT_ID).astype(bool)
    if is_damaged.any():
        raise UserError(
            f"The column {text.name!r} has the id {text[is_damaged].iloc[0]!r}: a spreadsheet has "
            "cut off its digits, so different ids look the same. Export the column as text."
        )
    return text.mask(text.str.lower().isin(MISSING_ID_WORDS))


def _list_names(names: list[str]) -> str:
    """List names of columns for a message: escaped, and not without end."""
    shown = [name if name.isprintable() else repr(name)[1:-1] for name in names[:MAX_NAMES]]
    more = f", and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(name[:MAX_NAME] for name in shown) + more


def _delayed_label_ts(frame: pd.DataFrame) -> pd.Series:
    return (frame["ts"] + LABEL_DELAY_DAYS * DAY).where(frame["is_fraud"] == 1)


@dataclass(frozen=True)
class SourceAdapter:
    """How the columns of a file become canonical ones.

    Attributes
    ----------
    required : tuple[str, ...]
        Columns of the file; ``a|b`` means one of them.
    optional : tuple[str, ...]
        Columns of the file.
    build : callable
        Converts raw text columns and row ids to canonical columns and ``given_*`` ones.
    defaults : str
        What replaces an absent optional column, in words.
    suffixes : tuple[str, ...]
        Endings of the files that it reads.
    most_cents : int
        Largest accepted amount.
    never : tuple[str, ...]
        Columns that no file of this kind can fill.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[pd.DataFrame, pd.Series], pd.DataFrame]
    defaults: str
    suffixes: tuple[str, ...] = TABLE_SUFFIXES
    most_cents: int = 100_000_000
    never: tuple[str, ...] = ()

    def check(self, names: list[str], file: Path) -> tuple[str, ...]:
        """List what the file cannot fill; raise UserError if a required column is missing."""
        missing = [name for name in self.required if not any(n in names for n in name.split("|"))]
        if missing:
            hints = []
            for name in missing:
                near = difflib.get_close_matches(name.split("|")[0], names, 1, 0.5)
                hints.append(
                    f"{name.replace('|', ' or ')!r}"
                    + (f" (is it {near[0][:MAX_NAME]!r}?)" if near else "")
                )
            raise UserError(
                f"{file} has no column {', '.join(hints)}. It has: {_list_names(names)}. "
                "Rename its columns, or choose another source."
            )
        absent = [name for name in self.optional if name not in names]
        return (*self.never, *(f"{name}: {self.defaults}" for name in absent))

    def apply(self, raw: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
        """Convert raw rows and their row ids to canonical columns and ``given_*`` ones."""
        frame = self.build(raw, row)
        if "label_ts" not in frame:
            frame["label_ts"] = _delayed_label_ts(frame)
        frame["label_ts"] = frame["label_ts"].where(frame["is_fraud"] == 1)
        return frame.reindex(
            columns=[*CANONICAL_COLUMNS, *(name for name in frame if name.startswith("given_"))]
        )


def _build_csv(raw: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    blank = pd.Series("", index=raw.index, dtype=str)
    frame = pd.DataFrame(
        {
            "tx_id": _parse_id(raw["tx_id"]),
            "ts": _parse_ts(raw["ts"] if "ts" in raw else raw["timestamp"]),
            "customer_id": _parse_id(raw["customer_id"]),
            "terminal_id": _parse_id(raw["terminal_id"]),
            "amount_cents": _parse_cents(raw["amount"]),
            "category": _parse_text(raw.get("category", blank)).fillna("unknown"),
            "channel": _parse_text(raw.get("channel", blank)).fillna("unknown"),
            "lat_cdeg": _parse_centidegrees(raw.get("lat", blank)),
            "lon_cdeg": _parse_centidegrees(raw.get("lon", blank)),
            "is_fraud": _parse_flag(raw["is_fraud"]),
        }
    )
    written = raw.get("label_ts", blank)
    given = _parse_ts(written)
    is_unreadable = given.isna() & ~_is_missing(written)
    given = given.fillna(_delayed_label_ts(frame)).mask(is_unreadable, UNREADABLE_LABEL_TS)
    return frame.assign(label_ts=given)


def _build_sparkov(raw: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    category = _parse_text(raw["category"])
    online = category.str.endswith("_net").fillna(False).astype(bool)
    blank = pd.Series("", index=raw.index, dtype=str)
    return pd.DataFrame(
        {
            "tx_id": _parse_id(raw["trans_num"])
            + "-"
            + _parse_id(raw["cc_num"]),  # generated files repeat a number across cards
            "ts": _parse_ts(raw["trans_date_trans_time"]),
            "customer_id": _parse_id(raw["cc_num"]),
            "terminal_id": _parse_id(raw["merchant"]),
            "amount_cents": _parse_cents(raw["amt"]),
            "category": category.fillna("unknown"),
            "channel": np.where(online, "online", "card_present"),
            "lat_cdeg": _parse_centidegrees(raw.get("merch_lat", blank)).mask(online),
            "lon_cdeg": _parse_centidegrees(raw.get("merch_long", blank)).mask(online),
            "is_fraud": _parse_flag(raw["is_fraud"]),
        }
    )


def _build_handbook(raw: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tx_id": _parse_id(raw["TRANSACTION_ID"]),
            "ts": _parse_ts(raw["TX_DATETIME"]),
            "customer_id": _parse_id(raw["CUSTOMER_ID"]),
            "terminal_id": _parse_id(raw["TERMINAL_ID"]),
            "amount_cents": _parse_cents(raw["TX_AMOUNT"]),
            "category": "unknown",
            "channel": "unknown",
            "is_fraud": _parse_flag(raw["TX_FRAUD"]),
        }
    )


def _build_paysim(raw: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    # The balances after the payment tell how it ended, so they do not pass; those before it are
    # what was known.
    before = {
        name: _parse_given(raw[name]) for name in ("oldbalanceOrg", "oldbalanceDest") if name in raw
    }
    return pd.DataFrame(
        {
            "tx_id": row,
            "ts": _to_int64((_parse_number(raw["step"]) - 1) * 3600 + PAYSIM_START_TS),
            "customer_id": _parse_id(raw["nameOrig"]),
            "terminal_id": _parse_id(raw["nameDest"]),
            "amount_cents": _parse_cents(raw["amount"]),
            "category": _parse_text(raw["type"]).fillna("unknown"),
            "channel": "online",
            "is_fraud": _parse_flag(raw["isFraud"]),
            **{f"given_{name}": values for name, values in before.items()},
        }
    )


ULB_GIVEN_COLUMNS = tuple(f"V{number}" for number in range(1, 29))


def _build_ulb(raw: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tx_id": row,
            "ts": _to_int64(_parse_number(raw["Time"]) + ULB_START_TS),
            "customer_id": "unknown",
            "terminal_id": "unknown",
            "amount_cents": _parse_cents(raw["Amount"]),
            "category": "unknown",
            "channel": "unknown",
            "is_fraud": _parse_flag(raw["Class"]),
            **{f"given_{name}": _parse_given(raw[name]) for name in ULB_GIVEN_COLUMNS},
        }
    )


_LABEL_DELAY_NOTE = f"labels known {LABEL_DELAY_DAYS} days after the transaction"
SOURCE_ADAPTERS = {
    "csv": SourceAdapter(
        ("tx_id", "ts|timestamp", "customer_id", "terminal_id", "amount", "is_fraud"),
        ("category", "channel", "lat", "lon", "label_ts"),
        _build_csv,
        f"not in the file ('unknown' or empty; {_LABEL_DELAY_NOTE})",
    ),
    "sparkov": SourceAdapter(
        ("trans_num", "trans_date_trans_time", "cc_num", "merchant", "category", "amt", "is_fraud"),
        ("merch_lat", "merch_long"),
        _build_sparkov,
        "not in the file (no place)",
        never=(f"label_ts: {_LABEL_DELAY_NOTE}", "channel: taken from the category's ending"),
    ),
    "handbook": SourceAdapter(
        ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD"),
        (),
        _build_handbook,
        "",
        suffixes=(*TABLE_SUFFIXES, ".pkl"),
        never=("category and channel: 'unknown'", "place: none", f"label_ts: {_LABEL_DELAY_NOTE}"),
    ),
    "paysim": SourceAdapter(
        ("step", "type", "amount", "nameOrig", "nameDest", "isFraud"),
        ("oldbalanceOrg", "oldbalanceDest"),
        _build_paysim,
        "not in the file",
        most_cents=10_000_000_000,
        never=(
            "tx_id: the row's number",
            "place: none",
            "time: whole hours from 2026-01-01",
            f"label_ts: {_LABEL_DELAY_NOTE}",
        ),
    ),
    "ulb": SourceAdapter(
        ("Time", *ULB_GIVEN_COLUMNS, "Amount", "Class"),
        (),
        _build_ulb,
        "",
        never=(
            "tx_id: the row's number",
            "customer, terminal, category, channel and place: none, so that features of a "
            "customer or a terminal mean nothing",
            "time: seconds from 2013-09-01",
            f"label_ts: {_LABEL_DELAY_NOTE}",
        ),
    ),
}
