"""Adapters: how the columns of public data sets become canonical. Unreadable values become null."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from fraudops.data.readers import TABLE_SUFFIXES
from fraudops.data.source_adapter import LABEL_DELAY_DAYS, SourceAdapter, delay_label_ts
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
from fraudops.timeline import DAY

# the file counts hours from an unnamed day
PAYSIM_START_TS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
UNREADABLE_LABEL_TS = -1  # the schema refuses it
# two days of September 2013; which ones is not published
ULB_START_TS = int(datetime(2013, 9, 1, tzinfo=UTC).timestamp())
# Two days have no weeks, so an hour of the file counts as a day, and 48 hours as 48 days.
ULB_SECONDS = DAY // 3600
IBM_CHANNELS = {
    "Swipe Transaction": "swipe",
    "Chip Transaction": "chip",
    "Online Transaction": "online",
}


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
    given = given.fillna(delay_label_ts(frame)).mask(is_unreadable, UNREADABLE_LABEL_TS)
    if "kind" in raw:
        frame["kind"] = values.parse_kind(raw["kind"])
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
            "ts": to_int64(parse_number(raw["Time"]) * ULB_SECONDS + ULB_START_TS),
            # nobody is named, so each row stands for itself: no row has a history
            "customer_id": row,
            "terminal_id": row,
            "amount_cents": values.parse_cents(raw["Amount"]),
            "category": "unknown",
            "channel": "unknown",
            "is_fraud": parse_flag(raw["Class"]),
            **{f"given_{name}": parse_given(raw[name]) for name in ULB_GIVEN_COLUMNS},
        }
    )


def _build_ibm(raw: pd.DataFrame, row: pd.Series, values: ValueParser) -> pd.DataFrame:
    day = raw["Year"].str.strip()
    for name in ("Month", "Day"):
        day = day + "-" + raw[name].str.strip().str.zfill(2)
    use, place = raw["Use Chip"].str.strip(), values.parse_id(raw["Merchant City"])
    return pd.DataFrame(
        {
            "tx_id": row,
            "ts": values.parse_ts(day + " " + raw["Time"].str.strip()),
            "customer_id": values.parse_id(raw["User"]) + "-" + values.parse_id(raw["Card"]),
            # a chain has one name in all its cities
            "terminal_id": values.parse_id(raw["Merchant Name"]) + " " + place,
            "amount_cents": values.parse_cents(raw["Amount"]),
            "category": parse_text(raw["MCC"]).fillna("unknown"),
            "channel": use.map(IBM_CHANNELS).fillna(parse_text(use)).fillna("unknown"),
            "is_fraud": parse_flag(raw["Is Fraud?"]),
        }
    )


_LABEL_DELAY_NOTE = f"labels known {LABEL_DELAY_DAYS} days after the transaction"
SOURCE_ADAPTERS = {
    "csv": SourceAdapter(
        ("tx_id", "ts|timestamp", "customer_id", "terminal_id", "amount", "is_fraud"),
        ("category", "channel", "lat", "lon", "label_ts", "kind"),
        _build_csv,
        f"not in the file ('unknown' or empty; a minus says refund; {_LABEL_DELAY_NOTE})",
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
        label_column="TX_FRAUD",
    ),
    "paysim": SourceAdapter(
        ("step", "type", "amount", "nameOrig", "nameDest", "isFraud"),
        ("oldbalanceOrg", "oldbalanceDest"),
        _build_paysim,
        "not in the file",
        most_cents=10_000_000_000,
        label_column="isFraud",
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
        label_column="Class",
        never=(
            "tx_id: the row's number",
            "customer and terminal: none, so each row stands for itself and has no history",
            "category, channel and place: none",
            "time: an hour of the file counts as a day, from 2013-09-01, because two days have no "
            "weeks; hours and weekdays mean nothing",
            f"label_ts: {_LABEL_DELAY_NOTE}",
        ),
    ),
    "ibm": SourceAdapter(
        (
            *("User", "Card", "Year", "Month", "Day", "Time", "Amount", "Use Chip"),
            *("Merchant Name", "Merchant City", "MCC", "Is Fraud?"),
        ),
        (),
        _build_ibm,
        "",
        id_columns=("User", "Card", "Merchant Name"),
        amount_column="Amount",
        label_column="Is Fraud?",
        never=(
            "tx_id: the row's number",
            "place: none",
            "Errors?: left out, because an error is known after the decision",
            f"label_ts: {_LABEL_DELAY_NOTE}",
        ),
    ),
}
