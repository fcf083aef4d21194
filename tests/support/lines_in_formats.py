"""Lines of a CSV file as rows in each format, with values of its own types where texts are such."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from io import BytesIO
from random import Random
from typing import Any

import fastavro
import msgspec

from service.dictionary import Column, Table
from service.dictionary.written_values import Unreadable
from service.formats.bodies.body_rows import rows_of
from service.formats.bodies.rows_protocol import Rows
from tests.support.dealer import Line, as_csv

_is_json_number = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?").fullmatch


def csv_batch(table: Table, lines: list[Line]) -> Rows:
    """The lines as a body of CSV, in which what need not be quoted is so here and there."""
    body = as_csv(table.column_names, lines, Random(repr(lines[:1]))).encode()
    return rows_of(body, "text/csv", table)


def json_batch(table: Table, lines: list[Line]) -> Rows:
    """The lines as a JSON array."""
    rows = [_json_row(table, line) for line in lines]
    return rows_of(msgspec.json.encode(rows), "application/json")


def ndjson_batch(table: Table, lines: list[Line]) -> Rows:
    """The lines as NDJSON."""
    rows = (msgspec.json.encode(_json_row(table, line)) for line in lines)
    return rows_of(b"\n".join(rows), "application/x-ndjson")


def msgpack_batch(table: Table, lines: list[Line]) -> Rows:
    """The lines as MessagePack."""
    rows = [_json_row(table, line) for line in lines]
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return rows_of(msgspec.msgpack.encode(plain), "application/msgpack")


class _AvroFiles:
    """Rows of several Avro files: in one of them, all values of a field are of one type."""

    from_text = drops_repeated = False

    def __init__(self, places: Sequence[tuple[Rows, int]]) -> None:
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getattr__(self, name: str) -> Any:
        def asked(position: int, *more: Any) -> Any:
            rows, place = self._places[position]
            return getattr(rows, name)(place, *more)

        return asked

    def structs(self, struct: Any) -> Any:
        raise msgspec.ValidationError

    def each(self, struct: Any) -> list[None]:
        return [None] * len(self)


def avro_batch(table: Table, lines: list[Line]) -> Rows:
    """The lines as Avro, with a logical type where a text is of one."""
    in_json = [_json_row(table, line) for line in lines]
    records = [
        {name: _avro_value(table, name, value) for name, value in row.items()} for row in in_json
    ]
    kinds: dict[str, list[int]] = {}
    places: dict[int, tuple[Rows, int]] = {}
    for i, record in enumerate(records):
        if any(value == NO_DOCUMENT for _, value in record.values()):  # a line that is malformed
            places[i] = rows_of(msgspec.json.encode(in_json[i]), "application/json"), 0
            continue
        fields: Any = [
            {"name": name, "type": ["null", kind] if kind else ["null", "string"]}
            for name, (kind, _) in record.items()
        ]
        kinds.setdefault(json.dumps(fields), []).append(i)
    for fields, of_kind in kinds.items():
        file = BytesIO()
        values = [{name: value for name, (_, value) in records[i].items()} for i in of_kind]
        schema = {"type": "record", "name": "row", "fields": json.loads(fields)}
        fastavro.writer(file, schema, values)
        rows = rows_of(file.getvalue(), "application/avro", table)
        places |= {i: (rows, place) for place, i in enumerate(of_kind)}
    return _AvroFiles([places[i] for i in range(len(lines))])


LOGICAL = {
    "date": {"type": "int", "logicalType": "date"},
    "time": {"type": "long", "logicalType": "time-micros"},
    "timestamp": {"type": "long", "logicalType": "timestamp-micros"},
    "timestamp with time zone": {"type": "long", "logicalType": "timestamp-micros"},
}


def _avro_value(table: Table, name: str, value: Any) -> tuple[Any, Any]:
    """The type of a value of JSON, and the value; a logical one where the text is of it."""
    if isinstance(value, list):  # fields that are too many
        return "string", str(value)
    if name in table.column_names and table.column(name).type.name == "json":
        return "string", NO_DOCUMENT if bytes(value) == NO_DOCUMENT else bytes(value).decode()
    value = _plain(value)
    if not isinstance(value, str):
        kind = {type(None): None, bool: "boolean", int: "long", float: "double"}[type(value)]
        return ("double", float(value)) if kind == "long" and abs(value) >> 63 else (kind, value)
    column = table.column(name)
    kind = column.type.kind
    with suppress(Unreadable):
        if kind in LOGICAL and (
            kind in ("date", "time") or (value[10:11] == "T" and value[-1] == "Z")
        ):
            array = column.type.array([column.type.from_text(value)])
            return LOGICAL[kind], array.view("int32" if kind == "date" else "int64")[0].as_py()
        if kind == "decimal":
            digits = Decimal(column.type.from_text(value))
            scale = -int(digits.as_tuple().exponent)
            said = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": scale}
            return said, digits
    return "string", value


def _plain(value: Any) -> Any:
    """A number that JSON has written out, as MessagePack's: a double that is the same."""
    if not isinstance(value, msgspec.Raw):
        return value
    if bytes(value) == NO_DOCUMENT:
        return NO_DOCUMENT
    return json.loads(bytes(value), parse_int=_double, parse_float=_double)


def _double(digits: str) -> float:
    return min(max(float(digits), -1e308), 1e308)


def _json_row(table: Table, line: Line) -> dict[str, Any]:
    """The same row with values of JSON's own types where the texts are such values."""
    row = {
        column.name: _json_value(column, text)
        for column, text in zip(table.columns, line, strict=False)
        if text or column.type.name == "varchar"  # a missing value is null, or not there
    }
    return row | {"_rest": line[len(row) :]} if len(line) > len(table.columns) else row


NO_DOCUMENT = b'{"a":1,"a":1}'


def _json_value(column: Column, text: str) -> Any:
    if column.type.name == "json":  # text that is no document would be one, of text
        with suppress(Unreadable):
            column.type.from_text(text)
            return msgspec.Raw(text.strip().encode())  # as NDJSON, too, has it
        return msgspec.Raw(NO_DOCUMENT)
    if column.type.name in ("tinyint", "smallint", "integer", "bigint", "double", "boolean"):
        with suppress(Unreadable):
            return column.type.from_text(text)
        if _is_json_number(text) and Decimal(text) == Decimal(float(text)):
            return msgspec.Raw(text.strip().encode())  # as NDJSON, too, has it
    return text or None
