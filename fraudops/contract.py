"""The canonical schema, and ingestion that loses nothing: accepted + quarantined = read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pandera.pandas as pa

from fraudops.sources import Chunk, Source
from fraudops.timeline import plan_timeline
from fraudops.workspace import UserError, Workspace, atomic, digest, read_json, write_json

MOST_CENTS = 100_000_000  # one million: above it a unit is more likely wrong than a purchase right
EARLIEST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
QUARANTINE_COLUMNS = ("source", "line", "reason", "row")


def schema(now: int) -> pa.DataFrameSchema:
    """The canonical table: one row a transaction, times in seconds since 1970 (UTC), money in cents.

    Parameters
    ----------
    now : a transaction after this time is in the future
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
                    pa.Check.le(MOST_CENTS, error=f"the amount is over {MOST_CENTS // 100:,}"),
                ],
            ),
            "category": text("category"),
            "channel": text("channel"),
            "lat_cdeg": pa.Column("Int64", pa.Check.in_range(-9000, 9000), nullable=True),
            "lon_cdeg": pa.Column("Int64", pa.Check.in_range(-18000, 18000), nullable=True),
            "is_fraud": pa.Column("Int64", pa.Check.isin([0, 1])),
            "label_ts": pa.Column("Int64", nullable=True),
        },
        checks=pa.Check(
            lambda frame: frame["label_ts"].isna() | frame["ts"].isna() | (frame["label_ts"] >= frame["ts"]),
            error="the label is older than the transaction",
        ),
    )


NULL_REASONS = {
    "ts": "the time is missing or unreadable",
    "amount_cents": "the amount is missing or not a number",
    "is_fraud": "is_fraud is neither 0 nor 1",
}


def check(chunk: Chunk, now: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split a chunk into accepted rows (canonical columns and `line`) and quarantined ones (line, reason, row)."""
    frame = chunk.frame.reset_index(drop=True)
    for name in ("tx_id", "customer_id", "terminal_id", "category", "channel"):
        frame[name] = frame[name].astype("str")
    for name in ("lat_cdeg", "lon_cdeg"):
        frame[name] = frame[name].astype("Int64") if name in frame else pd.array([pd.NA] * len(frame), "Int64")
    reasons = pd.Series("", index=frame.index, dtype=object)
    try:
        schema(now).validate(frame, lazy=True)
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


@dataclass(frozen=True)
class Ingested:
    """Row counts of an ingestion, and the manifest it wrote."""

    read: int
    accepted: int
    quarantined: int
    manifest: dict


def ingest(
    source: Source,
    workspace: Workspace,
    *,
    live_start: str = "",
    as_of: str = "",
    now: int | None = None,
    on_rows: Callable[[int], None] = lambda n: None,
) -> Ingested:
    """Write a source's good rows as day partitions and its bad ones to quarantine.

    Parameters
    ----------
    live_start, as_of : dates (YYYY-MM-DD) for the timeline; empty means from the data
    now : seconds since 1970; later transactions are in the future (default: the clock, or the end of a simulated world)
    on_rows : called with the number of rows of each chunk, for a progress bar

    Raises
    ------
    UserError
        If the source has no valid row or too few days. The quarantine file is written all the same.
    """
    if now is None:
        now = int(datetime.now(UTC).timestamp())
        if source.world is not None:  # a simulated world has its own calendar, whatever this machine's clock says
            now = max(now, int(source.world.transactions["ts"].max()))
    quarantine = workspace.path("data", "quarantine.csv")
    with atomic(workspace.path("data", "transactions")) as folder, atomic(workspace.path("data", "labels.parquet")) as labels:
        stage = folder.with_name(folder.name + ".stage")
        try:
            stage.mkdir(parents=True)
            read, rejected = 0, []
            for number, chunk in enumerate(source.chunks):
                good, bad = check(chunk, now)
                good.to_parquet(stage / f"{number:05d}.parquet", index=False)
                rejected.append(bad)
                read += len(good) + len(bad)
                on_rows(len(good) + len(bad))
            doubles = _partition(stage, folder, labels) if read else pd.DataFrame()
        finally:
            _remove(stage)
        out = pd.concat([*rejected, doubles], ignore_index=True).assign(source=source.name)
        with atomic(quarantine) as temporary:
            if len(out):
                out = out.sort_values("line", kind="stable")
            out.reindex(columns=QUARANTINE_COLUMNS).to_csv(temporary, index=False)
        accepted = read - len(out)
        if not accepted:
            why = out["reason"].value_counts() if len(out) else pd.Series(dtype=int)
            most = f" Most often: {why.index[0]} ({why.iloc[0]} rows)." if len(why) else ""
            raise UserError(f"None of the {read} rows is a valid transaction.{most} See {quarantine}.")
        days = sorted(p.name.removeprefix("day=") for p in folder.iterdir())
        timeline = plan_timeline(date.fromisoformat(days[0]), date.fromisoformat(days[-1]), live_start, as_of)
    manifest = {
        "source": source.name,
        "read": read,
        "accepted": accepted,
        "quarantined": len(out),
        "first_day": days[0],
        "last_day": days[-1],
        "not_filled": list(source.not_filled),
        "timeline": vars(timeline),
        "fingerprint": digest(workspace.path("data", "transactions")),
    }
    write_json(workspace.path("data", "dataset.json"), manifest)
    return Ingested(read, accepted, len(out), manifest)


def _remove(folder: Path) -> None:
    for file in folder.glob("*"):
        file.unlink()
    folder.rmdir()


def _partition(stage: Path, folder: Path, labels: Path) -> pd.DataFrame:
    """Sort the staged rows into day folders and a label table; return later rows of a repeated tx_id for quarantine."""
    db = duckdb.connect()
    db.execute("SET threads = 1")  # one writer, so that equal rows give equal files
    db.execute(f"CREATE VIEW staged AS SELECT * FROM read_parquet('{stage.as_posix()}/*.parquet')")
    db.execute(
        "CREATE TABLE doubles AS SELECT tx_id, line, first_line FROM ("
        "SELECT tx_id, line, min(line) OVER (PARTITION BY tx_id) AS first_line FROM staged) WHERE line > first_line"
    )
    db.execute("CREATE VIEW kept AS SELECT * FROM staged WHERE line NOT IN (SELECT line FROM doubles)")
    db.execute(
        "COPY (SELECT tx_id, ts, customer_id, terminal_id, amount_cents, category, channel, lat_cdeg, lon_cdeg,"
        " strftime(make_timestamp(ts * 1000000), '%Y-%m-%d') AS day FROM kept ORDER BY day, ts, tx_id)"
        f" TO '{folder.as_posix()}' (FORMAT parquet, PARTITION_BY (day))"
    )
    db.execute(
        "COPY (SELECT tx_id, customer_id, terminal_id, label_ts, 1 AS is_fraud FROM kept WHERE is_fraud = 1"
        f" AND label_ts IS NOT NULL ORDER BY label_ts, tx_id) TO '{labels.as_posix()}' (FORMAT parquet)"
    )
    doubles = db.execute(
        "SELECT d.line, 'tx_id is already on line ' || d.first_line AS reason, s.* EXCLUDE (line) FROM doubles d"
        " JOIN staged s ON s.line = d.line ORDER BY d.line"
    ).df()
    rows = [json.dumps(row, default=str) for row in doubles.drop(columns=["line", "reason"]).to_dict("records")]
    return doubles[["line", "reason"]].assign(row=rows)


def load_transactions(workspace: Workspace, start: int | None = None, end: int | None = None) -> pd.DataFrame:
    """Accepted transactions with ``start <= ts < end``, in time order; ids are text, money is cents.

    `end` defaults to the run's `as_of`: nothing later can be read.
    """
    manifest = read_json(workspace.need("data", "dataset.json", made_by="1_1_ingest"))
    as_of = manifest["timeline"]["as_of"]
    folder = workspace.need("data", "transactions", made_by="1_1_ingest")
    return (
        duckdb.connect()
        .execute(
            "SELECT tx_id, ts, customer_id, terminal_id, amount_cents, category, channel, lat_cdeg, lon_cdeg"
            f" FROM read_parquet('{folder.as_posix()}/*/*.parquet', hive_partitioning = false)"
            " WHERE ts >= ? AND ts < ? ORDER BY ts, tx_id",
            [start or 0, min(end or as_of, as_of)],
        )
        .df()
        .astype({"lat_cdeg": "Int64", "lon_cdeg": "Int64"})
    )


def load_labels(workspace: Workspace, known_at: int | None = None) -> pd.DataFrame:
    """Fraud reports that had arrived before `known_at` (default: the run's `as_of`): tx_id, customer, terminal, label_ts."""
    manifest = read_json(workspace.need("data", "dataset.json", made_by="1_1_ingest"))
    as_of = manifest["timeline"]["as_of"]
    labels = pd.read_parquet(workspace.need("data", "labels.parquet", made_by="1_1_ingest"))
    return labels[labels["label_ts"] < min(known_at or as_of, as_of)].reset_index(drop=True)
