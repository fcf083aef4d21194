"""Counts are kept until the table changes, and are never those of before."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from service.warehouse.facet_counts import KEPT, FacetCounts
from service.warehouse.facets import counted, facet
from service.warehouse.row_queries import RowQuery, count
from tests.support.world import DEPARTMENTS, column, key, table

THINGS = table("things", key(), column("kind", "integer"), column("size", "integer"))


@pytest.fixture
def stored():
    with duckdb.connect() as connection:
        connection.execute("create schema core")
        connection.execute(
            "create table core.things as select range id, 1 kind, 2 size from range(9)"
        )
        yield connection


def asked(*filters):
    return RowQuery.read(THINGS, filters)


def rows_of_kinds(counts, connection, query, limit=5):
    found = counts.of(THINGS).counted(connection, query, [THINGS.column("kind")], limit)
    return {each.value: each.rows for each in found.facets[0].values}


def number_of(counts, connection, query):
    return counts.of(THINGS).counted(connection, query, [], 5).count.rows


def test_what_was_counted_is_not_counted_again_until_the_table_has_another_version(stored):
    versions: Counter[str] = Counter()
    counts = FacetCounts(versions)
    assert rows_of_kinds(counts, stored, asked()) == {1: 9}
    assert number_of(counts, stored, asked()) == 9
    stored.execute("insert into core.things values (9, 2, 2)")  # and no one says so
    assert rows_of_kinds(counts, stored, asked()) == {1: 9}
    assert number_of(counts, stored, asked()) == 9
    versions[DEPARTMENTS.name] += 1
    assert rows_of_kinds(counts, stored, asked()) == {1: 9}
    versions["things"] += 1
    assert rows_of_kinds(counts, stored, asked()) == {1: 9, 2: 1}
    assert number_of(counts, stored, asked()) == 10


def test_each_question_has_an_answer_of_its_own(stored):
    counts = FacetCounts(Counter())
    stored.execute("insert into core.things values (9, 2, 3), (10, 2, 3), (11, 3, 3)")
    small, large = asked(("size", "eq.2")), asked(("size", "eq.3"))
    assert rows_of_kinds(counts, stored, small) == {1: 9}
    assert rows_of_kinds(counts, stored, large) == {2: 2, 3: 1}
    assert rows_of_kinds(counts, stored, large, 1) == {2: 2}
    assert rows_of_kinds(counts, stored, asked(("kind", "eq.3"), ("size", "eq.3"))) == {2: 2, 3: 1}
    assert number_of(counts, stored, small) == 9
    assert number_of(counts, stored, large) == 3


def test_what_is_committed_after_the_version_was_taken_is_not_kept_for_the_next_one(stored):
    versions: Counter[str] = Counter()
    counts = FacetCounts(versions)
    before = counts.of(THINGS)
    stored.execute("insert into core.things values (9, 1, 2)")
    versions["things"] += 1
    assert (
        before.counted(stored, asked(), [], 5).count.rows == 10
    )  # of a later snapshot, which is no harm
    stored.execute("delete from core.things where id = 9")  # as if that snapshot had been older
    assert number_of(counts, stored, asked()) == 9


def test_threads_that_ask_the_same_wait_for_one_answer_and_a_failure_is_not_kept(stored):
    counts = FacetCounts(Counter())
    stored.execute("alter table core.things rename to hidden")
    with pytest.raises(duckdb.Error):
        rows_of_kinds(counts, stored, asked())
    stored.execute("alter table core.hidden rename to things")
    barrier = threading.Barrier(6)

    def ask(_):
        with stored.cursor() as own:
            barrier.wait()
            return rows_of_kinds(counts, own, asked())

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [{1: 9}] * 6


def test_only_so_many_answers_are_kept(stored):
    counts = FacetCounts(Counter())
    for place in range(KEPT + 10):
        number_of(counts, stored, asked(("size", f"eq.{place}")))
    stored.execute("insert into core.things values (9, 1, 2), (10, 1, 300)")
    assert number_of(counts, stored, asked(("size", "eq.2"))) == 10  # forgotten
    assert number_of(counts, stored, asked(("size", f"eq.{KEPT + 9}"))) == 0


def test_what_is_counted_in_one_go_is_what_is_counted_one_by_one(stored):
    stored.execute(
        "insert into core.things select range + 100, nullif(range % 5, 0), nullif(range % 3, 0)"
        " from range(100)"
    )
    columns = [THINGS.column("kind"), THINGS.column("size")]
    for filters in ([("id", "gte.3")], [("id", "gte.3"), ("kind", "gt.2")], [("id", "gt.9999")]):
        for limit in (1, 2, 20):
            query = asked(*filters)
            together = counted(stored, query, columns, limit)
            assert list(together.facets) == [facet(stored, query, each, limit) for each in columns]
            assert together.count == count(stored, query, exact=True)
