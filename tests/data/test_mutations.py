"""A damaged file is refused in one sentence, or each of its lines is accounted for."""

import gzip
import random
from pathlib import Path

import pandas as pd
import pytest

from fraudops.data import ingest, open_source
from fraudops.data.schema import validate_chunk
from fraudops.errors import UserError

COLUMNS = "tx_id,timestamp,customer_id,terminal_id,amount,is_fraud,category,lat,lon"
NOW = 1_800_000_000
N_ROWS, N_FILES = 60, 125
STRANGE = [
    *("\u202e", "\u0e51\u0e52", "\u0661", "1e400", "-1e400", "nan", "\x00", "\x1b[2J", '"', '""'),
    *("'", ",", ";", "\t", "|", "\r", "\n", "\r\n", "\ufeff", "\u2028", "\x0c", "=1+1", "9" * 400),
    *("x" * 10_000, "\U0001f4b3", "-", "()", "$", "€", ".", "1,2,3", "(1", "+5", "0x10", "1_000"),
]


def make_valid_csv(draw: random.Random) -> bytes:
    lines = [COLUMNS]
    for number in range(N_ROWS):
        day, amount = 1 + number % 28, draw.choice(["12.50", '"1,025.50"', "7", "$3.20"])
        category = draw.choice(["food", '"a, ""b"""', '"two\nlines"', "\u0e01\u0e32\u0e41\u0e1f"])
        lines.append(f"T{number},2026-01-{day:02d},C{number % 7},M1,{amount},0,{category},1.5,2.5")
    return "\n".join(lines).encode() + b"\n"


def damage(content: bytes, draw: random.Random) -> bytes:
    """Damage a file in one of the ways in which files arrive damaged."""
    at = draw.randrange(len(content))
    lines = content.split(b"\n")
    row = draw.randrange(len(lines))
    kind = draw.randrange(12)
    if kind == 0:  # a byte is another one
        return content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
    if kind == 1:  # something is put in
        return content[:at] + draw.choice(STRANGE).encode() + content[at:]
    if kind == 2:  # cut off
        return content[:at]
    if kind == 3:  # the header again
        return b"\n".join([*lines[:row], lines[0], *lines[row:]])
    if kind == 4:  # a line twice
        return b"\n".join([*lines[:row], lines[row], *lines[row:]])
    if kind == 5:  # a column is missing in all lines
        column = draw.randrange(9)
        return b"\n".join(
            b",".join(f for i, f in enumerate(line.split(b",")) if i != column) for line in lines
        )
    if kind == 6:  # mixed line ends
        return b"".join(line + draw.choice([b"\n", b"\r\n", b"\r"]) for line in lines)
    if kind == 7:  # a field is another one
        fields = lines[row].split(b",")
        fields[draw.randrange(len(fields))] = draw.choice(STRANGE).encode()
        return b"\n".join([*lines[:row], b",".join(fields), *lines[row + 1 :]])
    if kind == 8:  # a block of zeros, as after a crash
        return content[:at] + bytes(draw.randrange(1, 600)) + content[at:]
    if kind == 9:  # compressed, and cut off
        packed = gzip.compress(content)
        return packed[: draw.randrange(1, len(packed))]
    if kind == 10:  # UTF-16, and cut off
        return content.decode().encode("utf-16")[: draw.randrange(3, 2 * len(content))]
    return content[:at] + content[draw.randrange(len(content)) :]  # a piece is missing or twice


def count_lines(content: bytes) -> int:
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    text = content.decode("utf-16") if content[:2] == b"\xff\xfe" else content.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.count("\n") + (not text.endswith("\n"))


def read_damaged(path: Path) -> tuple[int, int]:
    """Read a file as ingestion does: its accepted and its refused records."""
    accepted = refused = 0
    for chunk in open_source("csv", str(path)).chunks:
        good, bad = validate_chunk(chunk, NOW)
        assert len(good) + len(bad) == len(chunk.raw) + len(chunk.broken)
        assert bad["reason"].str.len().gt(0).all()
        accepted, refused = accepted + len(good), refused + len(bad)
    return accepted, refused


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_refused_or_each_record_is_counted(tmp_path, seed):
    draw, outcomes = random.Random(seed), {"refused": 0, "read": 0}
    path = tmp_path / "delivery.csv"
    for _ in range(N_FILES):
        content = damage(make_valid_csv(draw), draw)
        path.write_bytes(content)
        try:
            accepted, refused = read_damaged(path)
        except UserError as error:
            outcomes["refused"] += 1
            assert "\n" not in str(error) and len(str(error)) < 1500, content
            assert "report this file" not in str(error), content  # lines were lost
        else:
            outcomes["read"] += 1
            assert accepted + refused <= count_lines(content), content
    assert min(outcomes.values()) > 10


def test_after_a_refusal_the_workspace_is_as_before(workspace, tmp_path):
    draw = random.Random(4)
    path = tmp_path / "delivery.csv"
    path.write_bytes(make_valid_csv(draw))
    ingest(open_source("csv", str(path)), workspace, now=NOW)
    before = pd.util.hash_array(_list_bytes(workspace))
    n_refused = 0
    for _ in range(60):
        path.write_bytes(damage(make_valid_csv(draw), draw))
        try:
            source = open_source("csv", str(path))
            list(source.chunks)
        except UserError:
            n_refused += 1
            with pytest.raises(UserError):
                ingest(open_source("csv", str(path)), workspace, now=NOW)
            assert (pd.util.hash_array(_list_bytes(workspace)) == before).all()
    assert n_refused > 5


def _list_bytes(workspace):
    files = sorted(workspace.path("data").rglob("*.parquet"))
    return pd.Series([file.read_bytes().hex() for file in files]).to_numpy()
