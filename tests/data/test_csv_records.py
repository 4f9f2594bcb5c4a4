"""Every line of a CSV file is a record, broken, blank or of the header, whatever it contains."""

import csv
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudops.data import csv_records
from fraudops.data.readers import read_header, read_raw_rows
from fraudops.errors import UserError

HEADER = "a,b,c"


def read(path):
    """Rows as lists with their line, and the broken lines."""
    parts = list(read_raw_rows(path))
    rows = [
        (int(line), row)
        for part in parts
        for line, row in zip(part.line, part.frame.to_numpy().tolist(), strict=True)
    ]
    return rows, [one for part in parts for one in part.broken]


def write(folder, *lines, end="\n"):
    path = folder / "rows.csv"
    path.write_text(end.join([HEADER, *lines]) + end, encoding="utf-8", newline="")
    return path


def test_a_stray_quotation_mark_costs_one_line(tmp_path):
    path = write(tmp_path, *(f'{i},"x,y' if i in (3, 700) else f"{i},x,y" for i in range(2000)))
    rows, broken = read(path)
    assert len(rows) == 1998 and [line for line, _, _ in broken] == [5, 702]
    assert {reason for _, reason, _ in broken} == {"a quotation mark is not closed"}
    assert rows[4] == (7, ["5", "x", "y"])


def test_line_ends_in_quotation_marks_are_kept_and_lines_counted_as_in_the_file(tmp_path):
    path = write(tmp_path, '1,"two\nlines",z', '2,"a ""word""\n\nand more",z', "3,x", "", "4,y,z")
    rows, broken = read(path)
    assert rows == [
        (2, ["1", "two\nlines", "z"]),
        (4, ["2", 'a "word"\n\nand more', "z"]),
        (9, ["4", "y", "z"]),
    ]
    assert broken == [(7, "2 fields where the header has 3", "3,x")]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('1,5" wide,z', ["1", '5" wide', "z"]),  # no quoted field
        ('1,"5"" wide",z', ["1", '5" wide', "z"]),
        ('1,"a,b",z', ["1", "a,b", "z"]),
        ('1,"",z', ["1", "", "z"]),
    ],
)
def test_quotation_marks_on_one_line(tmp_path, line, row):
    assert read(write(tmp_path, line, "2,y,z")) == ([(2, row), (3, ["2", "y", "z"])], [])


def test_two_marks_of_which_one_opens_a_field_take_in_no_line(tmp_path):
    rows, broken = read(write(tmp_path, '1,x","z', "2,y,z", "3,y,z"))
    assert [line for line, _ in rows] == [3, 4] and [line for line, _, _ in broken] == [2]


def test_blocks_end_anywhere(tmp_path, monkeypatch):
    lines = [f'{i},"two\nlines {i}",z' if i % 3 else f'{i},"open,z' for i in range(60)]
    path = write(tmp_path, *lines, "61,y,z,too many")
    whole = read(path)
    assert len(whole[0]) == 40 and len(whole[1]) == 21
    for size in (7, 64, 333, 1000):
        monkeypatch.setattr(csv_records, "CHUNK_BYTES", size)
        assert read(path) == whole


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_three_systems(tmp_path, end, monkeypatch):
    monkeypatch.setattr(csv_records, "CHUNK_BYTES", 9)
    path = write(tmp_path, "1,y,z", "", "2,y,z", end=end)
    assert read(path) == ([(2, ["1", "y", "z"]), (4, ["2", "y", "z"])], [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path, delimiter):
    path = tmp_path / "rows.csv"
    path.write_text(f"a{delimiter}b\n1{delimiter}2\n", encoding="utf-8-sig")
    assert read_header(path) == ["a", "b"] and read(path)[0] == [(2, ["1", "2"])]


def test_a_header_over_two_lines_is_read_and_an_open_one_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('a,"b\nc"\n1,2\n', encoding="utf-8")
    assert read_header(path) == ["a", "b\nc"] and read(path)[0] == [(3, ["1", "2"])]
    path.write_text('a,"b\n' + "1,2\n" * 30, encoding="utf-8")
    with pytest.raises(UserError, match="header has a quotation mark that is not closed"):
        read_header(path)


def test_a_zip_of_a_mac_is_read(tmp_path):
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rows.csv", f"{HEADER}\n1,2,3\n")
        archive.writestr("__MACOSX/._rows.csv", "x")
    assert read(path)[0] == [(2, ["1", "2", "3"])]


texts = st.text(st.sampled_from('ab,"\n\r \u00e9'), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=12), st.integers(1, 200))
def test_what_the_csv_module_writes_is_read_back_or_named(tmp_path_factory, rows, size):
    """Valid files: rows that look like several records may be called broken, but none is lost."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([HEADER.split(","), *rows])
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    before, csv_records.CHUNK_BYTES = csv_records.CHUNK_BYTES, size
    try:
        found, broken = read(path)
    finally:
        csv_records.CHUNK_BYTES = before
    if not any("\n" in one or "\r" in one for row in rows for one in row):
        assert [row for _, row in found] == [row for row in rows if any(row)] and not broken
    n_lines = text.getvalue().replace("\r\n", "\n").replace("\r", "\n").count("\n")
    numbers = [line for line, _ in found] + [line for line, _, _ in broken]
    assert len(set(numbers)) == len(numbers) and all(1 < one <= n_lines for one in numbers)


def test_rows_in_quotation_marks_as_a_whole_are_unwrapped(tmp_path):
    path = write(tmp_path, '"1,""x, y"",2"', "3,z,4", '"5,""say """"no"""""",6"', '"7,8"')
    rows, broken = read(path)
    assert rows == [(2, ["1", "x, y", "2"]), (3, ["3", "z", "4"]), (4, ["5", 'say "no"', "6"])]
    assert broken == [(5, "1 fields where the header has 3", '"7,8"')]
    path.write_text('"a,b,c"\n"1,x,2"\n', encoding="utf-8")
    assert read_header(path) == ["a", "b", "c"] and read(path)[0] == [(2, ["1", "x", "2"])]
