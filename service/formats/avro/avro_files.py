"""The rows of a table as an Avro file, written and read in Arrow record batches.

With avro_schema and container the one place that knows Avro. Memory is bounded both ways:
what is held at a time is a block, and the rows of one batch.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from secrets import token_bytes
from typing import Any, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
from fastavro import schemaless_reader
from fastavro.schema import parse_schema

from service.dictionary import Table
from service.errors import DamagedBackup, Unprocessable
from service.formats.avro import container
from service.formats.avro.avro_resolution import columns_of, resolve
from service.formats.avro.avro_schema import FileSchema, fingerprint_of, read_schema, schema_of
from service.formats.avro.decoding import Odd, Window
from service.formats.avro.encoding import encoded
from service.formats.avro.layouts import kept_bytes
from service.formats.avro.row_offsets import Numbers
from service.runtime.prefetch import in_order
from service.stores.store import Writing

__all__ = ["CODECS", "DEFAULT_CODEC", "AvroFile", "RowDecoder", "Written", "schema_of", "write"]

CODECS = ("deflate", "zstandard")  # that files are written with
DEFAULT_CODEC = "deflate"  # every Avro reader knows it
BATCH_ROWS = 8192
BLOCK_BYTES = 16 << 20  # of a block's rows in Arrow, unless one row alone has more

LARGEST_AT_ONCE = 4 << 20  # bytes of a block whose rows are decoded before they are asked for
SMALL = 4 << 10  # bytes of a block, as it is in the file; such ones are decoded together
WINDOW = (4 << 10, 512 << 10)  # bytes that are decoded at once, the least and the most

Block: TypeAlias = tuple[int, bytes]  # its rows, and its payload, compressed

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


class RowDecoder:
    """Decodes the blocks of a file to the plain values of its fields (`avro_schema.PLAIN`)."""

    def __init__(self, codec: str, schema: FileSchema) -> None:
        self._codec, self._fields = codec, schema.fields
        self._layouts = None if schema.plain else (schema.layouts, schema.kept)
        self._decoding = parse_schema(schema.decoding)

    def expanded(self, rows: int, payload: bytes) -> bytes | bytearray:
        """The bytes of a block's rows that count."""
        return self.kept(rows, container.expand(self._codec, payload))

    def kept(self, rows: int, data: bytes) -> bytes | bytearray:
        """Those bytes of a block that count."""
        return kept_bytes(memoryview(data), rows, *self._layouts) if self._layouts else data

    def rows(
        self, data: memoryview, ends: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[Mapping[str, Any], int]]:
        """The rows in `data` as columns, and how many; of each block in it `ends` has how many rows
        and bytes are before its end.
        """
        rows, begun, at = ends[-1][0], 0, 0
        of_blocks = np.array(ends)
        while begun < rows:
            # As large as the rows should be, were all rows alike.
            left = len(data) - at
            window = min(max(left * BATCH_ROWS // (rows - begun), WINDOW[0]), WINDOW[1])
            columns, places = self._some_rows(data[at:], window, min(rows - begun, BATCH_ROWS))
            _check_ends(of_blocks - (begun, at), places)
            count = len(places) - 1
            yield columns, count
            begun, at = begun + count, at + int(places[-1])
        if at < len(data):
            raise DamagedBackup("a block holds more than the rows it should")

    def _some_rows(
        self, data: memoryview, window_bytes: int, max_rows: int
    ) -> tuple[Mapping[str, Any], Numbers]:
        """The columns of the first rows in `data`; where they begin, and where the last ends."""
        try:
            window = Window(data[:window_bytes])
            rows = window.rows(self._fields, max_rows)
            if len(rows) > 1:
                return window.columns(self._fields, rows), rows
        except Odd:
            pass
        return self._by_fastavro(data, max_rows)

    def _by_fastavro(self, data: memoryview, rows: int) -> tuple[Mapping[str, Any], Numbers]:
        source, records, places = BytesIO(data), list[Any](), [0]
        try:
            for _ in range(rows):
                records.append(schemaless_reader(source, self._decoding))
                places.append(source.tell())
        except _NOT_ROWS as error:
            raise DamagedBackup("a block does not hold the rows it should") from error
        names = (field.name for field in self._fields)
        return {name: [row[name] for row in records] for name in names}, np.array(places)


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
        self.columns = columns_of(table, schema)  # what its fields are to the table's columns
        self.left_out = list(self.columns.left_out)
        self.codec = self._header.codec
        self._decoder = RowDecoder(self.codec, schema)
        self.schema_fingerprint = fingerprint_of(schema.decoding)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in the order of the file, at most BATCH_ROWS at a time; to be read once.

        The values are of the columns' types; whether they follow the rules is not asked here.

        Raises:
            DamagedBackup: the file is not as Avro wants it, or a value not as the type does.
        """
        blocks = container.read_blocks(self._file, self._header)
        for block in in_order(self._open, _together(blocks)):
            yield from block

    def _open(self, blocks: Sequence[Block]) -> Iterable[pa.RecordBatch]:
        """The rows of blocks: at once if that takes little memory, else as they are asked for."""
        if len(blocks) > 1:
            return self._joined(blocks)
        [(rows, payload)] = blocks
        data = self._decoder.expanded(rows, payload)
        batches = self._rows(memoryview(data), [(rows, len(data))])
        return list(batches) if len(data) <= LARGEST_AT_ONCE and rows <= BATCH_ROWS else batches

    def _joined(self, blocks: Sequence[Block]) -> Iterator[pa.RecordBatch]:
        """The rows of many small blocks: each by itself would take as long as a large one."""
        data, ends, rows = bytearray(), list[tuple[int, int]](), 0
        for count, payload in blocks:
            data += self._decoder.expanded(count, payload)
            rows += count
            ends.append((rows, len(data)))
            if len(data) >= WINDOW[1]:
                yield from self._rows(memoryview(bytes(data)), ends)
                data, ends, rows = bytearray(), [], 0
        if ends:
            yield from self._rows(memoryview(bytes(data)), ends)

    def _rows(self, data: memoryview, ends: Sequence[tuple[int, int]]) -> Iterator[pa.RecordBatch]:
        for columns, rows in self._decoder.rows(data, ends):
            yield self._batch(columns, rows)

    def _batch(self, columns: Mapping[str, Any], rows: int) -> pa.RecordBatch:
        arrays = [source.array(columns, rows) for source in self._sources]
        return pa.record_batch(arrays, schema=self._table.arrow_schema)


def _together(blocks: Iterator[Block]) -> Iterator[Sequence[Block]]:
    """Small blocks that follow each other, as many as have the rows of a batch; others alone."""
    group, rows = list[Block](), 0
    for block in blocks:
        is_small = len(block[1]) <= SMALL
        if group and (not is_small or rows + block[0] > BATCH_ROWS or len(group) >= BATCH_ROWS):
            yield group
            group, rows = [], 0
        if is_small:
            group.append(block)
            rows += block[0]
        else:
            yield [block]
    if group:
        yield group


def _check_ends(ends: Any, places: Numbers) -> None:
    """Raises DamagedBackup unless each block that ends among these rows ends with its last one.

    `ends` has rows and bytes, `places` bytes, both counted from the first of these rows.
    """
    rows = ends[:, 0]
    here = ends[(rows >= 0) & (rows < len(places))]
    if (places[here[:, 0]] != here[:, 1]).any():
        raise DamagedBackup("a block does not hold the rows it should")
