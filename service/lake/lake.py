"""The lake of one gate: whose it is, who writes into it, and how far it goes."""

import hashlib
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pyarrow as pa

from service.errors import StoreUnavailable
from service.lake.lake_owner import OWNER, LakeOwner, check_owner, claim, take_over
from service.lake.lease import LakeInUse, Lease
from service.lake.parquet_files import write_file
from service.lake.segments import (
    RAW,
    LakeDamaged,
    Segment,
    SegmentFile,
    firsts,
    name_of_segment,
    path_of_file,
    read_chain,
    read_segment,
)
from service.stores.store import AlreadyThere, Store


@dataclass(frozen=True)
class TableChanges:
    """The changes of one table in a range of sequences: rows of the feed, to be read once."""

    table: str
    first: int
    last: int
    columns: pa.Schema  # without the leading ones
    batches: Iterator[pa.RecordBatch]


class _Counted:
    """What is written goes nowhere: only its size and its SHA-256 are wanted."""

    def __init__(self) -> None:
        self._hash, self.size = hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)


class Lake:
    """A store with the changes of one gate. What is in it is only ever added to."""

    def __init__(self, store: Store, gate: str, warehouse: str) -> None:
        """`gate` is the id of the warehouse, `warehouse` its path."""
        self.store, self.gate, self._warehouse = store, gate, warehouse
        # One process has a warehouse open: the one before this one has ended.
        self._lease = Lease(store, f"{warehouse} on {socket.gethostname()}", gate)
        self._is_ours = False
        self._last: Segment | None = None
        self.epoch = 0

    def hold(self, *, is_known: bool = True) -> None:
        """Makes sure that this gate, and this process of it, is the one that writes.

        `is_known` says that this gate has had a lake in that place: then none is begun there.

        Raises:
            NotOurLake, LakeInUse: it is not.
            StoreUnavailable: the store is away, or another is in its place (a folder that is not
                mounted any more, say).
        """
        if self._is_ours:
            self._check_there(self.store.exists(OWNER))
        else:
            self.check_ours(is_known=is_known)
            claim(self.store, self.gate, self._warehouse)
            self._is_ours = True
        self.epoch = self._lease.hold()

    def check_ours(self, *, is_known: bool) -> None:
        """Nothing, where it is this gate's, or nobody's yet; nothing is changed.

        Raises:
            NotOurLake, StoreUnavailable: as `hold`.
        """
        self._check_there(check_owner(self.store, self.gate) or not is_known)

    def take_over(self) -> LakeOwner | None:
        """Makes the lake this gate's; whose it was, if that is known.

        Raises:
            LakeInUse: a process of the other gate writes into it, or did so a minute ago.
            StoreUnavailable: the store is away.
        """
        self._lease.hold()
        try:
            return take_over(self.store, self.gate, self._warehouse)
        finally:
            self._lease.release()

    def _check_there(self, is_there: bool) -> None:
        if not is_there:
            raise StoreUnavailable(
                f"{self.store.name} is not the lake that it was: its {OWNER} is gone; where it was"
                " emptied on purpose, start the service once without GATEHOUSE_LAKE"
            )

    def release(self) -> None:
        """Lets others write."""
        self._lease.release()

    def last(self) -> Segment | None:
        """The last segment; None where there is none.

        Raises:
            LakeDamaged: one is missing, or cannot be read.
            StoreUnavailable: the store is away.
        """
        if self._last is None:
            begun = firsts(self.store)
            if not begun:
                return None
            self._last = read_segment(self.store, begun[-1])
            if self._last is None:
                raise LakeDamaged(f"{self.store.name} has lost a segment while it was read")
        for segment in read_chain(self.store, self._last.last + 1):
            self._last = segment
        return self._last

    def write(self, changes: TableChanges) -> SegmentFile:
        """Writes the changes of one table; nobody reads them before their segment is committed.

        Raises:
            LakeInUse: it took so long that another has begun to write.
        """
        path = path_of_file(changes.table, changes.first, changes.last, self.epoch)
        with self.store.writing(path) as file:
            rows = write_file(file, changes.columns, self._while_held(changes.batches))
        return SegmentFile(changes.table, path, rows, file.size, file.sha256)

    def _while_held(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches, while the lease is still that of this epoch: it is renewed meanwhile."""
        for batch in batches:
            self._check_epoch()
            yield batch
        self._check_epoch()

    def _check_epoch(self) -> None:
        if self._lease.hold() != self.epoch:
            raise LakeInUse("another process has written into the lake meanwhile")

    def is_what(self, file: SegmentFile, changes: TableChanges) -> bool:
        """Whether `write` would have written the content of `file`."""
        counted = _Counted()
        rows = write_file(counted, changes.columns, changes.batches)
        return (file.rows, file.bytes, file.sha256) == (rows, counted.size, counted.sha256)

    def commit(
        self,
        first: int,
        last: int,
        files: Sequence[SegmentFile],
        dictionary: str,
        *,
        snapshot: bool = False,
    ) -> Segment:
        """Makes the files a segment, which comes behind the last one: the commit point.

        Raises:
            LakeInUse: another has written a segment there.
            StoreUnavailable: the store is away, and no one knows whether it is there.
        """
        segment = Segment(
            first=first,
            last=last,
            gate=self.gate,
            epoch=self.epoch,
            dictionary=dictionary,
            snapshot=snapshot,
            made_at=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            files=tuple(files),
        )
        try:
            self.store.put(name_of_segment(first), msgspec.json.encode(segment))
        except AlreadyThere:
            raise LakeInUse(
                f"another process has written the changes from {first} on into the lake"
            ) from None
        self._last = segment
        return segment

    def sweep(self, tables: Iterable[str]) -> None:
        """Removes files of these tables that a killed process has left behind the last segment."""
        last = self.last()
        end = last.last if last else 0
        for table in tables:
            for each in [*self.store.list(f"{RAW}/{table}")]:
                begins = each.name.rpartition("/")[2].split("-")[0]
                if begins.isdigit() and int(begins) > end:
                    self.store.remove(each.name)
        self.store.sweep(lambda name: name.startswith((f"{RAW}/", "segments/")))
