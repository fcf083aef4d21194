"""Rows to send: good and bad ones, in every format and encoding."""

import csv
import gzip
import io
from collections.abc import Callable, Sequence
from typing import Any

import fastavro
import msgspec
import zstandard

Row = dict[str, Any]
JSON, NDJSON = "application/json", "application/x-ndjson"
CSV, MSGPACK, AVRO = "text/csv", "application/msgpack", "application/avro"
AVRO_TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}


def in_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def in_avro(rows: Sequence[Row]) -> bytes:
    """Each field of one type, or missing; values of several types, or of others, are text."""
    names = dict.fromkeys(name for row in rows for name in row) or {"id": None}
    fields, columns = [], []
    for name in names:
        values = [row.get(name) for row in rows]
        kinds = {_avro_type(value) for value in values if value is not None}
        kind = kinds.pop() if len(kinds) == 1 else "string"
        fields.append({"name": name, "type": ["null", kind]})
        columns.append([str(v) if kind == "string" and v is not None else v for v in values])
    records = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    schema = {"type": "record", "name": "row", "fields": fields}
    file = io.BytesIO()
    fastavro.writer(file, schema, records, sync_marker=bytes(16))
    return file.getvalue()


def _avro_type(value: Any) -> str:
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        return "string"
    return AVRO_TYPES.get(type(value), "string")


FORMATS: dict[str, Callable[[Any], bytes]] = {
    JSON: msgspec.json.encode,
    NDJSON: lambda rows: b"\n".join(map(msgspec.json.encode, rows)),
    CSV: in_csv,
    MSGPACK: msgspec.msgpack.encode,
    AVRO: in_avro,
}
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
TABLES = ("departments", "jobs", "hired_employees")


def department(number: Any, name: Any = "Fleet Operations") -> Row:
    return {"id": number, "department": name}


def job(number: Any, name: Any = "Driver") -> Row:
    return {"id": number, "job": name}


def hire(number: Any, department_id: Any = 1, job_id: Any = 1, name: Any = "Ana Ñandú") -> Row:
    moment = "2021-07-27T16:02:08Z"
    ids = {"department_id": department_id, "job_id": job_id}
    return {"id": number, "name": name, "datetime": moment, **ids}


def bad_hire(number: int) -> Row:
    """A row that breaks a rule in every column, and one more."""
    return {
        "id": -number,
        "name": " ",
        "datetime": "2021-13-01T00:00:00Z",
        "department_id": 1_000_000 + number,
        "job_id": None,
        "extra": number,
    }


BAD_HIRE = [
    ("id", "in_range"),
    ("name", "not_blank"),
    ("datetime", "type"),
    ("department_id", "relationships"),
    ("job_id", "not_null"),
    ("extra", "unknown_field"),
]
