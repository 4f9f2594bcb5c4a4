"""Deliveries as they arrive: no number is silently wrong, and each refusal says why."""

import gzip
import io
import json
import zipfile
from datetime import date

import pandas as pd
import pytest

from fraudops.data import ingest, load_labels, load_refunds, load_transactions, look_at, open_source
from fraudops.data.ingestion import split_far_off_days
from fraudops.errors import UserError
from fraudops.monitoring import hold_broken_days
from fraudops.timeline import load_timeline

HEADER = "tx_id,timestamp,customer_id,terminal_id,amount,is_fraud,label_ts"
GOOD = {
    "tx_id": "T1",
    "timestamp": "2026-01-02 03:04:05",
    "customer_id": "c1",
    "terminal_id": "m1",
    "amount": "12.50",
    "is_fraud": "0",
    "label_ts": "",
}


def deliver(workspace, tmp_path, *changes: dict):
    """Ingest one sound row and one row for each change; return the transactions and reasons."""
    rows = [GOOD] + [GOOD | {"tx_id": f"X{i}"} | change for i, change in enumerate(changes)]
    path = tmp_path / "delivery.csv"
    pd.DataFrame(rows)[HEADER.split(",")].to_csv(path, index=False)
    ingest(open_source("csv", str(path)), workspace)
    rejected = pd.read_csv(workspace.path("data", "quarantine.csv"), dtype=str)
    return load_transactions(workspace).set_index("tx_id"), rejected["reason"].tolist()


@pytest.mark.parametrize("word", ["nan", "None", "<NA>", "NULL", "NaN", "null", "#N/A", "N/A", " "])
@pytest.mark.parametrize("column", ["customer_id", "terminal_id"])
def test_a_word_for_nothing_is_no_id(workspace, tmp_path, word, column):
    tx, reasons = deliver(workspace, tmp_path, {column: word})
    assert list(tx.index) == ["T1"] and reasons == [f"{column} is missing"]


@pytest.mark.parametrize("value", ["2.70E+15", "4,1e+15", "1E+09"])
@pytest.mark.parametrize("column", ["tx_id", "customer_id", "terminal_id"])
def test_an_id_whose_digits_are_cut_off_refuses_the_delivery(workspace, tmp_path, value, column):
    with pytest.raises(UserError, match=f"'{column}' has the id .* cut off its digits"):
        deliver(workspace, tmp_path, {column: value})
    assert not workspace.path("data", "transactions").exists()


@pytest.mark.parametrize("value", ["120.0", "7.00", "-3.0"])
@pytest.mark.parametrize("column", ["tx_id", "customer_id", "terminal_id"])
def test_an_id_with_decimals_refuses_the_delivery(workspace, tmp_path, value, column):
    with pytest.raises(UserError, match=f"'{column}' has the id '{value}'.*added decimals"):
        deliver(workspace, tmp_path, {column: value})
    assert not workspace.path("data", "transactions").exists()


def test_a_parquet_column_of_numbers_gives_whole_ids(workspace, tmp_path):
    rows = pd.DataFrame([GOOD | {"tx_id": str(i)} for i in range(3)]).drop(columns="label_ts")
    rows.assign(customer_id=[120.0, 121.0, None]).to_parquet(tmp_path / "delivery.parquet")
    ingest(open_source("csv", str(tmp_path / "delivery.parquet")), workspace)
    assert sorted(load_transactions(workspace)["customer_id"]) == ["120", "121"]


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_parquet_column_of_numbers_too_large_for_them_is_refused(workspace, tmp_path, kind):
    large = 2.0**53 if kind == "float64" else 2.0**24
    rows = pd.DataFrame([GOOD | {"tx_id": str(i)} for i in range(3)]).drop(columns="label_ts")
    for customer, is_read in ((large - 1, True), (large, False), (-large, False)):
        column = pd.Series([1.0, 2.0, customer], dtype=kind)
        rows.assign(customer_id=column).to_parquet(tmp_path / "delivery.parquet")
        source = open_source("csv", str(tmp_path / "delivery.parquet"))
        if is_read:
            ingest(source, workspace)
            continue
        with pytest.raises(UserError, match=r"'customer_id' holds ids .*longer ids are rounded"):
            ingest(source, workspace)


def test_declared_numbers_too_large_for_them_are_refused(workspace, tmp_path):
    (tmp_path / "delivery.yml").write_text("ids_as_numbers: [customer_id]\n")
    deliver(workspace, tmp_path, {"customer_id": "9007199254740991.0"})
    deliver(workspace, tmp_path, {"customer_id": "9007199254740993"})
    with pytest.raises(UserError, match=r"such as '9007199254740992\.0'"):
        deliver(workspace, tmp_path, {"customer_id": "9007199254740992.0"})


def test_an_id_that_numbers_invoices_refuses_the_delivery(workspace, tmp_path):
    changes = [{"tx_id": f"invoice{i % 10}", "amount": str(i)} for i in range(40)]
    with pytest.raises(UserError, match=r"'invoice0' on the lines 3, 13, 23, 33 of .*different"):
        deliver(workspace, tmp_path, *changes)
    assert not workspace.path("data", "transactions").exists()


def test_an_id_that_is_used_twice_is_named(workspace, tmp_path):
    tx, reasons = deliver(workspace, tmp_path, {"tx_id": "A"}, {"tx_id": "A", "amount": "3"})
    manifest = json.loads(workspace.path("data", "dataset.json").read_text())
    assert tx.loc["A", "amount_cents"] == 300 and not reasons
    assert "'A' on the lines 3, 4" in manifest["reused_ids"]
    deliver(workspace, tmp_path, {"tx_id": "A"}, {"tx_id": "B"})
    assert json.loads(workspace.path("data", "dataset.json").read_text())["reused_ids"] == ""


@pytest.mark.parametrize("value", ["e12", "E5", "1e", "a1e5", "12345", "7e55845557240517", "1e5"])
def test_an_id_that_only_looks_like_it_is_kept(workspace, tmp_path, value):
    tx, reasons = deliver(workspace, tmp_path, {"customer_id": value})
    assert tx.loc["X0", "customer_id"] == value and not reasons


@pytest.mark.parametrize("character", ["\t", "\x01", "\x1f"])
def test_a_control_character_in_an_id_is_refused_as_in_the_service(workspace, tmp_path, character):
    tx, reasons = deliver(workspace, tmp_path, {"terminal_id": f"Corner{character}Shop"})
    assert list(tx.index) == ["T1"] and "control character" in reasons[0]


@pytest.mark.parametrize(
    "value", ["1.025", "10.250", "1,025", "$1,025", " 988.125 ", "0,125", "1,02,500"]
)
def test_an_amount_that_may_be_thousands_is_not_read(workspace, tmp_path, value):
    tx, reasons = deliver(workspace, tmp_path, {"amount": value})
    assert list(tx.index) == ["T1"] and "is 1.025 a thousand?" in reasons[0]


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        ("988", 98_800),
        ("0.5", 50),
        ("1025.00", 102_500),
        ("12.340000000000001", 1_234),
        ("12,5", 1_250),
        ("1.025,50", 102_550),
        ("1,025.50", 102_550),
        ("12,025.00", 1_202_500),
        ("$12.50", 1_250),
        ("12,50 €", 1_250),
        ("THB 1,025.50", 102_550),
        ("1 025,50", 102_550),
        ("1\u00a0025.50", 102_550),
        ("1'025.50", 102_550),
        ("2,550.00 $", 255_000),
        ("₩ 1,025.00", 102_500),
        ("₺12,50", 1_250),
        ("R$ 1.025,50", 102_550),
        ("12,50 kr", 1_250),
        ("12.50 zł", 1_250),
        ("Fr. 12.50", 1_250),
        ("US$12.50", 1_250),
        ("PLN 12,50", 1_250),
        ("1,025.50 บาท", 102_550),
    ],
)
def test_an_amount_that_is_clear_is_read(workspace, tmp_path, value, cents):
    tx, reasons = deliver(workspace, tmp_path, {"amount": value})
    assert tx.loc["X0", "amount_cents"] == cents and not reasons


@pytest.mark.parametrize("value", ["1234.567", "12.3456", "0.0051", "$2.5001"])
def test_an_amount_with_a_fraction_of_a_cent_is_not_rounded(workspace, tmp_path, value):
    tx, reasons = deliver(workspace, tmp_path, {"amount": value})
    assert list(tx.index) == ["T1"] and reasons == ["the amount has a fraction of a cent"]


def test_a_typed_amount_with_a_fraction_of_a_cent_is_not_rounded(workspace, tmp_path):
    rows = pd.DataFrame([GOOD | {"tx_id": f"T{i}"} for i in range(4)]).drop(columns="label_ts")
    amounts = [1.005, 2.675, 0.1 + 0.2, 12345678.91]
    rows.assign(amount=amounts).to_parquet(tmp_path / "delivery.parquet")
    source = open_source("csv", str(tmp_path / "delivery.parquet"))
    assert ingest(source, workspace).quarantined == 3  # the last is over a million
    assert load_transactions(workspace)["amount_cents"].tolist() == [30]


@pytest.mark.parametrize("value", ["(12.50)", "-12,50", "\u221212.50", "-$12.50"])
def test_a_negative_amount_is_a_refund_whatever_its_marks(workspace, tmp_path, value):
    tx, reasons = deliver(workspace, tmp_path, {"amount": value})
    assert list(tx.index) == ["T1"] and not reasons
    assert load_refunds(workspace)["amount_cents"].tolist() == [-1_250]


def test_refunds_are_kept_and_never_scored(workspace, tmp_path):
    refund = {"amount": "-5.00", "is_fraud": "1"}
    tx, reasons = deliver(workspace, tmp_path, {"amount": "5.00"}, refund)
    assert "X0" in tx.index and "X1" not in tx.index and not reasons
    assert workspace.dataset()["refunds"] == 1 and workspace.dataset()["accepted"] == len(tx) + 1
    assert load_labels(workspace, 2**40).empty  # a refund has no fraud report
    assert load_refunds(workspace)["tx_id"].tolist() == ["X1"]


def test_more_refunds_than_purchases_refuse_the_delivery(workspace, tmp_path):
    with pytest.raises(UserError, match=r"2 of 3 amounts are negative\. .* change the signs"):
        deliver(workspace, tmp_path, {"amount": "-5.00"}, {"amount": "-7.00"})
    assert not workspace.path("data", "transactions").exists()


@pytest.mark.parametrize("other", ["₩5.00", "5.00 kr", "R$ 5,00", "A$5.00"])
def test_any_other_currency_refuses_the_delivery(workspace, tmp_path, other):
    with pytest.raises(UserError, match="several currencies"):
        deliver(workspace, tmp_path, {"amount": "$5.00"}, {"amount": other})


def test_amounts_of_several_currencies_refuse_the_delivery(workspace, tmp_path):
    with pytest.raises(UserError, match=r"several currencies \(\$, €\)"):
        deliver(workspace, tmp_path, {"amount": "$5.00"}, {"amount": "€5.00"})


def test_a_place_that_is_no_number_is_not_a_missing_place(workspace, tmp_path):
    rows = pd.DataFrame([GOOD | {"tx_id": str(i)} for i in range(3)])
    rows["lat"], rows["lon"] = ["13,75", "north", ""], ["100,5", "east", ""]
    rows.to_csv(tmp_path / "delivery.csv", index=False)
    done = ingest(open_source("csv", str(tmp_path / "delivery.csv")), workspace)
    tx = load_transactions(workspace).set_index("tx_id")
    assert (done.accepted, done.quarantined) == (2, 1) and "1" not in tx.index
    assert tx.loc["0", ["lat_cdeg", "lon_cdeg"]].tolist() == [1375, 10050]
    assert tx.loc["2", ["lat_cdeg", "lon_cdeg"]].isna().all()


@pytest.mark.parametrize(
    "value", ["today", "now", "NOW", "9999-12-31", "0001-01-01", "2026-13-01", "31-12-99", "x"]
)
def test_a_word_or_an_impossible_date_is_no_time(workspace, tmp_path, value):
    tx, reasons = deliver(workspace, tmp_path, {"timestamp": value})
    assert list(tx.index) == ["T1"] and reasons == ["the time is missing or unreadable"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2569-01-02 03:04", "Buddhist calendar"),
        ("02/01/2569", "Buddhist calendar"),
        ("2/1/2569 10:00", "Buddhist calendar"),
        ("2569/01/02", "Buddhist calendar"),
        ("03/04/2026", "year at the end"),
        ("25.12.2025 10:00", "year at the end"),
    ],
)
@pytest.mark.parametrize("fraud", ["0", "1"])
def test_a_time_of_another_calendar_or_form_is_named(workspace, tmp_path, value, reason, fraud):
    tx, reasons = deliver(workspace, tmp_path, {"timestamp": value, "is_fraud": fraud})
    assert list(tx.index) == ["T1"] and len(reasons) == 1
    assert reason in reasons[0] and ";" not in reasons[0]


def test_a_label_time_of_another_calendar_is_no_label_time(workspace, tmp_path):
    tx, reasons = deliver(workspace, tmp_path, {"label_ts": "2569-02-01", "is_fraud": "1"})
    assert list(tx.index) == ["T1"] and reasons == ["the label's time is unreadable"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05"),
        ("1767323045", "2026-01-02T03:04:05"),
    ],
)
def test_times_that_are_clear_are_read(workspace, tmp_path, value, expected):
    tx, reasons = deliver(workspace, tmp_path, {"timestamp": value})
    assert tx.loc["X0", "ts"] == pd.Timestamp(expected).timestamp() and not reasons


def test_a_label_time_that_no_clock_holds_costs_its_row_only(workspace, tmp_path):
    far = {"label_ts": "9999-12-31"}
    tx, reasons = deliver(workspace, tmp_path, far | {"is_fraud": "1"}, far, {"label_ts": "NULL"})
    assert sorted(tx.index) == ["T1", "X1", "X2"]  # a genuine one needs no label time
    assert reasons == ["the label's time is unreadable"]


def test_a_day_years_away_does_not_move_the_timeline(workspace, tmp_path):
    days = pd.date_range("2026-01-01", periods=60).strftime("%Y-%m-%d 10:00:00")
    rows = [{"timestamp": day, "tx_id": f"{day}{n}"} for day in days for n in range(3)]
    deliver(workspace, tmp_path, *rows)
    usual = load_timeline(workspace)
    for far in ("2016-01-03 10:00:00", "2025-06-01 10:00:00"):
        deliver(workspace, tmp_path, *rows, {"timestamp": far})
        assert load_timeline(workspace) == usual
        manifest = json.loads(workspace.path("data", "dataset.json").read_text())
        assert manifest["far_off"] == {far[:10]: 1} and manifest["accepted"] == len(rows) + 2


def test_a_long_gap_with_many_rows_on_both_sides_is_no_error():
    counts = {date(2024, 1, 1): 50, date(2026, 1, 1): 60}
    assert split_far_off_days(counts) == (sorted(counts), [])
    assert split_far_off_days({date(2026, 1, 1): 5}) == ([date(2026, 1, 1)], [])


def test_data_that_is_too_short_for_a_timeline_holds_no_day(workspace, tmp_path):
    deliver(workspace, tmp_path)
    assert hold_broken_days(workspace) == {} and workspace.held_days() == []
    assert workspace.path("data", "held.json").is_file()


THAI = "\u0e01\u0e32\u0e41\u0e1f"  # coffee


def as_csv(**changes: str) -> str:
    rows = pd.DataFrame([GOOD | {"tx_id": f"T{i}"} for i in range(200)]).assign(**changes)
    return rows.to_csv(index=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_certain_encoding_is_read(workspace, tmp_path, encoding):
    path = tmp_path / "DELIVERY.CSV"
    path.write_bytes(as_csv(category=THAI).encode(encoding))
    done = ingest(open_source("csv", str(path)), workspace)
    assert (done.read, done.accepted) == (200, 200)
    assert set(load_transactions(workspace)["category"]) == {THAI}


@pytest.mark.parametrize("encoding", ["cp874", "cp1252"])
def test_an_uncertain_encoding_is_refused_with_its_readings(workspace, tmp_path, encoding):
    word = THAI if encoding == "cp874" else "Caf\u00e9"
    path = tmp_path / "delivery.csv"
    path.write_bytes(as_csv(category=word).encode(encoding))
    with pytest.raises(UserError, match=rf"line 2 is not UTF-8.*[iI]n {encoding} it is .*{word}"):
        ingest(open_source("csv", str(path)), workspace)
    assert not workspace.path("data", "transactions").exists()


def test_a_cut_utf16_file_is_refused(workspace, tmp_path):
    path = tmp_path / "delivery.csv"
    path.write_bytes(as_csv().encode("utf-16")[:-1])
    with pytest.raises(UserError, match="damaged UTF-16"):
        ingest(open_source("csv", str(path)), workspace)


@pytest.mark.parametrize("name", ["delivery.csv", "delivery.csv.gz", "DELIVERY.CSV.GZ", "d.zip"])
@pytest.mark.parametrize("kind", ["plain", "gzip", "zip", "parquet"])
def test_the_bytes_and_not_the_name_say_what_a_file_is(workspace, tmp_path, name, kind):
    path = tmp_path / name
    if kind == "plain":
        path.write_text(as_csv())
    elif kind == "gzip":
        path.write_bytes(gzip.compress(as_csv().encode()))
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("delivery.csv", as_csv())
    else:
        pd.DataFrame([GOOD | {"tx_id": f"T{i}"} for i in range(200)]).to_parquet(path)
    assert ingest(open_source("csv", str(path)), workspace).accepted == 200


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "git lfs pull"),
        (b"<!DOCTYPE html><title>Log in</title>", "web page"),
        (b"\xef\xbb\xbf\n <HTML>", "web page"),
        (b'{"tx_id": "T1"}', "is JSON"),
        (b"[1, 2]", "is JSON"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel workbook"),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_file_that_is_no_table_is_named(workspace, tmp_path, content, advice, compress):
    path = tmp_path / "delivery.csv"
    path.write_bytes(compress(content))
    with pytest.raises(UserError, match=advice):
        ingest(open_source("csv", str(path)), workspace)


def test_a_workbook_is_named(workspace, tmp_path):
    path = tmp_path / "delivery.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(UserError, match="Excel workbook"):
        ingest(open_source("csv", str(path)), workspace)


def write_zip(path, **members: str):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_csv", ".csv"), content)
    return path


def test_an_archive_with_several_files_is_one_delivery(workspace, tmp_path):
    first, second = as_csv(), as_csv().replace("T1", "U1")
    other_order = pd.read_csv(io.StringIO(second), dtype=str)[HEADER.split(",")[::-1]]
    bad = other_order.to_csv(index=False) + "x\n"
    path = write_zip(tmp_path / "d.zip", a_csv=first, b_csv=bad)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/._a.csv", "x")
        archive.writestr(".DS_Store", "x")
    done = ingest(open_source("csv", str(path)), workspace)
    assert (done.read, done.accepted, done.quarantined) == (401, 311, 90)
    rejected = pd.read_csv(workspace.path("data", "quarantine.csv"), dtype=str)
    short = rejected[rejected["reason"].str.contains("fields")]
    assert short[["source", "line"]].to_numpy().tolist() == [["b.csv", "202"]]
    assert look_at(str(path)).counts["read"] == 401


def test_an_archive_with_different_tables_is_refused_with_the_question(workspace, tmp_path):
    path = write_zip(tmp_path / "d.zip", a_csv=as_csv(), customers_csv="customer_id,name\nc1,Ann\n")
    with pytest.raises(UserError, match=r"2 files with different columns\. Which is the delivery"):
        open_source("csv", str(path))
    assert "Which is the delivery?" in look_at(str(path)).refusal


@pytest.mark.parametrize("name", ["inner.zip", "rows.parquet", "frame.pkl", "book.xlsx"])
def test_an_archive_in_an_archive_is_refused(workspace, tmp_path, name):
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", as_csv())
        archive.writestr(name, b"PK\x03\x04")
    with pytest.raises(UserError, match=f"holds '{name}'"):
        open_source("csv", str(path))


@pytest.mark.parametrize("in_header", [0, 1, 3])
@pytest.mark.parametrize("in_rows", [0, 1, 3])
def test_empty_columns_at_the_end_are_no_damage(workspace, tmp_path, in_header, in_rows):
    header, *rows = as_csv().splitlines()
    lines = [header + "," * in_header, *(row + "," * in_rows for row in rows)]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    done = ingest(open_source("csv", str(tmp_path / "d.csv")), workspace)
    assert done.accepted == done.read == 200


def test_a_row_with_a_field_too_many_is_not_taken_for_an_empty_column(workspace, tmp_path):
    header, *rows = as_csv().splitlines()
    rows[50] = rows[50].replace("c1", "c1,x")
    (tmp_path / "d.csv").write_text("\n".join([header, *rows, rows[0] + ",", ""]))
    done = ingest(open_source("csv", str(tmp_path / "d.csv")), workspace)
    assert (done.accepted, done.quarantined) == (199, 2)


def test_columns_without_a_name_are_not_needed(workspace, tmp_path):
    lines = as_csv().splitlines()
    lines = [("," if at == 0 else f"{at},") + line + ",," for at, line in enumerate(lines)]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    assert ingest(open_source("csv", str(tmp_path / "d.csv")), workspace).accepted == 200
