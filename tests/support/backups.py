"""A warehouse made without dbt, a catalogue and backups of a test's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from service.backups.backing_up import back_up
from service.backups.catalogue import Catalogue, Entry
from service.backups.restoring import RestoreResult, restore
from service.dictionary import Dictionary
from tests.support import world


@pytest.fixture
def dictionary() -> Dictionary:
    return world.dictionary()


@pytest.fixture
def warehouse(tmp_path: Path, dictionary: Dictionary) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB file with a few rows in every table."""
    root = duckdb.connect(tmp_path / "warehouse.duckdb")
    world.create(root, *dictionary.tables.values())
    world.fill(root)
    yield root
    root.close()


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "backups")


@pytest.fixture
def take(
    warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, dictionary: Dictionary
) -> world.Take:
    """Backs up the tables named."""

    def take(*names: str, codec: str = "deflate", **other: str) -> list[Entry]:
        tables = [dictionary.tables[name] for name in names]
        with world.snapshot(warehouse) as connection:
            return back_up(
                connection,
                tables,
                catalogue,
                codec,
                dictionary_version=dictionary.version,
                **other,  # type: ignore[arg-type]
            )

    return take


@pytest.fixture
def put(
    warehouse: duckdb.DuckDBPyConnection, catalogue: Catalogue, dictionary: Dictionary
) -> world.Put:
    """Restores entries, as the writer would."""

    def put(*entries: Entry, by: Dictionary = dictionary, **other: Any) -> list[RestoreResult]:
        with world.writing(warehouse) as connection:
            return restore(connection, by, entries, catalogue, **other)

    return put
