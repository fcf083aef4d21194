"""Records, in an open transaction, what it has changed: all of it is one sequence of the feed."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from service.engines.duckdb import insert_arrow
from service.engines.engine import Connection
from service.ops.changes import Operation, Rows
from service.outbox import feed_state
from service.outbox.book_rows import rows_of_book
from service.outbox.content import encoded, pieces, shape_of
from service.runtime.clock import utc_now

AT_ONCE = 16 << 20  # bytes that are kept before they are written

_ROW = pa.struct(
    [
        ("sequence", pa.int64()),
        ("place", pa.int32()),
        ("table_name", pa.string()),
        ("operation", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("shape", pa.string()),
        ("recorded_at", pa.timestamp("us")),
        ("content", pa.binary()),
    ]
)


class Recorder:
    """The listener of one transaction; `finish` it before the commit.

    It may take `room` bytes. Where that is too little, it takes back what it has written of this
    transaction, and the feed stops: `is_full`.
    """

    def __init__(self, connection: Connection, sequence: int, room: int) -> None:
        self._connection, self.sequence, self._room = connection, sequence, room
        self._waiting: list[tuple[Any, ...]] = []
        self._changed: list[tuple[str, str, Sequence[Any], Any]] = []
        self._moment = utc_now()
        self._unwritten = 0
        self.parts, self.bytes = 0, 0
        self.is_full = False

    def add(
        self, table: str, operation: Operation, rows: Rows, load_ids: pa.Array | str | None = None
    ) -> None:
        """As `Listener.add`."""
        shape = shape_of(rows.schema)
        for piece in pieces(rows, load_ids):
            content = encoded(piece)
            self.bytes += len(content)
            if self.is_full or self.bytes > self._room:
                self._stop()
                return
            said = (self.sequence, self.parts, table, operation, piece.num_rows, len(content))
            self._waiting.append((*said, shape, self._moment, content))
            self.parts += 1
            self._unwritten += len(content)
            if self._unwritten >= AT_ONCE:
                self._write()

    def rows_changed(
        self, book: str, where: str, values: Sequence[Any] = (), rows: Any = None
    ) -> None:
        """As `Listener.rows_changed`."""
        self._changed.append((book, where, values, rows))

    def finish(self) -> None:
        """Writes what is to be recorded; the last step before the commit."""
        for book, *condition in self._changed:
            rows = rows_of_book(self._connection, book, *condition)
            if rows.num_rows:
                self.add(book, "upsert", rows)
        if not self.is_full:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            rows = pa.array(self._waiting, _ROW)  # as ops/records.py: all columns in one go
            insert_arrow(
                self._connection, "ops.outbox by name", pa.RecordBatch.from_struct_array(rows)
            )
        self._waiting, self._unwritten = [], 0

    def _stop(self) -> None:
        if not self.is_full:
            feed_state.stop_recording(self._connection, self.sequence)
        self.is_full, self._waiting, self._unwritten = True, [], 0
