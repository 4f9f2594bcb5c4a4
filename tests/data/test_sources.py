"""Public layouts in every file format become the same canonical rows; what is not a plain frame is
never loaded.
"""

import base64
import gzip
import pickle
import zipfile
import zlib
from pathlib import Path

import pandas as pd
import pytest

from fraudops import data
from fraudops.data import open_source, readers
from fraudops.data.adapters import SOURCE_ADAPTERS, ULB_START_TS
from fraudops.data.csv_records import CHUNK_BYTES
from fraudops.data.readers import CHUNK_ROWS
from fraudops.data.safe_pickle import read_pickled_frame
from fraudops.errors import UserError
from fraudops.timeline import DAY
from fraudops.workspace import Workspace

START = 1_522_540_800  # 2018-04-01

OLD_PICKLE = (  # three rows, written by pandas 1.5.3
    "c-oCr&1(}u6wl_vep#j1)}lqMNUfL9m^2zt%r;4Dnq~vZ78ESwY%=LC-E5Nmu#H$$#D2isI)Zn-37-"
    "2Wc=aS6_2hq{Z#Em6HkCLFGw;otH}m_weeb;vzW){Sxr2^1uu;KQxLh|$xN71WVRR^sZM@{lhwSznw!`LV5Y;wJMz3`r*9@DO2G*@`4I6lam=>"
    "ew7xj91GvC(1eU46gE=boD>)40Ui^wq=T6t3^Na0R!nqE3_7@H<;!O3Za8m;Z)<5F7WmPK6NBo*#9-"
    "3_bl6|P{L*jkN%|7hBiT{m!8IeNM_D($f%qankoHCnJ%>{f#lrvCgrcCgQlbGaZD?lVb}R{p?nr<@PMk@6cB%L)9m*)Fr0LMPmN+6ZcnZfh<K2"
    "naGsxo%jt>6C4_ULB_cfYk$%^Sxs!L1FFJ_=SO8rcR#3pkDbO1P7@p-}A4Zzs=4}_}HhT-"
    "+cY>V>xkaW`dh{fFi1zq{$>}5AY5ujs_^<78<g2t<0&zZT_6VU(NaXtd6KR)SDcmI@^P=dW<m8gRqTf{LAvs7i=}zd@%g|<1;zwrd(1<ay)7x7"
    "tDqFy%y-"
    "aruBX8k<S}~xB7i&524S#i>?<5C`BG)Zwz?rV3*gwc?3H=3SB&?@bXk{J>*Q*p=bgNi8!OdSRx)_RJa3TG_t^VqOl0qBGLE)WNH+wfk<>7=Ga{"
    "@3-e5Es!ehxgJ7G%^-f#@-s-gi-?<(pHse^PPS$*dY!fT2U<*3MFfzy%%JMy)+B-"
    "DVk=>pFC5TxskRebiF3k&aQItwzO3oG}lua`_B0olHQO?NOd<L}CT1hVCGeysqDdw}1xaw*{a8k?{)+8A^3CP?7l`^S<lrBNlb#~I?6Ho_1T`G"
    "!e;5XJ0Q7M&?#A3F<c(`cL;QdZ=cKIKCMX#Pk8cLj)S{Zm}4Lcs|;;O#wpE0NN(#^BO_KSp1&}5+p0W}`CPA^6^Vq-"
    "Uu>rkoKwxP>HEuTYG9dEeeWvuJ<Eelng2GlWhI;3NTK!@G893}i0z(o$O"
)

HANDBOOK = pd.DataFrame(
    {
        "TRANSACTION_ID": [0, 1, 2],
        "TX_DATETIME": pd.to_datetime([START + 31, START + 130, START + 476], unit="s"),
        "CUSTOMER_ID": ["596", "4961", "2"],
        "TERMINAL_ID": ["3156", "3412", "1365"],
        "TX_AMOUNT": [57.16, 81.51, 146.0],
        "TX_FRAUD": [0, 0, 1],
    }
)
PAYSIM = pd.DataFrame(
    {
        "step": [1, 1, 743],
        "type": ["PAYMENT", "TRANSFER", "CASH_OUT"],
        "amount": [9839.64, 181.0, 92_445_516.64],
        "nameOrig": ["C1", "C2", "C3"],
        "oldbalanceOrg": [170136.0, 181.0, 5.5],
        "newbalanceOrg": [160296.36, 0.0, 0.0],
        "nameDest": ["M1", "C4", "C5"],
        "oldbalanceDest": [0.0, 0.0, 21182.0],
        "newbalanceDest": [0.0, 0.0, 0.0],
        "isFraud": [0, 1, 1],
        "isFlaggedFraud": [0, 0, 0],
    }
)
ULB = pd.DataFrame(
    {"Time": [0.0, 0.0, 172792.0]}
    | {f"V{n}": [n / 8, -n / 8, 0.0] for n in range(1, 29)}
    | {"Amount": [149.62, 0.0, 2.69]}
).assign(Class=[0, 0, 1])
SPARKOV = pd.DataFrame(
    {
        "trans_date_trans_time": ["2019-01-01 00:00:18", "2019-01-01 00:00:44"],
        "cc_num": ["0604", "3534"],
        "merchant": ["fraud_A", "fraud_B"],
        "category": ["misc_net", "grocery_pos"],
        "amt": [4.97, 107.23],
        "trans_num": ["x1", "x2"],
        "merch_lat": [36.011293, 49.159047],
        "merch_long": [-82.048315, -118.186462],
        "is_fraud": [0, 1],
    }
)
IBM = pd.DataFrame(
    {
        "User": [0, 0, 1999],
        "Card": [0, 4, 0],
        "Year": [2002, 2018, 2019],
        "Month": [9, 12, 1],
        "Day": [1, 31, 2],
        "Time": ["06:21", "23:59", "00:00"],
        "Amount": ["$134.09", "$-5.10", "$1250.00"],
        "Use Chip": ["Swipe Transaction", "Chip Transaction", "Online Transaction"],
        "Merchant Name": [3527213246127876953, -727612092139916043, -727612092139916043],
        "Merchant City": ["La Verne", "Monterey Park", "ONLINE"],
        "Merchant State": ["CA", "CA", ""],
        "Zip": ["91750.0", "91754.0", ""],
        "MCC": [5300, 5411, 5411],
        "Errors?": ["", "Technical Glitch,", ""],
        "Is Fraud?": ["No", "No", "Yes"],
    }
)
FILES = {"handbook": HANDBOOK, "paysim": PAYSIM, "ulb": ULB, "sparkov": SPARKOV, "ibm": IBM}


def write(frame: pd.DataFrame, path: Path) -> Path:
    text = frame.to_csv(index=False).encode()
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".pkl":
        frame.to_pickle(path)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data.csv", text)
    else:
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def rows(name: str, path: Path) -> pd.DataFrame:
    return pd.concat(
        [chunk.frame for chunk in open_source(name, str(path)).chunks], ignore_index=True
    )


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", [".csv.gz", ".zip", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path, name, suffix):
    plain = rows(name, write(FILES[name], tmp_path / "a.csv"))
    assert (
        len(plain) == len(FILES[name])
        and plain[["ts", "amount_cents", "is_fraud"]].notna().all().all()
    )
    pd.testing.assert_frame_equal(plain, rows(name, write(FILES[name], tmp_path / f"b{suffix}")))


def test_handbook_rows_are_exact_and_pickles_say_the_same(tmp_path):
    frame = rows("handbook", write(HANDBOOK, tmp_path / "2018-04-01.pkl"))
    assert frame["tx_id"].tolist() == ["0", "1", "2"] and frame["customer_id"].tolist() == [
        "596",
        "4961",
        "2",
    ]
    assert frame["ts"].tolist() == [START + 31, START + 130, START + 476]
    assert frame["amount_cents"].tolist() == [5716, 8151, 14600]
    assert (
        frame["label_ts"].isna().tolist() == [True, True, False]
        and frame["label_ts"][2] == START + 476 + 7 * 86_400
    )
    pd.testing.assert_frame_equal(frame, rows("handbook", write(HANDBOOK, tmp_path / "a.csv")))


def test_a_pickle_of_pandas_1_is_read(tmp_path):
    (tmp_path / "old.pkl").write_bytes(zlib.decompress(base64.b85decode("".join(OLD_PICKLE))))
    pd.testing.assert_frame_equal(
        rows("handbook", tmp_path / "old.pkl"),
        rows("handbook", write(HANDBOOK, tmp_path / "a.csv")),
    )


def test_paysim_passes_on_only_what_was_known_before_the_payment(tmp_path):
    source = open_source("paysim", str(write(PAYSIM, tmp_path / "a.csv")))
    frame = next(iter(source.chunks)).frame
    assert frame["amount_cents"].tolist() == [983_964, 18_100, 9_244_551_664]
    assert (frame["ts"] - frame["ts"][0]).tolist() == [0, 0, 742 * 3600]
    assert [name for name in frame if name.startswith("given_")] == [
        "given_oldbalanceOrg",
        "given_oldbalanceDest",
    ]
    assert any("row's number" in phrase for phrase in source.not_filled)


def test_paysim_amounts_are_believed_by_the_contract(tmp_path):
    done = data.ingest(
        open_source("paysim", str(write(PAYSIM, tmp_path / "a.csv"))),
        Workspace.find(tmp_path / "w"),
    )
    assert (done.accepted, done.quarantined) == (3, 0)


def test_ulb_counts_an_hour_as_a_day_and_says_what_it_lacks(tmp_path):
    source, workspace = (
        open_source("ulb", str(write(ULB, tmp_path / "a.csv"))),
        Workspace.find(tmp_path / "w"),
    )
    assert any("each row stands for itself" in phrase for phrase in source.not_filled)
    assert any("an hour of the file counts as a day" in phrase for phrase in source.not_filled)
    done = data.ingest(source, workspace)
    # 48 hours are 48 days: two weeks are live
    assert done.accepted == 3 and done.manifest["timeline"]["live"] == ULB_START_TS + 34 * DAY
    tx = data.load_transactions(workspace)
    assert tx["ts"].tolist() == [ULB_START_TS, ULB_START_TS, ULB_START_TS + 24 * 172_792]
    assert tx["customer_id"].is_unique and tx["terminal_id"].is_unique
    assert {name for name in tx if name.startswith("given_")} == {
        f"given_V{n}" for n in range(1, 29)
    }
    assert tx.sort_values("tx_id")["given_V8"].tolist() == [1.0, -1.0, 0.0]
    assert not any(
        name.startswith("given_") for name in data.load_transactions(workspace, given=False)
    )


def test_ibm_cards_are_customers_and_a_chain_has_terminals_in_its_cities(tmp_path):
    source = open_source("ibm", str(write(IBM, tmp_path / "a.csv")))
    frame = next(iter(source.chunks)).frame
    assert frame["customer_id"].tolist() == ["0-0", "0-4", "1999-0"]
    assert frame["terminal_id"].nunique() == 3 and frame["terminal_id"][2].endswith(" ONLINE")
    when = pd.to_datetime(frame["ts"], unit="s").astype(str).tolist()
    assert when == ["2002-09-01 06:21:00", "2018-12-31 23:59:00", "2019-01-02 00:00:00"]
    assert frame["amount_cents"].tolist() == [13_409, -510, 125_000]
    assert frame["channel"].tolist() == ["swipe", "chip", "online"]
    assert frame["category"].tolist() == ["5300", "5411", "5411"]
    assert frame["is_fraud"].tolist() == [0, 0, 1]
    assert any(phrase.startswith("Errors?: left out") for phrase in source.not_filled)


def test_sparkov_places_are_those_of_shops_and_not_of_web_sites(tmp_path):
    frame = rows("sparkov", write(SPARKOV, tmp_path / "a.csv"))
    assert frame["lat_cdeg"].isna().tolist() == [True, False] and frame["lon_cdeg"][1] == -11819
    assert frame["customer_id"][0] == "0604"
    without = SPARKOV.drop(columns=["merch_lat", "merch_long"])
    source = open_source("sparkov", str(write(without, tmp_path / "b.csv")))
    assert any(phrase.startswith("merch_lat") for phrase in source.not_filled)


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name, part in (
        ("2018-04-02.csv", HANDBOOK[2:]),
        ("2018-04-01.parquet", HANDBOOK[:1]),
        ("2018-04-01b.pkl", HANDBOOK[1:2]),
    ):
        write(part.reset_index(drop=True), folder / name)
    (folder / ".hidden").write_text("x")
    chunks = list(open_source("handbook", str(folder)).chunks)
    assert [chunk.source for chunk in chunks] == [
        "2018-04-01.parquet",
        "2018-04-01b.pkl",
        "2018-04-02.csv",
    ]
    assert [chunk.frame["tx_id"].tolist() for chunk in chunks] == [["0"], ["1"], ["2"]]
    assert [chunk.line.tolist() for chunk in chunks] == [[1], [1], [2]]


def test_row_numbers_of_several_files_do_not_meet(tmp_path):
    for name in ("one.csv", "two.csv.gz"):
        write(ULB, tmp_path / name)
    assert rows("ulb", tmp_path)["tx_id"].tolist() == [
        "one-1",
        "one-2",
        "one-3",
        "two-1",
        "two-2",
        "two-3",
    ]


def test_a_bad_file_among_good_ones_stops_everything_before_it_begins(tmp_path):
    write(HANDBOOK, tmp_path / "a.csv")
    write(HANDBOOK.rename(columns={"TX_AMOUNT": "AMOUNT"}), tmp_path / "b.csv")
    with pytest.raises(UserError, match=r"b\.csv has no column 'TX_AMOUNT' \(is it 'AMOUNT'\?\)"):
        open_source("handbook", str(tmp_path))


@pytest.mark.parametrize(
    "name, said",
    [
        ("notes.txt", "notes.txt, which this source does not read"),
        ("a.pkl", "a.pkl, which this source"),
    ],
)
def test_a_file_of_another_kind_in_the_folder_is_named(tmp_path, name, said):
    write(SPARKOV, tmp_path / "a.csv")
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=said):
        open_source("sparkov", str(tmp_path))


def test_an_empty_folder_and_a_damaged_parquet_are_refused(tmp_path):
    with pytest.raises(UserError, match="empty folder"):
        open_source("csv", str(tmp_path))
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        open_source("csv", str(tmp_path))


def test_parquet_columns_of_the_wrong_type_go_to_quarantine(tmp_path):
    mixed = HANDBOOK.assign(TX_AMOUNT=["57.16", "much", "146"], TX_FRAUD=[False, False, True])
    done = data.ingest(
        open_source("handbook", str(write(mixed, tmp_path / "a.parquet"))),
        Workspace.find(tmp_path / "w"),
    )
    assert (done.accepted, done.quarantined) == (2, 1)


@pytest.mark.slow
def test_no_chunk_is_longer_than_the_limit(tmp_path):
    write(pd.concat([HANDBOOK] * (CHUNK_ROWS // 2), ignore_index=True), tmp_path / "a.parquet")
    line = b"1,2018-04-01 00:00:31,596,3156,57.16,0\n"
    (tmp_path / "b.csv").write_bytes(
        (",".join(HANDBOOK) + "\n").encode() + line * (CHUNK_BYTES // len(line) + 10)
    )
    for name, limit in (("a.parquet", CHUNK_ROWS), ("b.csv", CHUNK_BYTES // len(line) + 1)):
        sizes = [len(raw.frame) for raw in readers.read_raw_rows(tmp_path / name)]
        assert len(sizes) > 1 and max(sizes) <= limit


class Hostile:
    """A pickle that would leave a mark if anything in it ran."""

    def __init__(self, call, *arguments):
        self.parts = call, arguments

    def __reduce__(self):
        return self.parts


def hostile(mark: Path) -> dict[str, object]:
    import builtins
    import operator
    import os

    frame = HANDBOOK.astype(object)
    frame.loc[0, "CUSTOMER_ID"] = Hostile(os.mkdir, str(mark))
    return {
        "system": Hostile(os.system, f"mkdir {mark}"),
        "eval": Hostile(builtins.eval, f"__import__('os').mkdir({str(mark)!r})"),
        "nested": Hostile(pd.read_pickle, str(mark)),
        "getter": Hostile(operator.methodcaller("mkdir"), mark),
        "inside": frame,
        "loads": Hostile(pickle.loads, pickle.dumps(1)),
    }


@pytest.mark.parametrize("kind", ["system", "eval", "nested", "getter", "inside", "loads"])
def test_a_hostile_pickle_is_refused_before_it_runs(tmp_path, kind):
    mark = tmp_path / "mark"
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(hostile(mark)[kind]))
    with pytest.raises(UserError, match="which no plain table needs"):
        open_source("handbook", str(tmp_path / "a.pkl"))
    assert not mark.exists()


@pytest.mark.parametrize(
    "content, said",
    [
        (pickle.dumps({"a": 1}), "does not hold a frame"),
        (b"not a pickle", "cannot be read as a pickled frame"),
        (pickle.dumps(HANDBOOK)[:-30], "cannot be read as a pickled frame"),
        (
            pickle.dumps(pd.DataFrame({"a": pd.Series([[1], [2]], dtype=object)})),
            "in a column of objects",
        ),
    ],
)
def test_what_is_not_a_plain_frame_is_refused(tmp_path, content, said):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_pickled_frame(tmp_path / "a.pkl")


def test_every_source_is_offered_by_the_command_line():
    from fraudops.pipeline import SOURCES

    assert set(SOURCES) == {"simulate", *SOURCE_ADAPTERS}
