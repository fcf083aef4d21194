"""Rows to bytes, batch by batch, so that a table of any size takes little memory.

JSON, NDJSON and CSV write values as they are shown; Parquet and Arrow have the types themselves.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from service.formats.bodies.csv_lines import csv_line

Pieces = Iterator[bytes]
ROW_GROUP = 122_880  # rows; as many as DuckDB's own
BATCH_ROWS = 8192  # that are turned into text at a time
IS_JSON = {b"text": b"json"}  # metadata of a field: what its texts are
_encoder = msgspec.json.Encoder()


def json_pieces(batches: pa.RecordBatchReader) -> Pieces:
    """``{"rows": […], "next": null}``."""
    yield b'{"rows":['
    comma = b""
    for batch in batches:
        for part in _parts(batch):
            yield comma + _encoder.encode(_in_json(part))[1:-1]
            comma = b","
    yield b'],"next":null}'


def ndjson_pieces(batches: pa.RecordBatchReader) -> Pieces:
    """An object a line."""
    yield b""
    for batch in batches:
        for part in _parts(batch):
            yield _encoder.encode_lines(_in_json(part))


def csv_pieces(batches: pa.RecordBatchReader) -> Pieces:
    """As RFC 4180 has it, with a header; a missing value is an empty field."""
    yield csv_line(batches.schema.names).encode()
    for batch in batches:
        for part in _parts(batch):
            columns = [column.to_pylist() for column in part.columns]
            yield "".join(map(csv_line, zip(*columns, strict=True))).encode()


def arrow_pieces(batches: pa.RecordBatchReader) -> Pieces:
    """An Arrow IPC stream."""
    sink = _Sink()
    with pa.ipc.new_stream(sink, batches.schema) as writer:
        yield sink.taken()
        for batch in batches:
            writer.write_batch(batch)
            yield sink.taken()
    yield sink.taken()


def parquet_pieces(batches: pa.RecordBatchReader) -> Pieces:
    """A Parquet file; what is held in memory is one group of rows."""
    sink = _Sink()
    with pq.ParquetWriter(sink, batches.schema, compression="zstd") as writer:
        yield sink.taken()
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            if sum(each.num_rows for each in waiting) >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
                yield sink.taken()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    yield sink.taken()


# By the ending of a file; `TYPED` are those whose values are not text.
STREAMS: Mapping[str, Callable[[pa.RecordBatchReader], Pieces]] = {
    "json": json_pieces,
    "csv": csv_pieces,
    "ndjson": ndjson_pieces,
    "parquet": parquet_pieces,
    "arrow": arrow_pieces,
}
TYPED = frozenset({"parquet", "arrow"})


def _in_json(part: pa.RecordBatch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = part.to_pylist()
    for field in part.schema:
        if field.metadata == IS_JSON:
            for row in rows:
                row[field.name] = row[field.name] and msgspec.Raw(row[field.name].encode())
    return rows


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    yield from (batch.slice(start, BATCH_ROWS) for start in range(0, batch.num_rows, BATCH_ROWS))


class _Sink(io.RawIOBase):
    """What was written since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
