"""What a body says, read by other means than the service's: json, csv, and MessagePack by hand.

A row is read to pairs of names and values, so that a name that stands twice is seen. `Unread` is
raised for a body that is not of its format.
"""

import csv
import io
import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Pairs = list[tuple[Any, Any]]


class Unread(Exception):
    """The body is not of its format."""


@dataclass
class Said:
    """One row as it was sent; `pairs` are None where it is no object."""

    value: Any
    pairs: Pairs | None
    of_text: bool = False

    @property
    def names(self) -> list[Any]:
        return [name for name, _ in self.pairs or ()]


class Object(list[tuple[Any, Any]]):
    """An object of JSON or a map of MessagePack, as pairs."""


def _no_constant(name: str) -> Any:
    raise Unread(name)


def _number(text: str) -> Any:
    return int(text) if len(text) < 4000 else Decimal(text)


def json_value(text: str) -> Any:
    """A value of JSON, its objects as pairs."""
    return json.loads(
        text, object_pairs_hook=Object, parse_constant=_no_constant, parse_int=_number
    )


def of_json(body: bytes) -> list[Said]:
    """An array of rows, or one row."""
    try:
        said = json_value(body.decode())
    except (ValueError, RecursionError) as error:
        raise Unread(str(error)) from None
    if isinstance(said, Object):
        return [_said(said)]
    if not isinstance(said, list):
        raise Unread("neither an array nor an object")
    return [_said(each) for each in said]


def of_ndjson(body: bytes) -> list[Said]:
    """A row a line."""
    try:
        lines = [line.decode() for line in body.split(b"\n")]
        return [_said(json_value(line)) for line in lines if line.encode().strip()]
    except (ValueError, RecursionError) as error:
        raise Unread(str(error)) from None


_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FIELD = r'(?:[^",\s\x1a](?:[^",\r\n]*[^",\s\x1a])?|"(?:[^"\r\n]|"")*"|)'
_LINE = re.compile(rf"{_FIELD}(?:,{_FIELD})*")


def is_plain_csv(body: bytes) -> bool:
    """Whether CSV leaves no doubt, so that any reader of it reads the same.

    What our own makes of the rest, tests/formats/csv shows.
    """
    try:
        header, *lines = body.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        return True
    names = header.removesuffix("\r").split(",")
    found = [line.removesuffix("\r") for line in lines]
    return all(map(_NAME.fullmatch, names)) and all(
        _LINE.fullmatch(line) and len(next(csv.reader([line]), names)) == len(names)
        for line in found
    )


def of_csv(body: bytes) -> list[Said]:
    """A header, and a row a line; an empty field is no value."""
    try:
        text = io.StringIO(body.decode("utf-8-sig"), newline="")
        header, *lines = [*csv.reader(text, strict=True)] or [[]]
    except (ValueError, csv.Error) as error:
        raise Unread(str(error)) from None
    if len(set(header)) < len(header):
        raise Unread("a name twice")
    rows = []
    for line in filter(None, lines):
        pairs: Pairs = [(name, each or None) for name, each in zip(header, line, strict=False)]
        if line[len(header) :]:
            pairs.append((None, line[len(header) :]))
        rows.append(Said(line, pairs, of_text=True))
    return rows


def of_msgpack(body: bytes) -> list[Said]:
    """An array of rows, or one row."""
    try:
        said, end = _unpacked(body, 0)
    except (IndexError, struct.error, ValueError, RecursionError, OverflowError) as error:
        raise Unread(str(error)) from None
    if end != len(body):
        raise Unread("more behind it")
    if isinstance(said, Object):
        return [_said(said)]
    if not isinstance(said, list):
        raise Unread("neither an array nor a map")
    return [_said(each) for each in said]


def _said(value: Any) -> Said:
    return Said(value, value if isinstance(value, Object) else None)


_FIXED = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_SIZES = {
    **dict.fromkeys((0xC4, 0xC7, 0xD9), ">B"),
    **dict.fromkeys((0xC5, 0xC8, 0xDA, 0xDC, 0xDE), ">H"),
    **dict.fromkeys((0xC6, 0xC9, 0xDB, 0xDD, 0xDF), ">I"),
}


def _unpacked(data: bytes, at: int) -> tuple[Any, int]:  # noqa: C901 - a list of types
    """The value at `at`, and where it ends (github.com/msgpack/msgpack, spec.md)."""
    first, at = data[at], at + 1
    if first < 0x80 or first >= 0xE0:
        return (first if first < 0x80 else first - 256), at
    if first in _FIXED:
        return _FIXED[first], at
    if first in _NUMBERS:
        size = struct.calcsize(_NUMBERS[first])
        return struct.unpack_from(_NUMBERS[first], data, at)[0], at + size
    if 0xD4 <= first <= 0xD8:
        return _extension(data, at, 1 << first - 0xD4)
    if first in _SIZES:
        (size,) = struct.unpack_from(_SIZES[first], data, at)
        at += struct.calcsize(_SIZES[first])
    else:
        size = first & (0x1F if 0xA0 <= first < 0xC0 else 0x0F)
    if first in (0xC7, 0xC8, 0xC9):
        return _extension(data, at, size)
    if first in (0xC4, 0xC5, 0xC6):
        return _bytes(data, at, size)
    if 0xA0 <= first < 0xC0 or first in (0xD9, 0xDA, 0xDB):
        text, at = _bytes(data, at, size)
        return text.decode(), at
    if 0x90 <= first < 0xA0 or first in (0xDC, 0xDD):
        return _many(data, at, size)
    if 0x80 <= first < 0x90 or first in (0xDE, 0xDF):
        items, at = _many(data, at, 2 * size)
        return Object(zip(items[::2], items[1::2], strict=True)), at
    raise Unread("no such type")


def _many(data: bytes, at: int, count: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        item, at = _unpacked(data, at)
        items.append(item)
    return items, at


def _bytes(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(data):
        raise Unread("cut off")
    return data[at : at + size], at + size


def _extension(data: bytes, at: int, size: int) -> tuple[Any, int]:
    kind, at = data[at], at + 1
    content, at = _bytes(data, at, size)
    if kind != 0xFF:
        return (kind, content), at
    if size not in (4, 8, 12):
        raise Unread("no time")
    if size == 12:
        nanoseconds, seconds = struct.unpack(">Iq", content)
    else:
        number = int.from_bytes(content)
        nanoseconds, seconds = (0, number) if size == 4 else (number >> 34, number & (1 << 34) - 1)
    if nanoseconds > 999_999_999:
        raise Unread("no time")
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return start + timedelta(seconds=seconds, microseconds=nanoseconds // 1000), at


READINGS: Mapping[str, Callable[[bytes], list[Said]]] = {
    "application/json": of_json,
    "application/x-ndjson": of_ndjson,
    "text/csv": of_csv,
    "application/msgpack": of_msgpack,
}


def same(kept: Any, sent: Any, of_text: bool) -> bool:
    """Whether the warehouse keeps, of a row that it took, what was sent."""
    if kept is None or sent is None:
        return kept is sent
    if isinstance(kept, bool):
        return (str(kept).lower() == sent.lower()) if of_text else kept is sent
    if isinstance(kept, datetime):
        return kept == _moment(sent)
    if isinstance(kept, date):
        return kept == (sent if isinstance(sent, date) else date.fromisoformat(sent))
    if isinstance(kept, str):
        return isinstance(sent, str) and kept == sent
    if of_text:
        return float(sent) == kept if isinstance(kept, float) else Decimal(sent) == kept
    if isinstance(sent, bool) or not isinstance(sent, int | float | Decimal):
        return False
    return kept == sent or (isinstance(kept, float) and kept == float(sent))


def _moment(sent: Any) -> datetime:
    moment = sent if isinstance(sent, datetime) else datetime.fromisoformat(sent.upper())
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None)
