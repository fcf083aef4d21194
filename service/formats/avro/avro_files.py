"""The rows of a table as an Avro file, written and read in Arrow record batches.

With avro_schema and container the one place that knows Avro. Memory is bounded both ways:
what is held at a time is a block, and the rows of one batch.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from secrets import token_bytes
from typing import Any

import msgspec
import pyarrow as pa
from fastavro import schemaless_reader
from fastavro.schema import parse_schema

from service.dictionary import Table
from service.errors import DamagedBackup, Unprocessable
from service.formats.avro import container
from service.formats.avro.avro_resolution import columns_of, resolve
from service.formats.avro.avro_schema import fingerprint_of, read_schema, schema_of
from service.formats.avro.decoding import Odd, Window
from service.formats.avro.encoding import encoded
from service.formats.avro.layouts import kept_bytes
from service.runtime.prefetch import in_order
from service.stores.store import Writing

__all__ = ["CODECS", "DEFAULT_CODEC", "AvroFile", "Written", "schema_of", "write"]

CODECS = ("deflate", "zstandard")  # that files are written with
DEFAULT_CODEC = "deflate"  # every Avro reader knows it
BATCH_ROWS = 8192
BLOCK_BYTES = 16 << 20  # of a block's rows in Arrow, unless one row alone has more

LARGEST_AT_ONCE = 4 << 20  # bytes of a block whose rows are decoded before they are asked for
WINDOW = (4 << 10, 512 << 10)  # bytes that are decoded at once, the least and the most

# What fastavro raises for bytes that are no rows of the schema.
_NOT_ROWS = (EOFError, IndexError, ValueError, OverflowError, TypeError, KeyError)


@dataclass(frozen=True)
class Written:
    """What was written; `bytes` is the size of the file."""

    rows: int
    bytes: int
    sha256: str
    schema_fingerprint: str


def write(
    file: Writing,
    table: Table,
    batches: Iterator[pa.RecordBatch],
    codec: str = DEFAULT_CODEC,
    metadata: Mapping[str, str] | None = None,
    *,
    nullable: frozenset[str] = frozenset(),
) -> Written:
    """Writes `batches` of the table's columns into `file`, which the caller makes whole.

    `metadata` goes into the header; `nullable` names required columns that lack values all the
    same, which the file must be able to keep.

    Raises:
        NoSpace: it does not fit on the disk.
        Unprocessable: a row is larger than a block may be.
    """
    schema, sync, rows = schema_of(table, nullable), token_bytes(container.SYNC_BYTES), 0
    types = [field["type"] for field in schema["fields"]]

    def block(part: pa.RecordBatch) -> tuple[int, bytes]:
        return part.num_rows, _payload(codec, encoded(part, types))

    text = msgspec.json.encode(schema)
    file.write(container.written_header(text, codec, dict(metadata or {}), sync))
    parts = (part for batch in batches for part in _parts(batch))
    for count, payload in in_order(block, parts):
        file.write(container.written_block(count, payload, sync))
        rows += count
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
        self._fields, self._sources = schema.fields, resolve(table, schema)
        self._layouts = None if schema.plain else (schema.layouts, schema.kept)
        self.columns = columns_of(table, schema)  # what its fields are to the table's columns
        self.left_out = list(self.columns.left_out)
        self._decoding = parse_schema(schema.decoding)
        self.codec = self._header.codec
        self.schema_fingerprint = fingerprint_of(schema.decoding)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in the order of the file, at most BATCH_ROWS at a time; to be read once.

        The values are of the columns' types; whether they follow the rules is not asked here.

        Raises:
            DamagedBackup: the file is not as Avro wants it, or a value not as the type does.
        """
        blocks = container.read_blocks(self._file, self._header)
        for block in in_order(self._open, blocks):
            yield from block

    def _open(self, block: tuple[int, bytes]) -> Iterable[pa.RecordBatch]:
        """A block's rows: at once where that takes little memory, else as they are asked for."""
        rows, payload = block
        data: bytes | bytearray = container.expand(self.codec, payload)
        if self._layouts:
            data = kept_bytes(memoryview(data), rows, *self._layouts)
        batches = self._block(rows, memoryview(data))
        return list(batches) if len(data) <= LARGEST_AT_ONCE and rows <= BATCH_ROWS else batches

    def _block(self, rows: int, data: memoryview) -> Iterator[pa.RecordBatch]:
        while rows:
            # As large as the rows should be, were all rows alike.
            window = min(max(len(data) * BATCH_ROWS // rows, WINDOW[0]), WINDOW[1])
            columns, count, size = self._some_rows(data, window, min(rows, BATCH_ROWS))
            yield self._batch(columns, count)
            data, rows = data[size:], rows - count
        if data:
            raise DamagedBackup("a block holds more than the rows it should")

    def _some_rows(
        self, data: memoryview, window_bytes: int, max_rows: int
    ) -> tuple[Mapping[str, Any], int, int]:
        """The columns of the first rows in `data`, the number of rows, and that of their bytes."""
        try:
            window = Window(data[:window_bytes])
            rows = window.rows(self._fields, max_rows)
            if len(rows) > 1:
                return window.columns(self._fields, rows), len(rows) - 1, int(rows[-1])
        except Odd:
            pass
        return self._by_fastavro(data, max_rows)

    def _by_fastavro(self, data: memoryview, rows: int) -> tuple[Mapping[str, Any], int, int]:
        source = BytesIO(data)
        try:
            records: list[Any] = [schemaless_reader(source, self._decoding) for _ in range(rows)]
        except _NOT_ROWS as error:
            raise DamagedBackup("a block does not hold the rows it should") from error
        names = (field.name for field in self._fields)
        return {name: [row[name] for row in records] for name in names}, rows, source.tell()

    def _batch(self, columns: Mapping[str, Any], rows: int) -> pa.RecordBatch:
        arrays = [source.array(columns, rows) for source in self._sources]
        return pa.record_batch(arrays, schema=self._table.arrow_schema)
