"""Lines that say nothing, of which a small file may have millions."""

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import (
    DialectOptions,
    ExpectedColumn,
    LineCounts,
    UnreadableFile,
)
from service.formats.csv.lines import Lines
from service.formats.csv.opening import SMALL_FILE, limit_of
from service.formats.csv.reader import blocks_of
from service.formats.csv.record_reader import Records
from tests.support.chance import cases, chance

EXPECTED = (ExpectedColumn("id", "integer", True), ExpectedColumn("department", "varchar", True))
BLANK = [
    *(b"\n", b"\r\n", b" \n", b"\t\n", b",,,\n", b" , \n", b",\n", b"\r\r\n", b"\r \r\n"),
    *(b'""\n', b'"",""\n', b' "" ,\t""\r\n', b',"",,\n'),
]
# Lines that are records, right ones or wrong, each to be looked at by itself.
SAYING = {
    "too few": b"x\n",
    "too many": b"1,a,b,c,d\n",
    "very many": b"1," + b"a," * 1000 + b"\n",
    "remarks": b"# x\n",
    "returns alone": b"\r \r\n",
    "unclosed": b'"a\n',
    "stray": b'a"\n',
    "odd": b'"""\n',
    "pairs": b'1,"a""b"\n',
    "many pairs": b'1,"' + b'""' * 1000 + b'"\n',
    "several lines": b'1,"a\nb"\n',
    "blank within": b'1,"' + b"\n" * 1000 + b'"\n',
    "returns": b"1,a\rb\n",
    "strange": b"1,\xff\n",
    "padded": b" 1 , a \n",
    "long": b"1," + b"a" * 30_000 + b"\n",
}
PLAIN = b"17,some name\n"
BYTES = 200_000


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


def seconds(path: Path, line: bytes, size: int = BYTES) -> float:
    """CPU seconds that so many bytes of a line take, compressed."""
    text = b"id,department\n1,a\n2,b\n" + line * (size // len(line))
    compressed = gzip.compress(text, 1)
    began = time.process_time()
    read(path, compressed)
    return time.process_time() - began


def test_no_line_takes_much_more_than_a_plain_one(tmp_path):
    path = tmp_path / "x.csv"
    plain = min(seconds(path, PLAIN) for _ in range(2))
    of_a_line = plain / (BYTES // len(PLAIN))
    for line in set(BLANK) - {*SAYING.values()}:
        assert any(seconds(path, line) < 6 * plain for _ in range(2)), line
    for name, line in SAYING.items():
        most = 3 * plain + 60 * of_a_line * (BYTES // 4 // len(line))
        assert any(seconds(path, line, BYTES // 4) < most for _ in range(2)), name


def test_whatever_way_a_line_is_read_it_says_the_same(tmp_path, monkeypatch):
    random_ = chance("lines")
    texts = [
        b"id,department\n1,a\n2,b\n3,c\n"
        + "".join(random_.choices(marks, k=random_.randint(1, 60))).encode()
        for marks in ('"",,\n\n \t\r1aé\'\\', '"""",,\n\n ')
        for _ in range(cases(60))
    ]
    for kind, options in enumerate((DialectOptions(), DialectOptions(quote='"', nulls=("a",)))):
        with monkeypatch.context() as one_by_one:
            found = [_told(tmp_path / "x.csv", text, options) for text in texts]
            one_by_one.setattr(
                Lines, "blank_from", lambda lines, _: np.zeros(len(lines.ends), bool)
            )
            one_by_one.setattr(Records, "_simple", lambda *_: None)
            for text, fast in zip(texts, found, strict=True):
                assert fast == _told(tmp_path / "x.csv", text, options), (kind, text)


def _told(path: Path, text: bytes, options: DialectOptions) -> object:
    path.write_bytes(text)
    try:
        dialect = detect_dialect(path, EXPECTED, options, 1 << 40)
        [block] = blocks_of(path, dialect, ("id", "department"), 1 << 40)
    except UnreadableFile as error:
        return error.detail
    return sorted(block.records.to_pylist(), key=lambda row: row["line"]), block.counts


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
