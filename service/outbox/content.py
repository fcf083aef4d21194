"""The rows of a change: as bytes in the outbox, and as Arrow rows of the feed.

Rows of the feed have four columns before those of their table: the sequence of the commit, the
row's place within what the commit did to the table, the operation, and the load.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from service.dictionary import Table
from service.ops import records
from service.ops.changes import Operation, Rows

SEQUENCE, NUMBER, OPERATION, LOAD_ID = "_sequence", "_number", "_operation", "_load_id"
LEADING = pa.schema(
    [
        (SEQUENCE, pa.int64()),
        (NUMBER, pa.int32()),
        (OPERATION, pa.string()),
        (LOAD_ID, pa.string()),
    ]
)
DICTIONARY = "_dictionary"
# The books that are part of the feed, as tables, and the columns by which their rows are known.
BOOK_KEYS = {
    "_loads": ("load_id", "table_name"),
    "_rejections": ("rejection_id",),
    "_replays": ("load_id", "rejection_id"),
}
BOOKS = {
    "_loads": records.schema_of(records.LoadRecord),
    "_rejections": records.schema_of(records.RejectionRecord),
    "_replays": records.schema_of(records.ReplayRecord),
    DICTIONARY: pa.schema([("dictionary", pa.string()), ("content", pa.string())]),
}
PART_ROWS = 1 << 16  # of a change, in one row of the outbox
# To have threads pack what is small takes four times as long.
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


@dataclass(frozen=True)
class Part:
    """A part of what one commit changed, as the outbox keeps it: `rows` rows in `content`."""

    sequence: int
    place: int  # among the parts of its commit
    table: str
    operation: Operation
    rows: int
    shape: str  # changes when the columns do
    content: bytes


def schema_of(table: Table) -> pa.Schema:
    """The columns of a table as the feed has them, without the leading ones."""
    return table.arrow_schema


def feed_schema(columns: pa.Schema) -> pa.Schema:
    """The same with the leading ones."""
    return pa.schema([*LEADING, *columns])


@lru_cache(512)
def shape_of(columns: pa.Schema) -> str:
    """Eight hexadecimal digits that change when a name or a type does."""
    said = [f"{field.name} {field.type}" for field in columns]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:8]


def pieces(rows: Rows, load_ids: pa.Array | str | None) -> Iterator[pa.RecordBatch]:
    """Rows with their loads in front, at most PART_ROWS at a time."""
    start = 0
    batches = rows.to_batches(PART_ROWS) if isinstance(rows, pa.Table) else rows
    for whole in batches:
        for offset in range(0, whole.num_rows, PART_ROWS):
            batch = whole.slice(offset, PART_ROWS)
            ids = _ids(batch, load_ids, start)
            start += batch.num_rows
            yield batch if ids is None else batch.add_column(0, LOAD_ID, ids)


def _ids(batch: pa.RecordBatch, load_ids: pa.Array | str | None, start: int) -> pa.Array | None:
    if isinstance(load_ids, str):
        zeros = pa.array(np.zeros(batch.num_rows, np.int32))
        return pa.DictionaryArray.from_arrays(zeros, pa.array([load_ids], pa.string()))
    return None if load_ids is None else load_ids.slice(start, batch.num_rows)


def loads_of(parts: Sequence[pa.Table], load_ids: Sequence[str]) -> pa.Array:
    """The load of each row of some tables, each of which came by one load."""
    which = np.repeat(np.arange(len(parts), dtype=np.int32), [part.num_rows for part in parts])
    return pa.DictionaryArray.from_arrays(pa.array(which), pa.array(load_ids, pa.string()))


def encoded(batch: pa.RecordBatch) -> bytes:
    """A piece as bytes: an Arrow stream, packed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_PACKED) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def decoded(part: Part, first_number: int) -> pa.RecordBatch:
    """The rows of a part with all leading columns; the first has the number `first_number`."""
    with pa.ipc.open_stream(part.content) as reader:
        (batch,) = reader
    return with_leading(batch, part.sequence, first_number, part.operation)


def with_leading(
    batch: pa.RecordBatch, sequence: int, first_number: int, operation: Operation
) -> pa.RecordBatch:
    """Rows, with their loads or without, as rows of the feed; a book's rows name their load."""
    count, schema = batch.num_rows, batch.schema
    if LOAD_ID in schema.names:
        ids, batch = batch.column(0).cast(pa.string()), batch.remove_column(0)
    elif "load_id" in schema.names and "table_name" in schema.names:
        ids = batch.column("load_id")
    else:
        ids = pa.nulls(count, pa.string())
    numbers = np.arange(first_number, first_number + count, dtype=np.int32)
    leading = [
        pa.array(np.full(count, sequence, np.int64)),
        pa.array(numbers),
        pa.array([operation] * count, pa.string()),
        ids,
    ]
    return pa.RecordBatch.from_arrays([*leading, *batch.columns], schema=feed_schema(batch.schema))


def reset_row(sequence: int, columns: pa.Schema) -> pa.RecordBatch:
    """The row that says: the table is empty from here."""
    row = {SEQUENCE: sequence, NUMBER: 0, OPERATION: "reset"}
    return pa.RecordBatch.from_pylist([row], schema=feed_schema(columns))
