"""Rows in Avro: an object container file, of primitive types with or without a logical one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import BufferedReader, BytesIO
from math import isfinite
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import pyarrow as pa

from service.dictionary import Table
from service.dictionary.exact_values import document_from_text
from service.dictionary.written_values import JsonText
from service.errors import DamagedBackup, MalformedBody, TooLarge, shortened
from service.formats.avro import container
from service.formats.avro.avro_files import RowDecoder
from service.formats.avro.avro_schema import COMPLEX, MOST_BYTES, Field, FileSchema, read_schema
from service.formats.avro.container import Header
from service.formats.bodies.fields import plain_from_json
from service.formats.bodies.rows_protocol import MalformedRow, check_rows

LARGEST, SMALL = 64 << 20, 1 << 20  # bytes of the rows of a body: the most, and what any may have
RATIO = 100  # times, that the rows of a body may be larger than it is
MOST_VALUES = 2_000_000  # of a body: as many as the largest in JSON may have
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WORDLESS = ("big-decimal", "duration")  # logical types of which a row can say no value
PER_SECOND = {"millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}

Expanded: TypeAlias = tuple[int, bytes]  # of a block: how many rows, and their bytes


class AvroRows:
    """An Avro file of rows, whose fields have the names of columns.

    What has a logical type is said as JSON says it: a date, time or timestamp as text (a local
    timestamp is one in UTC), a decimal as a number with all its digits. Text in a column of JSON is
    a document, as in a backup. A row with a value that JSON has no word for is malformed.
    """

    from_text = False
    drops_repeated = False

    def __init__(self, body: bytes, table: Table | None = None) -> None:
        """`table` is the one that the rows are for; without it no text is a document."""
        file: BufferedReader = BufferedReader(BytesIO(body))
        with _as_malformed():
            self._header = container.read_header(file)
            self._schema = _schema_of_rows(self._header.schema)
            self._blocks = _expanded(body, file, self._header)
        self._count = sum(rows for rows, _ in self._blocks)
        documents = {c.name for c in table.columns if c.type.name == "json"} if table else set()
        self._said = {
            field.name: _document
            if field.name in documents and field.type == "string"
            else _said_of(field)
            for field in self._schema.fields
        }

    @cached_property
    def _rows(self) -> list[dict[str, Any] | MalformedRow]:
        """With JsonText for what a decoder of JSON would round, or take apart.

        They are not made before it is known that they are not too many.
        """
        if len(self) * len(self._schema.fields) > MOST_VALUES:
            raise TooLarge(f"a body has at most {MOST_VALUES:,} values")
        blocks, self._blocks = self._blocks, []
        with _as_malformed():
            columns = _decoded(self._header, self._schema, blocks)
        return [
            self._row(dict(zip(columns, values, strict=True)))
            for values in zip(*columns.values(), strict=True)
        ]

    def _row(self, decoded: Mapping[str, Any]) -> dict[str, Any] | MalformedRow:
        row: dict[str, Any] = {}
        for name, value in decoded.items():
            try:
                row[name] = None if value is None else self._said[name](value)
            except (ValueError, OverflowError, KeyError):  # KeyError: an enum has no such symbol
                problem = f"{shortened(name)} has a value that is not of its type"
                return MalformedRow(repr(decoded), problem)
        return row

    def __len__(self) -> int:
        return self._count

    def structs(self, struct: type[msgspec.Struct]) -> list[Any]:
        raise msgspec.ValidationError("Avro has to be read value by value")

    def each(self, struct: type[msgspec.Struct]) -> list[Any]:
        return [None] * len(self)

    def colons(self, positions: Sequence[int]) -> int:
        return 0

    def repeated(self, position: int) -> list[str]:
        return []  # a schema has each name once

    def plain(self, position: int) -> dict[str, Any] | MalformedRow:
        row = self._rows[position]
        if isinstance(row, MalformedRow):
            return row
        return {
            name: plain_from_json(msgspec.Raw(value.encode()))
            if isinstance(value, JsonText)
            else value
            for name, value in row.items()
        }

    def exact(self, position: int, names: Sequence[str]) -> Mapping[str, JsonText]:
        row = self._rows[position]
        if isinstance(row, MalformedRow):
            return {}
        return {name: row[name] for name in names if isinstance(row.get(name), JsonText)}

    def payload(self, position: int) -> bytes:
        row = self._rows[position]
        if isinstance(row, MalformedRow):
            return msgspec.json.encode(row.text)
        return msgspec.json.encode({
            name: msgspec.Raw(value.encode()) if isinstance(value, JsonText) else value
            for name, value in row.items()
        })  # fmt: skip


@contextmanager
def _as_malformed() -> Iterator[None]:
    try:
        yield
    except DamagedBackup as error:
        raise MalformedBody(f"the body is not Avro as rows come in it: {error.detail}") from None


def _expanded(body: bytes, file: BufferedReader, header: Header) -> list[Expanded]:
    """The blocks of a body.

    Raises:
        DamagedBackup: it is no Avro file, or has fewer bytes than rows.
        TooLarge: its rows take more than they may.
        WrongNumberOfRows: they are more than MAX_READ.
    """
    left, count, blocks = min(max(SMALL, RATIO * len(body)), LARGEST), 0, list[Expanded]()
    for rows, payload in container.read_blocks(file, header):
        count += rows
        check_rows(count)
        try:
            data = container.expand(header.codec, payload, left)
        except container.LargeBlock as error:
            message = f"the rows of a body take at most {LARGEST} bytes, and {RATIO} times it"
            raise TooLarge(message) from error
        if rows > len(data):
            raise DamagedBackup("a block does not hold the rows it should")
        left -= len(data)
        blocks.append((rows, data))
    return blocks


def _decoded(
    header: Header, schema: FileSchema, blocks: Sequence[Expanded]
) -> Mapping[str, Sequence[Any]]:
    """The values of each field; raises DamagedBackup. In one piece: of small blocks there may be as
    many as rows.
    """
    decoder = RowDecoder(header.codec, schema)
    data, ends, count = bytearray(), [(0, 0)], 0
    for rows, expanded in blocks:
        data += decoder.kept(rows, expanded)
        count += rows
        ends.append((count, len(data)))
    values: dict[str, list[Any]] = {field.name: [] for field in schema.fields}
    for columns, _ in decoder.rows(memoryview(data), ends):
        for name, found in columns.items():
            values[name] += found.to_pylist() if isinstance(found, pa.Array) else found
    return values


def _schema_of_rows(text: bytes) -> FileSchema:
    schema = read_schema(text)
    for field in schema.every:
        if field.type == COMPLEX or field.logical in WORDLESS:
            raise DamagedBackup(f"its field {field.name} is of the type {field.said}")
    return schema


def _said_of(field: Field) -> Callable[[Any], Any]:
    """How a value, as it is decoded, is said in a row.

    It raises ValueError, OverflowError or KeyError for what is not of the type.
    """
    if field.logical == "enum":
        return dict(enumerate(field.symbols)).__getitem__
    if field.logical == "decimal":
        return lambda digits: _decimal(digits, field.scale)
    if field.logical == "uuid" and field.type == "bytes":
        return lambda data: str(UUID(bytes=data))
    if field.logical == "date":
        return lambda days: (EPOCH + timedelta(days)).date().isoformat()
    kind, _, unit = (field.logical or "").rpartition("-")
    if kind == "time" and unit in PER_SECOND:
        return lambda value: _time(value, PER_SECOND[unit])
    if kind in ("timestamp", "local-timestamp") and unit in PER_SECOND:
        return lambda value: _timestamp(value, PER_SECOND[unit])
    return PLAINLY.get(field.type, _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def _finite(number: float) -> float:
    if not isfinite(number):
        raise ValueError("JSON has no such number")
    return number


PLAINLY: Mapping[str, Callable[[Any], Any]] = {
    "bytes": bytes.decode,
    "float": _finite,
    "double": _finite,
}


def _document(text: str) -> JsonText:
    document_from_text(text)
    return JsonText(text)


def _decimal(data: bytes, scale: int) -> JsonText:
    if not 0 < len(data) <= MOST_BYTES:
        raise ValueError("a decimal has no digits, or too many")
    number = int.from_bytes(data, "big", signed=True)
    digits, point = str(abs(number)).rjust(scale + 1, "0"), "." if scale else ""
    end = len(digits) - scale
    return JsonText(f"{'-' if number < 0 else ''}{digits[:end]}{point}{digits[end:]}")


def _time(value: int, per_second: int) -> str:
    if not 0 <= value < 86_400 * per_second:
        raise ValueError("it is no time of a day")
    return _timestamp(value, per_second)[len("1970-01-01T") : -len("Z")]


def _timestamp(value: int, per_second: int) -> str:
    seconds, rest = divmod(value, per_second)
    moment = (EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    return f"{moment}.{rest:0{len(str(per_second)) - 1}}Z" if rest else f"{moment}Z"
