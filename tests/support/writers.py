"""A writer on a DuckDB file of the test's own, with keys of every type."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from service.engines.duckdb import Database
from service.warehouse.writer import Writer
from tests.support import world
from tests.support.tables import DICTIONARY, Books


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        world.create(connection, *DICTIONARY.tables.values())
        connection.execute("insert into core.departments values (1, 'one'), (2, 'two')")
    database = Database(path)
    yield database
    database.close()


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    writer = Writer(database, DICTIONARY, waiting=1000, group_rows=20_000)
    writer.start()
    yield writer
    writer.stop()


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database)
