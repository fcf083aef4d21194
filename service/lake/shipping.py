"""What one round of the shipper does: outbox to segments, and a snapshot where there is a gap."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import TypeVar

import pyarrow as pa

from service.dictionary import Dictionary
from service.engines.duckdb import Database
from service.engines.engine import Connection
from service.lake.lake import Lake, TableChanges
from service.lake.segments import Segment, SegmentFile, read_chain
from service.lake.snapshots import Snapshot
from service.outbox import feed_state
from service.outbox.content import BOOKS, DICTIONARY, LEADING
from service.outbox.feed_state import SEALED, UNSHIPPED, FeedState
from service.outbox.outbox import Outbox
from service.outbox.stored_changes import Range, batches_of, next_range
from service.runtime.durable_files import Steps, no_steps
from service.runtime.logs import get_logger
from service.warehouse.writer import Writer

log = get_logger(__name__)
T = TypeVar("T")


class Shipping:
    """Ships what the outbox of a service has into its lake. It is to be used by one thread."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        outbox: Outbox,
        lake: Lake,
        segment_bytes: int,
        steps: Steps = no_steps,
    ) -> None:
        """Segments are of about `segment_bytes`, as the outbox counts them."""
        self._database, self._writer, self._outbox, self._lake = database, writer, outbox, lake
        self._segment_bytes, self._steps = segment_bytes, steps
        self._is_swept = False
        # The last sequence that is known to be in the lake; None before it was asked.
        self.reached: int | None = None
        self.is_ending = False  # what waits is then for the next start

    def round(self) -> int:
        """Ships all that waits; how many sequences that were.

        Raises:
            NotOurLake, LakeInUse, LakeDamaged: it cannot go on.
            StoreUnavailable: the store is away, or refuses.
            NoSpace, Unavailable: the warehouse cannot be written.
        """
        self._lake.hold(is_known=self.is_known())
        self._know()
        self._sweep_once()
        before = self.reached or 0
        if self._agrees():
            self._ship_all()
            if self.is_ending or self._state().recording:
                return (self.reached or 0) - before
        self._take_snapshot()
        return (self.reached or 0) - before

    def look(self) -> int:
        """The last sequence in the lake; nothing is changed.

        Raises:
            NotOurLake, LakeDamaged, StoreUnavailable: it cannot be told, or is not this gate's.
        """
        self._lake.check_ours(is_known=self.is_known())
        last = self._lake.last()
        return last.last if last else 0

    def is_known(self) -> bool:
        """Whether this warehouse has had a lake in that place."""
        with self._database.reading() as connection:
            return feed_state.place_of(connection) == self._lake.store.name

    def _know(self) -> None:
        place = self._lake.store.name
        if not self.is_known():
            self._change(lambda connection: feed_state.set_place(connection, place))

    def _state(self) -> FeedState:
        with self._database.reading() as connection:
            return feed_state.read(connection)

    def _change(self, change: Callable[[Connection], T]) -> T:
        return self._writer.run(self._outbox.changing(change)).result()

    def _sweep_once(self) -> None:
        if not self._is_swept:
            self._lake.sweep([*self._writer.dictionary.tables, *BOOKS])
            self._is_swept = True

    def _agrees(self) -> bool:
        """Whether the outbox goes on where the lake ends; what it has too much is forgotten.

        A service that was killed may have shipped what is still in its outbox. It is not the same
        if the warehouse went back to how it was, and has done other things since.
        """
        last = self._lake.last()
        end, state = (last.last if last else 0), self._state()
        self.reached = end
        is_ours = last is None or last.gate == self._lake.gate
        if end == state.base and is_ours:
            return True
        if not (is_ours and state.base < end <= state.last):
            log.warning("lake_and_outbox_apart", lake=end, base=state.base, last=state.last)
            return False
        for segment in read_chain(self._lake.store, state.base + 1):
            if not self._holds_ours(segment):
                log.warning("lake_and_outbox_differ", first=segment.first, last=segment.last)
                return False
        self._change(lambda connection: feed_state.forget(connection, end))
        return True

    def _holds_ours(self, segment: Segment) -> bool:
        if segment.snapshot:
            return False
        with self._database.reading() as connection:
            for file in segment.files:
                ours = _changes(connection, file.table, segment.first, segment.last)
                if ours is None or not self._lake.is_what(file, ours):
                    return False
        return True

    def _ship_all(self) -> None:
        """What was sealed before, then what is there now, and what has filled a segment since."""
        self._ship_sealed()
        while True:
            if self._state().last == self.reached:
                return
            self._change(feed_state.seal)
            self._ship_sealed()
            if self._outbox.state.bytes < self._segment_bytes or self.is_ending:
                return

    def _ship_sealed(self) -> None:
        while not self.is_ending and (found := self._next()) is not None:
            self._ship(found)

    def _next(self) -> Range | None:
        with self._database.reading() as connection:
            base = feed_state.read(connection).base
            return next_range(connection, SEALED, base, self._segment_bytes)

    def _ship(self, found: Range) -> None:
        self._lake.hold()
        with self._database.reading() as connection:
            files = []
            for table in self._in_order(found.shapes):
                changes = _changes(connection, table, found.first, found.last, SEALED)
                assert changes
                files.append(self._lake.write(changes))
                self._steps(f"written {table}")
            dictionary = _dictionary_of(connection, found) or self._dictionary_before()
        self._lake.commit(found.first, found.last, files, dictionary)
        self.reached = found.last
        self._steps("committed")
        self._change(lambda connection: feed_state.forget(connection, found.last))
        self._steps("forgotten")
        log.info("shipped", first=found.first, last=found.last, bytes=sum(f.bytes for f in files))

    def _in_order(self, tables: Iterable[str]) -> list[str]:
        """Parents before children, books last."""
        order = {name: n for n, name in enumerate([*self._writer.dictionary.tables, *BOOKS])}
        return sorted(tables, key=lambda table: (order.get(table, -1), table))

    def _dictionary_before(self) -> str:
        last = self._lake.last()
        return last.dictionary if last else self._writer.dictionary.version

    def _take_snapshot(self) -> None:
        """Of all that there is, behind the lake's last and behind all that the outbox has had.

        Who follows the feed has been told of those; changes come behind it.
        """
        self._lake.hold()
        first = (self.reached or 0) + 1
        sequence = max(first, self._state().last + 1)
        reader = self._database.connect()

        def begin(connection: Connection) -> Dictionary:
            feed_state.begin_at(connection, sequence, self._writer.dictionary.version)
            # It sees what is committed: all before this transaction, and nothing after.
            reader.execute("begin transaction read only")
            reader.execute("select count(*) from ops.loads").fetchall()
            return self._writer.dictionary

        try:
            dictionary = self._change(begin)
            self._steps("snapshot begun")
            files = self._written(Snapshot(reader, dictionary, first, sequence))
        finally:
            reader.close()
        self._lake.commit(first, sequence, files, dictionary.version, snapshot=True)
        self.reached = sequence
        self._steps("snapshot committed")
        log.info("snapshot_shipped", sequence=sequence, bytes=sum(f.bytes for f in files))

    def _written(self, snapshot: Snapshot) -> list[SegmentFile]:
        files = []
        for changes in snapshot.tables():
            self._lake.hold()
            files.append(self._lake.write(changes))
            self._steps(f"written {changes.table}")
        return files


def _changes(
    connection: Connection, table: str, first: int, last: int, source: str = UNSHIPPED
) -> TableChanges | None:
    """What the outbox has of a table in a range; None where that is nothing."""
    rows = (batch for _, batch in batches_of(connection, first, last, table, source))
    head = next(rows, None)
    if head is None:
        return None
    columns = pa.schema([*head.schema][len(LEADING) :])
    return TableChanges(table, first, last, columns, chain([head], rows))


def _dictionary_of(connection: Connection, found: Range) -> str | None:
    """The version of the dictionary that a range begins with; None if it is the one before."""
    if DICTIONARY not in found.shapes:
        return None
    batches = batches_of(connection, found.first, found.last, DICTIONARY, SEALED)
    return str([batch.column("dictionary")[-1].as_py() for _, batch in batches][-1])
