"""The backup before a restore holds what the restore replaces, whatever came in meanwhile."""

from collections.abc import Callable

import duckdb
import pytest

from service.backups.catalogue import Catalogue, Entry
from service.backups.restoring import restore
from service.backups.safety import Safety
from service.dictionary import Dictionary
from tests.support.world import SAMPLES, rows, snapshot, writing


@pytest.fixture
def safety(warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> Safety:
    """Taken beside the writer."""
    safety = Safety([SAMPLES], catalogue, "deflate", "v")
    with snapshot(warehouse) as connection:
        safety.take(connection)
    return safety


def renewed(warehouse: duckdb.DuckDBPyConnection, safety: Safety) -> Entry:
    with writing(warehouse) as connection:
        safety.renew(connection)
    (entry,) = safety.entries
    return entry


def test_it_is_not_taken_twice_when_nothing_has_changed(
    warehouse: duckdb.DuckDBPyConnection, safety: Safety, catalogue: Catalogue
):
    (first,) = safety.entries
    assert renewed(warehouse, safety) == first
    assert catalogue.list() == [first]


def test_rows_that_came_in_meanwhile_are_in_it(
    warehouse: duckdb.DuckDBPyConnection,
    safety: Safety,
    catalogue: Catalogue,
    dictionary: Dictionary,
):
    warehouse.execute("insert into core.samples (id, text) values (77, 'meanwhile')")
    full = rows(warehouse, "samples")
    entry = renewed(warehouse, safety)
    assert catalogue.list() == [entry]  # the one that was taken too early is gone
    warehouse.execute("delete from core.samples")
    with writing(warehouse) as connection:
        restore(connection, dictionary, [entry], catalogue)
    assert rows(warehouse, "samples") == full


def test_what_another_restore_made_meanwhile_is_in_it_though_the_rows_are_as_many(
    warehouse: duckdb.DuckDBPyConnection,
    take: Callable[..., list[Entry]],
    catalogue: Catalogue,
    dictionary: Dictionary,
):
    (other,) = take("samples")
    warehouse.execute("update core.samples set text = 'changed' where id = 0")
    safety = Safety([SAMPLES], catalogue, "deflate", "v")
    with snapshot(warehouse) as connection:
        safety.take(connection)
    (first,) = safety.entries
    with writing(warehouse) as connection:
        (result,) = restore(connection, dictionary, [other], catalogue)
    assert (result.changed, result.rows_before) == (1, result.rows_after)
    assert renewed(warehouse, safety) != first
