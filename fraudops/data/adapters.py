"""Adapters: how the columns of public data sets become canonical. Unreadable values become null."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from fraudops.data.readers import TABLE_SUFFIXES
from fraudops.data.schema import CANONICAL_COLUMNS
from fraudops.data.values import (
    ValueParser,
    is_missing,
    parse_centidegrees,
    parse_flag,
    parse_given,
    parse_number,
    parse_text,
    to_int64,
)
from fraudops.errors import UserError
from fraudops.timeline import DAY

LABEL_DELAY_DAYS = 7  # where a file says which rows are fraud but not when that was known
# the file counts hours from an unnamed day
PAYSIM_START_TS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
# two days of September 2013; which ones is not published
MAX_NAMES, MAX_NAME = 40, 30  # names in a message, and characters of each
UNREADABLE_LABEL_TS = -1  # the schema refuses it
ULB_START_TS = int(datetime(2013, 9, 1, tzinfo=UTC).timestamp())


def list_names(names: list[str]) -> str:
    """List names of columns for a message: escaped, and not without end."""
    shown = [name if name.isprintable() else repr(name)[1:-1] for name in names[:MAX_NAMES]]
    more = f", and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(name[:MAX_NAME] for name in shown) + more


def _delayed_label_ts(frame: pd.DataFrame) -> pd.Series:
    has_time = frame["ts"] >= 0  # the others have values that say what is wrong with the time
    return (frame["ts"] + LABEL_DELAY_DAYS * DAY).where((frame["is_fraud"] == 1) & has_time)


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
    time_columns : tuple[str, ...]
        Columns of the file with the transaction's time, where it is a date; one of them is there.
    id_columns : tuple[str, ...]
        Columns of the file with ids.
    amount_column : str
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[pd.DataFrame, pd.Series, ValueParser], pd.DataFrame]
    defaults: str
    suffixes: tuple[str, ...] = TABLE_SUFFIXES
    most_cents: int = 100_000_000
    never: tuple[str, ...] = ()
    time_columns: tuple[str, ...] = ()
    id_columns: tuple[str, ...] = ()
    amount_column: str = "amount"

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
                f"{file} has no column {', '.join(hints)}. It has: {list_names(names)}. "
                "Rename its columns, or choose another source."
            )
        absent = [name for name in self.optional if name not in names]
        return (*self.never, *(f"{name}: {self.defaults}" for name in absent))

    def apply(self, raw: pd.DataFrame, row: pd.Series, values: ValueParser) -> pd.DataFrame:
        """Convert raw rows and their row ids to canonical columns and ``given_*`` ones."""
        frame = self.build(raw, row, values)
        if "label_ts" not in frame:
            frame["label_ts"] = _delayed_label_ts(frame)
        frame["label_ts"] = frame["label_ts"].where(frame["is_fraud"] == 1)
        return frame.reindex(
            columns=[*CANONICAL_COLUMNS, *(name for name in frame if name.startswith("given_"))]
        )


def _build_csv(raw: pd.DataFrame, row: pd.Series, values: ValueParser) -> pd.DataFrame:
    blank = pd.Series("", index=raw.index, dtype=str)
    frame = pd.DataFrame(
        {
            "tx_id": values.parse_id(raw["tx_id"]),
            "ts": values.parse_ts(raw["ts"] if "ts" in raw else raw["timestamp"]),
            "customer_id": values.parse_id(raw["customer_id"]),
            "terminal_id": values.parse_id(raw["terminal_id"]),
            "amount_cents": values.parse_cents(raw["amount"]),
            "category": parse_text(raw.get("category", blank)).fillna("unknown"),
            "channel": parse_text(raw.get("channel", blank)).fillna("unknown"),
            "lat_cdeg": parse_centidegrees(raw.get("lat", blank)),
            "lon_cdeg": parse_centidegrees(raw.get("lon", blank)),
            "is_fraud": parse_flag(raw["is_fraud"]),
        }
    )
    written = raw.get("label_ts", blank)
    given = values.parse_ts(written)
    is_unreadable = (given.isna() | (given < 0)) & ~is_missing(written)
    given = given.fillna(_delayed_label_ts(frame)).mask(is_unreadable, UNREADABLE_LABEL_TS)
    return frame.assign(label_ts=given)


def _build_sparkov(raw: pd.DataFrame, row: pd.Series, values: ValueParser) -> pd.DataFrame:
    category = parse_text(raw["category"])
    online = category.str.endswith("_net").fillna(False).astype(bool)
    blank = pd.Series("", index=raw.index, dtype=str)
    return pd.DataFrame(
        {
            "tx_id": values.parse_id(raw["trans_num"])
            + "-"
            + values.parse_id(raw["cc_num"]),  # generated files repeat a number across cards
            "ts": values.parse_ts(raw["trans_date_trans_time"]),
            "customer_id": values.parse_id(raw["cc_num"]),
            "terminal_id": values.parse_id(raw["merchant"]),
            "amount_cents": values.parse_cents(raw["amt"]),
            "category": category.fillna("unknown"),
            "channel": np.where(online, "online", "card_present"),
            "lat_cdeg": parse_centidegrees(raw.get("merch_lat", blank)).mask(online),
            "lon_cdeg": parse_centidegrees(raw.get("merch_long", blank)).mask(online),
            "is_fraud": parse_flag(raw["is_fraud"]),
        }
    )


def _build_handbook(raw: pd.DataFrame, row: pd.Series, values: ValueParser) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tx_id": values.parse_id(raw["TRANSACTION_ID"]),
            "ts": values.parse_ts(raw["TX_DATETIME"]),
            "customer_id": values.parse_id(raw["CUSTOMER_ID"]),
            "terminal_id": values.parse_id(raw["TERMINAL_ID"]),
            "amount_cents": values.parse_cents(raw["TX_AMOUNT"]),
            "category": "unknown",
            "channel": "unknown",
            "is_fraud": parse_flag(raw["TX_FRAUD"]),
        }
    )


def _build_paysim(raw: pd.DataFrame, row: pd.Series, values: ValueParser) -> pd.DataFrame:
    # The balances after the payment tell how it ended, so they do not pass; those before it are
    # what was known.
    before = {
        name: parse_given(raw[name]) for name in ("oldbalanceOrg", "oldbalanceDest") if name in raw
    }
    return pd.DataFrame(
        {
            "tx_id": row,
            "ts": to_int64((parse_number(raw["step"]) - 1) * 3600 + PAYSIM_START_TS),
            "customer_id": values.parse_id(raw["nameOrig"]),
            "terminal_id": values.parse_id(raw["nameDest"]),
            "amount_cents": values.parse_cents(raw["amount"]),
            "category": parse_text(raw["type"]).fillna("unknown"),
            "channel": "online",
            "is_fraud": parse_flag(raw["isFraud"]),
            **{f"given_{name}": values for name, values in before.items()},
        }
    )


ULB_GIVEN_COLUMNS = tuple(f"V{number}" for number in range(1, 29))


def _build_ulb(raw: pd.DataFrame, row: pd.Series, values: ValueParser) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tx_id": row,
            "ts": to_int64(parse_number(raw["Time"]) + ULB_START_TS),
            "customer_id": "unknown",
            "terminal_id": "unknown",
            "amount_cents": values.parse_cents(raw["Amount"]),
            "category": "unknown",
            "channel": "unknown",
            "is_fraud": parse_flag(raw["Class"]),
            **{f"given_{name}": parse_given(raw[name]) for name in ULB_GIVEN_COLUMNS},
        }
    )


_LABEL_DELAY_NOTE = f"labels known {LABEL_DELAY_DAYS} days after the transaction"
SOURCE_ADAPTERS = {
    "csv": SourceAdapter(
        ("tx_id", "ts|timestamp", "customer_id", "terminal_id", "amount", "is_fraud"),
        ("category", "channel", "lat", "lon", "label_ts"),
        _build_csv,
        f"not in the file ('unknown' or empty; {_LABEL_DELAY_NOTE})",
        time_columns=("ts", "timestamp"),
        id_columns=("tx_id", "customer_id", "terminal_id"),
    ),
    "sparkov": SourceAdapter(
        ("trans_num", "trans_date_trans_time", "cc_num", "merchant", "category", "amt", "is_fraud"),
        ("merch_lat", "merch_long"),
        _build_sparkov,
        "not in the file (no place)",
        never=(f"label_ts: {_LABEL_DELAY_NOTE}", "channel: taken from the category's ending"),
        time_columns=("trans_date_trans_time",),
        id_columns=("trans_num", "cc_num", "merchant"),
        amount_column="amt",
    ),
    "handbook": SourceAdapter(
        ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD"),
        (),
        _build_handbook,
        "",
        suffixes=(*TABLE_SUFFIXES, ".pkl"),
        never=("category and channel: 'unknown'", "place: none", f"label_ts: {_LABEL_DELAY_NOTE}"),
        time_columns=("TX_DATETIME",),
        id_columns=("TRANSACTION_ID", "CUSTOMER_ID", "TERMINAL_ID"),
        amount_column="TX_AMOUNT",
    ),
    "paysim": SourceAdapter(
        ("step", "type", "amount", "nameOrig", "nameDest", "isFraud"),
        ("oldbalanceOrg", "oldbalanceDest"),
        _build_paysim,
        "not in the file",
        most_cents=10_000_000_000,
        id_columns=("nameOrig", "nameDest"),
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
        amount_column="Amount",
        never=(
            "tx_id: the row's number",
            "customer, terminal, category, channel and place: none, so that features of a "
            "customer or a terminal mean nothing",
            "time: seconds from 2013-09-01",
            f"label_ts: {_LABEL_DELAY_NOTE}",
        ),
    ),
}
