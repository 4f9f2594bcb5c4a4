"""The canonical schema: what a valid row is, and how accepted rows are read."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pandera.pandas as pa

from fraudops.data.columns import IDENTIFIER_PATTERN, STORED_COLUMNS
from fraudops.data.kinds import KINDS, settle_kinds
from fraudops.data.values import (
    BUDDHIST_TS,
    FRACTION_CENTS,
    MISSING_HOUR_TS,
    ORDER_TS,
    REPEATED_HOUR_TS,
)
from fraudops.errors import UserError

MAX_AMOUNT_CENTS = (
    100_000_000  # one million: above it a unit is more likely wrong than a purchase right
)
SPREADSHEET_DAYS = (32_874, 73_050)  # 1990 to 2099, as spreadsheets count days
FINER_THAN_SECONDS = 10**11  # a time in seconds after the year 5138
EARLIEST_TS = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
UNREADABLE_TIMES = {
    BUDDHIST_TS: "the year of the time is 543 too high, as in the Buddhist calendar (subtract 543)",
    ORDER_TS: "the time has its year at the end (write `day_order` in delivery.yml)",
    MISSING_HOUR_TS: "the time does not exist: the clocks were put forward",
    REPEATED_HOUR_TS: "the time exists twice: the clocks were put back (write its offset)",
}


def build_transaction_schema(
    now: int, most_cents: int = MAX_AMOUNT_CENTS, given: tuple[str, ...] = ()
) -> pa.DataFrameSchema:
    """Build the pandera schema of the canonical table: one row per transaction.

    Parameters
    ----------
    now : int
        Seconds since 1970. A later transaction is in the future.
    most_cents : int, optional
        Largest accepted amount.
    given : tuple[str, ...], optional
        Numeric columns that the source brings already computed.

    Returns
    -------
    DataFrameSchema
    """

    def text(name: str) -> pa.Column:
        return pa.Column(
            str,
            nullable=False,
            coerce=False,
            checks=[
                pa.Check.str_length(1, 200, error=f"{name} is over 200 long"),
                pa.Check.str_matches(
                    IDENTIFIER_PATTERN, error=f"{name} has a control character, such as a tab"
                ),
            ],
        )

    return pa.DataFrameSchema(
        {
            "tx_id": text("tx_id"),
            "ts": pa.Column(
                "Int64",
                [
                    *(
                        pa.Check(lambda ts, one=value: ts != one, error=reason)
                        for value, reason in UNREADABLE_TIMES.items()
                    ),
                    pa.Check(
                        lambda ts: (
                            (ts >= EARLIEST_TS)
                            | ts.between(*SPREADSHEET_DAYS)
                            | ts.isin(list(UNREADABLE_TIMES))
                        ),
                        error="the time is before 1990",
                    ),
                    pa.Check(
                        lambda ts: ~ts.between(*SPREADSHEET_DAYS),
                        error="the time is the number of a day, as spreadsheets count (write "
                        "`time_unit` in delivery.yml)",
                    ),
                    pa.Check(
                        lambda ts: (ts <= now) | (ts >= FINER_THAN_SECONDS),
                        error="the time is in the future",
                    ),
                    pa.Check(
                        lambda ts: ts < FINER_THAN_SECONDS,
                        error="the time is in milliseconds or finer (write `time_unit` in "
                        "delivery.yml)",
                    ),
                ],
            ),
            "customer_id": text("customer_id"),
            "terminal_id": text("terminal_id"),
            "amount_cents": pa.Column(
                "Int64",
                [
                    # money that goes back is negative
                    pa.Check.ge(-most_cents, error=f"the amount is below -{most_cents // 100:,}"),
                    pa.Check.ne(FRACTION_CENTS, error="the amount has a fraction of a cent"),
                    pa.Check(
                        lambda cents: (cents <= most_cents) | (cents == FRACTION_CENTS),
                        error=f"the amount is over {most_cents // 100:,}",
                    ),
                ],
            ),
            "kind": pa.Column(
                str,
                pa.Check.isin(
                    KINDS,
                    error="the kind is no known word (write what it means under `kinds` in "
                    "delivery.yml)",
                ),
            ),
            "category": text("category"),
            "channel": text("channel"),
            "lat_cdeg": pa.Column(
                "Int64",
                pa.Check.in_range(-9000, 9000, error="the latitude is not between -90 and 90"),
                nullable=True,
            ),
            "lon_cdeg": pa.Column(
                "Int64",
                pa.Check.in_range(-18000, 18000, error="the longitude is not between -180 and 180"),
                nullable=True,
            ),
            "is_fraud": pa.Column("Int64", pa.Check.isin([0, 1])),
            "label_ts": pa.Column(
                "Int64", pa.Check.ge(0, error="the label's time is unreadable"), nullable=True
            ),
            **{
                name: pa.Column(
                    float,
                    pa.Check(
                        np.isfinite, error=f"{name.removeprefix('given_')} is infinite or no number"
                    ),
                    nullable=True,
                )
                for name in given
            },
        },
        checks=[
            pa.Check(
                lambda frame: (
                    frame["label_ts"].isna()
                    | (frame["label_ts"] < 0)  # unreadable, which has its own check
                    | frame["ts"].isna()
                    | (frame["label_ts"] >= frame["ts"])
                ),
                error="the label is older than the transaction",
            ),
            pa.Check(
                lambda frame: frame["lat_cdeg"].isna() == frame["lon_cdeg"].isna(),
                error="of latitude and longitude one is missing",
            ),
            pa.Check(
                lambda frame: (frame["kind"] != "purchase") | ~(frame["amount_cents"] < 0),
                error="the kind is purchase, and the amount is negative",
            ),
            pa.Check(
                lambda frame: (frame["kind"] == "purchase") | (frame["amount_cents"] != 0),
                error="the amount is 0, so no money goes back",
            ),
        ],
    )


NULL_REASONS = {
    "ts": "the time is missing or unreadable",
    "amount_cents": "the amount is missing, not a number, or unclear (is 1.025 a thousand?)",
    "is_fraud": "is_fraud is neither 0 nor 1",
}


def validate_chunk(
    chunk: "Chunk", now: int, most_cents: int = MAX_AMOUNT_CENTS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a chunk into accepted rows and quarantined ones (line, reason, row)."""
    frame = settle_kinds(chunk.frame.reset_index(drop=True))
    for name in ("tx_id", "customer_id", "terminal_id", "category", "channel"):
        frame[name] = frame[name].astype("str")
    for name in ("lat_cdeg", "lon_cdeg"):
        frame[name] = (
            frame[name].astype("Int64")
            if name in frame
            else pd.Series(pd.NA, frame.index, dtype="Int64")
        )
    given = tuple(name for name in frame if name.startswith("given_"))
    reasons = pd.Series("", index=frame.index, dtype=object)
    try:
        build_transaction_schema(now, most_cents, given).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].isna().any():  # not about rows: the source itself is wrong
            raise UserError(
                f"The source does not have the canonical columns: {cases['check'].iloc[0]}"
            ) from None
        null = cases["check"] == "not_nullable"
        named = (
            cases["column"].map(NULL_REASONS).fillna(cases["column"].astype(str) + " is missing")
        )
        cases = cases.assign(reason=named.where(null, cases["check"])).drop_duplicates(
            ["index", "reason"]
        )
        grouped = cases.groupby("index")["reason"].agg("; ".join)
        reasons.loc[grouped.index] = grouped
    bad = reasons != ""
    raw = chunk.raw.reset_index(drop=True)[bad]
    rows = [json.dumps(row, default=str, ensure_ascii=False) for row in raw.to_dict("records")]
    rejected = pd.DataFrame(
        {"line": chunk.line[bad], "reason": reasons[bad].to_numpy(), "row": rows}
    )
    broken = pd.DataFrame(chunk.broken, columns=["line", "reason", "row"])
    return frame[~bad].assign(line=chunk.line[~bad]), pd.concat(
        [rejected, broken], ignore_index=True
    )


CANONICAL_COLUMNS = (*STORED_COLUMNS, "is_fraud", "label_ts")


@dataclass
class Chunk:
    """Some rows of a source.

    Attributes
    ----------
    frame : DataFrame
        Canonical columns and ``given_*`` ones. A value that cannot be read is null.
    raw : DataFrame
        The rows as they are in the source.
    line : ndarray of int, shape (n,)
        Line or row number in the source, from 1.
    broken : list of tuple[int, str, str
        Rows with another number of fields than the header: line, reason, text.
    source : str
        Name of the file, if there is one.
    """

    frame: pd.DataFrame
    raw: pd.DataFrame
    line: np.ndarray
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    source: str = ""
