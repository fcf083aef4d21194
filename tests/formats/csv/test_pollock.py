"""The files of the Pollock benchmark: each is read right, or what is in doubt is kept out."""

import csv
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.pollock import COLUMNS, File, given, polluted_rows
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import DialectOptions, ExpectedColumn, LineCounts, UnreadableFile
from service.formats.csv.reader import blocks_of
from tests.support import CHECKOUT

FOLDER = CHECKOUT.parent / "shared" / "data" / "pollock"
FILES = {file.name: file for file in given(FOLDER)} if FOLDER.exists() else {}
NO_LIMIT = 1 << 40
EXPECTED = tuple(ExpectedColumn(name, "varchar", False) for name in COLUMNS)

# A second table below the first: nothing in a table of texts says where it begins.
SECOND_TABLE = ("file_multitable_less", "file_multitable_more", "file_multitable_same")

# They have nothing that could be read, or a header that says something else.
REFUSED = ("file_no_payload",)

needs_the_files = pytest.mark.skipif(not FILES, reason="the files of Pollock are not here")


def read(file: File, path: Path) -> tuple[list[list[str]], int, LineCounts, int]:
    """Rows that were accepted, how many records were not, and what was told of the lines."""
    path.write_bytes(file.content)
    dialect = detect_dialect(path, EXPECTED, DialectOptions(), NO_LIMIT)
    accepted, rejected, counts = [], 0, LineCounts()
    for block in blocks_of(path, dialect, COLUMNS, NO_LIMIT):
        counts.add(block.counts)
        for row in block.records.to_pylist():
            if row["_problem"] is None and row["_rest"] is None:
                accepted.append([row[name] or "" for name in COLUMNS])
            else:
                rejected += 1
    return accepted, rejected, counts, dialect.lines


def meant(file: File) -> list[list[str]]:
    """The rows of a file: without its header; of two tables, those of both."""
    rows = [row for row in file.clean if row != list(COLUMNS)]
    if file.name.startswith("file_header_multirow"):
        rows = rows[1:]  # its header repeats each name
    if file.name == "file_quotation_char_0x27":
        # Within single quotes, two double ones are two; of an escaped one, two things may be meant.
        rows += [[cell.replace('"', '""') for cell in row] for row in rows]
        rows += [[cell.replace("\\'", "'") for cell in row] for row in rows]
    if file.name in SECOND_TABLE:
        below = file.content.decode().splitlines()[len(file.clean) + 1 :]
        rows = rows + [row[: len(COLUMNS)] for row in csv.reader(below)]
        rows = [row + [""] * (len(COLUMNS) - len(row)) for row in rows]
    return rows


@needs_the_files
@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
def test_a_file_of_the_benchmark_is_read_right(name: str, tmp_path: Path) -> None:
    file = FILES[name]
    if "_row0_" in name or "_delimiter_0_" in name:
        # Its header does not say what it should.
        with suppress(UnreadableFile):
            _is_right(file, tmp_path / "file.csv")
    else:
        _is_right(file, tmp_path / "file.csv")


def _is_right(file: File, path: Path) -> None:
    accepted, rejected, counts, lines = read(file, path)
    rows = meant(file)
    kept_out = [row for row in accepted if row not in rows]
    assert not kept_out
    assert counts.header <= 3
    assert len(accepted) + rejected >= len(file.clean) - 1
    physical = file.content.count(b"\n") or file.content.count(b"\r")
    assert counts.lines == lines == physical + (not file.content.endswith((b"\n", b"\r")))


@needs_the_files
@pytest.mark.parametrize("name", REFUSED)
def test_a_file_without_anything_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="it is empty"):
        read(FILES[name], tmp_path / "file.csv")


@needs_the_files
def test_what_is_made_of_the_source_is_to_the_byte_what_the_benchmark_has() -> None:
    made = {file.name: file for file in polluted_rows(FOLDER)}
    assert len(made) == 756 + 672 + 756 + 84
    there = [name for name in FILES if name.startswith("row_")]
    assert there
    for name in there:
        assert made[name] == FILES[name], name
