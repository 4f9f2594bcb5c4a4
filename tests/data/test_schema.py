"""Ingestion loses nothing: accepted + quarantined = read, each rejected row with line and
reason.
"""

import gzip
import zipfile
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from fraudops import data
from fraudops.data import open_source, schema
from fraudops.data.adapters import SOURCE_ADAPTERS
from fraudops.errors import UserError
from fraudops.serving.schemas import Transaction
from fraudops.timeline import load_timeline
from fraudops.workspace import Workspace, compute_fingerprint, read_json

HEADER = "tx_id,timestamp,customer_id,terminal_id,amount,is_fraud"
NOW = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())


def good_lines(days: int = 60) -> list[str]:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return [
        f"T{d},{(start + timedelta(d)).isoformat()},anna-{d % 3},shop é "
        f"{d % 5},{d + 0.5},{int(d % 9 == 0)}"
        for d in range(days)
    ]


def write(path, *extra: str, header: str = HEADER, encoding: str = "utf-8"):
    path.write_text("\n".join([header, *good_lines(), *extra]) + "\n", encoding=encoding)
    return path


def ingest(path, tmp_path, source: str = "csv"):
    workspace = Workspace.find(tmp_path / "workspace")
    return workspace, data.ingest(open_source(source, str(path)), workspace, now=NOW)


@pytest.mark.parametrize(
    "row, reason",
    [
        ("X,2026-01-05,c,t,much,0", "not a number"),
        ("X,2026-01-05,c,t,,0", "not a number"),
        ("X,2026-01-05,c,t,inf,0", "not a number"),
        ("X,2026-01-05,c,t,-9999999,0", "below -1,000,000"),
        ("X,2026-01-05,c,t,99999999,0", "over 1,000,000"),
        ("X,yesterday,c,t,3,0", "unreadable"),
        ("X,2031-01-05,c,t,3,0", "future"),
        ("X,1907-01-05,c,t,3,0", "before 1990"),
        ("X,2026-01-05,,t,3,0", "customer_id is missing"),
        (",2026-01-05,c,t,3,0", "tx_id is missing"),
        ("X,2026-01-05,c,t,3,maybe", "neither 0 nor 1"),
        ("T3,2026-01-05,c,t,3,0", "already on line 5"),
        ("X,2026-01-05,c,t", "4 fields"),
        ("X,2026-01-05,c,t,3,0,9,9", "8 fields"),
    ],
)
def test_a_bad_row_is_quarantined_and_the_others_are_kept(tmp_path, row, reason):
    workspace, result = ingest(write(tmp_path / "a.csv", row), tmp_path)
    assert (result.read, result.accepted, result.quarantined) == (61, 60, 1)
    quarantine = pd.read_csv(workspace.path("data", "quarantine.csv"))
    assert reason in quarantine["reason"][0] and quarantine["line"][0] == 62
    assert len(data.load_transactions(workspace)) == 60


def test_line_numbers_hold_after_broken_and_empty_lines(tmp_path):
    lines = good_lines()
    text = [HEADER, *lines[:10], "broken,row", "", *lines[10:], "X,2026-01-05,c,t,much,0"]
    (tmp_path / "a.csv").write_text("\n".join(text) + "\n", encoding="utf-8")
    workspace, result = ingest(tmp_path / "a.csv", tmp_path)
    quarantine = pd.read_csv(workspace.path("data", "quarantine.csv"))
    assert list(quarantine["line"]) == [12, len(text)]
    assert result.accepted + result.quarantined == result.read == 62


def test_ids_are_text_and_money_is_cents(tmp_path):
    workspace, _ = ingest(write(tmp_path / "a.csv"), tmp_path)
    tx = data.load_transactions(workspace)
    assert tx["customer_id"][0] == "anna-0" and tx["terminal_id"][1] == "shop é 1"
    assert list(tx["amount_cents"][:3]) == [50, 150, 250]
    labels = data.load_labels(workspace)
    sent = tx.set_index("tx_id")["ts"].loc[labels["tx_id"]].to_numpy()
    assert (labels["label_ts"].to_numpy() == sent + 7 * 86_400).all()


@pytest.mark.parametrize("suffix", [".csv.gz", ".zip"])
def test_compressed_files_give_the_same_data(tmp_path, suffix):
    plain = write(tmp_path / "a.csv")
    packed = tmp_path / f"b{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(plain, "a.csv")
    else:
        packed.write_bytes(gzip.compress(plain.read_bytes()))
    _, one = ingest(plain, tmp_path)
    _, two = ingest(packed, tmp_path)
    assert one.manifest["fingerprint"] == two.manifest["fingerprint"]


def test_ingesting_twice_gives_the_same_bytes(tmp_path):
    workspace, _ = ingest(write(tmp_path / "a.csv"), tmp_path)
    before = compute_fingerprint(workspace.path("data"))
    ingest(tmp_path / "a.csv", tmp_path)
    assert compute_fingerprint(workspace.path("data")) == before


def test_seconds_and_timestamps_mean_the_same(tmp_path):
    frame = pd.read_csv(write(tmp_path / "a.csv"))
    seconds = (
        (pd.to_datetime(frame.pop("timestamp")) - pd.Timestamp(0, tz="UTC"))
        .dt.total_seconds()
        .astype(int)
    )
    frame.assign(ts=seconds).to_csv(tmp_path / "b.csv", index=False)
    _, one = ingest(tmp_path / "a.csv", tmp_path)
    _, two = ingest(tmp_path / "b.csv", tmp_path)
    assert one.manifest["fingerprint"] == two.manifest["fingerprint"]


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda p: None, "not a file"),
        (lambda p: p.write_text(""), "empty"),
        (lambda p: p.write_text(HEADER + "\n"), "None of the 0 rows"),
        (lambda p: p.write_text(HEADER.replace("amount", "amt") + "\n1,2,3,4,5,0\n"), "'amount'"),
        (lambda p: p.write_bytes(HEADER.encode() + b"\n\xff\xfe,2026-01-01,c,t,5,0\n"), "UTF-8"),
        (lambda p: p.write_text(HEADER + ",amount\n"), "two columns named"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, make, said):
    path = tmp_path / "bad.csv"
    make(path)
    with pytest.raises(UserError, match=said) as caught:
        ingest(path, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_truncated_gzip_is_refused_and_leaves_earlier_data_alone(tmp_path):
    workspace, _ = ingest(write(tmp_path / "a.csv"), tmp_path)
    before = compute_fingerprint(workspace.path("data"))
    import random

    noise = random.Random(0)
    rows = [
        f"N{i},2026-02-01,c{noise.random()},t,{noise.random() * 100:.2f},0" for i in range(20_000)
    ]
    whole = gzip.compress("\n".join([HEADER, *rows]).encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cut off"):
        ingest(tmp_path / "cut.csv.gz", tmp_path)
    assert compute_fingerprint(workspace.path("data")) == before
    assert not list(workspace.path("data").glob(".*"))


def test_nothing_after_as_of_can_be_read(tmp_path):
    workspace = Workspace.find(tmp_path / "workspace")
    source = open_source("csv", str(write(tmp_path / "a.csv")))
    data.ingest(source, workspace, as_of="2026-02-20", now=NOW)
    as_of = read_json(workspace.path("data", "dataset.json"))["timeline"]["as_of"]
    assert as_of == int(datetime(2026, 2, 21, tzinfo=UTC).timestamp())
    assert data.load_transactions(workspace)["ts"].max() < as_of
    assert data.load_labels(workspace)["label_ts"].max() < as_of


def test_too_few_days_land_and_say_so(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "\n1,2026-01-01,c,t,5,0\n")
    workspace, done = ingest(tmp_path / "a.csv", tmp_path)
    assert done.accepted == 1 and done.manifest["timeline"] is None
    assert len(data.load_transactions(workspace)) == 1 and data.load_labels(workspace).empty
    with pytest.raises(UserError, match="1 days of data"):
        load_timeline(workspace)


def test_places_come_whole_or_not_at_all(tmp_path):
    frame = pd.read_csv(write(tmp_path / "a.csv")).assign(lat_cdeg=5000, lon_cdeg=1000)
    frame.loc[3, "lon_cdeg"], frame.loc[5, "lat_cdeg"] = None, 9100
    chunk = next(iter(open_source("csv", str(tmp_path / "a.csv")).chunks))
    chunk.frame[["lat_cdeg", "lon_cdeg"]] = frame[["lat_cdeg", "lon_cdeg"]].astype("Int64")
    good, bad = schema.validate_chunk(chunk, NOW)
    assert len(good) == 58 and list(bad["line"]) == [5, 7]
    assert "one is missing" in bad["reason"][0] and "latitude" in bad["reason"][1]


def test_a_frame_without_places_has_unknown_ones(tmp_path):
    chunk = next(iter(open_source("csv", str(write(tmp_path / "a.csv"))).chunks))
    chunk.frame = chunk.frame.drop(columns=["lat_cdeg", "lon_cdeg"])
    good, bad = schema.validate_chunk(chunk, NOW)
    assert (
        len(good) == 60
        and bad.empty
        and good["lat_cdeg"].isna().all()
        and good["lon_cdeg"].dtype == "Int64"
    )


def test_an_unknown_source_names_the_nearest():
    with pytest.raises(UserError, match="'sparkov'"):
        open_source("sparkow", "x.csv")


def test_the_service_takes_every_amount_that_a_source_may_bring():
    largest = max(adapter.most_cents for adapter in SOURCE_ADAPTERS.values())
    limit = Transaction.model_fields["amount"].metadata
    assert [one.le for one in limit if hasattr(one, "le")] == [largest / 100]
