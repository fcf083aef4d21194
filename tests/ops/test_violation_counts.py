"""How often rules were broken, as the dictionary's pages tell it."""

from collections.abc import Iterator

import duckdb
import pytest

from service.ops.violation_counts import ViolationCounts
from tests.support import world

INSERT = """
    insert into ops.rejections
        (rejection_id, load_id, table_name, position, payload, violations, rejected_at, status)
    values
        ('a', 'l', 'jobs', 1, '{}', '[{"column": "id", "rule": "unique"}]', now(), 'open'),
        ('b', 'l', 'jobs', 2, '{}', '[{"column": "job", "rule": "not_null"}]', now(), 'accepted')
"""


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        world.create(connection, world.JOBS)
        connection.execute(INSERT)
        yield connection


def told(counts: ViolationCounts, warehouse: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return [(each.column, each.rule, each.open, each.ever) for each in counts.read(warehouse)]


def test_a_copy_that_is_attached_counts_nothing_twice(warehouse):
    before = told(ViolationCounts(), warehouse)
    assert before == [("id", "unique", 1, 1), ("job", "not_null", 0, 1)]
    warehouse.execute("attach ':memory:' as copy")
    warehouse.execute("create schema copy.core")
    warehouse.execute("create table copy.core.jobs as from core.jobs")
    assert told(ViolationCounts(), warehouse) == before


@pytest.mark.parametrize(
    "change",
    [
        "update ops.rejections set status = if(status = 'open', 'accepted', 'open')",
        "update ops.rejections set status = 'accepted' where rejection_id = 'a'",
        "delete from ops.rejections where rejection_id = 'b'",
    ],
)
def test_what_is_kept_of_them_is_as_it_is(warehouse, change):
    counts = ViolationCounts()
    before = told(counts, warehouse)
    assert told(counts, warehouse) == before
    warehouse.execute(change)
    assert told(counts, warehouse) == told(ViolationCounts(), warehouse) != before
