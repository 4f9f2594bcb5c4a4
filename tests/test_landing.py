"""Deliveries: twice, late, corrected, cut off. Nothing is lost, and the same rows always give the same bytes."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraudops import contract, landing, versions
from fraudops.sources import Chunk, Source
from fraudops.workspace import REPOSITORY, Workspace, digest

DAY = 86_400
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
NOW = START + 400 * DAY


def row(number: int, day: int, amount: int = 100, customer: str = "", fraud: int = 0) -> dict:
    ts = START + day * DAY + number
    return {
        "tx_id": f"T{number}", "ts": ts, "customer_id": customer or f"c{number % 5}", "terminal_id": f"m{number % 3}",
        "amount_cents": amount, "category": "food", "channel": "chip",
        "lat_cdeg": None if number % 7 == 0 else 5000, "lon_cdeg": None if number % 7 == 0 else 1000, "is_fraud": fraud,
        "label_ts": ts + DAY if fraud else None,
    }  # fmt: skip


ROWS = [row(n, day=n % 40, fraud=int(n % 17 == 0)) for n in range(200)]


def source(rows: list[dict], name: str = "till", chunk_rows: int = 1000) -> Source:
    def chunks() -> Iterable[Chunk]:
        for first in range(0, len(rows), chunk_rows):
            frame = pd.DataFrame(rows[first : first + chunk_rows])
            for column in ("ts", "amount_cents", "lat_cdeg", "lon_cdeg", "is_fraud", "label_ts"):
                frame[column] = frame[column].astype("Int64")
            yield Chunk(frame, frame, pd.RangeIndex(first + 2, first + 2 + len(frame)).to_numpy(), source=f"{name}.csv")

    return Source(name, iter(chunks()))


def ingest(workspace: Workspace, rows: list[dict], **options) -> landing.Ingested:
    name, size = options.pop("name", "till"), options.pop("chunk_rows", 1000)
    done = landing.ingest(source(rows, name, size), workspace, now=NOW, **options)
    assert done.read == done.accepted + done.quarantined == len(rows)
    return done


def state(workspace: Workspace) -> str:
    return digest(workspace.path("data", "transactions"))


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
    assert len(pd.read_parquet(workspace.path("data", "labels.parquet"))) == sum(r["is_fraud"] for r in ROWS)


@pytest.mark.parametrize("chunk_rows", [1, 7, 200])
def test_chunks_do_not_show_in_the_bytes(workspace, whole, chunk_rows):
    ingest(workspace, ROWS, chunk_rows=chunk_rows)
    assert state(workspace) == whole


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    files = {path: path.stat().st_ino for path in workspace.path("data", "transactions").glob("day=*/*")}
    ingest(workspace, [row(900, day=3)], add=True)
    changed = [path.parent.name for path, inode in files.items() if path.stat().st_ino != inode]
    assert changed == ["day=2026-01-04"]


def test_a_correction_becomes_the_current_version_and_the_old_one_is_on_record(workspace):
    ingest(workspace, ROWS)
    mended = row(7, day=7, amount=999, fraud=1)
    done = ingest(workspace, [mended], add=True, name="mended")
    assert (done.corrected, done.accepted) == (1, 1)
    tx = contract.load_transactions(workspace).set_index("tx_id")
    assert len(tx) == 200 and tx.loc["T7", "amount_cents"] == 999
    assert "T7" in set(contract.load_labels(workspace)["tx_id"])
    old = pd.read_parquet(workspace.path("data", "transactions", versions.SUPERSEDED))
    assert old[["tx_id", "amount_cents", "version", "replaced_by"]].to_numpy().tolist() == [
        ["T7", 100, 1, "line 2 of mended.csv"]
    ]


def test_a_correction_may_move_a_row_to_another_day_and_empty_its_old_one(workspace):
    lonely = row(777, day=39 + 10)
    ingest(workspace, [*ROWS, lonely])
    ingest(workspace, [lonely | {"ts": lonely["ts"] - DAY}], add=True)
    days = {path.name for path in workspace.path("data", "transactions").glob("day=*")}
    assert "day=2026-02-19" not in days and "day=2026-02-18" in days
    assert len(contract.load_transactions(workspace)) == 201


def test_versions_count_up_and_a_version_on_record_is_not_taken_again(workspace):
    ingest(workspace, ROWS)
    for amount in (200, 300):
        ingest(workspace, [row(7, day=7, amount=amount)], add=True)
    after = state(workspace)
    for amount in (100, 200, 300):  # all three are known
        assert ingest(workspace, [row(7, day=7, amount=amount)], add=True).unchanged == 1
    assert state(workspace) == after
    old = pd.read_parquet(workspace.path("data", "transactions", versions.SUPERSEDED))
    assert list(old["version"]) == [1, 2]
    assert contract.load_transactions(workspace).set_index("tx_id").loc["T7", "amount_cents"] == 300


def test_two_files_in_one_ingestion_or_one_after_the_other_are_the_same(tmp_path):
    second = [row(7, day=7, amount=200), row(11, day=12), row(500, day=1)]
    together, apart = Workspace.find(tmp_path / "together"), Workspace.find(tmp_path / "apart")
    ingest(together, [*ROWS, *second])
    ingest(apart, ROWS)
    ingest(apart, second, add=True)
    columns = ["tx_id", "ts", "amount_cents", "version"]
    for name in (versions.SUPERSEDED, "day=2026-01-08/data_0.parquet", "day=2026-01-13/data_0.parquet"):
        left, right = (pd.read_parquet(w.path("data", "transactions", name))[columns] for w in (together, apart))
        pd.testing.assert_frame_equal(left, right)


def test_another_customers_id_and_a_repetition_go_to_quarantine(workspace):
    done = ingest(workspace, [*ROWS, row(3, day=3, customer="stranger"), ROWS[9]])
    assert done.quarantined == 2 and done.corrected == 0
    reasons = pd.read_csv(workspace.path("data", "quarantine.csv"))
    assert list(reasons["line"]) == [202, 203]
    assert reasons["reason"][0] == "tx_id is already on line 5 of till.csv, for another customer"
    assert reasons["reason"][1] == "tx_id is already on line 11 of till.csv, with the same content"
    with pytest.raises(contract.UserError, match="already on record, for another customer"):
        landing.ingest(source([row(3, day=3, customer="stranger")], "next"), workspace, add=True, now=NOW)
    assert len(pd.read_csv(workspace.path("data", "quarantine.csv"))) == 3  # earlier deliveries' rows are kept
    assert len(contract.load_transactions(workspace)) == 200


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.builds(row, st.integers(0, 6), st.integers(0, 2), st.sampled_from([-1, 5, 6]), st.sampled_from(["a", "b"])),
        min_size=1,
    ),
    first=st.integers(0, 30),
)
def test_every_row_is_accounted_for(tmp_path_factory, rows, first):
    workspace = Workspace.find(tmp_path_factory.mktemp("account"))
    accepted = quarantined = unchanged = 0
    for part in (rows[:first], rows[first:]):
        try:
            done = landing.ingest(source(part), workspace, add=True, now=NOW)
        except contract.UserError:
            continue  # no valid row in this part
        assert done.read == len(part) == done.accepted + done.quarantined
        accepted, quarantined, unchanged = accepted + done.accepted, quarantined + done.quarantined, unchanged + done.unchanged
    if accepted:
        folder = workspace.path("data", "transactions")
        current = pd.concat([pd.read_parquet(path) for path in folder.glob("day=*/*.parquet")])
        old = len(pd.read_parquet(folder / versions.SUPERSEDED)) if (folder / versions.SUPERSEDED).exists() else 0
        assert current["tx_id"].is_unique and len(current) + old + unchanged == accepted


KILLED = """
import os, signal, sys
sys.path[:0] = [{repository!r}]
from tests.test_landing import ROWS, Workspace, ingest, row
from fraudops import versions

calls = 0
def deadly(real):
    def call(*a, **k):
        global calls
        calls += 1
        if calls == {moment}:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*a, **k)
    return call

os.replace, os.link = deadly(os.replace), deadly(os.link)
for name in ("stage", "resolve", "write_quarantine", "write_days", "_write_superseded", "write_labels"):
    setattr(versions.Landing, name, deadly(getattr(versions.Landing, name)))
versions.shutil.rmtree = deadly(versions.shutil.rmtree)
ingest(Workspace.find({folder!r}), ROWS[100:] + [row(7, day=7, amount=200)], add=True)
print("survived")
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_kill_at_any_moment_and_the_same_again_gives_the_same_bytes(tmp_path):
    rest = [*ROWS[100:], row(7, day=7, amount=200)]
    undisturbed = Workspace.find(tmp_path / "undisturbed")
    ingest(undisturbed, ROWS[:100])
    ingest(undisturbed, rest, add=True)
    moments = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]

    def cut_off(moment: int) -> Workspace:
        workspace = Workspace.find(tmp_path / f"killed{moment}")
        ingest(workspace, ROWS[:100])
        script = KILLED.format(repository=str(REPOSITORY), moment=moment, folder=str(workspace.root))
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert ended.returncode == -9, (moment, ended.stdout, ended.stderr)
        return workspace

    with ThreadPoolExecutor(2) as pool:
        for moment, workspace in zip(moments, pool.map(cut_off, moments), strict=True):
            ingest(workspace, rest, add=True)
            assert state(workspace) == state(undisturbed), moment
            left = [path.name for path in workspace.path("data").iterdir() if path.name.startswith(".")]
            assert not left, (moment, left)


def test_given_columns_pass_through(workspace):
    frame = [r | {"given_V1": n / 7} for n, r in enumerate(ROWS)]
    ingest(workspace, frame)
    tx = contract.load_transactions(workspace, given=True).set_index("tx_id")
    assert tx.loc["T21", "given_V1"] == 3.0 and "given_V1" not in contract.load_transactions(workspace)
    later = ingest(workspace, [row(900, day=3)], add=True)  # a delivery without them
    assert later.manifest["given"] == ["given_V1"]
    assert contract.load_transactions(workspace, given=True).set_index("tx_id")["given_V1"].isna().sum() == 1
    infinite = [row(901, day=3) | {"given_V1": float("inf")}, row(902, day=3) | {"given_V1": 1.0}]
    assert ingest(workspace, infinite, add=True).quarantined == 1
