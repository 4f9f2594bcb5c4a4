"""A look at a delivery: what is certain is found, what is unclear is asked, and ingestion obeys."""

import gzip

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraudops import cli, data
from fraudops.data.day_order import collect_day_order
from fraudops.data.delivery import load_delivery
from fraudops.data.values import FRACTION_CENTS
from fraudops.errors import UserError
from fraudops.workspace import Workspace

HEADER = "tx_id,ts,customer_id,terminal_id,amount,is_fraud"


def write(folder, *rows: str, header: str = HEADER, name: str = "export.csv", encoding="utf-8"):
    file = folder / name
    file.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return file


def row(n: int, ts: str = "2026-01-02", amount: str = "5.00", customer: str = "C1") -> str:
    return f"T{n},{ts},{customer},M1,{amount},0"


def read(file, described_by: str = "", source: str = "csv") -> pd.DataFrame:
    opened = data.open_source(source, str(file), described_by=described_by)
    return pd.concat([chunk.frame for chunk in opened.chunks], ignore_index=True)


def read_ts(file) -> list[str]:
    return pd.to_datetime(read(file)["ts"], unit="s").dt.strftime("%Y-%m-%d %H:%M").tolist()


def describe(file, **settings):
    lines = [f"{key}: {value}" for key, value in settings.items()]
    (file.parent / "delivery.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["03/04/2026 09:30", "25/12/2025 10:00"], "day-month-year"),
        (["03/04/2026 09:30", "12/25/2025 10:00"], "month-day-year"),
        (["3.4.2026", "25.12.2025"], "day-month-year"),
    ],
)
def test_a_date_with_one_reading_settles_the_others(tmp_path, dates, order):
    file = write(tmp_path, *(row(n, ts) for n, ts in enumerate(dates)))
    look = data.look_at(str(file))
    assert look.delivery.day_order == order and not look.questions
    assert read_ts(file)[0][:10] == ("2026-04-03" if order == "day-month-year" else "2026-03-04")


def test_dates_with_two_readings_are_refused_with_the_question(tmp_path):
    file = write(tmp_path, row(1, "03/04/2026"), row(2, "05/06/2026"))
    with pytest.raises(UserError, match=r"day or the month first in 03/04/2026.*day_order"):
        data.open_source("csv", str(file))
    assert [one.key for one in data.look_at(str(file)).questions] == ["day_order"]
    assert read_ts(describe(file, day_order="month-day-year")) == [
        "2026-03-04 00:00",
        "2026-05-06 00:00",
    ]


def test_dates_in_both_orders_are_refused(tmp_path):
    file = write(tmp_path, row(1, "25/12/2025"), row(2, "12/25/2025"))
    with pytest.raises(UserError, match="have different orders of day and month"):
        data.open_source("csv", str(file))


def test_a_second_column_with_the_time_settles_the_order():
    text = ["03/04/2026 10:00", "05/04/2026 10:00"]
    frame = pd.DataFrame({"ts": text, "unix_time": ["1775210400", "1775383200"]})
    evidence = collect_day_order([frame], ("ts",))
    assert evidence.settle() == ("day-month-year", "the column 'unix_time' has the same times")
    other = frame.assign(unix_time=["1775210400", "1"])
    assert collect_day_order([other], ("ts",)).settle() == ("", "")


def test_a_few_local_dates_among_others_go_to_quarantine(tmp_path):
    file = write(tmp_path, row(1), row(2), row(3), row(4, "03/04/2026"))
    assert (read(file)["ts"] < 0).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("3/4/2026 1:05 PM", "2026-04-03 13:05"),
        ("3/4/2026 12:05 am", "2026-04-03 00:05"),
        ("03-04-2026 9:30", "2026-04-03 09:30"),
        ("03.04.2026", "2026-04-03 00:00"),
    ],
)
def test_local_times(tmp_path, written, read_as):
    file = write(tmp_path, row(1, written), row(2, "31/01/2026"))
    assert read_ts(file)[0] == read_as
    file = write(tmp_path, row(1, "2026-04-03T09:30:00"), row(2, written), row(3, "31/01/2026"))
    assert read_ts(file)[:2] == ["2026-04-03 09:30", read_as]


def test_impossible_local_dates_are_no_times(tmp_path):
    rows = [row(1, "31/02/2026"), row(2, "32/01/2026"), row(3, "25/01/26"), row(4, "25/01/2026")]
    file = describe(write(tmp_path, *rows), day_order="day-month-year")
    assert read(file)["ts"].isna().tolist() == [True, True, True, False]


def test_times_in_a_time_zone(tmp_path):
    file = write(tmp_path, row(1, "2026-01-02 07:00"), row(2, "2026-01-02T07:00:00Z"))
    assert read_ts(describe(file, time_zone="Asia/Bangkok")) == [
        "2026-01-02 00:00",
        "2026-01-02 07:00",
    ]
    # the hour that a change of clocks leaves out, and the one that comes twice
    rows = [row(1, "2026-03-29 02:30"), row(2, "2026-10-25 02:30"), row(3, "2026-07-01 02:30")]
    file = describe(write(tmp_path, *rows), time_zone="Europe/Berlin")
    data.ingest(data.open_source("csv", str(file)), Workspace.find(tmp_path / "ws"))
    reasons = pd.read_csv(tmp_path / "ws" / "data" / "quarantine.csv")["reason"].tolist()
    assert reasons == [
        "the time does not exist: the clocks were put forward",
        "the time exists twice: the clocks were put back (write its offset)",
    ]


@pytest.mark.parametrize(
    ("number", "unit"), [("1767312000000", "milliseconds"), ("46024", "spreadsheet days")]
)
def test_times_in_another_unit_are_named_and_read_when_declared(tmp_path, number, unit):
    file = write(tmp_path, row(1, number))
    with pytest.raises(UserError, match="time_unit"):
        data.ingest(data.open_source("csv", str(file)), Workspace.find(tmp_path / "workspace"))
    look = data.look_at(str(file))
    assert look.delivery.time_unit == unit and look.counts["accepted"] == 1
    assert read_ts(describe(file, time_unit=unit)) == ["2026-01-02 00:00"]


def test_the_decimal_mark_decides_what_1025_means(tmp_path):
    rows = [row(1, amount="1.025"), row(2, amount="988")]
    file = write(tmp_path, *rows)
    assert read(file)["amount_cents"].isna().tolist() == [True, False]
    assert [one.key for one in data.look_at(str(file)).questions] == ["decimal_mark"]
    for mark, cents in ((".", FRACTION_CENTS), (",", 102500)):
        assert read(describe(file, decimal_mark=f"'{mark}'"))["amount_cents"].tolist() == [
            cents,
            98800,
        ]


def test_the_other_amounts_tell_the_decimal_mark(tmp_path):
    rows = [row(1, amount='"1.025"')] + [row(2 + n, amount=f'"12,5{n}"') for n in range(10)]
    look = data.look_at(str(write(tmp_path, *rows)))
    assert look.delivery.decimal_mark == "," and look.counts["accepted"] == 11
    # a few are no proof
    look = data.look_at(str(write(tmp_path, *rows[:5])))
    assert [one.key for one in look.questions] == ["decimal_mark"]


def test_ids_that_are_declared_numbers_have_one_spelling(tmp_path):
    file = write(tmp_path, row(1, customer="120.0"))
    with pytest.raises(UserError, match="ids_as_numbers: \\[customer_id\\]"):
        read(file)
    assert data.look_at(str(file)).delivery.ids_as_numbers == ("customer_id",)
    parquet = tmp_path / "export.parquet"
    frame = pd.read_csv(file, dtype={"customer_id": float})
    frame.to_parquet(parquet)
    describe(file, ids_as_numbers="[customer_id]")
    assert read(file)["customer_id"].tolist() == read(parquet)["customer_id"].tolist() == ["120"]


def test_columns_of_another_system_are_proposed_and_renamed(tmp_path):
    header = "Transaction ID,Date,card,Merchant,Betrag,Class"
    file = write(tmp_path, row(1), header=header)
    look = data.look_at(str(file))
    assert look.delivery.columns["amount"] == "Betrag" and look.counts["accepted"] == 1
    data.write_delivery(look, tmp_path / "delivery.yml")
    assert read(file)["amount_cents"].tolist() == [500]
    assert data.look_at(str(file)).is_described
    with pytest.raises(UserError, match="exists already"):
        data.write_delivery(look, tmp_path / "delivery.yml")


def test_a_question_that_is_left_open_stops_ingestion(tmp_path):
    file = write(tmp_path, row(1), header=HEADER.replace("terminal_id", "colour"))
    look = data.look_at(str(file))
    assert look.questions[0].choices == ("terminal_id",)
    data.write_delivery(look, tmp_path / "delivery.yml")
    with pytest.raises(UserError, match="leaves a question open: terminal_id"):
        read(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour: red", "colour"),
        ("day_order: sideways", "day_order"),
        ("encoding: klingon", "no encoding 'klingon'"),
        ("time_zone: Mars/Base", "no time zone 'Mars/Base'"),
        ("time_zone: ../../etc/passwd", "no time zone"),
        ("a: [", "no YAML"),
        ("just words", "has no keys"),
        ("source: sparkow", "sparkow"),
        ("encoding: base64", "no encoding"),
        ("time_zone: 2026-02-30", "time_zone|YAML"),
        ("delimiter: |", "is empty"),
        ("currency: " + "1" * 5000, "currency|YAML"),
        ("files: " + "[" * 3000, "YAML"),
        ("columns: {colour: amount}", "'colour' under `columns`"),
        ("ids_as_numbers: [colour]", "'colour' under `ids_as_numbers`"),
    ],
)
def test_a_wrong_description_is_refused_in_words(tmp_path, text, told):
    file = write(tmp_path, row(1))
    (tmp_path / "delivery.yml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=told):
        read(file)
    look = data.look_at(str(file))
    assert look.refusal and data.describe_look(look)
    with pytest.raises(UserError, match="is missing"):
        load_delivery(file, str(tmp_path / "absent.yml"))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("{amount: betrag}", "'betrag'.*does not have it"),
        ("{amount: terminal_id}", "one name"),
        ("{amount: tx_id, ts: tx_id}", "two names"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path, columns, told):
    file = describe(write(tmp_path, row(1)), columns=columns)
    with pytest.raises(UserError, match=told):
        read(file)
    assert "under `columns`" in data.look_at(str(file)).refusal


def test_a_description_holds_for_the_files_that_it_names(tmp_path):
    file = describe(
        write(tmp_path, row(1, "7.5.2026")), files="['other*']", day_order="day-month-year"
    )
    with pytest.raises(UserError, match=r"does not name 'export\.csv'"):
        read(file)
    with pytest.raises(UserError, match=r"does not name 'export\.csv'"):
        read(tmp_path)
    assert len(read(file, described_by=str(tmp_path / "delivery.yml"))) == 1


@pytest.mark.parametrize("encoding", ["cp1252", "cp874", "utf-16"])
def test_a_declared_encoding_is_used(tmp_path, encoding):
    word = "ร้าน" if encoding == "cp874" else "Café"
    file = write(tmp_path, row(1).replace("M1", word), encoding=encoding)
    if encoding != "utf-16":
        look = data.look_at(str(file))
        assert look.questions[0].key == "encoding" and "not UTF-8" in look.refusal
        assert word in data.describe_look(look)
        describe(file, encoding=encoding)
    assert read(file)["terminal_id"].tolist() == [word]


def test_one_delivery_has_one_currency(tmp_path):
    write(tmp_path, row(1, amount="$5.00"), name="a.csv")
    write(tmp_path, row(2, amount="€5.00"), name="b.csv")
    with pytest.raises(UserError, match="several currencies"):
        read(tmp_path)
    file = describe(write(tmp_path, row(3, amount="$5.00"), name="c.csv"), currency="EUR")
    with pytest.raises(UserError, match=r"several currencies \(\$, €\)"):
        read(file)


def test_nested_columns_that_nobody_needs_are_left_out(tmp_path):
    frame = pd.read_csv(write(tmp_path, row(1)), dtype=str)
    table = pa.Table.from_pandas(frame).append_column("tags", pa.array([["a", "b"]]))
    pq.write_table(table, tmp_path / "export.parquet")
    assert read(tmp_path / "export.parquet")["tx_id"].tolist() == ["T1"]


def test_a_look_writes_nothing_and_names_what_ingestion_would_do(tmp_path):
    rows = [row(1), row(1), row(2, amount="-3"), row(3, ts="now"), row(4, ts="2016-01-01")]
    rows += [row(100 + n) for n in range(200)]
    file = tmp_path / "export.dat"
    file.write_bytes(gzip.compress("\n".join([HEADER, *rows]).encode()))
    look = data.look_at(str(file))
    assert sorted(tmp_path.iterdir()) == [file]
    counts = look.counts
    assert (counts["read"], counts["accepted"], counts["quarantined"]) == (205, 204, 1)
    assert counts["repeated_ids"] == 1 and counts["refunds"] == 1
    assert counts["far_off"] == ["2016-01-01"] and look.storage["compression"] == "gzip"
    assert list(look.quarantine) == ["the time is missing or unreadable"]


def test_a_look_refuses_payments_with_a_minus_as_ingestion_does(tmp_path):
    look = data.look_at(str(write(tmp_path, *(row(n, amount="-3") for n in range(9)))))
    assert "9 of 9 amounts are negative" in look.refusal


def test_the_description_is_kept_in_the_manifest(tmp_path):
    file = describe(write(tmp_path, row(1, "25.1.2026")), decimal_mark="'.'")
    ingested = data.ingest(data.open_source("csv", str(file)), Workspace.find(tmp_path / "ws"))
    kept = ingested.manifest["delivery"]
    assert kept == {"decimal_mark": ".", "day_order": "day-month-year"}


def test_the_command_ends_with_1_if_there_is_a_question(tmp_path, capsys):
    rows = [row(1, "25/01/2026"), row(2, "26/01/2026"), row(3, "\x1b[31mred")]
    file = write(tmp_path, *rows)
    assert cli.main(["look", str(file)]) == 0
    printed = capsys.readouterr().out
    assert (
        "fraudops run --until 1_1_ingest --source csv --path" in printed and "\x1b" not in printed
    )
    assert max(len(line) for line in printed.splitlines() if str(tmp_path) not in line) <= 80
    file = write(tmp_path, row(1, "03/04/2026"), name="unclear.csv")
    assert cli.main(["look", str(file), "--write"]) == 1
    assert "day_order: '?'" in (tmp_path / "delivery.yml").read_text(encoding="utf-8")
    assert cli.main(["look", str(tmp_path / "absent.csv")]) == 2
    assert "is not a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "settings", "read_as"),
    [
        ("2026-01-01 10:00:00+07", {"time_zone": "Asia/Bangkok"}, "2026-01-01 03:00"),
        ("2026-01-01T10:00:00.5-0330", {"time_zone": "Asia/Bangkok"}, "2026-01-01 13:30"),
        ("2026-01-01", {"time_zone": "Asia/Bangkok"}, "2025-12-31 17:00"),
        (
            "46027.5",
            {"time_unit": "spreadsheet days", "time_zone": "Asia/Bangkok"},
            "2026-01-05 05:00",
        ),
        ("2026/01/05 10:00", {}, "2026-01-05 10:00"),
    ],
)
def test_zones_and_spellings_of_times(tmp_path, written, settings, read_as):
    file = write(tmp_path, row(1, written))
    assert read_ts(describe(file, **settings) if settings else file) == [read_as]


@pytest.mark.parametrize("time", ["15:00 AM", "99:05 PM", "garbage 10:05 PM", "10:05:30:12PM"])
def test_half_day_times_that_do_not_exist_are_no_times(tmp_path, time):
    file = describe(write(tmp_path, row(1, f"25/01/2026 {time}")), day_order="day-month-year")
    assert read(file)["ts"].isna().all()


def test_a_declared_order_that_the_dates_cannot_have_is_refused(tmp_path):
    file = describe(
        write(tmp_path, row(1, "13/02/2026"), row(2, "14/02/2026")), day_order="month-day-year"
    )
    with pytest.raises(UserError, match="does not fit: 13/02/2026 and 1 others"):
        read(file)


def test_dates_in_two_orders_one_after_the_other_are_noticed():
    month_first = [f"{month:02}/{day:02}/2026" for month in (3, 4) for day in range(1, 13)]
    day_first = ["13/05/2026", "14/05/2026"]
    evidence = collect_day_order([pd.DataFrame({"ts": month_first + day_first})], ("ts",))
    order, reason = evidence.settle()
    assert order == "" and "in the order of time" in reason


def test_typed_numbers_of_parquet_have_one_reading(tmp_path):
    frame = pd.read_csv(write(tmp_path, row(1), row(2)), dtype=str)
    amounts = pa.array([128, 1025], pa.decimal128(18, 3))
    table = pa.Table.from_pandas(frame.drop(columns="amount")).append_column("amount", amounts)
    (tmp_path / "export.csv").unlink()
    file = tmp_path / "export.parquet"
    pq.write_table(table, file)
    assert not data.look_at(str(file)).questions
    for mark in ("", "','", "'.'"):
        if mark:
            describe(file, decimal_mark=mark)
        assert read(file)["amount_cents"].tolist() == [12800, 102500]


def test_a_wrong_declared_encoding_is_refused(tmp_path):
    file = describe(write(tmp_path, row(1).replace("M1", "Café")), encoding="cp1252")
    with pytest.raises(UserError, match=r"is UTF-8, and its description says"):
        read(file)


def test_a_file_without_rows_is_described(tmp_path):
    look = data.look_at(str(write(tmp_path)))
    assert look.counts["read"] == 0 and "Next:" not in data.describe_look(look)


def test_files_with_other_delimiters_and_damaged_pages_make_no_traceback(tmp_path):
    write(tmp_path, row(1), name="a.csv")
    write(tmp_path, row(2).replace(",", ";"), header=HEADER.replace(",", ";"), name="b.csv")
    assert data.look_at(str(tmp_path)).counts["accepted"] == 2
    frame = pd.concat([read(tmp_path)] * 500).astype(str)
    file = tmp_path / "c.parquet"
    frame.to_parquet(file)
    content = bytearray(file.read_bytes())
    content[40:200] = b"x" * 160
    file.write_bytes(content)
    with pytest.raises(UserError):
        read(file)


def test_one_currency_in_two_spellings_is_one(tmp_path):
    file = describe(
        write(tmp_path, row(1, amount="5.00 EUR"), row(2, amount="€5.00")), currency="€"
    )
    assert read(file)["amount_cents"].tolist() == [500, 500]


def test_a_file_that_is_cut_off_has_a_refusal(tmp_path):
    file = tmp_path / "export.csv.gz"
    rows = [row(n) for n in range(200)]
    file.write_bytes(gzip.compress("\n".join([HEADER, *rows]).encode())[:-40])
    look = data.look_at(str(file))
    assert "export.csv.gz is damaged or cut off" in look.refusal and not look.counts
