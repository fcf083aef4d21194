"""The rows of a table as an Avro file, written and read in Arrow record batches.

With avro_schema and avro_container the one place that knows Avro. Memory is bounded both ways:
what is held at a time is a block, and the rows of one batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from secrets import token_bytes
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import parse_schema

from service.backups import avro_container as container
from service.backups.avro_schema import (
    Schema,
    fingerprint_of,
    read_schema,
    resolve,
    schema_of,
)
from service.backups.durable_files import made_whole
from service.dictionary import Table
from service.errors import DamagedBackup, Unprocessable

__all__ = ["CODECS", "DEFAULT_CODEC", "AvroFile", "Written", "arrow_schema", "schema_of", "write"]

CODECS = ("deflate", "zstandard")  # that files are written with
DEFAULT_CODEC = "deflate"  # every Avro reader knows it
BATCH_ROWS = 8192
BLOCK_BYTES = 16 << 20  # of a block's rows in Arrow, unless one row alone has more

# What fastavro raises for bytes that are no rows of the schema.
_NOT_ROWS = (EOFError, IndexError, ValueError, OverflowError, TypeError, KeyError)


@dataclass(frozen=True)
class Written:
    """What was written; `bytes` is the size of the file."""

    rows: int
    bytes: int
    sha256: str
    schema_fingerprint: str


def arrow_schema(table: Table) -> pa.Schema:
    """The columns of the table's record batches, in the order of the dictionary."""
    return pa.schema([(column.name, column.type.arrow) for column in table.columns])


def write(
    path: Path,
    table: Table,
    batches: Iterator[pa.RecordBatch],
    codec: str = DEFAULT_CODEC,
    metadata: Mapping[str, str] | None = None,
    *,
    nullable: frozenset[str] = frozenset(),
) -> Written:
    """Writes `batches` of the table's columns as a file that is there whole or not at all.

    `metadata` goes into the header; `nullable` names required columns that lack values all the
    same, which the file must be able to keep.

    Raises:
        NoSpace: it does not fit on the disk.
        Unprocessable: a row is larger than a block may be.
    """
    schema = schema_of(table, nullable)
    encode, sync, rows = _Encoder(schema), token_bytes(container.SYNC_BYTES), 0
    with made_whole(path) as file:
        text = msgspec.json.encode(schema)
        file.write(container.written_header(text, codec, dict(metadata or {}), sync))
        for batch in batches:
            for part in _parts(batch):
                payload = _payload(codec, encode(part))
                file.write(container.written_block(part.num_rows, payload, sync))
                rows += part.num_rows
    return Written(rows, file.size, file.sha256, fingerprint_of(schema))


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in parts that make good blocks: neither many rows nor many bytes."""
    if batch.num_rows > BATCH_ROWS or (batch.num_rows > 1 and batch.nbytes > BLOCK_BYTES):
        half = batch.num_rows // 2
        yield from _parts(batch.slice(0, half))
        yield from _parts(batch.slice(half))
    elif batch.num_rows:
        yield batch


def _payload(codec: str, data: bytes) -> bytes:
    try:
        return container.compress(codec, data)
    except ValueError as error:  # what could not be read again is not written
        raise Unprocessable("a row is larger than a block of a backup may be") from error


class _Encoder:
    """Record batches to the bytes of blocks."""

    def __init__(self, schema: Schema) -> None:
        fields = [{**field, "type": _plain(field["type"])} for field in schema["fields"]]
        self._schema = parse_schema({"type": "array", "items": {**schema, "fields": fields}})

    def __call__(self, batch: pa.RecordBatch) -> bytes:
        names = batch.schema.names
        columns = [_numbers(column).to_pylist() for column in batch.columns]
        rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        written = BytesIO()
        schemaless_writer(written, self._schema, rows)
        # An array is the number of its items, the items and a 0; a block wants the items.
        return written.getvalue()[len(container.long(len(rows))) : -1]


def _plain(said: Any) -> Any:
    """An Avro type without its logical type: days and moments are given as numbers."""
    if isinstance(said, list):
        return [_plain(each) for each in said]
    return said["type"] if isinstance(said, dict) else said


def _numbers(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64())
    if pa.types.is_date32(column.type):
        return pc.cast(column, pa.int32())
    return column


class AvroFile:
    """An open Avro file whose rows are to be read as those of a table."""

    def __init__(self, file: BufferedReader, table: Table) -> None:
        """Reads the header of `file`, which the caller closes.

        Raises:
            DamagedBackup: it is no Avro file, or its schema does not resolve to the table's.
        """
        self._file, self._table = file, table
        self._header = container.read_header(file)
        schema = read_schema(self._header.schema)
        self._sources = resolve(table, schema)
        self._decoding = parse_schema(schema.decoding)
        self.codec = self._header.codec
        self.schema_fingerprint = fingerprint_of(schema.decoding)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in the order of the file, at most BATCH_ROWS at a time; to be read once.

        The values are of the columns' types; whether they follow the rules is not asked here.

        Raises:
            DamagedBackup: the file is not as Avro wants it, or a value not as the type does.
        """
        for rows, payload in container.read_blocks(self._file, self._header):
            yield from self._block(rows, container.expand(self.codec, payload))

    def _block(self, rows: int, data: bytes) -> Iterator[pa.RecordBatch]:
        source = BytesIO(data)
        for start in range(0, rows, BATCH_ROWS):
            try:
                records = [
                    schemaless_reader(source, self._decoding)
                    for _ in range(min(BATCH_ROWS, rows - start))
                ]
            except _NOT_ROWS as error:
                raise DamagedBackup("a block does not hold the rows it should") from error
            yield self._batch(records)
        if source.tell() != len(data):
            raise DamagedBackup("a block holds more than the rows it should")

    def _batch(self, records: list[Any]) -> pa.RecordBatch:
        arrays = [source.array(records) for source in self._sources]
        return pa.record_batch(arrays, schema=arrow_schema(self._table))
