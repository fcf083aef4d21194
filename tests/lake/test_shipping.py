"""Every sequence is in the lake once, whenever the shipper is killed, whatever the store does."""

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.engines.duckdb import Database
from service.errors import NoSpace, StoreUnavailable
from service.lake.segments import LakeDamaged, name_of_segment, read_segment
from service.outbox import feed_state
from service.outbox.recorder import Recorder
from service.runtime.locations import Location
from service.stores.folder import FolderStore
from tests.support.lakes import Fed
from tests.support.stores import Azurite, Place, place_of
from tests.support.tables import DICTIONARY

# Where a round can be killed: while files are written, before and behind the commit point.
STEPS = (
    "written departments",
    "written _rejections",
    "committed",
    "forgotten",
    "snapshot begun",
    "snapshot committed",
)


@pytest.mark.parametrize("kind", ["folder", "azure", "s3"])
def test_killed_at_each_step_it_ships_each_sequence_once(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    fed = Fed(tmp_path / "warehouse.duckdb", place_of(kind, request, tmp_path).open())
    try:
        for step in STEPS:
            fed.insert(3)
            fed.ship(die_at=step)
            fed.insert()
            fed.reopen()
            fed.insert(2)
        lake = fed.check()
    finally:
        fed.close()
    assert lake.last >= 2 * len(STEPS)
    assert {s["gate"] for s in lake.segments} == {"gate"}
    epochs = [s["epoch"] for s in lake.segments]
    assert epochs == sorted(epochs)
    assert epochs[-1] > len(STEPS)


def test_a_segment_that_was_shipped_and_not_forgotten_is_found_there(fed: Fed) -> None:
    fed.check()
    fed.insert(5)
    fed.ship(die_at="committed")
    before = {each.name for each in fed.store.list("segments")}
    fed.insert()
    lake = fed.check()
    assert before < {each.name for each in fed.store.list("segments")}
    assert [s["snapshot"] for s in lake.segments] == [True, False, False]


def test_what_a_killed_shipper_has_left_half_made_is_removed(fed: Fed) -> None:
    fed.check()
    fed.insert(2)
    fed.ship(die_at="written departments")
    (half,) = Path(fed.store.name, "raw/departments").glob("*2-*2-*.parquet")
    half.rename(half.with_name(f"{half.name}.tmp"))  # as a kill leaves it
    fed.reopen()
    lake = fed.check()
    named = {file["path"] for s in lake.segments for file in s["files"]}
    there = {
        str(path.relative_to(fed.store.name)) for path in Path(fed.store.name, "raw").rglob("*.*")
    }
    assert there == named


OPERATIONS = st.sampled_from(
    ["insert", "many", "backup", "restore", "dismiss", "ship", "reopen", *STEPS]
)


@given(st.lists(OPERATIONS, min_size=5, max_size=14))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_replaying_the_feed_gives_the_tables_whatever_was_done(
    tmp_path_factory: pytest.TempPathFactory, operations: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("random")
    fed = Fed(folder / "warehouse.duckdb", FolderStore(folder / "lake"))
    entry = None
    try:
        for operation in operations:
            if operation == "insert":
                fed.insert()
            elif operation == "many":
                fed.insert(50, name="many")
            elif operation == "backup":
                entry = fed.backup()
            elif operation == "restore" and entry:
                fed.restore(entry)
            elif operation == "dismiss":
                fed.dismiss()
            elif operation == "reopen":
                fed.reopen(segment_bytes=2000)
            elif operation == "ship":
                fed.ship()
            elif operation in STEPS:
                fed.ship(die_at=operation)
        fed.check()
    finally:
        fed.close()


def test_segments_end_when_they_are_large_enough_and_split_no_commit(fed: Fed) -> None:
    fed.check()
    fed.reopen(segment_bytes=1)
    for _ in range(4):
        fed.insert(2)
    lake = fed.check()
    assert [(s["first"], s["last"]) for s in lake.segments[1:]] == [(n, n) for n in range(2, 6)]


def test_a_full_outbox_stops_and_a_snapshot_makes_it_good(tmp_path: Path) -> None:
    fed = Fed(tmp_path / "warehouse.duckdb", FolderStore(tmp_path / "lake"), most_bytes=30_000)
    try:
        fed.check()
        for _ in range(10):
            fed.insert(5)
        assert not fed.is_recording()
        assert fed.outbox.state.bytes <= 30_000
        recorded = fed.outbox.state.last
        assert recorded > 1
        fed.reopen()  # it stays so
        assert fed.database.path == fed.path
        fed.insert()
        lake = fed.check()
        assert fed.is_recording()
        snapshots = [s["first"] for s in lake.segments if s["snapshot"]]
        assert snapshots == [1, recorded + 1]
        fed.insert()
        assert not any(s["snapshot"] for s in fed.check().segments[-1:])
    finally:
        fed.close()


def test_what_comes_while_a_snapshot_is_taken_comes_behind_it(fed: Fed) -> None:
    taken = fed.shipping._steps

    def steps(name: str) -> None:
        if name.startswith(("snapshot begun", "written")):
            fed.insert(2)
        taken(name)

    fed.shipping._steps = steps
    fed.shipping.round()
    fed.shipping._steps = taken
    lake = fed.check()
    [snapshot] = [s for s in lake.segments if s["snapshot"]]
    assert snapshot["last"] == 1
    assert len([r for r in lake.rows["departments"] if r["_sequence"] == 1]) == 3
    assert lake.last > 5


def test_a_warehouse_that_is_an_old_copy_goes_on_by_a_snapshot(fed: Fed, tmp_path: Path) -> None:
    fed.check()
    fed.insert(3, name="before")
    fed.check()
    fed.close()
    old = {path.name: path.read_bytes() for path in tmp_path.glob("warehouse.duckdb*")}
    fed.open()
    fed.insert(3, name="lost")
    fed.check()
    fed.close()
    for path in tmp_path.glob("warehouse.duckdb*"):
        path.unlink()
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    fed.open()
    fed.insert(1, name="other")  # the same sequence as in the lake, and another change
    lake = fed.check()
    assert lake.segments[-1]["snapshot"]
    assert "lost" not in {row["department"] for row in lake.state("departments")}


def test_without_a_lake_nothing_is_kept_and_with_it_again_it_goes_on(fed: Fed) -> None:
    fed.check()
    fed.insert()
    fed.close()
    database = Database(fed.path)
    connection = database.connect()
    feed_state.prepare(connection, None)
    assert not feed_state.is_kept(connection)
    connection.close()
    database.close()
    fed.open()
    fed.insert()
    lake = fed.check()
    assert [s["snapshot"] for s in lake.segments] == [True, True]


@pytest.mark.parametrize("rights", ["rl", ""], ids=["may only read", "expired"])
def test_what_a_store_refuses_is_said_and_nothing_is_lost(
    azurite: Azurite, tmp_path: Path, rights: str
) -> None:
    container = azurite.container()
    location = Location(f"az://{container}/lake")
    signed = azurite.signature(container, rights or "rwdlc", 1 if rights else -1)
    fed = Fed(tmp_path / "warehouse.duckdb", Place(location, signed).open())
    try:
        fed.insert(2)
        with pytest.raises(StoreUnavailable, match="wrong, have expired, or lack the right"):
            fed.shipping.round()
        fed.insert(2)
        fed.store = Place(location, azurite.key()).open()
        fed.reopen()
        fed.check()
    finally:
        fed.close()


def test_a_store_that_vanishes_is_said_and_nothing_is_lost(
    azurite: Azurite, tmp_path: Path
) -> None:
    nowhere = Place(Location("az://nosuchcontainer/lake"), azurite.key()).open()
    fed = Fed(tmp_path / "warehouse.duckdb", FolderStore(tmp_path / "lake"))
    try:
        fed.check()
        fed.insert(3)
        there, fed.store = fed.store, nowhere
        fed.reopen()
        with pytest.raises(StoreUnavailable, match="no such container"):
            fed.shipping.round()
        fed.insert(3)
        fed.store = there
        fed.reopen()
        assert [s["snapshot"] for s in fed.check().segments] == [True, False]
    finally:
        fed.close()


def test_what_a_build_has_recorded_keeps_its_sequence_though_it_could_not_be_looked_at(
    fed: Fed, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed.check()
    fed.insert()
    with fed.writer.lock, closing(fed.database.connect()) as build:
        build.begin()
        build.execute("insert into core.departments values (900, 'built')")
        recorder = Recorder(build, feed_state.read(build).last + 1, 1 << 20)
        rows = build.execute("from core.departments where id = 900").to_arrow_table()
        recorder.add(
            "departments", "insert", rows.cast(DICTIONARY.tables["departments"].arrow_schema)
        )
        recorder.finish()
        build.commit()

        def reading(_: Database) -> None:
            raise NoSpace("the disk is full")

        with monkeypatch.context() as full:
            full.setattr(Database, "reading", reading)
            fed.writer.note_build()
    fed.insert()
    with fed.database.reading() as connection:
        found = connection.execute("select distinct sequence from ops.outbox order by 1").fetchall()
    assert found == [(2,), (3,), (4,)]
    fed.check()


@pytest.mark.parametrize("table", ["../../elsewhere", ".."])
def test_a_segment_that_names_a_file_elsewhere_is_damaged(fed: Fed, table: str) -> None:
    fed.check()
    segment = Path(fed.store.name, name_of_segment(1))
    before = segment.read_text()
    segment.write_text(before.replace("departments", table))
    with pytest.raises(LakeDamaged, match="not of it"):
        read_segment(fed.store, 1)
    segment.write_text(before.replace("raw/departments/", "raw/jobs/"))
    with pytest.raises(LakeDamaged, match="not of it"):
        read_segment(fed.store, 1)
    segment.write_text(before)
    assert read_segment(fed.store, 1)
