"""A restored table is exactly what its backup holds."""

from pathlib import Path

import duckdb
import msgspec
import pytest

from service.backups.backing_up import back_up
from service.backups.catalogue import Catalogue
from service.backups.restoring import RestoreResult, restore
from service.dictionary import Dictionary
from tests.support import world
from tests.support.world import (
    HIRED,
    JOBS,
    Put,
    Take,
    change,
    column,
    contents,
    key,
    rows,
    snapshot,
    table,
    writing,
)


def counts(result: RestoreResult) -> tuple[int, ...]:
    r = result
    return (r.rows_before, r.rows_after, r.added, r.removed, r.changed)


@pytest.mark.parametrize("codec", ["deflate", "zstandard"])
def test_a_table_is_exactly_what_the_backup_holds(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put, codec: str
):
    before = rows(warehouse, "samples")
    (entry,) = take("samples", codec=codec)
    change(warehouse)
    (result,) = put(entry)
    assert rows(warehouse, "samples") == before
    assert counts(result) == (5, 4, 1, 2, 1)
    assert (result.table, result.backup_id) == ("samples", entry.backup_id)


def test_a_value_that_became_null_and_one_that_was_null_are_changes(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    (entry,) = take("samples")
    before = rows(warehouse, "samples")
    warehouse.execute("update core.samples set small = null where id = 0")
    warehouse.execute("update core.samples set small = 1 where id = 1")
    (result,) = put(entry)
    assert counts(result) == (4, 4, 0, 0, 2)
    assert rows(warehouse, "samples") == before


def test_restoring_what_is_there_changes_nothing(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    (entry,) = take("samples")
    (result,) = put(entry)
    assert counts(result) == (4, 4, 0, 0, 0)


@pytest.mark.parametrize("emptied", [True, False])
def test_an_empty_table_and_an_empty_backup_can_be_restored(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put, emptied: bool
):
    if emptied:
        (entry,) = take("samples")
        warehouse.execute("delete from core.samples")
        assert counts(put(entry)[0]) == (0, 4, 4, 0, 0)
    else:
        kept = rows(warehouse, "samples")
        warehouse.execute("delete from core.samples")
        (entry,) = take("samples")
        warehouse.executemany(
            "insert into core.samples values (?, ?, ?, ?, ?, ?, ?, ?)", [list(r) for r in kept]
        )
        assert counts(put(entry)[0]) == (4, 0, 0, 4, 0)
        assert rows(warehouse, "samples") == []


def test_a_table_of_nothing_but_keys_can_be_restored(tmp_path: Path, catalogue: Catalogue):
    only = table("only", key())
    root = duckdb.connect(tmp_path / "w.duckdb")
    world.create(root, only)
    root.execute("insert into core.only from range(10)")
    with snapshot(root) as connection:
        entries = back_up(connection, [only], catalogue, dictionary_version="v")
    root.execute("delete from core.only where id < 5")
    root.execute("insert into core.only values (77)")
    with writing(root) as connection:
        (result,) = restore(connection, world.dictionary(only), entries, catalogue)
    assert counts(result) == (6, 10, 5, 1, 0)
    assert rows(root, "only") == [(i,) for i in range(10)]
    root.close()


def test_the_restore_is_in_the_books_and_the_history_is_looked_at_again(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    warehouse.execute("insert into ops.history values ('samples', 's', '', 'l')")
    warehouse.execute("insert into ops.history values ('jobs', 's', '', 'l')")
    (entry,) = take("samples")
    change(warehouse)
    (result,) = put(entry, actor="olga")
    (load,) = warehouse.execute("select * from ops.loads").fetchall()
    assert load[:9] == (
        result.load_id, "samples", "restore", entry.backup_id, "done", 4, 2, 0, 2,
    )  # fmt: skip
    assert load[9] <= load[10]
    assert (load[11], msgspec.json.decode(load[12])) == (
        "olga",
        {"removed": 2, "accepted_before": 0},
    )
    left = warehouse.execute("select table_name from ops.history").fetchall()
    assert left == [("jobs",)]


def test_a_set_is_restored_together_parents_first_under_one_load(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    before = {name: rows(warehouse, name) for name in ("departments", "jobs", "hired_employees")}
    entries = take("hired_employees", "departments", "jobs")
    warehouse.execute("delete from core.hired_employees where id > 1")
    warehouse.execute("delete from core.departments where id > 1")
    results = put(*entries)
    assert {name: rows(warehouse, name) for name in before} == before
    assert [result.table for result in results] == ["departments", "jobs", "hired_employees"]
    assert len({result.load_id for result in results}) == 1
    assert warehouse.execute("select count(*) from ops.loads").fetchone() == (3,)


def test_nothing_temporary_is_left_and_leftovers_do_not_matter(
    warehouse: duckdb.DuckDBPyConnection, take: Take, catalogue: Catalogue, dictionary: Dictionary
):
    (entry,) = take("samples")

    def fail(step: str) -> None:
        raise RuntimeError(step)

    with snapshot(warehouse) as connection:
        connection.commit()
        connection.begin()
        with pytest.raises(RuntimeError, match="staged samples"):
            restore(connection, dictionary, [entry], catalogue, steps=fail)
        connection.rollback()
        connection.execute("create or replace temp table restored__samples (odd integer)")
        for _ in range(2):
            connection.begin()
            restore(connection, dictionary, [entry], catalogue)
            connection.commit()
        left = connection.execute("select table_name from duckdb_tables() where temporary")
        assert left.fetchall() == []


def test_values_of_a_unique_column_may_change_places(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    before = rows(warehouse, "samples")
    (entry,) = take("samples")
    warehouse.execute(
        "update core.samples set code = case code when 'a' then 'b' when 'b' then 'a' end"
    )
    assert counts(put(entry)[0]) == (4, 4, 0, 0, 2)
    assert rows(warehouse, "samples") == before


def test_an_older_backup_is_restored_into_the_table_of_today(
    warehouse: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    (entry,) = take("departments")
    today = table(
        "departments",
        key(type_name="bigint"),
        column("floor", "integer"),
        column("department", "varchar", not_null={}),
    )
    warehouse.execute("delete from core.hired_employees")
    warehouse.execute(
        "create or replace table core.departments"
        " (id bigint primary key, floor integer, department varchar)"
    )
    warehouse.execute("insert into core.departments values (1, 4, 'one')")
    (result,) = put(entry, by=world.dictionary(today, JOBS, HIRED))
    assert rows(warehouse, "departments") == [
        (1, None, "one"),
        (2, None, "two"),
        (3, None, "three"),
    ]
    assert counts(result) == (1, 3, 2, 0, 1)


def test_readers_see_the_old_rows_until_the_commit(
    warehouse: duckdb.DuckDBPyConnection, take: Take, catalogue: Catalogue, dictionary: Dictionary
):
    (entry,) = take("samples")
    change(warehouse)
    now = rows(warehouse, "samples")
    with snapshot(warehouse) as before:
        assert rows(before, "samples") == now
        with writing(warehouse) as connection:
            restore(connection, dictionary, [entry], catalogue)
            assert rows(warehouse, "samples") == now
        assert rows(before, "samples") == now
    assert rows(warehouse, "samples") != now


@pytest.fixture
def large(warehouse: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A hundred thousand hires."""
    warehouse.execute(
        "insert into core.hired_employees select i, 'name ' || i,"
        " timestamp '2021-01-01' + to_seconds(i), 1 + i % 3, 1 + i % 3 from range(10, 100010) r(i)"
    )
    return warehouse


def hires(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How many there are, and the sum of their hashes."""
    return contents(connection, ("core", "hired_employees"))["core.hired_employees"]


def test_a_hundred_thousand_rows_are_restored_after_commits_of_every_kind(
    large: duckdb.DuckDBPyConnection, take: Take, put: Put
):
    before = hires(large)
    (entry,) = take("hired_employees")
    with snapshot(large) as old:
        assert hires(old)[0] == 100_004
        for _ in range(2):
            large.execute("delete from core.hired_employees where id % 5 = 0")
            large.execute("update core.hired_employees set name = 'x' where id % 3 = 0")
            large.execute("update core.hired_employees set id = id + 1000000 where id % 7 = 1")
            with snapshot(large) as between:
                assert hires(between)[0] < 100_004
                (result,) = put(entry)
            assert hires(large) == before
            assert result.rows_after == result.rows_before - result.removed + result.added
        assert hires(old)[0] == 100_004
    found = large.execute("select name from core.hired_employees where id = 77777").fetchall()
    assert found == [("name 77777",)]


def test_files_of_several_blocks_stay_restorable_after_the_warehouse_is_opened_again(
    large: duckdb.DuckDBPyConnection, take: Take, put: Put, tmp_path: Path
):
    before = hires(large)
    (entry,) = take("hired_employees")
    large.execute("delete from core.hired_employees where id % 2 = 0")
    put(entry)
    large.close()
    with duckdb.connect(tmp_path / "warehouse.duckdb") as again:
        assert hires(again) == before
        with pytest.raises(duckdb.ConstraintException):
            again.execute("insert into core.hired_employees values (20, 'x', '2021-01-01', 1, 1)")
