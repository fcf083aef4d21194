"""A file from hostile hands is refused with DamagedBackup, in bounded memory, whatever is in it."""

import bz2
import random
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import fastavro
import pytest
import zstandard

from service.errors import DamagedBackup
from service.formats.avro import container
from service.formats.avro.avro_files import AvroFile
from tests.support.backups import write
from tests.support.foreign import SYNC, block, encoded, field, foreign_file, header
from tests.support.world import DEPARTMENTS, HIRED, SAMPLES, batch

FIELDS = [field("id", "int"), field("department", "string")]
SCHEMA = {"type": "record", "name": "Root", "fields": FIELDS}
ROW = encoded(FIELDS, [{"id": 1, "department": "Maths"}])
long = container.long


def read(path: Path, table: Any = DEPARTMENTS) -> list[Any]:
    with path.open("rb") as file:
        return [row for rows in AvroFile(file, table).batches() for row in rows.to_pylist()]


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(DamagedBackup) as error:
        read(path)
    assert str(path.parent) not in str(error.value)
    return error.value.detail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.avro"


def test_a_good_file_of_these_tests_is_read(path: Path):
    path.write_bytes(header(SCHEMA) + block(1, ROW))
    assert read(path) == [{"id": 1, "department": "Maths"}]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an Avro file"),
        (b"PK\x03\x04", "not an Avro file"),
        (b"Obj\x01", "cut off"),
        (b"Obj\x01" + long(1), "cut off"),
        (b"Obj\x01" + long(2**62), "cut off"),
        (b"Obj\x01" + long(-(2**63)) + long(0), "cut off"),
        (b"Obj\x01" + long(1) + long(-1), "negative length"),
        (b"Obj\x01" + long(1) + long(2**62) + b"x", "cut off"),
        (b"Obj\x01" + b"\xff" * 11, "more than 64 bits"),
        (b"Obj\x01" + b"\xff" * 9 + b"\x7f", "more than 64 bits"),
        (b"Obj\x01" + long(0) + SYNC, "no schema"),
        (b"Obj\x01" + long(2) + (long(1) + b"a" + long(0)) * 2 + long(0) + SYNC, "twice"),
        (header(SCHEMA).replace(b"avro.codec", b"avro.\xffodec"), "not UTF-8"),
        (header(SCHEMA)[:-1], "cut off"),
        (header(b" " * (1 << 20) + b"{}"), "longer than 1 MiB"),
        (header(SCHEMA, "lz4"), "codec 'lz4' is not one of deflate"),
        (header(SCHEMA, "x" * 1000), "codec 'xxx"),
    ],
)
def test_a_bad_header_is_refused(path: Path, data: bytes, reason: str):
    assert reason in refused(path, data)


def nested(levels: int) -> Any:
    """Lists of lists."""
    said: Any = "int"
    for _ in range(levels):
        said = {"type": "array", "items": said}
    return said


TREE = {
    "type": "record",
    "name": "Branch",
    "fields": [field("left", ["null", "Branch"]), field("leaves", nested(1))],
}
NOTHING = {"type": "record", "name": "Nothing", "fields": [field("none", "null")]}
MANY = long(2**62)
# A column that the table has not, and its bytes in a row.
PASSED_OVER = [
    ("null", b""),
    (["null"], long(0)),
    (["int"], long(0) + long(7)),
    (["null", "int", "string"], long(2) + long(1) + b"x"),
    ({"type": "enum", "name": "e", "symbols": ["a"]}, long(0)),
    ({"type": "fixed", "name": "f", "size": 5}, b"12345"),
    ({"type": "fixed", "name": "f", "size": 0}, b""),
    (nested(1), long(2) + long(5) + long(500) + long(0)),
    (nested(1), long(-2) + long(3) + long(5) + long(500) + long(0)),
    (nested(60), long(1) * 59 + long(0) * 60),
    ({"type": "map", "values": "int"}, long(1) + long(1) + b"k" + long(9) + long(0)),
    ({"type": "array", "items": "null"}, MANY + long(0)),
    ({"type": "array", "items": NOTHING}, MANY + MANY + long(0)),
    (TREE, long(1) + long(0) + long(0) + long(0)),
    ({"type": "array", "items": {"type": "array", "items": "null"}}, long(1) + MANY + long(0) * 2),
]
# The same types, and bytes that are no such values, or go on where there is nothing.
NO_VALUES = [
    (["null", "int", "string"], long(3)),
    (["null", "int", "string"], long(-1)),
    ({"type": "fixed", "name": "f", "size": 1 << 40}, b"12345"),
    (nested(1), MANY),
    (nested(1), long(-(2**63))),
    (nested(1), long(-1) + long(-5)),
    (nested(1), long(-1) + MANY),
    (nested(1), b"\xff" * 40),
    ({"type": "map", "values": "null"}, MANY + long(-1)),
    (TREE, long(1) * 100_000),
]


@pytest.mark.parametrize(("said", "data"), PASSED_OVER)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_column_of_any_type_that_the_table_has_not_is_passed_over(
    path: Path, said: Any, data: bytes, place: int
):
    parts = [ROW[:1], ROW[1:]]
    fields, row = [*FIELDS], [*parts]
    fields.insert(place, field("x", said))
    row.insert(place, data)
    path.write_bytes(header({**SCHEMA, "fields": fields}) + block(3, b"".join(row) * 3))
    assert read(path) == [{"id": 1, "department": "Maths"}] * 3
    with path.open("rb") as file:
        assert AvroFile(file, DEPARTMENTS).left_out == ["x"]
    for wrong in (block(3, b"".join(row) * 2), block(2, b"".join(row) * 3)):
        path.write_bytes(header({**SCHEMA, "fields": fields}) + wrong)
        assert "block" in refused(path, path.read_bytes())


@pytest.mark.parametrize(("said", "data"), NO_VALUES)
def test_what_is_passed_over_is_bounded_too(path: Path, said: Any, data: bytes):
    file = header({**SCHEMA, "fields": [field("x", said), *FIELDS]}) + block(1, data + ROW)
    assert refused(path, file).startswith(("a block", "a value", "it has a"))


RECURSIVE = {
    "type": "record",
    "name": "Tree",
    "fields": [field("id", "int"), field("department", "string"), field("left", ["null", "Tree"])],
}


@pytest.mark.parametrize(
    "schema",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"null",
        b"7",
        "string",
        [SCHEMA],
        {"type": "array", "items": SCHEMA},
        {"type": "record", "name": "Root"},
        {"type": "record", "name": "Root", "fields": []},
        {"type": "record", "name": "Root", "fields": {}},
        {"type": "record", "name": "Root", "fields": ["id"]},
        {"type": "record", "fields": FIELDS},
        {"type": "record", "name": 7, "fields": FIELDS},
        {"type": "record", "name": "a b", "fields": FIELDS},
        {"type": "record", "name": "x" * 10 + "\n", "fields": FIELDS},
        {**SCHEMA, "fields": [*FIELDS, field("id", "int")]},
        {**SCHEMA, "fields": [*FIELDS, field("../x", "int")]},
        {**SCHEMA, "fields": [*FIELDS, {"name": "x"}]},
        *(
            {**SCHEMA, "fields": [*FIELDS, field("x", said)]}
            for said in (
                None,
                [],
                ["null", "null"],
                ["null", ["null", "int"]],
                "Root",
                "no such type",
                {"type": "array"},
                {"type": "array", "items": "Root"},
                {"type": "map", "values": None},
                {"type": "record", "name": "r"},
                {"type": "record", "name": "r", "fields": [7]},
                {"type": "record", "name": "int", "fields": []},
                {"type": "fixed", "name": "f", "size": -1},
                {"type": "fixed", "name": "f", "size": True},
                {"type": "enum", "symbols": ["a"]},
                {"type": {"type": "int"}},
                nested(70),
                {"logicalType": "date"},
            )
        ),
        RECURSIVE,
    ],
    ids=lambda schema: str(schema)[:60],
)
def test_a_schema_that_is_no_flat_record_is_refused(path: Path, schema: Any):
    reason = refused(path, header(schema) + block(1, ROW))
    assert reason.startswith(("its schema", "its field"))


@pytest.mark.parametrize("logical", [["date"], {"a": 1}, 7, None, "no such thing"])
def test_an_odd_logical_type_is_ignored_as_avro_says(path: Path, logical: Any):
    fields = [field("id", {"type": "int", "logicalType": logical}), FIELDS[1]]
    path.write_bytes(header({**SCHEMA, "fields": fields}) + block(1, ROW))
    assert read(path) == [{"id": 1, "department": "Maths"}]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (block(-1, ROW), "block of -1 rows"),
        (block(0, ROW), "more than the rows"),
        (block(2, ROW), "does not hold the rows"),
        (block(2**62, ROW), "does not hold the rows"),
        (block(1, ROW + b"\0"), "does not hold the rows"),
        (block(1, ROW, b"x" * 16), "sync marker"),
        (block(1, ROW)[:-1], "cut off"),
        (block(1, ROW) + b"\n", "cut off"),
        (block(1, ROW) + b"garbage at the end of the file", "block of"),
        (block(1, ROW) + SYNC * 4, "block of"),
        (long(1) + long(-1) + ROW + SYNC, "in -1 bytes"),
        (long(1) + long(2**62) + ROW + SYNC, "bytes"),
        (long(1) + long(container.LARGEST_BLOCK + 1) + ROW + SYNC, "bytes"),
        (long(1) + long(container.LARGEST_BLOCK) + ROW + SYNC, "cut off"),
        (b"\xff" * 12, "64 bits"),
        (block(1, long(1) + long(3) + b"\xff\xfe\xfd"), "does not hold the rows"),  # not UTF-8
        (block(1, long(1) + long(3) + b"\xed\xa0\x80"), "does not hold the rows"),  # a surrogate
        (block(1, long(1) + long(-5) + b"Maths"), "does not hold the rows"),
        (block(1, long(1) + long(2**62) + b"Maths"), "does not hold the rows"),
        (block(1, long(2**31) + long(1) + b"x"), "column id"),
        (block(1, long(-(2**63)) + long(1) + b"x"), "column id"),
    ],
)
def test_a_bad_block_is_refused(path: Path, data: bytes, reason: str):
    assert reason in refused(path, header(SCHEMA) + data)


@pytest.mark.parametrize(
    ("codec", "payload"),
    [
        ("deflate", b"not deflate at all"),
        ("deflate", container.compress("deflate", ROW)[:-1]),
        ("deflate", container.compress("deflate", ROW) + b"more"),
        ("deflate", container.compress("deflate", ROW) + b"\0"),
        ("deflate", zlib.compress(ROW)),
        ("bzip2", b"BZh9"),
        ("bzip2", bz2.compress(ROW)[:-1]),
        ("bzip2", bz2.compress(ROW) + b"more"),
        ("zstandard", b"not a frame"),
        ("zstandard", zstandard.compress(ROW)[:-4]),
        ("zstandard", zstandard.compress(ROW) + b"more"),
        ("null", ROW[:-1]),
    ],
)
def test_a_payload_that_is_not_of_its_codec_is_refused(path: Path, codec: str, payload: bytes):
    assert "block" in refused(path, header(SCHEMA, codec) + block(1, payload))


@pytest.mark.parametrize("codec", list(container.CODECS))
def test_files_of_every_codec_are_read(path: Path, codec: str):
    foreign_file(path, FIELDS, [{"id": 1, "department": "Maths"}], codec)
    assert read(path) == [{"id": 1, "department": "Maths"}]


def test_blocks_that_others_have_compressed_are_read(path: Path):
    rows = [{"id": 1, "department": "Maths"}]
    with path.open("wb") as file:
        fastavro.writer(file, SCHEMA, rows, codec="xz")
    assert read(path) == rows
    data = encoded(FIELDS, rows)
    literal = bytes([len(data), len(data) - 1 << 2]) + data  # as snappy writes what does not repeat
    checksum = zlib.crc32(data).to_bytes(4, "big")
    path.write_bytes(header(SCHEMA, "snappy") + block(1, literal + checksum))
    assert read(path) == rows
    assert "block" in refused(path, header(SCHEMA, "snappy") + block(1, literal + bytes(4)))
    large = b"\xff" * 4 + b"\x0f" + literal[1:] + checksum  # it says, of 4 GB
    assert "expands" in refused(path, header(SCHEMA, "snappy") + block(1, large))


def test_a_frame_that_wants_a_huge_window_is_refused(path: Path):
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    press = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    payload = press.compress(random.Random(1).randbytes(1 << 20)) + press.flush()
    assert "zstandard" in refused(path, header(SCHEMA, "zstandard") + block(1, payload))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file as we write it, of several blocks."""
    path = tmp_path / "own.avro"
    rows = [batch(DEPARTMENTS, *((i, f"d{i}") for i in range(n, n + 40))) for n in (0, 40, 80)]
    write(path, DEPARTMENTS, iter(rows))
    return path


def test_a_file_cut_off_anywhere_is_refused_or_ends_between_blocks(own: Path):
    whole, rows = own.read_bytes(), read(own)
    ends = [i + 16 for i in range(len(whole)) if whole[i:].startswith(whole[-16:])]
    for size in range(len(whole)):
        own.write_bytes(whole[:size])
        if size in ends:  # a whole file of its own; the catalogue knows better
            assert read(own) == rows[: 40 * ends.index(size)]
        else:
            with pytest.raises(DamagedBackup):
                read(own)


@pytest.mark.parametrize("codec", list(container.CODECS))
@pytest.mark.parametrize("table", [HIRED, SAMPLES], ids=lambda table: table.name)
def test_no_damage_brings_anything_but_the_refusal(tmp_path: Path, codec: str, table: Any):
    """Bytes flipped, cut out, doubled and overwritten at random: rows or DamagedBackup."""
    path = tmp_path / "x.avro"
    rows = [{c.name: _value(c.type.name, i) for c in table.columns} for i in range(50)]
    fields = [field(c.name, c.type.avro) for c in table.columns]
    whole = foreign_file(path, fields, rows, codec).read_bytes()
    chance = random.Random(20_211_107)
    for _ in range(1500):
        path.write_bytes(_damaged(whole, chance))
        with suppress(DamagedBackup):
            read(path, table)


def _value(type_name: str, i: int) -> Any:
    if type_name == "varchar":
        return "é" * i
    return {"double": i / 2, "boolean": bool(i % 2)}.get(type_name, i * 1000)


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(chance.choice([1, 1, 1, 2, 10])):
        at, size = chance.randrange(len(data)), chance.randrange(1, 12)
        match chance.randrange(4):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = data[at : at + size]
            case _:
                data[at : at + size] = chance.randbytes(size)
        data = data or bytearray(b"\0")
    return bytes(data)
