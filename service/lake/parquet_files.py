"""Parquet files of the lake: the same rows make the same bytes.

Times of day are text there, 16:02:08.5: Spark reads no TIME of Parquet.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.errors import DamagedBackup
from service.lake.segments import LakeDamaged, SegmentFile
from service.outbox.content import feed_schema
from service.stores.store import Store, Writing

GROUP_ROWS = 122_880  # of a row group
GROUP_BYTES = 64 << 20  # of one, about, in memory


class _Sink(io.RawIOBase):
    """Hands on what is written, as a file that is only appended to."""

    def __init__(self, into: Writing) -> None:
        self._into = into

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._into.size

    def write(self, data: Any) -> int:
        self._into.write(bytes(data))
        return len(data)


def write_file(into: Writing, columns: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes rows of the feed of a table with these columns; how many they were."""
    rows = 0
    schema = feed_schema(columns)
    stored = _stored_schema(schema)
    options: Any = {"compression": "zstd", "version": "2.6", "write_statistics": True}
    with pq.ParquetWriter(_Sink(into), stored, **options) as writer:
        for group in _groups(batches):
            writer.write_table(_stored(group.cast(schema)), row_group_size=group.num_rows)
            rows += group.num_rows
    return rows


def _stored_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [(each.name, pa.string() if pa.types.is_time(each.type) else each.type) for each in schema]
    )


def _stored(rows: pa.Table) -> pa.Table:
    for place, each in enumerate(rows.schema):
        if pa.types.is_time(each.type):
            texts = pc.cast(rows.column(place), pa.string())
            short = pc.replace_substring_regex(texts, r"\.?0+$", "")  # each has six digits there
            rows = rows.set_column(place, each.name, short)
    return rows


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in groups that do not depend on how they come."""
    waiting: list[pa.RecordBatch] = []
    count = size = 0
    for batch in batches:
        while batch.num_rows:
            taken = batch.slice(0, GROUP_ROWS - count)
            waiting.append(taken)
            count, size = count + taken.num_rows, size + taken.nbytes
            batch = batch.slice(taken.num_rows)
            if count == GROUP_ROWS or size >= GROUP_BYTES:
                yield pa.Table.from_batches(waiting)
                waiting, count, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def read_file(store: Store, file: SegmentFile) -> Iterator[pa.RecordBatch]:
    """The rows of a file, some at a time.

    Raises:
        LakeDamaged: it is missing, or no Parquet file.
        StoreUnavailable: the store is away.
    """
    try:
        with closing(store.open(file.path)) as opened, pq.ParquetFile(opened) as parquet:
            yield from parquet.iter_batches(1 << 14)
    except (DamagedBackup, pa.ArrowException) as error:
        raise LakeDamaged(f"{store.name}/{file.path} cannot be read ({_why(error)})") from None


def _why(error: Exception) -> str:
    return error.detail if isinstance(error, DamagedBackup) else type(error).__name__
