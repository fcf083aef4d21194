"""Every sequence is in the lake once, whenever the shipper is killed, whatever the store does."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.engines.duckdb import Database
from service.errors import NoSpace, StoreUnavailable
from service.lake.lake import Lake, TableChanges
from service.lake.lake_owner import NotOurLake
from service.lake.lease import LakeInUse, Lease
from service.lake.segments import LakeDamaged, SegmentFile, name_of_segment, read_segment
from service.outbox import feed_state
from service.outbox.content import feed_schema
from service.outbox.recorder import Recorder
from service.runtime.durable_files import HashingFile
from service.runtime.locations import Location
from service.stores.folder import FolderStore
from tests.support.lakes import Fed, read_lake
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


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[Fed]:
    fed = Fed(tmp_path / "warehouse.duckdb", FolderStore(tmp_path / "lake"))
    yield fed
    fed.close()


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


def test_one_process_writes_at_a_time(fed: Fed) -> None:
    first, second = (Lease(fed.store, name, seconds=30) for name in ("one", "two"))
    assert first.hold() == 1
    assert first.hold() == 1
    with pytest.raises(LakeInUse, match="one"):
        second.hold()
    first.release()
    assert second.hold() == 2
    with pytest.raises(LakeInUse):
        first.hold()
    gone = Lease(fed.store, "two", seconds=-1)
    assert gone.hold() == 3  # the same gate, started again
    assert first.hold() == 4


LEADING = {"_sequence": [1], "_number": [0], "_operation": ["insert"], "_load_id": ["x"]}
JOBS = pa.schema([("id", pa.int32())])


def jobs(*ids: int, meanwhile: Callable[[], object] = lambda: None) -> TableChanges:
    """Changes with a batch for each id; `meanwhile` happens before the last one."""

    def batches() -> Iterator[pa.RecordBatch]:
        for number in ids:
            if number == ids[-1]:
                meanwhile()
            yield pa.RecordBatch.from_pydict(LEADING | {"id": [number]}, feed_schema(JOBS))

    return TableChanges("jobs", 1, 1, JOBS, batches())


def test_who_loses_the_lease_within_a_file_leaves_none(fed: Fed) -> None:
    fed.lake._lease = Lease(fed.store, "slow", seconds=-1)  # over before a batch has come
    fed.lake.hold(is_known=False)
    next_one = Lease(fed.store, "next", seconds=30)
    with pytest.raises(LakeInUse):
        fed.lake.write(jobs(1, 2, meanwhile=next_one.hold))
    assert [*fed.store.list("raw/jobs")] == []


class LateStore(FolderStore):
    """A folder in which something happens at the last moment before a file has its name."""

    def __init__(self, folder: Path, happens: Callable[[], object]) -> None:
        super().__init__(folder)
        self._happens = happens

    @contextmanager
    def writing(self, name: str) -> Iterator[HashingFile]:
        with super().writing(name) as file:
            yield file
            self._happens()


def test_who_loses_the_lease_before_its_file_has_a_name_replaces_none(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    written: list[SegmentFile] = []

    def overtake() -> None:
        quick._lease = Lease(quick.store, "quick")
        quick.hold()
        written.append(quick.write(jobs(7)))
        quick.commit(1, 1, written, "")

    quick = Lake(FolderStore(folder), "gate", "w")
    slow = Lake(LateStore(folder, overtake), "gate", "w")
    slow._lease = Lease(slow.store, "slow", seconds=-1)
    slow.hold(is_known=False)
    late = slow.write(jobs(8))
    with pytest.raises(LakeInUse):
        slow.commit(1, 1, [late], "")
    [file] = [*read_lake(quick.store).rows["jobs"]]
    assert file["id"] == 7


def test_of_two_shippers_that_do_not_know_of_each_other_one_goes_on(fed: Fed) -> None:
    fed.check()
    fed.insert(2)
    once = False

    def steps(name: str) -> None:
        nonlocal once
        if name.startswith("written") and not once:  # the other one is quicker
            once = True
            fed.lake.commit(2, 2, [], "other")

    fed.shipping._steps = steps
    with pytest.raises(LakeInUse, match="from 2 on"):
        fed.shipping.round()


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
