"""A lake is of one warehouse: another's, an emptied and an absent one are told apart."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from service.engines.duckdb import Database
from service.errors import StoreUnavailable
from service.lake.lake_owner import NotOurLake
from service.lake.lease import LakeInUse
from service.lake.segments import name_of_segment
from service.outbox import feed_state
from service.stores.folder import FolderStore
from tests.support.lakes import Fed


@pytest.mark.parametrize("path", ["other/other.duckdb", "other/warehouse.duckdb"])
def test_another_gates_lake_is_refused_and_inserts_go_on(
    fed: Fed, tmp_path: Path, path: str
) -> None:
    """Also where its warehouse has the same path, on another machine."""
    fed.check()
    (tmp_path / "other").mkdir()
    other = Fed(tmp_path / path, fed.store, gate="another", path_said=fed.path)
    try:
        with pytest.raises(NotOurLake, match=r"warehouse\.duckdb"):
            other.shipping.round()
        other.insert(3)
        with pytest.raises(LakeInUse, match=r"warehouse\.duckdb"):  # a minute long
            other.lake.take_over()
        fed.lake.release()
        taken_from = other.lake.take_over()
        assert taken_from
        assert taken_from.gate == "gate"
        lake = other.check()
        assert [(s["gate"], s["snapshot"]) for s in lake.segments] == [
            ("gate", True),
            ("another", True),
        ]
        fed.reopen()
        with pytest.raises(NotOurLake):
            fed.shipping.round()
    finally:
        other.close()


def test_what_another_gate_has_shipped_is_no_start_for_its_own_changes(
    fed: Fed, tmp_path: Path
) -> None:
    """Though its outbox begins, by chance, where that of the other one ended."""
    fed.check()
    other = Fed(tmp_path / "other.duckdb", FolderStore(tmp_path / "own"), gate="another")
    try:
        assert other.check().last == 1
        fed.lake.release()
        other.lake.release()
        other.store = fed.store
        other.reopen()
        other.lake.take_over()
        assert [s["snapshot"] for s in other.check().segments] == [True, True]
    finally:
        other.close()


def test_a_lake_that_was_emptied_begins_behind_what_its_followers_have(
    fed: Fed, tmp_path: Path
) -> None:
    fed.check()
    fed.insert()
    fed.check()
    fed.insert()  # in the outbox alone: a program may have it
    for folder in ("raw", "segments"):
        shutil.rmtree(tmp_path / "lake" / folder)
    fed.reopen()
    lake = fed.check()
    assert [(s["first"], s["last"], s["snapshot"]) for s in lake.segments] == [(1, 4, True)]
    assert {r["_sequence"] for r in lake.rows["departments"]} == {4}
    fed.insert()
    assert fed.check().last == 5


def test_a_lake_that_lost_its_end_goes_on_behind_what_its_followers_have(
    fed: Fed, tmp_path: Path
) -> None:
    fed.check()
    for _ in range(2):
        fed.insert()
        fed.check()
    Path(fed.store.name, name_of_segment(3)).unlink()
    fed.insert()
    fed.reopen()
    lake = fed.check()
    assert [(s["first"], s["last"]) for s in lake.segments] == [(1, 1), (2, 2), (3, 5)]


def test_a_folder_that_is_away_at_the_start_is_said_and_not_begun_anew(
    fed: Fed, tmp_path: Path
) -> None:
    fed.check()
    (tmp_path / "lake").rename(tmp_path / "away")
    fed.insert(2)
    fed.reopen()
    with pytest.raises(StoreUnavailable, match=r"owner\.json is gone"):
        fed.shipping.round()
    with pytest.raises(StoreUnavailable, match=r"owner\.json is gone"):
        fed.shipping.look()
    assert not (tmp_path / "lake").exists()
    fed.insert(2)
    (tmp_path / "away").rename(tmp_path / "lake")
    fed.check()


def test_a_lake_in_another_place_and_one_that_was_given_up_begin_behind_the_last(
    fed: Fed, tmp_path: Path
) -> None:
    last = fed.check().last
    fed.store = FolderStore(tmp_path / "other")
    fed.reopen()
    last += 1
    assert fed.check().last == last
    (tmp_path / "other").rename(tmp_path / "away")
    fed.close()
    with closing(Database(fed.path)) as database, closing(database.connect()) as connection:
        feed_state.prepare(connection, None)  # a start without a lake
    fed.open()
    lake = fed.check()
    assert [(s["first"], s["last"]) for s in lake.segments] == [(1, last + 1)]


def test_files_of_before_have_no_epoch_in_their_names_and_are_read(fed: Fed) -> None:
    lake = fed.check()
    name, folder = name_of_segment(1), Path(fed.store.name)
    text = (folder / name).read_text()
    for file in lake.segments[0]["files"]:
        old = f"{file['path'].rpartition('-')[0]}.parquet"
        (folder / file["path"]).rename(folder / old)
        text = text.replace(file["path"], old)
    (folder / name).write_text(text)
    fed.reopen()
    fed.insert()
    assert fed.check().last == 2


def test_a_folder_that_vanishes_is_said_and_not_begun_anew(fed: Fed, tmp_path: Path) -> None:
    fed.check()
    fed.insert(2)
    (tmp_path / "lake").rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable, match=r"owner\.json is gone"):
        fed.ship()
    assert not (tmp_path / "lake").exists()
    (tmp_path / "away").rename(tmp_path / "lake")
    fed.insert(2)
    fed.check()
