"""Whole columns go to the bytes of Avro rows and back, as fastavro says they should."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import fastavro
import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.backups import backing_up, staging
from service.backups.backing_up import import_file
from service.backups.catalogue import Catalogue, Entry
from service.backups.restoring import restore
from service.dictionary import Dictionary
from service.errors import DamagedBackup
from service.formats.avro.avro_files import AvroFile
from service.formats.avro.avro_schema import Schema, read_schema, schema_of
from service.formats.avro.decoding import Window
from service.formats.avro.encoding import encoded
from tests.formats.avro.test_avro_files import ANY_ROW
from tests.support import foreign
from tests.support.backups import write
from tests.support.foreign import field, foreign_file
from tests.support.world import SAMPLES, batch, rows, writing

SCHEMA = schema_of(SAMPLES)
FIELDS = read_schema(msgspec.json.encode(SCHEMA)).fields


def plain(values: tuple[Any, ...]) -> dict[str, Any]:
    """A row with days and moments as numbers."""
    given = batch(SAMPLES, values)
    days, moments = (given.column(name) for name in ("day", "moment"))
    numbers = {"day": days.cast(pa.int32()), "moment": moments.cast(pa.int64())}
    columns = (numbers.get(c.name, given.column(c.name)) for c in SAMPLES.columns)
    return dict(zip(SAMPLES.column_names, (c[0].as_py() for c in columns), strict=True))


@given(st.lists(ANY_ROW, min_size=1, max_size=30))
@settings(deadline=None, max_examples=200)
def test_rows_are_encoded_byte_by_byte_as_fastavro_does(values: list[tuple[Any, ...]]):
    ours = encoded(batch(SAMPLES, *values), [each["type"] for each in SCHEMA["fields"]])
    assert ours == foreign.encoded(SCHEMA["fields"], [plain(row) for row in values])


@given(st.lists(ANY_ROW, min_size=1, max_size=30), st.integers(0, 40))
@settings(deadline=None, max_examples=200)
def test_windows_have_the_rows_that_fastavro_wrote(values: list[tuple[Any, ...]], cut: int):
    """Also when the window ends in the middle of a row: then the last one is not in it."""
    wanted = [plain(row) for row in values]
    data = foreign.encoded(SCHEMA["fields"], wanted)
    window = Window(data[: len(data) - cut] if cut < len(data) else data)
    found = window.rows(FIELDS, len(values))
    assert found[-1] <= window.size
    columns = window.columns(FIELDS, found)
    there = [dict(zip(columns, row, strict=True)) for row in _rows_of(columns)]
    assert there == wanted[: len(found) - 1]
    if cut == 0 or cut >= len(data):
        assert len(found) - 1 == len(values)


def _rows_of(columns: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in columns.values()), strict=True))


@pytest.mark.parametrize("null_first", [True, False])
def test_null_may_be_either_branch(tmp_path: Path, null_first: bool):
    union = ["null", "string"] if null_first else ["string", "null"]
    fields = [field("id", "long"), field("text", union)]
    given = [{"id": i, "text": None if i % 3 else f"é{i}" * i} for i in range(200)]
    path = foreign_file(tmp_path / "x.avro", fields, given)
    with path.open("rb") as file:
        back = pa.Table.from_batches(AvroFile(file, SAMPLES).batches(), SAMPLES.arrow_schema)
    assert back.select(["id", "text"]).to_pylist() == given


def test_numbers_in_more_bytes_than_they_need_are_read(tmp_path: Path):
    path = tmp_path / "x.avro"
    schema: Schema = {"type": "record", "name": "Root", "fields": [field("id", "long")]}
    path.write_bytes(foreign.header(schema) + foreign.block(2, b"\x82\x80\x00" + b"\x04"))
    with path.open("rb") as file:
        (back,) = AvroFile(file, SAMPLES).batches()
    assert back.column("id").to_pylist() == [1, 2]


@given(st.lists(ANY_ROW, max_size=30))
@settings(deadline=None, max_examples=50)
def test_fastavro_reads_every_file_of_ours(values: list[tuple[Any, ...]]):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.avro"
        write(path, SAMPLES, iter([batch(SAMPLES, *values)] if values else []))
        with path.open("rb") as file:
            there = [tuple(row.values()) for row in fastavro.reader(file)]  # type: ignore[union-attr]
    ours = [(*v[:6], v[6] and v[6].replace(tzinfo=None), v[7]) for v in values]
    assert [(*t[:6], t[6] and t[6].replace(tzinfo=None), t[7]) for t in there] == ours


def many(warehouse: duckdb.DuckDBPyConnection) -> None:
    """A thousand rows, in an order that is not that of their keys."""
    warehouse.execute(
        "insert into core.samples (id, small, text) select 10 + (i * 7919) % 1009, i, 't' || i"
        " from range(1009) r(i)"
    )


def test_a_table_that_is_sorted_part_by_part_is_in_the_order_of_its_keys(
    warehouse: duckdb.DuckDBPyConnection,
    take: Callable[..., list[Entry]],
    catalogue: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(backing_up, "PART_ROWS", 100)
    many(warehouse)
    (entry,) = take("samples")
    with catalogue.open(entry) as file:
        read = pa.Table.from_batches(AvroFile(file, SAMPLES).batches())
    assert [tuple(row.values()) for row in read.to_pylist()] == rows(warehouse, "samples")


@pytest.mark.parametrize("part", [1, 7, 100, 5000])
def test_differences_are_found_in_whatever_part_they_are(
    warehouse: duckdb.DuckDBPyConnection,
    take: Callable[..., list[Entry]],
    catalogue: Catalogue,
    dictionary: Dictionary,
    monkeypatch: pytest.MonkeyPatch,
    part: int,
):
    monkeypatch.setattr(staging, "PART_ROWS", part)
    monkeypatch.setattr("service.formats.avro.avro_files.BATCH_ROWS", part)
    many(warehouse)
    (entry,) = take("samples")
    before = rows(warehouse, "samples")
    warehouse.execute("update core.samples set text = 'changed' where id % 10 = 3 and id > 10")
    warehouse.execute("delete from core.samples where id % 10 = 4 or id < -5")
    warehouse.execute("insert into core.samples (id) values (-77), (5), (2000), (3000)")
    changed, removed = 101, 102
    with writing(warehouse) as connection:
        (result,) = restore(connection, dictionary, [entry], catalogue)
    assert rows(warehouse, "samples") == before
    assert (result.changed, result.added, result.removed) == (changed, removed, 4)


@pytest.mark.parametrize("unordered", [True, False])
def test_a_file_in_any_order_is_restored(
    tmp_path: Path,
    warehouse: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    dictionary: Dictionary,
    unordered: bool,
):
    many(warehouse)
    ids = [*range(10, 500), 7]
    given = [{"id": i, "text": f"new {i}"} for i in (ids if unordered else sorted(ids))]
    fields = [field("id", "long"), field("text", "string")]
    path = foreign_file(tmp_path / "x.avro", fields, given)
    entry = import_file(path, SAMPLES, catalogue, dictionary_version="v")
    with writing(warehouse) as connection:
        (result,) = restore(connection, dictionary, [entry], catalogue)
        left = connection.execute("select table_name from duckdb_tables() where temporary")
        assert left.fetchall() == []
    there = warehouse.execute("select id, text from core.samples order by 1").fetchall()
    assert there == sorted((row["id"], row["text"]) for row in given)
    assert (result.added, result.changed, result.rows_after) == (1, 490, 491)


@pytest.mark.parametrize("branch", [b"\x04", b"\x80\x01"])
def test_a_branch_that_a_union_does_not_have_is_refused(tmp_path: Path, branch: bytes):
    path = tmp_path / "x.avro"
    fields = [field("id", "long"), field("small", ["null", "int"])]
    schema: Schema = {"type": "record", "name": "Root", "fields": fields}
    path.write_bytes(foreign.header(schema) + foreign.block(1, b"\x02" + branch + b"\x02"))
    with path.open("rb") as file, pytest.raises(DamagedBackup):
        list(AvroFile(file, SAMPLES).batches())


@pytest.mark.parametrize(
    "change",
    [
        "delete from core.samples where id = 500",
        "insert into core.samples (id) values (5)",
        "insert into core.samples (id) select 5000 + range from range(300000)",
        "update core.samples set ratio = 'nan' where id = 500",
        "update core.samples set text = null where id = 500",
        "update core.samples set id = 5000 where id = 500",
    ],
)
def test_one_difference_in_a_part_is_found(
    warehouse: duckdb.DuckDBPyConnection,
    take: Callable[..., list[Entry]],
    catalogue: Catalogue,
    dictionary: Dictionary,
    change: str,
):
    many(warehouse)
    (entry,) = take("samples")
    before = rows(warehouse, "samples")
    warehouse.execute(change)
    with writing(warehouse) as connection:
        (result,) = restore(connection, dictionary, [entry], catalogue)
    assert rows(warehouse, "samples") == before
    assert result.added + result.changed + result.removed > 0


@pytest.mark.parametrize("ratio", ["null", "0.5", "'-0.0'"])
def test_rows_that_are_there_are_told_in_whatever_order(
    warehouse: duckdb.DuckDBPyConnection,
    take: Callable[..., list[Entry]],
    catalogue: Catalogue,
    dictionary: Dictionary,
    ratio: str,
):
    many(warehouse)
    warehouse.execute(f"update core.samples set ratio = {ratio} where id % 2 = 0")
    (entry,) = take("samples")
    with writing(warehouse) as connection:
        (result,) = restore(connection, dictionary, [entry], catalogue)
    assert (result.added, result.changed, result.removed) == (0, 0, 0)
