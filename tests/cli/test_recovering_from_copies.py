"""Which backups `gatehouse recover` makes a warehouse of, where the first place has none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import msgspec
import pytest

from service.backups.backing_up import back_up
from service.backups.catalogue import Catalogue
from service.cli.rebuilding import _whole_backups
from service.dictionary import Dictionary
from service.runtime.locations import Location
from service.stores.folder import FolderStore
from tests.support import world
from tests.support.services import settings_in


def test_where_the_first_place_has_none_their_copies_are_read(
    warehouse: duckdb.DuckDBPyConnection,
    dictionary: Dictionary,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = msgspec.structs.replace(
        settings_in(tmp_path), backups_copy=Location(tmp_path / "second")
    )
    run: Any = SimpleNamespace(settings=settings)
    assert _whole_backups(run) == []
    copies = Catalogue(FolderStore(tmp_path / "second"))
    tables = [dictionary.tables[name] for name in ("departments", "jobs")]
    with world.snapshot(warehouse) as connection:
        made = back_up(
            connection,
            tables,
            copies,
            "deflate",
            dictionary_version=dictionary.version,
            set_id=copies.new_set_id(),
        )
    ids = [[entry.backup_id for entry in each] for each in _whole_backups(run)]
    assert len(ids[0]) == 2
    assert {name for each in ids for name in each} == {entry.backup_id for entry in made}
    assert "copies in" in capsys.readouterr().err
