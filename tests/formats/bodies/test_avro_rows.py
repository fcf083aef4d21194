"""Rows in Avro: values of each type are read as JSON has them, and nothing is guessed."""

import json
import sys
import tracemalloc
from collections import Counter
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import UUID

import fastavro
import pytest

from service.errors import MalformedBody, Problem, TooLarge, WrongNumberOfRows
from service.formats.avro import container
from service.formats.avro.avro_schema import MEANINGFUL
from service.formats.bodies.avro_rows import LARGEST, RATIO, SMALL
from service.formats.bodies.body_rows import rows_of
from service.formats.bodies.rows_protocol import MAX_READ
from service.judge.judge import Judge
from tests.support.rows import AVRO
from tests.support.world import column, key, table

THINGS = table(
    "things",
    key(type_name="bigint"),
    *(
        column(name, kind)
        for name, kind in (
            ("ok", "boolean"),
            ("share", "double"),
            ("price", "decimal(20,2)"),
            ("day", "date"),
            ("at", "timestamp"),
            ("seen", "timestamp with time zone"),
            ("hour", "time"),
            ("mark", "uuid"),
            ("note", "varchar"),
            ("more", "json"),
        )
    ),
)
MOMENT = datetime(2021, 7, 27, 16, 2, 8, 1, UTC)
EARLY = datetime.fromisoformat("1969-12-31T23:59:59.999999")
EARLY_NANOS = -1_000
UUID_1 = UUID(int=1)
SYNC = bytes(container.SYNC_BYTES)


def logical(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": name, **more}


def written(fields: dict[str, Any], *rows: dict[str, Any], codec: str = "deflate") -> bytes:
    """A file of those fields, by their Avro types; each may be missing."""
    said = [{"name": name, "type": ["null", kind]} for name, kind in fields.items()]
    file = BytesIO()
    schema = {"type": "record", "name": "row", "fields": said}
    fastavro.writer(file, schema, rows, codec=codec, strict_allow_default=True)
    return file.getvalue()


def judged(body: bytes) -> Any:
    return Judge(THINGS).judge(rows_of(body, AVRO, THINGS))


FITTING = [
    ("id", "int", 5, 5),
    ("id", "double", 5.0, 5),
    ("id", logical("bytes", "decimal", precision=20, scale=1), Decimal("9007199254740993.0"),
     9007199254740993),
    ("ok", "boolean", False, False),
    ("share", "float", 0.5, 0.5),
    ("share", "long", 5, 5.0),
    ("price", "long", 5, Decimal("5.00")),
    ("price", "string", "123456789012345678.10", Decimal("123456789012345678.10")),
    ("price", logical("bytes", "decimal", precision=20, scale=2), Decimal("-123456789012345678.1"),
     Decimal("-123456789012345678.10")),
    ("price", {**logical("fixed", "decimal", precision=20, scale=3), "size": 9, "name": "f"},
     Decimal("0.010"), Decimal("0.01")),
    ("day", logical("int", "date"), date(5, 1, 2), date(5, 1, 2)),
    ("day", "string", "2021-07-27", date(2021, 7, 27)),
    *(
        (name, logical("long", f"{kind}-{unit}"), MOMENT.replace(microsecond=micro),
         MOMENT.replace(microsecond=micro, tzinfo=UTC if name == "seen" else None))
        for name in ("at", "seen")
        for kind, unit, micro in (
            ("timestamp", "micros", 1), ("timestamp", "millis", 2000), ("timestamp", "millis", 0),
        )
    ),
    ("at", logical("long", "local-timestamp-micros"), EARLY, EARLY),
    ("at", logical("long", "timestamp-nanos"), EARLY_NANOS, EARLY),
    ("hour", logical("long", "time-micros"), time(16, 2, 8, 1), time(16, 2, 8, 1)),
    ("hour", logical("int", "time-millis"), time(23, 59, 59, 1000), time(23, 59, 59, 1000)),
    ("mark", logical("string", "uuid"), UUID_1, str(UUID_1)),
    ("mark", {**logical("fixed", "uuid"), "size": 16, "name": "f"}, UUID_1.bytes, str(UUID_1)),
    ("note", "bytes", "Ñandú".encode(), "Ñandú"),
    ("note", {"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B", "B"),
    ("note", "string", None, None),
    ("more", "string", '{"b": 1.10, "a": "x"}', '{"a":"x","b":1.10}'),
    ("more", "string", '"text"', '"text"'),
    ("more", "string", "[1e400]", "[1e400]"),
    ("more", "string", "[" * 60 + "]" * 60, "[" * 60 + "]" * 60),
    ("more", "long", 5, "5"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "sent", "kept"), FITTING, ids=str)
def test_a_value_of_a_fitting_type_is_kept(name: str, kind: Any, sent: Any, kept: Any) -> None:
    batch = judged(written({"id": "long", name: kind}, {"id": 1, name: sent}))
    assert batch.broken == {}
    assert batch.fitting[name].to_pylist() == [kept]


TYPE, LINE = "type", "malformed_line"
NOT_FITTING = [
    ("id", "string", "5", TYPE),
    ("id", "boolean", True, TYPE),
    ("id", logical("int", "date"), date(2021, 1, 1), TYPE),
    ("id", "double", 5.5, TYPE),
    ("id", logical("bytes", "decimal", precision=20, scale=1), Decimal("0.5"), TYPE),
    ("ok", "int", 1, TYPE),
    ("price", logical("bytes", "decimal", precision=20, scale=3), Decimal("0.001"), TYPE),
    ("day", "int", 5, TYPE),
    ("at", "long", 5, TYPE),
    ("hour", logical("long", "timestamp-micros"), MOMENT, TYPE),
    ("note", "long", 5, TYPE),
    ("note", logical("bytes", "decimal", precision=20, scale=2), Decimal("1.10"), TYPE),
    ("mark", "string", "no uuid", TYPE),
    ("share", "double", float("nan"), LINE),
    ("share", "float", float("inf"), LINE),
    ("day", logical("int", "date"), 10_000_000, LINE),
    ("at", logical("long", "timestamp-millis"), 1 << 60, LINE),
    ("at", logical("long", "timestamp-nanos"), 1_500, TYPE),
    ("hour", logical("int", "time-millis"), 86_400_000, LINE),
    ("note", "bytes", b"\xff", LINE),
    ("more", "string", "{no document", LINE),
    ("more", "string", "null", LINE),
    ("extra", "string", "x", "unknown_field"),
]


@pytest.mark.parametrize(("name", "kind", "sent", "rule"), NOT_FITTING, ids=str)
def test_a_value_of_another_type_keeps_its_row_out_for_good(
    name: str, kind: Any, sent: Any, rule: str
) -> None:
    """As it is on record it does not go in either: that is how it is tried again."""
    batch = judged(written({"id": "long", name: kind}, {"id": 1, name: sent}))
    [broken] = batch.broken.values()
    assert [each.rule for each in broken.violations] == [rule]
    payload = batch.payload(0)
    assert json.loads(payload)
    assert Judge(THINGS).judge(rows_of(f"[{payload}]".encode(), "")).broken


def test_decimals_and_documents_are_on_record_as_they_were_sent() -> None:
    fields = {
        "id": "string",
        "price": logical("bytes", "decimal", precision=30, scale=10),
        "more": "string",
    }
    price = Decimal("12345678901234567890.0123456789")
    batch = judged(written(fields, {"id": "no", "price": price, "more": '{"a":1.10}'}))
    assert batch.payload(0) == f'{{"id":"no","price":{price},"more":{{"a":1.10}}}}'
    said = {each.column: each.value for each in batch.broken[0].violations}
    assert said == {"id": "no", "price": str(price)}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "array", "items": "string"}, ["a"]),
        ({"type": "map", "values": "long"}, {"a": 1}),
        ({"type": "record", "name": "r", "fields": [{"name": "a", "type": "long"}]}, {"a": 1}),
        ({"type": "fixed", "name": "f", "size": 3}, b"abc"),
        ({"type": "fixed", "name": "f", "size": 12, "logicalType": "duration"}, bytes(12)),
        (logical("bytes", "big-decimal"), b"\x02\x02\x02"),
    ],
    ids=str,
)
def test_a_field_of_a_type_that_rows_have_not_is_told_by_its_name(kind: Any, value: Any) -> None:
    with pytest.raises(MalformedBody, match="its field more is of the type"):
        rows_of(written({"id": "long", "more": kind}, {"id": 1, "more": value}), AVRO, THINGS)


def test_no_more_is_read_than_a_body_may_hold() -> None:
    with pytest.raises(WrongNumberOfRows):
        rows_of(written({"id": "long"}, *[{"id": 1}] * (MAX_READ + 1)), AVRO, THINGS)
    large = written({"note": "string"}, {"note": "x" * SMALL})
    assert len(rows_of(written({"note": "string"}, {"note": "x" * (SMALL - 9)}), AVRO)) == 1
    with pytest.raises(TooLarge):
        rows_of(large, AVRO, THINGS)
    assert LARGEST == container.LARGEST_BLOCK


def in_blocks(fields: dict[str, Any], *blocks: tuple[int, bytes], codec: str = "null") -> bytes:
    """A file of blocks as they are given, with the number of rows that each says it has."""
    said = [{"name": name, "type": kind} for name, kind in fields.items()]
    schema = json.dumps({"type": "record", "name": "row", "fields": said}).encode()
    head = container.written_header(schema, codec, {}, SYNC)
    written = (container.written_block(n, container.compress(codec, b), SYNC) for n, b in blocks)
    return head + b"".join(written)


def plainly(fields: dict[str, Any], *blocks: tuple[int, bytes]) -> list[Any]:
    rows = rows_of(in_blocks(fields, *blocks), AVRO)
    return [rows.plain(position) for position in range(len(rows))]


@pytest.mark.parametrize("symbol", [-1, 2])
def test_a_symbol_that_an_enum_has_not_keeps_its_row_out(symbol: int) -> None:
    kind = {"type": "enum", "name": "e", "symbols": ["A", "B"]}
    body = in_blocks({"id": "long", "note": kind}, (1, container.long(1) + container.long(symbol)))
    [broken] = judged(body).broken.values()
    assert [each.rule for each in broken.violations] == [LINE]


@pytest.mark.parametrize("name", MEANINGFUL)
def test_a_logical_type_of_another_type_is_ignored(name: str) -> None:
    values = {"boolean": (b"\1", True), "double": (bytes(8), 0.0), "string": (b"\2a", "a"),
              "bytes": (b"\2a", "a"), "int": (b"\2", 1), "long": (b"\2", 1)}  # fmt: skip
    for kind in values.keys() - MEANINGFUL[name]:
        data, value = values[kind]
        assert plainly({"a": logical(kind, name, precision=4)}, (1, data)) == [{"a": value}]


@pytest.mark.parametrize("size", [1, 2, 16])
@pytest.mark.parametrize("null", [0, 1, None])
def test_a_fixed_of_any_size_may_be_null(size: int, null: int | None) -> None:
    fixed = {**logical("fixed", "decimal", precision=2), "name": "f", "size": size}
    of_five = (5).to_bytes(size, "big")
    if null is None:
        assert plainly({"a": fixed}, (2, of_five * 2)) == [{"a": 5}] * 2
        return
    union: list[Any] = [fixed]
    union.insert(null, "null")
    data = container.long(null) + container.long(1 - null) + of_five + container.long(null)
    assert plainly({"a": union}, (3, data)) == [{"a": None}, {"a": 5}, {"a": None}]


def test_types_of_one_name_are_told_apart_by_their_namespaces() -> None:
    """Spark names each decimal `fixed`, in a namespace of its field."""
    decimal = {**logical("fixed", "decimal", precision=2), "name": "fixed"}
    sizes = {"a": 1, "b": 2}
    fields = {name: {**decimal, "namespace": f"r.{name}", "size": sizes[name]} for name in sizes}
    assert plainly(fields, (1, b"\5\0\6")) == [{"a": 5, "b": 6}]
    with pytest.raises(MalformedBody):  # which of the two?
        plainly({**fields, "c": {"type": "array", "items": "fixed"}}, (1, b""))
    with pytest.raises(MalformedBody, match="without a name of its own"):
        plainly({"a": fields["a"], "b": fields["a"]}, (1, b"\5\6"))


def test_rows_in_small_blocks_are_read_together() -> None:
    """Each by itself would take a hundred times as long."""
    calls: Counter[str] = Counter()
    body = in_blocks({"id": "long"}, *[(1, container.long(n)) for n in range(1000)])
    sys.setprofile(lambda frame, event, _: calls.update([frame.f_code.co_qualname]))
    try:
        rows = rows_of(body, AVRO)
        assert rows.plain(999) == {"id": 999}
    finally:
        sys.setprofile(None)
    assert calls["Window.__init__"] < 10
    two = b"".join(map(container.long, (1, 2)))
    for blocks in ([(1, two), (1, b"")], [(0, two[:1]), (1, two[1:])], [(2, two), (1, b"")]):
        with pytest.raises(MalformedBody):
            plainly({"id": "long"}, *blocks)


@pytest.mark.parametrize("codec", ["deflate", "zstandard", "bzip2", "xz"])
def test_a_bomb_is_expanded_no_further_than_a_body_may_be(codec: str) -> None:
    body = in_blocks({"note": "string"}, (1, bytes(container.LARGEST_BLOCK)), codec=codec)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            rows_of(body, AVRO)
        limit = max(SMALL, RATIO * len(body))
        assert tracemalloc.get_traced_memory()[1] < 3 * limit + (2 << 20)
    finally:
        tracemalloc.stop()


def test_no_row_is_decoded_before_they_are_counted() -> None:
    wide = {f"a{n}": "int" for n in range(201)}
    body = in_blocks(wide, (10_000, bytes(201) * 10_000))
    with pytest.raises(WrongNumberOfRows):
        Judge(THINGS).judge(rows_of(body, AVRO, THINGS), 1000)
    with pytest.raises(TooLarge, match="values"):
        rows_of(body, AVRO).plain(0)
    with pytest.raises(MalformedBody):  # fewer bytes than rows
        rows_of(in_blocks({"id": "long"}, (10_000, b"\2")), AVRO)


def test_a_file_of_which_a_byte_is_another_is_read_or_refused() -> None:
    """Whatever it is then: nothing but a Problem is raised."""
    body = written(
        {"id": "long", "note": "string", "at": logical("long", "timestamp-micros")},
        *({"id": n, "note": f"n{n}", "at": MOMENT} for n in range(4)),
        codec="null",
    )
    read = 0
    for place in range(len(body)):
        for bit in (0, 7):
            changed = body[:place] + bytes([body[place] ^ 1 << bit]) + body[place + 1 :]
            try:
                batch = judged(changed)
            except Problem:
                continue
            read += 1
            assert batch.fitting.num_rows + len(batch.broken) == batch.received
    for end in range(0, len(body), 7):
        with pytest.raises(Problem):
            rows_of(body[:end], AVRO)
    assert read
