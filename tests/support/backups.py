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
from service.formats.avro import avro_files
from service.formats.avro.avro_files import Written
from service.runtime.durable_files import made_whole
from service.stores.folder import FolderStore
from tests.support import world
from tests.support.stores import place_of


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
def store_kind(request: pytest.FixtureRequest) -> str:
    """The kind of store that backups are in; tests/backups/conftest.py asks for each."""
    return str(getattr(request, "param", "folder"))


@pytest.fixture
def catalogue(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Catalogue:
    if store_kind == "folder":
        return Catalogue(FolderStore(tmp_path / "backups"))
    return Catalogue(place_of(store_kind, request, tmp_path).open())


def folder_of(catalogue: Catalogue) -> Path:
    """The folder of a catalogue that is in one."""
    assert isinstance(catalogue.store, FolderStore)
    return catalogue.store.folder


def path_of(catalogue: Catalogue, entry: Entry) -> Path:
    """The data of a backup, in a folder."""
    return folder_of(catalogue) / entry.table / entry.file


def write(path: Path, *what: Any, **how: Any) -> Written:
    """Writes an Avro file, there whole or not at all."""
    with made_whole(path) as file:
        return avro_files.write(file, *what, **how)


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
