"""Deliveries: twice, late, corrected, cut off. Nothing is lost, and the same rows always give the
same bytes.
"""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraudops import data as fraud_data
from fraudops.data import SUPERSEDED_FILE, IngestResult, load_labels, load_transactions
from fraudops.data.parquet import write_parquet
from fraudops.data.schema import Chunk
from fraudops.data.sources import Source
from fraudops.errors import UserError
from fraudops.workspace import REPOSITORY, Workspace, compute_fingerprint

DAY = 86_400
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
NOW = START + 400 * DAY


def row(number: int, day: int, amount: int = 100, customer: str = "", fraud: int = 0) -> dict:
    ts = START + day * DAY + number
    return {
        "tx_id": f"T{number}",
        "ts": ts,
        "customer_id": customer or f"c{number % 5}",
        "terminal_id": f"m{number % 3}",
        "amount_cents": amount,
        "category": "food",
        "channel": "chip",
        "lat_cdeg": None if number % 7 == 0 else 5000,
        "lon_cdeg": None if number % 7 == 0 else 1000,
        "is_fraud": fraud,
        "label_ts": ts + DAY if fraud else None,
    }


ROWS = [row(n, day=n % 40, fraud=int(n % 17 == 0)) for n in range(200)]


def source(rows: list[dict], name: str = "till", chunk_rows: int = 1000) -> Source:
    def chunks() -> Iterable[Chunk]:
        for first in range(0, len(rows), chunk_rows):
            frame = pd.DataFrame(rows[first : first + chunk_rows])
            for column in ("ts", "amount_cents", "lat_cdeg", "lon_cdeg", "is_fraud", "label_ts"):
                frame[column] = frame[column].astype("Int64")
            yield Chunk(
                frame,
                frame,
                pd.RangeIndex(first + 2, first + 2 + len(frame)).to_numpy(),
                source=f"{name}.csv",
            )

    return Source(name, iter(chunks()))


def ingest(workspace: Workspace, rows: list[dict], **options) -> IngestResult:
    name, size = options.pop("name", "till"), options.pop("chunk_rows", 1000)
    done = fraud_data.ingest(source(rows, name, size), workspace, now=NOW, **options)
    assert done.read == done.accepted + done.quarantined == len(rows)
    return done


def state(workspace: Workspace) -> str:
    return compute_fingerprint(workspace.path("data", "transactions"))


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.find(tmp_path / "workspace")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> str:
    workspace = Workspace.find(tmp_path_factory.mktemp("whole"))
    ingest(workspace, ROWS)
    return state(workspace)


def test_the_same_delivery_again_changes_nothing(workspace, whole):
    ingest(workspace, ROWS)
    again = ingest(workspace, ROWS, add=True)
    assert (again.unchanged, again.corrected, again.quarantined, again.late) == (200, 0, 0, 0)
    assert state(workspace) == whole
    assert len(pd.read_parquet(workspace.path("data", "labels.parquet"))) == sum(
        r["is_fraud"] for r in ROWS
    )


@pytest.mark.slow
@pytest.mark.parametrize("chunk_rows", [1, 7, 200])
def test_chunks_do_not_show_in_the_bytes(workspace, whole, chunk_rows):
    ingest(workspace, ROWS, chunk_rows=chunk_rows)
    assert state(workspace) == whole


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(200)), cuts=st.sets(st.integers(1, 199), min_size=1, max_size=3))
def test_deliveries_in_any_order_end_alike(tmp_path_factory, whole, order, cuts):
    workspace = Workspace.find(tmp_path_factory.mktemp("parts"))
    edges = [0, *sorted(cuts), 200]
    for low, high in itertools.pairwise(edges):
        ingest(workspace, [ROWS[i] for i in order[low:high]], add=True)
    assert state(workspace) == whole


def test_late_rows_land_in_their_own_day(workspace, whole):
    early = [r for r in ROWS if r["ts"] % 2 == 0]
    ingest(workspace, early)
    done = ingest(workspace, [r for r in ROWS if r["ts"] % 2], add=True)
    assert done.late > 90 and done.corrected == 0
    assert state(workspace) == whole


def test_untouched_days_are_not_written_again(workspace):
    ingest(workspace, ROWS)
    files = {
        path: path.stat().st_ino for path in workspace.path("data", "transactions").glob("day=*/*")
    }
    ingest(workspace, [row(900, day=3)], add=True)
    changed = [path.parent.name for path, inode in files.items() if path.stat().st_ino != inode]
    assert changed == ["day=2026-01-04"]


def test_a_correction_becomes_the_current_version_and_the_old_one_is_on_record(workspace):
    ingest(workspace, ROWS)
    mended = row(7, day=7, amount=999, fraud=1)
    done = ingest(workspace, [mended], add=True, name="mended")
    assert (done.corrected, done.accepted) == (1, 1)
    tx = load_transactions(workspace).set_index("tx_id")
    assert len(tx) == 200 and tx.loc["T7", "amount_cents"] == 999
    assert "T7" in set(load_labels(workspace)["tx_id"])
    old = pd.read_parquet(workspace.path("data", "transactions", SUPERSEDED_FILE))
    assert old[["tx_id", "amount_cents", "version", "replaced_by"]].to_numpy().tolist() == [
        ["T7", 100, 1, "line 2 of mended.csv"]
    ]


def test_a_correction_may_move_a_row_to_another_day_and_empty_its_old_one(workspace):
    lonely = row(777, day=39 + 10)
    ingest(workspace, [*ROWS, lonely])
    ingest(workspace, [lonely | {"ts": lonely["ts"] - DAY}], add=True)
    days = {path.name for path in workspace.path("data", "transactions").glob("day=*")}
    assert "day=2026-02-19" not in days and "day=2026-02-18" in days
    assert len(load_transactions(workspace)) == 201


def test_versions_count_up_and_a_version_on_record_is_not_taken_again(workspace):
    ingest(workspace, ROWS)
    for amount in (200, 300):
        ingest(workspace, [row(7, day=7, amount=amount)], add=True)
    after = state(workspace)
    for amount in (100, 200, 300):  # all three are known
        assert ingest(workspace, [row(7, day=7, amount=amount)], add=True).unchanged == 1
    assert state(workspace) == after
    old = pd.read_parquet(workspace.path("data", "transactions", SUPERSEDED_FILE))
    assert list(old["version"]) == [1, 2]
    assert load_transactions(workspace).set_index("tx_id").loc["T7", "amount_cents"] == 300


def test_two_files_in_one_ingestion_or_one_after_the_other_are_the_same(tmp_path):
    second = [row(7, day=7, amount=200), row(11, day=12), row(500, day=1)]
    together, apart = Workspace.find(tmp_path / "together"), Workspace.find(tmp_path / "apart")
    ingest(together, [*ROWS, *second])
    ingest(apart, ROWS)
    ingest(apart, second, add=True)
    columns = ["tx_id", "ts", "amount_cents", "version"]
    for name in (SUPERSEDED_FILE, "day=2026-01-08/data_0.parquet", "day=2026-01-13/data_0.parquet"):
        left, right = (
            pd.read_parquet(w.path("data", "transactions", name))[columns]
            for w in (together, apart)
        )
        pd.testing.assert_frame_equal(left, right)


def test_another_customers_id_and_a_repetition_go_to_quarantine(workspace):
    done = ingest(workspace, [*ROWS, row(3, day=3, customer="stranger"), ROWS[9]])
    assert done.quarantined == 2 and done.corrected == 0
    reasons = pd.read_csv(workspace.path("data", "quarantine.csv"))
    assert list(reasons["line"]) == [202, 203]
    assert reasons["reason"][0] == "tx_id is already on line 5 of till.csv, for another customer"
    assert reasons["reason"][1] == "tx_id is already on line 11 of till.csv, with the same content"
    with pytest.raises(UserError, match="already on record, for another customer"):
        fraud_data.ingest(
            source([row(3, day=3, customer="stranger")], "next"), workspace, add=True, now=NOW
        )
    # earlier deliveries' rows are kept
    assert len(pd.read_csv(workspace.path("data", "quarantine.csv"))) == 3
    assert len(load_transactions(workspace)) == 200


def reference(
    known: dict[str, list[dict]], rows: list[dict], name: str
) -> tuple[dict[str, int], list[tuple[int, str]]]:
    """The rules in plain Python: takes rows into `known` (versions by id, oldest first); counts,
    and lines with reasons.
    """
    before = {tx_id: list(found) for tx_id, found in known.items()}
    border = max((found[-1]["ts"] for found in before.values()), default=0) // DAY * DAY
    counts = dict.fromkeys(("read", "accepted", "quarantined", "corrected", "unchanged", "late"), 0)
    bad, here = [], {}
    for line, delivered in enumerate(rows, start=2):
        tx_id, kept = delivered["tx_id"], {k: v for k, v in delivered.items() if k != "tx_id"}
        owner = (known.get(tx_id) or [kept])[0]["customer_id"]
        earlier = here.setdefault(tx_id, {})
        counts["read"] += 1
        first = next((at for at, other in earlier.items() if other == kept), None)
        of_owner = next(
            (at for at, other in earlier.items() if other["customer_id"] == owner), None
        )
        if kept["customer_id"] != owner:
            where = f"line {of_owner} of {name}.csv" if of_owner else "record"
            bad.append((line, f"tx_id is already on {where}, for another customer"))
        elif first:
            bad.append(
                (line, f"tx_id is already on line {first} of {name}.csv, with the same content")
            )
        elif kept in before.get(tx_id, []):
            counts["unchanged"] += 1
        else:
            known.setdefault(tx_id, []).append(kept)
            counts["corrected"] += len(known[tx_id]) > 1
            counts["late"] += len(known[tx_id]) == 1 and kept["ts"] < border
        earlier[line] = kept
    counts["quarantined"] = len(bad)
    counts["accepted"] = counts["read"] - len(bad)
    return counts, bad


delivery = st.lists(
    st.builds(
        row,
        st.integers(0, 4),
        st.integers(0, 2),
        st.sampled_from([5, 6]),
        st.sampled_from(["a", "b"]),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(parts=st.lists(delivery, min_size=1, max_size=3))
def test_versions_quarantine_and_counts_are_what_the_rules_say(tmp_path_factory, parts):
    workspace = Workspace.find(tmp_path_factory.mktemp("rules"))
    folder, known, rejected, accepted, unchanged = (
        workspace.path("data", "transactions"),
        {},
        set(),
        0,
        0,
    )

    def deliver(number: int) -> None:
        nonlocal accepted, unchanged
        name = f"part{number}"
        counts, bad = reference(known, parts[number], name)
        rejected.update((f"{name}.csv", line, reason) for line, reason in bad)
        if counts["accepted"]:
            done = fraud_data.ingest(source(parts[number], name), workspace, add=True, now=NOW)
            assert {key: getattr(done, key) for key in counts} == counts
        else:
            with pytest.raises(UserError, match="None of the"):
                fraud_data.ingest(source(parts[number], name), workspace, add=True, now=NOW)
        found = pd.read_csv(workspace.path("data", "quarantine.csv"))
        assert (
            set(found[["source", "line", "reason"]].itertuples(index=False, name=None)) == rejected
        )
        assert len(found) == len(rejected)
        accepted, unchanged = accepted + counts["accepted"], unchanged + counts["unchanged"]

    for number in range(len(parts)):
        deliver(number)
    current = pd.concat(pd.read_parquet(path) for path in folder.glob("day=*/*.parquet")).set_index(
        "tx_id"
    )
    assert current[["ts", "amount_cents", "version"]].T.to_dict("list") == {
        tx_id: [found[-1]["ts"], found[-1]["amount_cents"], len(found)]
        for tx_id, found in known.items()
    }
    path = folder / SUPERSEDED_FILE
    old = (
        pd.read_parquet(path)
        if path.exists()
        else pd.DataFrame(columns=["tx_id", "version", "ts", "amount_cents"])
    )
    assert old[["tx_id", "version", "ts", "amount_cents"]].to_numpy().tolist() == [
        [tx_id, number, found["ts"], found["amount_cents"]]
        for tx_id in sorted(known)
        for number, found in enumerate(known[tx_id][:-1], start=1)
    ]
    before = state(workspace)
    for number in range(len(parts)):  # all of it once more
        deliver(number)
    assert state(workspace) == before
    assert accepted == len(current) + len(old) + unchanged


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
sys.path[:0] = [{repository!r}]
from tests.data.test_ingest import ROWS, REST, Workspace, ingest

STEPS = ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "open")
start = Path({start!r})
base = start.parent

def add(name, stop=0, log=None):
    # add the delivery to a copy, in a process that ends before its file-system step `stop`
    workspace, count = Workspace.find(base / name), 0
    if not workspace.root.exists():
        shutil.copytree(start, workspace.root)
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def before_step(event, args):
        nonlocal count
        if event in STEPS and str(workspace.root) in str(args[0]):
            count += 1
            if log:
                os.write(log, event.encode() + b" ")
            if count == stop:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(before_step)
    try:
        ingest(workspace, REST, add=True)
        os._exit(0)
    finally:
        os._exit(1)

log = os.open(base / "log", os.O_CREAT | os.O_WRONLY)
assert add("undisturbed", log=log) == 0
steps = (base / "log").read_text().split()
renames = [n for n, event in enumerate(steps, start=1) if event == "os.rename"]
for stop in sorted({{*renames, *range(1, len(steps), len(steps) // 6)}}):
    assert add(f"killed{{stop}}", stop) == -signal.SIGKILL, stop
    there = (base / f"killed{{stop}}" / "data" / "transactions").exists()
    assert add(f"killed{{stop}}") == 0, stop
    print(stop, there, flush=True)
"""
REST = [
    *ROWS[100:130],
    row(7, day=7, amount=200),
    row(8, day=9, amount=4),
    row(3, day=3, customer="stranger"),
]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_kill_before_any_step_and_the_same_again_gives_the_same_bytes(tmp_path):
    ingest(Workspace.find(tmp_path / "start"), ROWS[:100])
    script = KILLED.format(repository=str(REPOSITORY), start=str(tmp_path / "start"))
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    killed = dict(line.split() for line in ended.stdout.splitlines())
    # one kill fell between the two renames of the swap
    assert len(killed) > 9 and "False" in killed.values()
    wanted = tmp_path / "undisturbed" / "data"
    for stop in killed:
        data = tmp_path / f"killed{stop}" / "data"
        for name in ("transactions", "labels.parquet", "quarantine.csv"):
            assert compute_fingerprint(data / name) == compute_fingerprint(wanted / name), (
                stop,
                name,
            )
        assert not [path.name for path in data.iterdir() if path.name.startswith(".")], stop


def test_given_columns_pass_through(workspace):
    frame = [r | {"given_V1": n / 7} for n, r in enumerate(ROWS)]
    ingest(workspace, frame)
    tx = load_transactions(workspace, given=True).set_index("tx_id")
    assert tx.loc["T21", "given_V1"] == 3.0 and "given_V1" not in load_transactions(
        workspace, given=False
    )
    later = ingest(workspace, [row(900, day=3)], add=True)  # a delivery without them
    assert later.manifest["given"] == ["given_V1"]
    assert load_transactions(workspace, given=True).set_index("tx_id")["given_V1"].isna().sum() == 1
    infinite = [row(901, day=3) | {"given_V1": float("inf")}, row(902, day=3) | {"given_V1": 1.0}]
    assert ingest(workspace, infinite, add=True).quarantined == 1


def test_given_columns_that_come_later_give_the_bytes_of_one_ingestion(tmp_path):
    # most days are not touched
    with_given = [r | {"given_V2": n / 7, "given_V1": 1.0} for n, r in enumerate(ROWS[:3])]
    apart, together = Workspace.find(tmp_path / "apart"), Workspace.find(tmp_path / "together")
    ingest(apart, ROWS[3:])
    ingest(apart, with_given, add=True)
    both = Source("till", itertools.chain(source(ROWS[3:]).chunks, source(with_given).chunks))
    fraud_data.ingest(both, together, now=NOW)
    assert state(apart) == state(together)
    ingest(apart, [with_given[2] | {"given_V1": 2.0}], add=True)
    old = pd.read_parquet(apart.path("data", "transactions", SUPERSEDED_FILE))
    assert list(old["given_V1"]) == [1.0]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.sets(st.integers(1, 249_999), max_size=6))
def test_a_file_follows_from_its_rows_however_they_come_cut(tmp_path, cuts):
    numbers = np.arange(250_000)
    ids = pa.array(numbers * 7919 % 250_000).cast(pa.string())
    table = pa.table({"tx_id": ids, "ts": numbers, "given_V1": numbers / 7})
    edges = itertools.pairwise([0, *sorted(cuts), len(numbers)])
    write_parquet(
        (table.slice(low, high - low) for low, high in edges),
        table.schema,
        tmp_path / "cut.parquet",
    )
    write_parquet([table], table.schema, tmp_path / "whole.parquet")
    assert (tmp_path / "cut.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert pq.read_table(tmp_path / "cut.parquet").equals(table)


@pytest.mark.parametrize("name", ["it's", "a[1]*", "blank {x} é"])
def test_any_folder_will_do(tmp_path, name):
    workspace = Workspace.find(tmp_path / name)
    ingest(workspace, ROWS[:50])
    ingest(workspace, [*ROWS[40:], row(7, day=8)], add=True)
    assert len(load_transactions(workspace)) == 200


def test_rejected_text_survives_later_deliveries(workspace):
    odd = [
        'a,b"c',
        "x\ny",
        "x\r\ny",
        "lone\rcr",
        "back\\slash",
        '""',
        "NULL",
        "NA",
        " lead",
        "é\u2028z",
        "'",
        "=1+1",
        "-2",
        "@x",
        "n\0",
        "x" * 3_000_000,
    ]
    chunk = next(iter(source(ROWS[:5]).chunks))
    chunk.broken = [(100 + n, 'a reason, with "marks"', text) for n, text in enumerate(odd)]
    assert fraud_data.ingest(Source("till", iter([chunk])), workspace, now=NOW).quarantined == len(
        odd
    )
    quarantine = workspace.path("data", "quarantine.csv")
    # a spreadsheet must not take a row for a formula
    starts = ("=", "+", "-", "@", "\t", "\r", "'")
    assert list(pd.read_csv(quarantine, na_filter=False)["row"]) == [
        "'" * text.startswith(starts) + text.replace("\0", "\\0") for text in odd
    ]
    before = quarantine.read_bytes()
    for rows in (ROWS[5:9], ROWS[9:12]):
        ingest(workspace, rows, add=True)
    assert quarantine.read_bytes() == before


def test_a_wrong_date_changes_nothing(workspace):
    fraud_data.ingest(source([*ROWS, ROWS[3]]), workspace, now=NOW)
    before = compute_fingerprint(workspace.path("data"))
    for wrong in ({"as_of": "2026-01-10"}, {"as_of": "2025-01-10"}, {"live_start": "soon"}):
        with pytest.raises(UserError):
            ingest(workspace, ROWS[:150], **wrong)
        assert compute_fingerprint(workspace.path("data")) == before


def test_short_data_has_an_as_of_too(workspace):
    with pytest.raises(UserError, match="not a date"):
        ingest(workspace, ROWS[:20], live_start="soon")
    ingest(workspace, ROWS[:20], as_of="2026-01-05")
    assert load_transactions(workspace)["ts"].max() < START + 5 * DAY
    # by now it is long enough
    assert ingest(workspace, ROWS[20:], add=True).manifest["timeline"] is not None


def test_rejected_rows_of_a_hopeless_delivery_are_kept_beside_the_others(workspace):
    ingest(workspace, [*ROWS, ROWS[3]])
    before = state(workspace)
    with pytest.raises(UserError, match="None of the 1 rows"):
        fraud_data.ingest(
            source([row(0, day=3, amount=-999_999_999)], "hopeless"), workspace, now=NOW
        )
    assert list(pd.read_csv(workspace.path("data", "quarantine.csv"))["source"]) == [
        "hopeless.csv",
        "till.csv",
    ]
    assert state(workspace) == before


def test_data_of_another_layout_is_not_added_to(workspace):
    ingest(workspace, ROWS)
    for path in workspace.path("data", "transactions").glob("day=*/*"):
        pd.read_parquet(path).drop(columns="version").to_parquet(path)
    with pytest.raises(UserError, match="ingest its source again"):
        ingest(workspace, ROWS, add=True)


def test_two_ingestions_do_not_mix(workspace):
    with (
        FileLock(workspace.path("state", ".ingest.lock")),
        pytest.raises(UserError, match="Another ingestion"),
    ):
        ingest(workspace, ROWS)
