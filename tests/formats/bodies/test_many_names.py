"""Rows of more names and values than any table has columns, and bodies of very many rows."""

import json
import subprocess
import sys
import time

import msgspec
import pytest

from service.errors import MalformedBody, WrongNumberOfRows
from service.formats.bodies import csv_rows, json_rows, rows_protocol
from service.formats.bodies.body_rows import by_table, rows_of
from service.formats.bodies.fields import MAX_PARTS, MAX_TABLES
from service.formats.bodies.msgpack_parts import check_parts_of_msgpack
from service.formats.bodies.rows_protocol import MAX_READ
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import DialectOptions, ExpectedColumn, UnreadableFile
from service.formats.csv.matching import MAX_NAME, MAX_NAMES, Names
from service.formats.csv.opening import in_utf8

EXPECTED = (ExpectedColumn("id", "integer", True), ExpectedColumn("department", "varchar", True))
MANY = MAX_PARTS + 1
JSON, MSGPACK = "application/json", "application/msgpack"
SHAPES = {
    "names": {f"n{i}": 1 for i in range(MANY)},
    "nested names": {"id": {f"n{i}": 1 for i in range(MANY)}},
    "values": {"id": [1] * MANY},
    "lists": {"id": [[]] * MANY},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_row_of_too_many_is_refused_before_anything_is_made_of_it(shape):
    rows = rows_of(json.dumps([{"id": 1}, shape]).encode(), JSON)
    assert rows.plain(0) == {"id": 1}
    for look in (rows.plain, rows.repeated):
        with pytest.raises(MalformedBody, match="names and values"):
            look(1)


def test_marks_in_a_text_are_no_values():
    row = {"name": ',[{"\\' * MANY, "id": 1}
    assert rows_of(json.dumps([row]).encode(), JSON).plain(0) == row


def test_as_many_as_there_may_be_are_read():
    row = {f"n{i}": "," for i in range(MAX_PARTS)}
    assert rows_of(json.dumps([row]).encode(), JSON).plain(0) == row
    assert rows_of(msgspec.msgpack.encode([row]), MSGPACK).plain(0) == row


KINDS: list[object] = [None, True, -1, 7, 300, 1 << 40, -70, -(1 << 40), 1.5, [], {}]
KINDS += [
    "x",
    "x" * 300,
    "x" * 70_000,
    b"y" * 40,
    *(msgspec.msgpack.Ext(5, b"z" * 4**i) for i in range(4)),
]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_row_of_messagepack_of_too_many_is_refused(shape):
    behind = {"kinds": KINDS, "many": shape}
    rows = rows_of(msgspec.msgpack.encode([{"id": 1}, behind]), MSGPACK)
    assert rows.plain(0) == {"id": 1}
    for look in (rows.plain, rows.repeated):
        with pytest.raises(MalformedBody, match="names and values"):
            look(1)


def test_each_kind_of_messagepack_is_passed_over():
    for value in KINDS:
        row = {f"n{i}": value for i in range(MAX_PARTS - 2)}
        check_parts_of_msgpack(msgspec.msgpack.encode([row, 1]))
        with pytest.raises(MalformedBody):
            check_parts_of_msgpack(msgspec.msgpack.encode([row, [0] * 2]))


BODIES = {
    JSON: lambda rows: b"[" + b",".join([b'[1,"]],[[,"]'] * rows) + b"]",
    "application/x-ndjson": lambda rows: b"\n \n1" * rows,
    "text/csv": lambda rows: b"id\n" + b"x\n\n" * rows,
    MSGPACK: lambda rows: msgspec.msgpack.encode([1] * rows),
}


@pytest.mark.parametrize("media_type", BODIES)
def test_a_body_of_too_many_rows_is_refused_before_they_are_made(media_type, monkeypatch):
    for module in (rows_protocol, json_rows, csv_rows):
        monkeypatch.setattr(module, "MAX_READ", 50)
    assert len(rows_of(BODIES[media_type](50), media_type)) == 50
    with pytest.raises(WrongNumberOfRows, match="more than 50 rows"):
        len(rows_of(BODIES[media_type](51), media_type))
    with pytest.raises(WrongNumberOfRows, match="more than 50 rows"):
        len(rows_of(BODIES[media_type](5_000), media_type))


def test_a_body_of_many_parts_within_its_rows_takes_no_time():
    began = time.process_time()
    marks = b"[[" + b"1," * (4 * MAX_READ)
    for body in (marks * 10, marks + b'"' + b'\\"' * 1_000_000, marks + b'"' * 1_000_001):
        with pytest.raises((MalformedBody, msgspec.DecodeError)):
            len(rows_of(body, JSON))
    assert (
        time.process_time() - began < 10
    )  # where a text without an end was read from each quote, hours


HEADERS = {
    "more than 1,000 names": ",".join(f"n{i}" for i in range(MAX_NAMES + 1)),
    "a name of more than 1,000 characters": "id," + "x" * (MAX_NAME + 1),
}


@pytest.mark.parametrize("problem", HEADERS)
def test_a_header_of_too_much_is_refused_at_both_doors(problem, tmp_path):
    header = HEADERS[problem]
    rows_of(header[:-2].rpartition(",")[0].encode() + b"\n1\n", "text/csv")
    with pytest.raises(MalformedBody, match=problem):
        rows_of(header.encode() + b"\n1\n", "text/csv")
    file = tmp_path / "file.csv"
    file.write_text(f"id,{header}\n1,x\n2,y\n")
    with pytest.raises(UnreadableFile, match=problem):
        detect_dialect(file, EXPECTED, DialectOptions(), 1 << 30)


TABLES = {JSON: msgspec.json.encode, MSGPACK: msgspec.msgpack.encode}


@pytest.mark.parametrize("media_type", TABLES)
def test_a_body_of_too_many_tables_is_refused_at_the_first_that_is_too_many(media_type):
    write = TABLES[media_type]
    most = write({f"t{i}": [] for i in range(MAX_TABLES)})
    began = time.thread_time()
    assert len(by_table(most, media_type)) == MAX_TABLES
    read = time.thread_time() - began
    many = write({f"t{i}": [] for i in range(200_000)})
    began = time.thread_time()
    with pytest.raises(MalformedBody, match="at most 1000 tables"):
        by_table(many, media_type)
    refused = time.thread_time() - began
    assert refused < 50 * read  # where all are read, 200


MARKS = b"\xef\xbb\xbf" * 400_000
MARKED = {
    "body": lambda: len(rows_of(MARKS + b"id\n1\n", "text/csv")),
    "file": lambda: len(list(in_utf8(iter([MARKS + b"id\n", b"1\n"]), "utf-8", True)).pop()),
}


@pytest.mark.parametrize("door", MARKED)
def test_marks_without_end_take_no_time(door):
    began = time.thread_time()
    assert MARKED[door]()
    assert time.thread_time() - began < 2  # where each was taken off by itself, 20 s and more


@pytest.mark.timeout(60)
def test_more_lines_are_not_skipped_than_there_are(tmp_path):
    file = tmp_path / "file.csv"
    file.write_text("id,department\n1,x\n")
    with pytest.raises(UnreadableFile):
        detect_dialect(file, EXPECTED, DialectOptions(skip=10**18), 1 << 30)


def test_a_name_that_may_be_two_is_cut_only_where_it_can_be():
    names = Names(EXPECTED)
    assert names.parted("iddepartment") == ("id", "department")
    began = time.thread_time()
    assert all(names.parted("id" * 500) is None for _ in range(MAX_NAMES))
    assert time.thread_time() - began < 1  # where each place is a cut, 20


QUOTES = """
import re, resource
from service.formats.csv.record_reader import Records
text = b'1,"' + b'""' * 2_000_000 + b'"\\n'
readers = [Records(","), Records(",", escape="backslash")]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert all(len(each.read(text, 0, True).fields[1]) == 2_000_000 for each in readers)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 // len(text))
"""


def test_a_field_that_is_all_quotes_takes_no_more_memory_than_another():
    run = subprocess.run([sys.executable, "-c", QUOTES], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 10  # of each byte; where each pair was remembered, 100


@pytest.mark.parametrize(
    "whole", [KINDS, {"kinds": KINDS}, [{"kinds": KINDS}]], ids=["list", "map", "rows"]
)
def test_messagepack_that_is_cut_off_anywhere_is_refused(whole):
    body = msgspec.msgpack.encode(whole)
    places = [*range(1, 700), *range(700, len(body), 997)]
    for length in places:
        with pytest.raises(MalformedBody):
            rows_of(body[:length], MSGPACK).plain(0)
