"""Rows that are odd: each is rejected alone, with every reason, and nothing of it is dropped."""

import math
from typing import Any

import msgspec
import pytest

from service.formats.bodies.body_rows import rows_of
from service.judge.judge import Judge
from tests.support.door import Door, counts, found
from tests.support.rows import CSV, JSON, MSGPACK, NDJSON, department
from tests.support.world import SAMPLES


def pairs(*fields: tuple[str, Any]) -> bytes:
    return (
        b"{" + b",".join(b"%b:%b" % tuple(map(msgspec.json.encode, pair)) for pair in fields) + b"}"
    )


def map_of(*fields: tuple[Any, Any]) -> bytes:
    return bytes([0x80 + len(fields)]) + b"".join(
        msgspec.msgpack.encode(part) for pair in fields for part in pair
    )


def test_a_field_that_stands_twice_in_a_row_is_a_violation_and_never_dropped(door: Door):
    one, two, three, four, five = door.fresh(5)
    twice = pairs(("id", one), ("department", "x"), ("id", two))
    spelt = b'{"id": %d, "department": "a: b", "\\u0064epartment": "\\u003a"}' % three
    bodies = {
        JSON: b"[%b,%b,%b]" % (twice, spelt, pairs(("id", four), ("department", "c: \\u003a"))),
        NDJSON: b"%b\n%b\n" % (twice, spelt) + pairs(("id", five), ("department", "d")),
    }
    for kind, body in bodies.items():
        answer = door.rows(body, kind=kind)
        assert counts(answer) == (3, 1, 2)
        assert found(answer) == {
            0: [("id", "repeated_field")],
            1: [("department", "repeated_field")],
        }
        load_id = answer.json()["load_id"]
        kept = door.ask(
            "select payload from ops.rejections where load_id = ? order by position", load_id
        )
        assert [payload.encode() for (payload,) in kept] == [twice, spelt]
    assert door.kept([one, two, three]) == []


@pytest.mark.parametrize("wrap", [b"\x91%b", b"%b"])
def test_a_field_that_stands_twice_in_a_map_is_a_violation(door: Door, wrap):
    one, two = door.fresh(2)
    row = map_of(("id", one), ("id", two), ("department", "x"))
    answer = door.rows(wrap % row, kind=MSGPACK)
    assert found(answer) == {0: [("id", "repeated_field")]}
    assert door.kept([one, two]) == []


def test_a_field_that_stands_twice_is_found_however_it_is_written(door: Door):
    one, two = door.fresh(2)
    for row in (
        pairs(("id", one), ("id", two), ("department", "x")),
        pairs(("id", one), ("id", one), ("department", "x")),
        # As many colons as two fields would have, if the last one were written as it is.
        b'{"id": %d, "id": %d, "department": "\\u003a"}' % (one, two),
        b'{"\\u0069d": %d, "id" :%d, "department": "a\\u003A\\u003a:"}' % (one, two),
    ):
        assert found(door.rows(row)) == {0: [("id", "repeated_field")]}
    assert door.kept([one, two]) == []


def test_numbers_that_no_type_has_room_for_are_violations_that_repeat_them(door: Door):
    [number] = door.fresh()
    huge = [b"1e400", b"-1E+9999999", b"9" * 5000, b"-" + b"9" * 400 + b".5", b"1" * 40]
    rows = [b'{"id": %b, "department": %b}' % (each, each) for each in huge]
    good = b'{"id": %d, "department": "x"}' % number
    for kind, body in {
        JSON: b"[%b]" % b",".join([*rows, good]),
        NDJSON: b"\n".join([*rows, good]),
    }.items():
        answer = door.rows(body, kind=kind)
        if kind == JSON:
            assert counts(answer) == (6, 1, 5)
        both = [("id", "type"), ("department", "type")]
        assert [found(answer)[row] for row in range(5)] == [both] * 5
        values = [answer.json()["rejections"][row]["violations"][0]["value"] for row in range(3)]
        assert [str(value).encode() for value in values] == huge[:3]
    [(payload,)] = door.ask(
        "select payload from ops.rejections where payload like '%1E+9999999%' limit 1"
    )
    assert payload.encode() == rows[1]


@pytest.mark.parametrize(
    ("row", "violations"),
    [
        ({}, [("id", "not_null"), ("department", "not_null")]),
        ({"id": None, "department": None}, [("id", "not_null"), ("department", "not_null")]),
        ({"id": True, "department": False}, [("id", "type"), ("department", "type")]),
        ({"id": "1", "department": 1}, [("id", "type"), ("department", "type")]),
        ({"id": [1], "department": {}}, [("id", "type"), ("department", "type")]),
        ({"id": 2**31, "department": ""}, [("id", "type"), ("department", "not_blank")]),
        ({"id": 1.5, "department": "x" * 256}, [("id", "type"), ("department", "max_length")]),
        (
            {"ID": 1, "department": "x", "": 2},
            [("id", "not_null"), ("ID", "unknown_field"), ("", "unknown_field")],
        ),
        ([], [(None, "type")]),
        (None, [(None, "type")]),
        (7, [(None, "type")]),
        ("row", [(None, "type")]),
        ([1, "x"], [(None, "type")]),
    ],
)
@pytest.mark.parametrize("kind", [JSON, NDJSON, MSGPACK])
def test_an_odd_row_is_rejected_alone(door: Door, kind, row, violations):
    [number] = door.fresh()
    answer = door.rows([row, department(number)], kind=kind)
    assert (answer.status_code, found(answer)) == (207, {0: violations})
    assert door.kept([number]) == [number]


def test_what_only_messagepack_can_say_is_told_in_words(door: Door):
    [number] = door.fresh()
    extension, bytes_ = b"\xd4\x05a", b"\xc4\x02\x00\xff"
    moment, infinite = b"\xd6\xff\x00\x00\x00\x01", b"\xcb\x7f\xf0" + b"\0" * 6
    odd = [
        msgspec.msgpack.encode("id") + value + msgspec.msgpack.encode("department") + value
        for value in (extension, bytes_, moment, infinite)
    ]
    keys = [
        key + msgspec.msgpack.encode(1)
        for key in (b"\xc0", b"\xc3", b"\x05", b"\x92\x01\x02", b"\xc4\x01a")
    ]
    rows = [b"\x82" + each for each in odd] + [bytes([0x80 + len(keys)]) + b"".join(keys)]
    body = (
        bytes([0x90 + len(rows) + 1]) + b"".join(rows) + msgspec.msgpack.encode(department(number))
    )
    answer = door.rows(body, kind=MSGPACK)
    assert counts(answer) == (6, 1, 5)
    both = [("id", "type"), ("department", "type")]
    assert [found(answer)[row] for row in range(4)] == [both] * 4
    for each in answer.json()["rejections"]:  # nothing of it goes in when it is tried again
        assert door.client.post(f"/v1/rejections/{each['rejection_id']}/replay").status_code == 422
    assert [rule for _, rule in found(answer)[4]] == ["not_null"] * 2 + ["unknown_field"] * 5
    assert door.kept([number]) == [number]


def test_text_is_kept_to_the_last_character(door: Door):
    texts = [
        "start of heading \x01 escape \x1b",
        "a\u2028\u2029",
        "e\u0301 \xe9",
        "\U0010ffff",
        "\x7f\x80\ufffe\ufeff",
        "𝄞" * 255,
    ]
    for kind in (JSON, NDJSON, MSGPACK, CSV):
        numbers = door.fresh(len(texts))
        answer = door.rows(
            [department(*each) for each in zip(numbers, texts, strict=True)], kind=kind
        )
        assert answer.status_code == 201
        for number, text in zip(numbers, texts, strict=True):
            kept = door.ask("select department from core.departments where id = ?", number)
            assert kept == [(text,)]


def test_a_csv_line_with_too_many_fields_or_too_few_is_rejected(door: Door):
    [number] = door.fresh()
    body = b"id,department\n%d,x,y,,z\n%d\n%d,x\n" % (number, number, number)
    answer = door.rows(body, kind=CSV)
    assert found(answer) == {0: [(None, "unknown_field")], 1: [("department", "not_null")]}
    assert answer.json()["rejections"][0]["violations"][0]["value"] == "y,,z"
    load_id = answer.json()["load_id"]
    kept = door.ask(
        "select payload from ops.rejections where load_id = ? order by position", load_id
    )
    assert msgspec.json.decode(kept[0][0]) == {
        "id": str(number),
        "department": "x",
        "_rest": ["y", "", "z"],
    }


def test_infinity_and_what_is_no_number_are_no_numbers():
    rows = [
        {"id": i, "ratio": value} for i, value in enumerate([0.5, math.nan, math.inf, -math.inf])
    ]
    batch = Judge(SAMPLES).judge(rows_of(msgspec.msgpack.encode(rows), MSGPACK))
    assert batch.fitting["ratio"].to_pylist() == [0.5]
    assert [broken.violations[0].rule for broken in batch.broken.values()] == ["type"] * 3
