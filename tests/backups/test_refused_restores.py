"""What a restore refuses, and then nothing has changed at all."""

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from service.backups.backing_up import back_up, import_file
from service.backups.catalogue import Catalogue
from service.backups.restoring import restore
from service.errors import (
    DamagedBackup,
    DanglingReferences,
    Problem,
    RulesBroken,
    UnknownTable,
    Unprocessable,
)
from tests.support import world
from tests.support.backups import path_of
from tests.support.foreign import field, foreign_file
from tests.support.world import (
    DEPARTMENTS,
    HIRED,
    JOBS,
    SAMPLES,
    Put,
    Take,
    change,
    column,
    everything,
    key,
    reference,
    rows,
    snapshot,
    table,
    writing,
)


def orphaned(error: DanglingReferences) -> list[tuple[Any, ...]]:
    assert error.members["rule"] == "relationships"
    names = ("table", "column", "parent", "count", "first_ids")
    found = [tuple(each[name] for name in names) for each in error.members["references"]]
    assert tuple(error.members[name] for name in names) == found[0]
    return found


def test_a_row_whose_parent_would_be_missing_is_refused(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    (entry,) = take("hired_employees")
    warehouse.execute("delete from core.hired_employees")
    warehouse.execute("delete from core.departments where id = 2")
    before = everything(warehouse)
    with pytest.raises(DanglingReferences) as error:
        put(entry)
    assert orphaned(error.value) == [("hired_employees", "department_id", "departments", 2, [2, 3])]
    assert error.value.status == 409
    assert everything(warehouse) == before


def test_a_row_that_would_lose_its_parent_is_refused(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    (entry,) = take("departments")
    warehouse.execute("insert into core.departments values (9, 'nine')")
    warehouse.execute(
        "insert into core.hired_employees select 100 + i, 'x', timestamp '2021-01-01', 9, 1"
        " from range(15) r(i)"
    )
    before = everything(warehouse)
    with pytest.raises(DanglingReferences) as error:
        put(entry)
    assert orphaned(error.value) == [
        ("hired_employees", "department_id", "departments", 15, list(range(100, 110)))
    ]
    assert everything(warehouse) == before


def test_a_set_is_judged_by_what_it_makes_of_all_its_tables(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    old = take("departments", "hired_employees")
    warehouse.execute("delete from core.hired_employees")
    warehouse.execute("delete from core.departments")
    warehouse.execute("insert into core.departments values (9, 'nine')")
    warehouse.execute("insert into core.hired_employees values (1, 'x', '2021-01-01', 9, 1)")
    for entry in old:  # alone, either would leave orphans
        with pytest.raises(DanglingReferences):
            put(entry)
    put(*old)
    assert len(rows(warehouse, "hired_employees")) == 4


def test_every_reference_that_would_dangle_is_named(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    warehouse.execute("delete from core.hired_employees")
    entries = take("departments", "jobs")
    warehouse.execute("insert into core.departments values (9, 'nine')")
    warehouse.execute("insert into core.jobs values (9, 'nine')")
    warehouse.execute("insert into core.hired_employees values (1, 'x', '2021-01-01', 9, 9)")
    with pytest.raises(DanglingReferences) as error:
        put(*entries)
    assert [found[1] for found in orphaned(error.value)] == ["department_id", "job_id"]


def test_a_table_that_refers_to_itself_is_judged_by_its_own_backup(
    tmp_path: Path, catalogue: Catalogue
):
    boss = column("boss_id", "integer", relationships=reference("", "people").reference.args)  # type: ignore[union-attr]
    people = table("people", key(), boss)
    root = duckdb.connect(tmp_path / "w.duckdb")
    world.create(root, people)
    root.execute("insert into core.people values (1, null), (2, 1)")
    with snapshot(root) as connection:
        good = back_up(connection, [people], catalogue, dictionary_version="v")
    root.execute("insert into core.people values (4, 3)")
    with snapshot(root) as connection:
        bad = back_up(connection, [people], catalogue, dictionary_version="v")
    with writing(root) as connection:
        restore(connection, world.dictionary(people), good, catalogue)
    with pytest.raises(DanglingReferences) as error, writing(root) as connection:
        restore(connection, world.dictionary(people), bad, catalogue)
    assert orphaned(error.value) == [("people", "boss_id", "people", 1, [4])]
    assert rows(root, "people") == [(1, None), (2, 1)]
    root.close()


def test_rows_that_break_a_rule_of_today_are_refused(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    warehouse.execute("insert into core.jobs values (7, repeat('x', 51)), (8, null)")
    (entry,) = take("jobs")
    warehouse.execute("delete from core.jobs where id > 3")
    before = everything(warehouse)
    with pytest.raises(RulesBroken) as error:
        put(entry)
    assert error.value.members["violations"] == [
        {"column": "job", "rule": "not_null", "count": 1, "first_ids": [8]},
        {"column": "job", "rule": "max_length", "count": 1, "first_ids": [7]},
    ]
    assert error.value.members["table"] == "jobs"
    assert everything(warehouse) == before


def test_a_repeated_value_in_a_unique_column_is_refused(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, put: Put
):
    fields = [field("id", "long"), field("code", "string")]
    twice = [{"id": i, "code": code} for i, code in enumerate("abcabx")]
    path = foreign_file(tmp_path / "x.avro", fields, twice)
    entry = import_file(path, SAMPLES, catalogue, dictionary_version="v")
    before = everything(warehouse)
    with pytest.raises(RulesBroken) as error:
        put(entry)
    assert error.value.members["violations"] == [
        {"column": "code", "rule": "unique", "count": 2, "first_ids": [0, 1, 3, 4]},
    ]
    assert everything(warehouse) == before


def test_an_older_backup_without_a_column_that_is_required_now_is_refused(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    (entry,) = take("departments")
    today = table("departments", *DEPARTMENTS.columns, column("floor", "integer", not_null={}))
    before = everything(warehouse)
    with pytest.raises(DamagedBackup, match="no column floor") as error:
        put(entry, by=world.dictionary(today, JOBS, HIRED))
    assert error.value.members == {
        "backup_id": entry.backup_id,
        "table": "departments",
        "column": "floor",
    }
    assert everything(warehouse) == before


def test_a_table_that_the_dictionary_does_not_know_is_named(take: Take, put: Put):
    (entry,) = take("departments")
    with pytest.raises(UnknownTable):
        put(entry, by=world.dictionary(JOBS))


def test_a_table_cannot_be_restored_from_two_backups_at_once(take: Take, put: Put):
    with pytest.raises(Unprocessable):
        put(*take("departments"), *take("departments"))


def test_a_flipped_byte_anywhere_is_refused(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put, catalogue: Catalogue
):
    (entry,) = take("samples")
    change(warehouse)
    before = everything(warehouse)
    path = path_of(catalogue, entry)
    whole = path.read_bytes()
    for at in range(0, len(whole), 17):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(DamagedBackup) as error:
            put(entry)
        assert error.value.members["backup_id"] == entry.backup_id
    for size in range(0, len(whole), len(whole) // 50):
        path.write_bytes(whole[:size])
        with pytest.raises(DamagedBackup):
            put(entry)
    assert everything(warehouse) == before


def test_fewer_and_more_rows_than_the_catalogue_says_are_refused(take: Take, put: Put):
    (entry,) = take("samples")
    for said in (3, 5):
        with pytest.raises(DamagedBackup, match="rows that the catalogue says"):
            put(msgspec.structs.replace(entry, rows=said))
    with pytest.raises(DamagedBackup, match="schema"):
        put(msgspec.structs.replace(entry, schema_fingerprint="0123456789abcdef"))


def test_no_message_says_where_the_files_are(
    take: Take, put: Put, catalogue: Catalogue, tmp_path: Path
):
    (entry,) = take("departments")
    path = path_of(catalogue, entry)
    for damage in (lambda: path.write_bytes(b""), path.unlink, lambda: path.symlink_to("x")):
        damage()
        with pytest.raises(Problem) as error:
            put(entry)
        assert str(tmp_path) not in str(error.value) + str(error.value.members)
