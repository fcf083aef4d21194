"""The rows of an Avro file as they are encoded, to be put into smaller files."""

from collections.abc import Iterator, Sequence
from io import BufferedReader, BytesIO
from secrets import token_bytes
from typing import Any

import msgspec
from fastavro import schemaless_reader
from fastavro.schema import SchemaParseException, parse_schema

from service.errors import DamagedBackup
from service.formats.avro import container


class RawRecords:
    """An open Avro file, of which nothing but where each row ends is looked at."""

    def __init__(self, file: BufferedReader) -> None:
        """Reads the header of `file`, which the caller closes.

        Raises:
            DamagedBackup: it is no Avro file, or its schema cannot be read.
        """
        self._file, self._header = file, container.read_header(file)
        try:
            self._schema = parse_schema(_without_logical(msgspec.json.decode(self._header.schema)))
        except (msgspec.DecodeError, SchemaParseException, KeyError, TypeError) as error:
            raise DamagedBackup(f"its schema cannot be read: {error}") from error

    def __iter__(self) -> Iterator[bytes]:
        """Each row; raises DamagedBackup."""
        for rows, payload in container.read_blocks(self._file, self._header):
            data = container.expand(self._header.codec, payload)
            source = BytesIO(data)
            for _ in range(rows):
                start = source.tell()
                try:
                    schemaless_reader(source, self._schema)
                except (EOFError, IndexError, ValueError, OverflowError) as error:
                    raise DamagedBackup("a block does not hold the rows it should") from error
                yield data[start : source.tell()]
            if source.tell() < len(data):
                raise DamagedBackup("a block holds more than the rows it should")

    def file_of(self, rows: Sequence[bytes]) -> bytes:
        """A file of the same schema with these rows."""
        sync = token_bytes(container.SYNC_BYTES)
        # As they are: a service takes only so many bytes of rows for one of a body.
        header = container.written_header(self._header.schema, "null", {}, sync)
        return header + container.written_block(len(rows), b"".join(rows), sync)


def _without_logical(schema: Any) -> Any:
    """The schema, whose values are then numbers and bytes, as they are encoded."""
    if isinstance(schema, dict):
        return {
            key: _without_logical(value) for key, value in schema.items() if key != "logicalType"
        }
    return [*map(_without_logical, schema)] if isinstance(schema, list) else schema
