"""Rows come out of an Avro file as they went in, whoever wrote and whoever reads it."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import avro.datafile
import avro.io
import fastavro
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.dictionary import DictionaryError, Table
from service.dictionary.column_types import TYPES
from service.errors import DamagedBackup
from service.formats.avro import avro_files
from service.formats.avro.avro_files import AvroFile, schema_of
from service.formats.avro.avro_readings import READINGS
from service.formats.avro.avro_schema import fingerprint_of
from tests.support.backups import write
from tests.support.foreign import field, foreign_file
from tests.support.world import DEPARTMENTS, HIRED, SAMPLES, batch, column, key, table

# The warehouse keeps moments in UTC, without time zone.
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901


def moment(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


ROWS = [
    (1, None, None, None, None, None, None, None),
    (-(2**63), -(2**31), -1.7976931348623157e308, False, "", date.min, FIRST, "a"),
    (2**63 - 1, 2**31 - 1, 5e-324, True, "tab\tnul\0🎉é", date.max, LAST, "b"),
    (0, 0, 0.5, True, "x" * 100_000, date(1970, 1, 1), moment(1969, 12, 31, 23, 59, 59), None),
    (2, 7, 1.5, False, "Ñandú", date(2021, 7, 27), moment(2021, 7, 27, 16, 2, 8, 123_456), "c"),
]


def read(path: Path, of: Table) -> pa.Table:
    with path.open("rb") as file:
        return pa.Table.from_batches(list(AvroFile(file, of).batches()), of.arrow_schema)


def read_elsewhere(path: Path) -> list[dict[str, Any]]:
    """With Apache's own library."""
    with path.open("rb") as file, avro.datafile.DataFileReader(file, avro.io.DatumReader()) as rows:
        return list(cast("Any", rows))


def long_of(logical: str) -> dict[str, str]:
    return {"type": "long", "logicalType": logical}


def decimal(scale: int, size: int = 0) -> dict[str, Any]:
    stored = {"type": "fixed", "name": "f", "size": size} if size else {"type": "bytes"}
    return {**stored, "logicalType": "decimal", "precision": 9, "scale": scale}


MICROS = long_of("timestamp-micros")
COLOUR = {"type": "enum", "name": "colour", "symbols": ["red", "blue"]}
UUID_BYTES = {"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"}


@pytest.mark.parametrize("codec", avro_files.CODECS)
def test_rows_come_back_exactly(tmp_path: Path, codec: str):
    path = tmp_path / "samples.avro"
    written = write(path, SAMPLES, iter([batch(SAMPLES, *ROWS)]), codec)
    back = read(path, SAMPLES)
    assert [tuple(row.values()) for row in back.to_pylist()] == ROWS
    assert back.schema == SAMPLES.arrow_schema
    assert (written.rows, written.bytes) == (len(ROWS), path.stat().st_size)


def test_a_table_without_rows_comes_back_without_rows(tmp_path: Path):
    written = write(tmp_path / "x.avro", SAMPLES, iter([]))
    assert written.rows == 0
    assert read(tmp_path / "x.avro", SAMPLES).num_rows == 0
    assert read_elsewhere(tmp_path / "x.avro") == []


def test_apaches_library_reads_the_same_rows(tmp_path: Path):
    path = tmp_path / "samples.avro"
    write(path, SAMPLES, iter([batch(SAMPLES, *ROWS)]))
    there = [tuple(row.values()) for row in read_elsewhere(path)]
    ours = [(*row[:6], row[6] and row[6].replace(tzinfo=UTC), row[7]) for row in ROWS]
    assert there == ours


def test_what_apaches_library_writes_is_read(tmp_path: Path):
    schema = avro.schema.parse(json.dumps(schema_of(SAMPLES)))
    names = SAMPLES.column_names
    with (tmp_path / "x.avro").open("wb") as file:
        writer = avro.datafile.DataFileWriter(file, avro.io.DatumWriter(), schema, codec="deflate")
        for row in ROWS:
            zoned = (*row[:6], row[6] and row[6].replace(tzinfo=UTC), row[7])
            writer.append(dict(zip(names, zoned, strict=True)))
        writer.close()
    assert [tuple(row.values()) for row in read(tmp_path / "x.avro", SAMPLES).to_pylist()] == ROWS


VALUES = {
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "varchar": st.text(st.characters(exclude_categories=["Cs"])),
    "date": st.dates(),
    "timestamp": st.datetimes(),
}
ANY_ROW = st.tuples(
    *(
        VALUES[c.type.name] if c.required else st.none() | VALUES[c.type.name]
        for c in SAMPLES.columns
    )
)


@given(st.lists(ANY_ROW, max_size=30), st.sampled_from(avro_files.CODECS))
@settings(deadline=None, max_examples=50)
def test_any_rows_come_back_exactly(rows: list[tuple[Any, ...]], codec: str):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.avro"
        write(path, SAMPLES, iter([batch(SAMPLES, *rows)]), codec)
        assert read(path, SAMPLES) == pa.Table.from_batches([batch(SAMPLES, *rows)])


def test_the_schema_says_what_the_dictionary_says(tmp_path: Path):
    schema = schema_of(HIRED)
    assert (schema["name"], schema["namespace"]) == ("hired_employees", "gatehouse")
    assert schema["doc"] == HIRED.description
    by_name = {each["name"]: each for each in schema["fields"]}
    assert by_name["datetime"]["type"] == MICROS
    assert by_name["name"]["doc"] == "The name of the row."
    optional = {each["name"]: each for each in schema_of(SAMPLES)["fields"]}["text"]
    assert (optional["type"], optional["default"]) == (["null", "string"], None)


def test_the_fingerprint_is_that_of_the_file_and_changes_with_the_columns(tmp_path: Path):
    written = write(tmp_path / "x.avro", HIRED, iter([]))
    with (tmp_path / "x.avro").open("rb") as file:
        assert AvroFile(file, HIRED).schema_fingerprint == written.schema_fingerprint
    more = table("hired_employees", *HIRED.columns, column("note", "varchar"))
    assert fingerprint_of(schema_of(more)) != written.schema_fingerprint


def test_a_name_that_avro_does_not_know_is_an_error_of_the_dictionary():
    with pytest.raises(DictionaryError, match=r"first-name"):
        schema_of(table("people", key(), column("first-name", "varchar")))


def test_every_type_of_the_dictionary_can_be_read():
    assert READINGS.keys() == {*TYPES, "decimal"}


def test_large_batches_are_written_in_blocks_of_a_bounded_size(tmp_path: Path):
    wide = [(i, None, None, None, "y" * 1_000_000, None, None, None) for i in range(40)]
    many = [(i, None, None, None, None, None, None, None) for i in range(100, 30_100)]
    path = tmp_path / "x.avro"
    write(path, SAMPLES, iter([batch(SAMPLES, *wide), batch(SAMPLES, *many)]))
    with path.open("rb") as file:
        blocks = [(each.num_records, each.size) for each in fastavro.block_reader(file)]
    assert max(rows for rows, _ in blocks) <= avro_files.BATCH_ROWS
    assert len(blocks) >= 4 + 4
    assert read(path, SAMPLES).num_rows == 30_040


def test_columns_are_found_by_name_in_whatever_order(tmp_path: Path):
    fields = [field("department", "string"), field("other", "double"), field("id", "int")]
    rows = [{"department": "Maths", "other": 0.5, "id": 3}]
    path = foreign_file(tmp_path / "x.avro", fields, rows)
    assert read(path, DEPARTMENTS).to_pylist() == [{"id": 3, "department": "Maths"}]


def test_a_column_that_came_since_is_missing_in_every_row(tmp_path: Path):
    write(tmp_path / "x.avro", DEPARTMENTS, iter([batch(DEPARTMENTS, (1, "Maths"))]))
    now = table("departments", *DEPARTMENTS.columns, column("floor", "bigint"))
    assert read(tmp_path / "x.avro", now).to_pylist() == [
        {"id": 1, "department": "Maths", "floor": None}
    ]


def test_a_required_column_that_is_not_there_is_named(tmp_path: Path):
    write(tmp_path / "x.avro", DEPARTMENTS, iter([batch(DEPARTMENTS, (1, "Maths"))]))
    now = table("departments", *DEPARTMENTS.columns, column("floor", "bigint", not_null={}))
    with pytest.raises(DamagedBackup, match="no column floor") as error:
        read(tmp_path / "x.avro", now)
    assert error.value.members == {"column": "floor"}


@pytest.mark.parametrize(
    ("there", "value", "here", "expected"),
    [
        ("int", 7, "bigint", 7),
        ("int", 7, "double", 7.0),
        ("long", -(2**31), "integer", -(2**31)),
        ("long", 2**53, "double", 2.0**53),
        ("float", 0.5, "double", 0.5),
        ("bytes", "é".encode(), "varchar", "é"),
        (["int", "null"], None, "bigint", None),
        (["int", "null"], 7, "bigint", 7),
        ({"type": "string", "logicalType": "uuid"}, "no uuid at all", "varchar", "no uuid at all"),
        ({"type": "string", "avro.java.string": "String"}, "a", "varchar", "a"),
        *((long_of(f"{kind}timestamp-{unit}"), 1500 * times, "timestamp",
           moment(1970, 1, 1, 0, 0, 1, 500_000))
          for kind in ("", "local-")
          for unit, times in (("millis", 1), ("micros", 1000), ("nanos", 1_000_000))),
        (long_of("timestamp-nanos"), -1000, "timestamp",
         moment(1969, 12, 31, 23, 59, 59, 999_999)),
        ("double", 1.0, "integer", 1),
        ("double", -0.0, "integer", 0),
        ("double", -(2.0**31), "integer", -(2**31)),
        ("double", 2.0**53, "bigint", 2**53),
        ("float", 3.0, "integer", 3),
        ("float", -(2.0**24), "bigint", -(2**24)),
        (["double", "null"], None, "integer", None),
        (["null", "double"], 7.0, "integer", 7),
        ("string", "2021-07-27T16:02:08.5z", "timestamp", moment(2021, 7, 27, 16, 2, 8, 500_000)),
        ("string", "2021-07-27 16:02:08+02:00", "timestamp", moment(2021, 7, 27, 14, 2, 8)),
        (["null", "string"], None, "timestamp", None),
        ("string", "2021-07-27", "date", date(2021, 7, 27)),
        (COLOUR, "blue", "varchar", "blue"),
        (["null", COLOUR], None, "varchar", None),
        ([COLOUR, "null"], "red", "varchar", "red"),
        (decimal(0), b"\x07", "integer", 7),
        (decimal(2), b"\xff\x38", "bigint", -2),
        (decimal(2), b"\x19", "double", 0.25),
        (decimal(2, 3), b"\0\0\x64", "integer", 1),
        (["null", decimal(2, 3)], b"\0\0\x64", "integer", 1),
        (["null", decimal(2, 3)], None, "integer", None),
        (UUID_BYTES, bytes(range(16)), "varchar", "00010203-0405-0607-0809-0a0b0c0d0e0f"),
        (MICROS, -1, "timestamp", moment(1969, 12, 31, 23, 59, 59, 999_999)),
        ({"type": "int", "logicalType": "date"}, -1, "date", date(1969, 12, 31)),
    ],
)  # fmt: skip
def test_types_that_widen_or_mean_the_same_are_read(
    tmp_path: Path, there: Any, value: Any, here: str, expected: Any
):
    now = table("things", key(), column("it", here))
    fields = [field("id", "int"), field("it", there)]
    path = foreign_file(tmp_path / "x.avro", fields, [{"id": 1, "it": value}])
    assert read(path, now).to_pylist() == [{"id": 1, "it": expected}]


@pytest.mark.parametrize(
    ("there", "value", "here"),
    [
        ("long", 2**31, "integer"),
        ("long", -(2**31) - 1, "integer"),
        *(("double", value, "integer") for value in (1.5, float("nan"), float("inf"), 2.0**31)),
        *(("double", value, "bigint") for value in (2.0**53 + 2, -1e300, float("-inf"), 0.1)),
        *(("float", value, "bigint") for value in (2.0**24 + 2, 0.5, float("nan"))),
        ("string", "1", "integer"),
        ("string", "true", "boolean"),
        *(("string", text, "timestamp") for text in ("", "2021-07-27", "2021-02-30T00:00:00Z")),
        *(("string", text, "timestamp") for text in ("20210727T160208Z", "1", "now")),
        *(("string", text, "date") for text in ("", "20210727", "2021-02-30")),
        (long_of("timestamp-nanos"), 1, "timestamp"),
        (long_of("timestamp-nanos"), 1, "date"),
        (COLOUR, "red", "integer"),
        (decimal(2), b"\x07", "integer"),  # 0.07
        (decimal(0), b"\x01\0\0\0\0", "integer"),
        (decimal(0), b"", "integer"),
        (decimal(0), b"\0" * 100, "integer"),
        (decimal(39), b"\0", "double"),
        (decimal(2), b"\x64", "varchar"),
        ({"type": "fixed", "name": "f", "size": 3}, b"abc", "varchar"),
        ({"type": "array", "items": "int"}, [1], "integer"),
        ({"type": "map", "values": "int"}, {}, "varchar"),
        (["null", "int", "string"], 1, "integer"),
        (["null", "int", "string"], None, "varchar"),
        ("int", 1, "varchar"),
        ("int", 1, "boolean"),
        ("long", 2**53 + 1, "double"),
        ("double", float("nan"), "double"),
        ("double", float("inf"), "double"),
        ("bytes", b"\xff", "varchar"),
        ("long", 1, "timestamp"),
        ("int", 1, "date"),
        (MICROS, 1, "bigint"),
        (MICROS, 253_402_300_800_000_000, "timestamp"),
        (MICROS, -62_135_596_800_000_001, "timestamp"),
        ({"type": "long", "logicalType": "timestamp-millis"}, 2**62, "timestamp"),
        ({"type": "int", "logicalType": "date"}, 2_932_897, "date"),
        ({"type": "int", "logicalType": "date"}, -719_163, "date"),
    ],
)
def test_what_is_not_of_the_columns_type_is_refused_by_name(
    tmp_path: Path, there: Any, value: Any, here: str
):
    now = table("things", key(), column("it", here))
    fields = [field("id", "int"), field("it", there)]
    path = foreign_file(tmp_path / "x.avro", fields, [{"id": 1, "it": value}])
    with pytest.raises(DamagedBackup, match="column it"):
        read(path, now)


def test_text_is_judged_as_the_doors_of_rows_judge_it(tmp_path: Path):
    now = table("things", key(), column("it", "timestamp", utc_datetime={}))
    fields = [field("id", "int"), field("it", "string")]
    for text, reason in (
        ("2021-07-27T16:02:08+02:00", "must be in UTC"),
        ("2021-07-27 16:02:08Z", "must be in UTC"),
        ("2021-07-27T16:02Z", "not a date and time written like"),
        ("2021-07-27t16:02:08.1230000+00:00", None),
    ):
        path = foreign_file(tmp_path / "x.avro", fields, [{"id": 1, "it": text}] * 3)
        if reason is None:
            assert read(path, now).num_rows == 3
        else:
            with pytest.raises(DamagedBackup, match=reason):
                read(path, now)


def test_a_name_in_other_letters_is_taken_where_only_one_is_meant(tmp_path: Path):
    path = tmp_path / "x.avro"
    row = {"ID": 1, "Department": "a", "DEPARTMENT": "b", "department": "c"}
    for fields, found in (
        (["ID", "Department"], "a"),
        (["ID", "department", "DEPARTMENT"], "c"),
        (["ID", "Department", "DEPARTMENT"], None),
    ):
        types = [field(name, "int" if name == "ID" else "string") for name in fields]
        foreign_file(path, types, [row])
        if found is None:
            with pytest.raises(DamagedBackup, match="not clear which of its columns is department"):
                read(path, DEPARTMENTS)
        else:
            assert read(path, DEPARTMENTS).to_pylist() == [{"id": 1, "department": found}]


def test_a_backup_of_another_table_is_refused_even_if_the_columns_fit(tmp_path: Path):
    other = table("places", *DEPARTMENTS.columns)
    write(tmp_path / "x.avro", other, iter([batch(other, (1, "Maths"))]))
    with pytest.raises(DamagedBackup, match="a backup of places, not of departments"):
        read(tmp_path / "x.avro", DEPARTMENTS)


def test_one_block_of_very_many_rows_is_read_in_bounded_batches(tmp_path: Path):
    rows = [{"id": i, "department": "x"} for i in range(50_000)]
    fields = [field("id", "int"), field("department", "string")]
    path = foreign_file(tmp_path / "x.avro", fields, rows)
    with path.open("rb") as file:
        sizes = [each.num_rows for each in AvroFile(file, DEPARTMENTS).batches()]
    assert max(sizes) <= avro_files.BATCH_ROWS
    assert sum(sizes) == 50_000
