"""One process ships at a time: who has lost the lease, or was overtaken, leaves nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from service.lake.lake import Lake, TableChanges
from service.lake.lease import LakeInUse, Lease
from service.lake.segments import SegmentFile
from service.outbox.content import feed_schema
from service.runtime.durable_files import HashingFile
from service.stores.folder import FolderStore
from tests.support.lakes import Fed, read_lake


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
