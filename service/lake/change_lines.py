"""The feed for programs: one line of JSON for each row that was changed, commit after commit.

What is shipped is read from the lake, the rest from the outbox; whoever reads sees no difference.
"""

from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from heapq import merge
from itertools import repeat
from typing import Any

import msgspec
import pyarrow as pa

from service.engines.engine import Connection
from service.lake.parquet_files import read_file
from service.lake.segments import LakeDamaged, Segment, firsts, read_segment
from service.outbox import feed_state
from service.outbox.content import LEADING
from service.outbox.stored_changes import batches_of
from service.stores.store import Store

PIECE = 1000  # lines at a time


class ChangeLine(msgspec.Struct, omit_defaults=True):
    """A row that was changed, in the commit `sequence`; `number` is its place within its table.

    `operation` is `insert`, `update` (the row as it is then), `delete` (as it was), `upsert` of a
    row of the books, or `reset`: the table is empty from here, and what follows are all its rows.
    Books are the tables `_loads`, `_rejections`, `_replays` and `_dictionary`.
    """

    sequence: int
    number: int
    table: str
    operation: str
    load_id: str | None = None
    row: dict[str, Any] | None = None


_written = msgspec.json.Encoder().encode


def lines_after(
    connection: Connection, store: Store, after: int, limit: int, is_settled: bool
) -> Iterator[bytes]:
    """The lines of the commits behind the sequence `after`, some at a time, each commit whole.

    It ends with the commit by which they are `limit` lines or more. `is_settled` says that the lake
    is known to reach as far as the outbox begins; `connection` has to be in a transaction.

    Raises:
        LakeDamaged: a file or a segment is missing, or cannot be read.
        StoreUnavailable: it is needed, and away.
    """
    rows = _rows_after(connection, store, after, is_settled)
    piece, count, current = [], 0, None
    for sequence, _, _, line in rows:
        if sequence != current and count >= limit:
            break
        piece.append(line)
        current, count = sequence, count + 1
        if len(piece) == PIECE:
            yield b"".join(piece)
            piece = []
    yield b"".join(piece)


def _rows_after(
    connection: Connection, store: Store, after: int, is_settled: bool
) -> Iterator["_Row"]:
    state = feed_state.read(connection)
    if after < state.base or not is_settled:
        for segment in _segments(store, after):
            yield from _of_segment(store, segment, after)
            after = segment.last
    if after >= state.base:  # else a snapshot is on its way, and comes before what the outbox has
        yield from _changed_rows(batches_of(connection, after + 1, state.last))


def _segments(store: Store, after: int) -> Iterator[Segment]:
    """Those with sequences behind `after`."""
    begun = firsts(store)
    first = max((each for each in begun if each <= after + 1), default=after + 1)
    while (segment := read_segment(store, first)) is not None:
        if segment.last > after:
            yield segment
        first = segment.last + 1
    if any(each > first for each in begun):
        raise LakeDamaged(f"{store.name} has no segment that begins with {first}")


def _of_segment(store: Store, segment: Segment, after: int) -> Iterator["_Row"]:
    files = [
        _changed_rows(zip(repeat(file.table), read_file(store, file), strict=False), place)
        for place, file in enumerate(segment.files)
    ]
    return (row for row in merge(*files) if row[0] > after)


_Row = tuple[int, int, int, bytes]  # sequence, the table's place, number, and the line


def _changed_rows(batches: Iterator[tuple[str, pa.RecordBatch]], place: int = 0) -> Iterator[_Row]:
    for table, batch in batches:
        own = batch.select(range(len(LEADING), batch.num_columns)).to_pylist()
        leading = batch.select(range(len(LEADING))).to_pydict()
        for sequence, number, operation, load_id, row in zip(*leading.values(), own, strict=True):
            said = None if operation == "reset" else row
            line = ChangeLine(sequence, number, table, operation, load_id, _shown(said))
            yield sequence, place, number, _written(line) + b"\n"


def _shown(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """Values as elsewhere: timestamps as RFC 3339 has them in UTC, decimals with all digits."""
    if row is None:
        return None
    return {name: _shown_value(value) for name, value in row.items()}


def _short(moment: str) -> str:
    """Without the zeros that end a fraction."""
    return moment.rstrip("0") if "." in moment else moment


def _shown_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{_short(value.replace(tzinfo=None).isoformat())}Z"
    if isinstance(value, time):
        return _short(value.isoformat())
    return format(value, "f") if isinstance(value, Decimal) else value
