"""Lines that say nothing, of which a small file may have millions."""

import gzip
import time
from pathlib import Path

import pytest

from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import DialectOptions, ExpectedColumn, LineCounts
from service.formats.csv.opening import SMALL_FILE, limit_of
from service.formats.csv.reader import blocks_of

EXPECTED = (ExpectedColumn("id", "integer", True), ExpectedColumn("department", "varchar", True))
BLANK = [b"\n", b"\r\n", b" \n", b"\t\n", b",,,\n", b" , \n", b",\n", b'""\n', b"\r \r\n"]


def read(path: Path, text: bytes) -> tuple[list[tuple[int, str | None]], LineCounts]:
    path.write_bytes(text)
    dialect = detect_dialect(path, EXPECTED, DialectOptions(), 1 << 40)
    records: list[tuple[int, str | None]] = []
    counts = LineCounts()
    for block in blocks_of(path, dialect, ("id", "department"), 1 << 40):
        records += zip(
            block.records["line"].to_pylist(), block.records["id"].to_pylist(), strict=True
        )
        for name in ("blank", "header", "skipped", "records"):
            setattr(counts, name, getattr(counts, name) + getattr(block.counts, name))
    return sorted(records), counts


@pytest.mark.parametrize("line", BLANK)
def test_lines_that_say_nothing_are_counted_wherever_they_stand(tmp_path, line):
    text = line * 3 + b"id,department\n" + line * 2 + b'1,a\n2,"x\n\n \ny"\n' + line + b"3,c\n"
    records, counts = read(tmp_path / "blank.csv", text)
    lines = text.count(b"\n")
    if line == b"\r \r\n":  # a CR that ends no line is a fault
        assert counts.blank == 0
    else:
        assert [number for _, number in records] == ["1", "2", "3"]
        assert [place for place, _ in records] == [7, 8, 13]
        assert (counts.blank, counts.header, counts.records) == (6, 1, 6)
    assert counts.blank + counts.header + counts.skipped + counts.records == lines


def test_a_million_of_them_take_no_time(tmp_path):
    began = time.process_time()
    records, counts = read(tmp_path / "x.csv", b"id,department\n1,a\n" + b"\n" * (1 << 20))
    assert (len(records), counts.blank) == (1, 1 << 20)
    assert time.process_time() - began < 5  # one by one, 15


def test_a_compressed_file_is_no_more_than_so_many_times_as_large(tmp_path):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"id,department\n1,a\n"))
    assert limit_of(path, 1 << 40, 200) == SMALL_FILE
    path.write_bytes(path.read_bytes() * 20_000)
    assert limit_of(path, 1 << 40, 200) == 200 * path.stat().st_size
    assert limit_of(path, 1000, 200) == 1000
    path.write_bytes(b"id,department\n")
    assert limit_of(path, 1 << 40, 200) == 1 << 40
