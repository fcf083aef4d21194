"""Rows are found in bytes, and their values read, whatever they consist of."""

import struct
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.formats.avro import row_offsets
from service.formats.avro.avro_schema import Field, read_schema
from service.formats.avro.decoding import Window
from tests.support import foreign
from tests.support.foreign import field

VALUES = {
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1) | st.integers(-70, 70),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "string": st.text() | st.integers(60, 70).map("ä".__mul__),
    "bytes": st.binary() | st.sampled_from([63, 64, 8191, 8192, 20_000]).map(bytes),
}
# Such as mean something: short, negative and long lengths, branches that are and are not.
BYTES = st.lists(st.sampled_from(b"\0\1\2\3\4\6\x80\x81\xff"), min_size=1, max_size=50).map(bytes)


@pytest.fixture(params=[100, 1500, row_offsets.PIECE])
def _in_pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows at the end of a piece, and larger than one."""
    monkeypatch.setattr(row_offsets, "PIECE", request.param)


def parsed(fields: list[Any]) -> tuple[Field, ...]:
    schema = {"type": "record", "name": "Root", "fields": fields}
    return read_schema(msgspec.json.encode(schema)).fields


@st.composite
def any_fields(draw: st.DrawFn) -> list[Any]:
    """A schema of one to five fields, some of which may be null."""
    kinds = st.sampled_from(sorted(VALUES))
    types = kinds | kinds.map(lambda each: ["null", each]) | kinds.map(lambda each: [each, "null"])
    drawn = draw(st.lists(types, min_size=1, max_size=5))
    return [field(f"f{number}", each) for number, each in enumerate(drawn)]


@st.composite
def any_rows(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """A schema, and rows of it."""
    fields = draw(any_fields())
    plain = {each["name"]: each["type"] for each in fields}
    row = {
        name: VALUES[said]
        if isinstance(said, str)
        else st.none() | VALUES[next(each for each in said if each != "null")]
        for name, said in plain.items()
    }
    return fields, draw(st.lists(st.fixed_dictionaries(row), min_size=1, max_size=60))


@pytest.mark.usefixtures("_in_pieces")
@given(any_rows(), st.integers(0, 40))
@settings(deadline=None, max_examples=150)
def test_rows_begin_where_fastavro_ended_the_one_before(
    known: tuple[list[Any], list[Any]], limit: int
):
    fields, rows = known
    each = [foreign.encoded(fields, [row]) for row in rows]
    ends = np.cumsum([0, *map(len, each)]).tolist()
    window = Window(b"".join(each))
    found = window.rows(parsed(fields), limit)
    assert found.tolist() == ends[: limit + 1]
    columns = window.columns(parsed(fields), found)
    values = zip(*(column.to_pylist() for column in columns.values()), strict=True)
    assert list(values) == [tuple(row[each] for each in columns) for row in rows[:limit]]


@pytest.mark.usefixtures("_in_pieces")
@given(any_fields(), BYTES, st.integers(1, 9))
@settings(deadline=None, max_examples=200)
def test_in_any_bytes_leaps_find_the_rows_that_steps_find(
    fields: list[Any], data: bytes, times: int
):
    bytes_, schema = np.frombuffer(data * times, np.uint8), parsed(fields)
    found = row_offsets.begins(bytes_, schema, 1000).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_offsets, "LONG", 0)  # so that no row is short enough for leaps
        assert found == row_offsets.begins(bytes_, schema, 1000).tolist()


@pytest.mark.parametrize("size", [1, 7, 8, 9, 10])
def test_numbers_of_any_number_of_bytes_are_read(size: int):
    number = 1 << (7 * size - 2) if size < 10 else -(2**63)
    given_ = [{"n": number}, {"n": -1}, {"n": -number if size < 10 else number}]
    data = foreign.encoded([field("n", "long")], given_)
    fields = parsed([field("n", "long")])
    window = Window(data)
    columns = window.columns(fields, window.rows(fields, 3))
    assert columns["n"].to_pylist() == [row["n"] for row in given_]


@pytest.mark.parametrize(
    "data", [b"\x80" * 9 + b"\x02", b"\xff" * 10 + b"\x01", b"\x80" * 12 + b"\x00"]
)
def test_numbers_of_more_than_64_bits_are_left_to_fastavro(data: bytes):
    fields = parsed([field("n", "long")])
    window = Window(data)
    with pytest.raises(row_offsets.Odd):
        window.columns(fields, window.rows(fields, 1))


def test_most_rows_are_found_by_leaps(monkeypatch: pytest.MonkeyPatch):
    fields = [field("id", "long"), field("text", "string"), field("moment", "long")]
    rows = [{"id": i, "text": "x" * (i % 90), "moment": i << 40} for i in range(5000)]
    data = foreign.encoded(fields, rows)
    refuse: Callable[..., Any] = pytest.fail
    monkeypatch.setattr(row_offsets, "_row_end", refuse)
    assert len(Window(data).rows(parsed(fields), 5000)) == 5001


def long(number: int) -> bytes:
    """A number as Avro has it."""
    return foreign.encoded([field("n", "long")], [{"n": number}])


def test_a_text_that_ends_beyond_the_bytes_is_no_row():
    fields = parsed([field("text", "string")])
    for size in (1, 50, 5000, 2**31, 2**62):
        data = b"\x02a" + long(size) + b"b" * min(size - 1, 100)
        assert Window(data).rows(fields, 5).tolist() == [0, 2]


def test_floats_may_have_any_bits():
    fields = [field("a", "double"), field("b", ["null", "float"])]
    data = struct.pack("<d", float("nan")) + b"\x02" + struct.pack("<f", float("-inf"))
    window = Window(data)
    columns = window.columns(parsed(fields), window.rows(parsed(fields), 1))
    assert str([column.to_pylist() for column in columns.values()]) == "[[nan], [-inf]]"
