"""What shape a file is found to have, and which files are refused."""

import gzip
from pathlib import Path
from typing import Any

import pytest
import zstandard

from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import Dialect, DialectOptions, UnreadableFile
from service.formats.csv.reader import rows_of
from tests.support.shapes import NAMES, WANTED

ROW = "1,Ada,2021-01-01T00:00:00Z,2\n"
LIMIT = 1 << 20


def detect(path: Path, content: bytes | str, **said: Any) -> Dialect:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return detect_dialect(path, WANTED, DialectOptions(**said), LIMIT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


@pytest.mark.parametrize(
    ("content", "said", "why"),
    [
        (b"", {}, "it is empty"),
        (b"\xef\xbb\xbf\r\n ,,\n", {}, "it is empty"),
        (b"PK\x03\x04" + bytes(99), {}, "it is a zip file or an Excel workbook"),
        (b"PAR1" + bytes(99), {}, "it is a Parquet file"),
        (b"Obj\x01" + bytes(99), {}, "it is an Avro file"),
        (bytes(range(256)) * 20 + bytes(2000), {}, "it is a binary file"),
        (b"just\nsome\nlines\n", {}, "it has one column where 4 are needed (id, name, datetime"),
        (b"1,2\n3,4\n", {}, "it has 2 columns where 4 are needed"),
        (b"id,name,name,datetime\n", {}, "its header names name twice"),
        (b"id,name\n1,Ada\n", {}, "it has no column datetime"),
        (b"id,name,datetime,department_id,wage\n", {}, "names columns that are not known: wage"),
        (
            b"id,name,datetime,colour\n1,Ada,2021-01-01,red\n2,Bo,2021-01-02,blue\n",
            {},
            "its column colour would be department_id, the only one that is left, but"
            " most of its values are not",
        ),
        (ROW, {"columns": ("id", "name")}, "it has 4 columns, and 2 were named"),
        (ROW, {"columns": ("id", "nome", "-", "-")}, "there is no column nome; there are id, name"),
        (ROW, {"columns": ("id", "id", "name", "datetime")}, "a column was named twice"),
        (ROW, {"columns": ("id", "-", "name", "-")}, "it has no column datetime"),
        (ROW, {"delimiter": ";"}, "it has one column where 4 are needed"),
        (ROW, {"delimiter": '"'}, "a delimiter is one character"),
        (ROW, {"encoding": "klingon"}, "there is no encoding 'klingon'"),
        (ROW, {"encoding": "base64"}, "there is no encoding 'base64'"),
        (ROW, {"encoding": "idna"}, "there is no encoding 'idna'"),
        (ROW, {"encoding": "punycode"}, "there is no encoding 'punycode'"),
        (ROW, {"encoding": "undefined"}, "there is no encoding 'undefined'"),
        (ROW, {"encoding": "charmap"}, "there is no encoding 'charmap'"),
        (ROW, {"encoding": "unicode_escape"}, "there is no encoding 'unicode_escape'"),
        (gzip.compress(ROW.encode(), mtime=0)[:-9], {}, "its gzip data is damaged or incomplete"),
        (zstandard.compress(ROW.encode())[:-3], {}, "its zstd data is damaged or incomplete"),
        (gzip.compress(b"x" * (LIMIT + 1), mtime=0), {}, "it is larger than 1048576 bytes"),
        (zstandard.compress(b"x" * (LIMIT + 1)), {}, "it is larger than 1048576 bytes"),
        (b"x" * (LIMIT + 1), {}, "it is larger than 1048576 bytes"),
    ],
)
def test_what_makes_no_sense_is_refused_and_says_why(
    path: Path, content: bytes, said: dict[str, Any], why: str
) -> None:
    with pytest.raises(UnreadableFile) as refused:
        detect(path, content, **said)
    assert why in refused.value.detail


def test_columns_that_are_named_are_taken_in_the_order_that_is_said(path: Path) -> None:
    said = ("datetime", "-", "id", "name")
    shape = detect(path, "2021-01-01,x,1,Ada\n2021-01-02,y,2,Bo\n", columns=said)
    assert shape.columns == ("datetime", None, "id", "name")
    assert not shape.header
    rows = rows_of(path, shape, NAMES, LIMIT).read_all().to_pylist()
    assert [(row["id"], row["name"], row["_text"]) for row in rows] == [
        ("1", "Ada", "2021-01-01,x,1,Ada"),
        ("2", "Bo", "2021-01-02,y,2,Bo"),
    ]


def test_a_header_can_be_said_to_be_none(path: Path) -> None:
    content = "id,name,datetime,department_id\n" + ROW
    assert detect(path, content).header_line == 1
    shape = detect(path, content, header=False)
    assert (shape.header_line, shape.rows) == (0, 2)


def test_a_first_row_that_cannot_be_read_is_not_taken_for_a_header(path: Path) -> None:
    assert not detect(path, "one,Ada,2021-01-01,2\n" + ROW * 3).header
    assert not detect(path, ",Ada,2021-02-30,\n" + ROW * 3).header


def test_a_delimiter_at_the_end_of_each_line_is_no_column(path: Path) -> None:
    for content in ("1,Ada,2021-01-01,2,\n" * 3, "id,name,datetime,department_id,\n1,A,,2,\n"):
        shape = detect(path, content)
        assert shape.columns == (*NAMES, None)
        rows = rows_of(path, shape, NAMES, LIMIT).read_all()
        assert rows["_rest"].null_count == len(rows) == shape.rows


def test_a_line_that_says_the_delimiter_is_believed(path: Path) -> None:
    shape = detect(path, "sep=;\r\nid;name;datetime;department_id\r\n1;A, B, C;;2\r\n")
    assert (shape.delimiter, shape.skip, shape.header_line, shape.rows) == (";", 1, 2, 1)
    rows = rows_of(path, shape, NAMES, LIMIT).read_all().to_pylist()
    assert [(row["line"], row["name"]) for row in rows] == [(3, "A, B, C")]


@pytest.mark.parametrize("mark", [";", "\t", "|", "^", " "])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_header_may_have_another_delimiter_than_its_rows(
    path: Path, mark: str, quote: str
) -> None:
    """Where enough rows say so, and it names every column."""
    header = mark.join(f"{quote}{name}{quote}" for name in NAMES)
    shape = detect(path, f"{header}\n" + ROW * 3)
    assert (shape.delimiter, shape.header_line, shape.rows) == (",", 1, 3)
    assert f"its header has the delimiter {mark!r}" in shape.reasons
    for other in (f"{header}\n{ROW}{ROW}", f"{header}{mark}more\n" + ROW * 3):
        assert not detect(path, other, delimiter=",").header


def test_blank_lines_before_the_header_are_passed_over(path: Path) -> None:
    shape = detect(path, "\n ,,,\nid,name,datetime,department_id\n\n1,A,,2\n")
    rows = rows_of(path, shape, NAMES, LIMIT).read_all().to_pylist()
    assert [(row["line"], row["name"]) for row in rows] == [(5, "A")]


def test_an_encoding_is_told_from_the_whole_file_and_not_from_its_head(path: Path) -> None:
    head = ROW.encode() * 20_000
    assert detect(path, head + "2,Åsa,2021-01-01,1\n".encode("cp1252")).encoding == "cp1252"
    assert detect(path, head + b"2,\x81sa,2021-01-01,1\n").encoding == "cp1252"
    mixed = "2,Åsa Ørsted,2021-01-01,1\n".encode() * 9 + b"3,\xc5sa,2021-01-01,1\n"
    assert detect(path, head + mixed).encoding == "utf-8"


def test_a_header_of_fewer_columns_leaves_out_those_that_are_not_required(path: Path) -> None:
    shape = detect(path, "name;id;datetime\nAda;1;2021-01-01\n")
    assert shape.columns == ("name", "id", "datetime")
