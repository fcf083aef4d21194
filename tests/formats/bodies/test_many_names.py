"""Rows of more names and values than any table has columns."""

import json

import msgspec
import pytest

from service.errors import MalformedBody
from service.formats.bodies.body_rows import rows_of
from service.formats.bodies.fields import MAX_PARTS

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


def test_a_long_map_of_messagepack_is_refused():
    rows = rows_of(msgspec.msgpack.encode([SHAPES["names"]]), MSGPACK)
    for look in (rows.plain, rows.repeated):
        with pytest.raises(MalformedBody, match="names and values"):
            look(0)


def test_a_header_of_too_many_names_is_refused():
    names = ",".join(f"n{i}" for i in range(MANY))
    with pytest.raises(MalformedBody, match="names and values"):
        rows_of(names.encode() + b"\n1\n", "text/csv")
