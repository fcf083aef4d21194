"""What goes to and fro between the service and the process that judges large bodies.

Frames: a header, then a pickle of `said`, then `data` as it is. Both ends are ours, of one version,
and no one else can write into their socket, so that pickle is safe here.
"""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from struct import Struct
from typing import Any

import pyarrow as pa

from service.dictionary import Table
from service.formats.bodies.body_rows import LazyRows
from service.judge.batch import Batch, Violation
from service.judge.columns import KeysOf, sets_of
from service.judge.judge import Judge

# The frame's number, and the bytes of its two parts: an answer has the number of its question.
HEADER = Struct("<QII")
DICTIONARY = 0  # the number of a frame that brings the tables; it is answered once they are known


def frame(number: int, said: Any, data: bytes | memoryview = b"") -> list[bytes | memoryview]:
    """The parts of a frame, in order."""
    words = pickle.dumps(said, pickle.HIGHEST_PROTOCOL)
    return [HEADER.pack(number, len(words), len(data)), words, data]


def as_told(table: Table) -> Table:
    """A copy without what has been worked out of it: other threads do that while it is pickled."""
    return replace(table, columns=tuple(replace(column) for column in table.columns))


def said_in(words: bytes | bytearray) -> Any:
    """What a frame says."""
    return pickle.loads(words)  # noqa: S301 - see above


def verdict_of(batch: Batch) -> tuple[Any, memoryview]:
    """What a frame says of a batch: the words, and the rows that fit, in Arrow's IPC format."""
    rows = batch.fitting.combine_chunks().to_batches()
    data = memoryview(rows[0].serialize()) if rows else memoryview(b"")
    sets = sets_of(batch.table, rows[0]) if rows else {}
    told = (batch.adjusted, batch.warnings)
    return (batch.received, batch.positions, batch.broken, sets, *told), data


def batch_of(verdict: Any, data: bytes, judge: Judge, body: LazyRows) -> Batch:
    """The batch again, as `judge` would have made it of the rows of `body`."""
    received: int
    positions: Sequence[int]
    warnings: dict[int, list[Violation]]
    received, positions, broken, sets, adjusted, warnings = verdict
    if data:
        rows = pa.ipc.read_record_batch(pa.py_buffer(data), judge.table.arrow_schema)
    else:
        rows = pa.RecordBatch.from_pylist([], judge.table.arrow_schema)
    fitting = pa.Table.from_batches([rows])
    keys = KeysOf(judge.table, rows)
    batch = Batch(judge.table, received, fitting, positions, keys, broken, body, sets, adjusted)
    batch.warnings = warnings
    return batch
