"""Rows to send: good and bad ones, in every format and encoding."""

import csv
import gzip
import io
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import zstandard

Row = dict[str, Any]
JSON, NDJSON = "application/json", "application/x-ndjson"
CSV, MSGPACK = "text/csv", "application/msgpack"


def in_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


FORMATS: dict[str, Callable[[Any], bytes]] = {
    JSON: msgspec.json.encode,
    NDJSON: lambda rows: b"\n".join(map(msgspec.json.encode, rows)),
    CSV: in_csv,
    MSGPACK: msgspec.msgpack.encode,
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
