"""Avro files that others wrote, well or with ill will, byte by byte where that is needed."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import fastavro

from service.formats.avro import container

SYNC = b"0123456789abcdef"


def field(name: str, said: Any, **other: Any) -> dict[str, Any]:
    """A field of a schema."""
    return {"name": name, "type": said, **other}


def header(schema: Any, codec: str = "null") -> bytes:
    """The header of a file; `schema` may be anything."""
    text = schema if isinstance(schema, bytes) else json.dumps(schema).encode()
    return container.written_header(text, codec, {}, SYNC)


def block(rows: int, payload: bytes, sync: bytes = SYNC) -> bytes:
    """A block of a file."""
    return container.written_block(rows, payload, sync)


def encoded(fields: list[Any], rows: list[Any]) -> bytes:
    """Rows as Avro has them; days and moments are given as numbers."""
    plain = [field(each["name"], _plain(each["type"])) for each in fields]
    schema = fastavro.parse_schema({"type": "record", "name": "Root", "fields": plain})
    written = BytesIO()
    for row in rows:
        fastavro.schemaless_writer(written, schema, row)
    return written.getvalue()


def _plain(said: Any) -> Any:
    if isinstance(said, list):
        return [_plain(each) for each in said]
    if not isinstance(said, dict):
        return said
    named = said["type"] in ("enum", "fixed", "array", "map", "record")
    rest = {key: value for key, value in said.items() if key != "logicalType"}
    return rest if named else said["type"]


def foreign_file(path: Path, fields: list[Any], rows: list[Any], codec: str = "null") -> Path:
    """A file of one block with a schema that is not ours."""
    schema = {"type": "record", "name": "Root", "fields": fields}
    payload = container.compress(codec, encoded(fields, rows))
    path.write_bytes(header(schema, codec) + block(len(rows), payload))
    return path


def rows_in(file: BinaryIO) -> list[Any]:
    """The rows of a file, as fastavro reads them."""
    return list(fastavro.reader(file))
