"""The canonical schema: what a row must be to be believed, and how what was accepted is read again."""

import json
from datetime import UTC, datetime

import duckdb
import numpy as np
import pandas as pd
import pandera.pandas as pa

from fraudops.partitions import day_files
from fraudops.sources import Chunk
from fraudops.timeline import day_start, parse_day
from fraudops.workspace import UserError, Workspace, read_json

HELD = "held.json"  # in data/: the days that are held back, because their data needs mending first
MOST_CENTS = 100_000_000  # one million: above it a unit is more likely wrong than a purchase right
EARLIEST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
TRANSACTION = (
    "tx_id", "ts", "customer_id", "terminal_id", "amount_cents", "category", "channel", "lat_cdeg", "lon_cdeg",
)  # fmt: skip


def schema(now: int, most_cents: int = MOST_CENTS, given: tuple[str, ...] = ()) -> pa.DataFrameSchema:
    """The canonical table: one row a transaction, times in seconds since 1970 (UTC), money in cents.

    Parameters
    ----------
    now : a transaction after this time is in the future
    most_cents : the largest amount that is believed
    given : names of numeric columns that the source brings ready-made
    """

    def text(name: str) -> pa.Column:
        return pa.Column(
            str, nullable=False, coerce=False, checks=pa.Check.str_length(1, 200, error=f"{name} is over 200 long")
        )

    return pa.DataFrameSchema(
        {
            "tx_id": text("tx_id"),
            "ts": pa.Column(
                "Int64",
                [
                    pa.Check.ge(EARLIEST, error="the time is before 1990"),
                    pa.Check.le(now, error="the time is in the future"),
                ],
            ),
            "customer_id": text("customer_id"),
            "terminal_id": text("terminal_id"),
            "amount_cents": pa.Column(
                "Int64",
                [
                    pa.Check.ge(0, error="the amount is negative"),
                    pa.Check.le(most_cents, error=f"the amount is over {most_cents // 100:,}"),
                ],
            ),
            "category": text("category"),
            "channel": text("channel"),
            "lat_cdeg": pa.Column(
                "Int64", pa.Check.in_range(-9000, 9000, error="the latitude is not between -90 and 90"), nullable=True
            ),
            "lon_cdeg": pa.Column(
                "Int64", pa.Check.in_range(-18000, 18000, error="the longitude is not between -180 and 180"), nullable=True
            ),
            "is_fraud": pa.Column("Int64", pa.Check.isin([0, 1])),
            "label_ts": pa.Column("Int64", nullable=True),
            **{
                name: pa.Column(float, pa.Check(np.isfinite, error=f"{name.removeprefix('given_')} is infinite"), nullable=True)
                for name in given
            },
        },
        checks=[
            pa.Check(
                lambda frame: frame["label_ts"].isna() | frame["ts"].isna() | (frame["label_ts"] >= frame["ts"]),
                error="the label is older than the transaction",
            ),
            pa.Check(
                lambda frame: frame["lat_cdeg"].isna() == frame["lon_cdeg"].isna(),
                error="of latitude and longitude one is missing",
            ),
        ],
    )


NULL_REASONS = {
    "ts": "the time is missing or unreadable",
    "amount_cents": "the amount is missing or not a number",
    "is_fraud": "is_fraud is neither 0 nor 1",
}


def check(chunk: Chunk, now: int, most_cents: int = MOST_CENTS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a chunk into accepted rows (canonical columns and `line`) and quarantined ones (line, reason, row)."""
    frame = chunk.frame.reset_index(drop=True)
    for name in ("tx_id", "customer_id", "terminal_id", "category", "channel"):
        frame[name] = frame[name].astype("str")
    for name in ("lat_cdeg", "lon_cdeg"):
        frame[name] = frame[name].astype("Int64") if name in frame else pd.Series(pd.NA, frame.index, dtype="Int64")
    given = tuple(name for name in frame if name.startswith("given_"))
    reasons = pd.Series("", index=frame.index, dtype=object)
    try:
        schema(now, most_cents, given).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].isna().any():  # not about rows: the source itself is wrong
            raise UserError(f"The source does not have the canonical columns: {cases['check'].iloc[0]}") from None
        null = cases["check"] == "not_nullable"
        named = cases["column"].map(NULL_REASONS).fillna(cases["column"].astype(str) + " is missing")
        cases = cases.assign(reason=named.where(null, cases["check"])).drop_duplicates(["index", "reason"])
        grouped = cases.groupby("index")["reason"].agg("; ".join)
        reasons.loc[grouped.index] = grouped
    bad = reasons != ""
    raw = chunk.raw.reset_index(drop=True)[bad]
    rows = [json.dumps(row, default=str, ensure_ascii=False) for row in raw.to_dict("records")]
    rejected = pd.DataFrame({"line": chunk.line[bad], "reason": reasons[bad].to_numpy(), "row": rows})
    broken = pd.DataFrame(chunk.broken, columns=["line", "reason", "row"])
    return frame[~bad].assign(line=chunk.line[~bad]), pd.concat([rejected, broken], ignore_index=True)


def _as_of(workspace: Workspace) -> int:
    """Until when data may be read, in seconds since 1970 (exclusive); data too short for a timeline has that too."""
    return read_json(workspace.need("data", "dataset.json", made_by="1_1_ingest"))["as_of"]


def held_days(workspace: Workspace) -> list[str]:
    """The days whose data is held back, as dates (see `quality.hold_back`)."""
    path = workspace.root / "data" / HELD
    return read_json(path)["days"] if path.is_file() else []


def load_transactions(
    workspace: Workspace, start: int | None = None, end: int | None = None, given: bool = False, held: bool = False
) -> pd.DataFrame:
    """Accepted transactions with ``start <= ts < end``, in time order, each in its current version.

    Ids are text, money is cents, places are hundredths of a degree (Int64, null where unknown). `end` defaults to the run's
    `as_of`: nothing later can be read. With `given`, the columns that a source brought ready-made (``given_*``) come too;
    days that are held back only with `held`.
    """
    as_of = _as_of(workspace)
    folder = workspace.need("data", "transactions", made_by="1_1_ingest")
    more = ", COLUMNS('given_.*')" if given and read_json(workspace.path("data", "dataset.json"))["given"] else ""
    broken = [] if held else [day_start(parse_day(day, "a day of held.json")) for day in held_days(workspace)]
    return (
        duckdb.connect()
        .execute(
            f"SELECT {', '.join(TRANSACTION)}{more} FROM {day_files(folder)} "
            "WHERE ts >= ? AND ts < ? AND NOT list_contains(?::BIGINT[], ts - ts % 86400) ORDER BY ts, tx_id",
            [start or 0, min(end or as_of, as_of), broken],
        )
        .df()
        .astype({"lat_cdeg": "Int64", "lon_cdeg": "Int64"})
    )


def load_labels(workspace: Workspace, known_at: int | None = None) -> pd.DataFrame:
    """Fraud reports that had arrived before `known_at` (default: the run's `as_of`): tx_id, customer, terminal, label_ts."""
    as_of = _as_of(workspace)
    labels = pd.read_parquet(workspace.need("data", "labels.parquet", made_by="1_1_ingest"))
    return labels[labels["label_ts"] < min(known_at or as_of, as_of)].reset_index(drop=True)
