"""A build on Spark begins on the lake that the one before was on, and with no less in it."""

from pathlib import Path

import pytest

from service.runtime.locations import Location
from service.runtime.settings import Settings
from service.spark import building
from service.spark.building import CannotBuild
from service.spark.fed_segments import LIST
from service.spark.lake_places import done_file
from service.stores.folder import FolderStore


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return Settings(
        project=tmp_path, warehouse=tmp_path / "w.duckdb", lake=Location(tmp_path / "lake")
    )


def test_a_lake_that_is_away_is_not_begun_anew(own: Settings, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "lake")
    building._check_is_there(own, store)  # there was no build
    done_file(own).parent.mkdir()
    done_file(own).write_text("7")
    with pytest.raises(CannotBuild, match="is not the lake that was built on before"):
        building._check_is_there(own, store)
    store.put(LIST, b"")
    building._check_is_there(own, store)


@pytest.mark.parametrize(
    ("before", "last", "goes_on"), [("7", 7, True), ("7", 6, False), ("", 0, True)]
)
def test_a_lake_that_was_emptied_waits_for_its_snapshot(
    own: Settings, before: str, last: int, goes_on: bool
) -> None:
    building._check_goes_on(own, 0)  # there was no build
    done_file(own).parent.mkdir()
    done_file(own).write_text(before)
    if goes_on:
        building._check_goes_on(own, last)
    else:
        with pytest.raises(CannotBuild, match="up to 6, and those up to 7 were built"):
            building._check_goes_on(own, last)
