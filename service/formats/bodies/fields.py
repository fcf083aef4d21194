"""The fields of one row, where a plain decoder would not do.

It drops all but the last of two fields of the same name, and gives up on numbers that no type
has room for.
"""

import re
from collections.abc import Callable, Iterable
from itertools import count, islice
from typing import Any

import msgspec

from service.dictionary.written_values import JsonText
from service.errors import MalformedBody

MAX_PARTS = 1000  # names and values of a row, also nested ones; more would fill the memory
MAX_TABLES = 1000  # of a body: no dictionary has so many
TOLD = 100  # fields of a row that are told by name where it should not have them
DEEPEST = 64  # levels of a row; what is nested more deeply could not be told in an answer


class FieldName:
    """The name of a field; no two are equal, so that none is dropped from a dict of them."""

    def __init__(self, text: Any) -> None:
        self.text = str(text)


class Unread(str):
    """A value as it was written, which no type has room for. It does not count as text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


MARKS = (b",", b"[", b"{")  # of parts in JSON: one less than there are, and one at least
Fields = dict[FieldName, msgspec.Raw]


def _field_name(_: type, text: Any) -> FieldName:
    return FieldName(text)


fields_of_json = msgspec.json.Decoder(Fields, dec_hook=_field_name).decode
fields_of_msgpack = msgspec.msgpack.Decoder(Fields, dec_hook=_field_name).decode


def tables_of_json(body: bytes) -> Fields:
    """What a body has for each table it names; raises MalformedBody at one more than MAX_TABLES."""
    return msgspec.json.Decoder(Fields, dec_hook=_table_names()).decode(body)


def tables_of_msgpack(body: bytes) -> Fields:
    """As `tables_of_json`."""
    return msgspec.msgpack.Decoder(Fields, dec_hook=_table_names()).decode(body)


def _table_names() -> Callable[[type, Any], FieldName]:
    """Counts the names while they are decoded, so that no more of them fill the memory."""
    read = count(1)

    def table_name(_: type, text: Any) -> FieldName:
        if next(read) > MAX_TABLES:
            raise MalformedBody(f"a body has rows of at most {MAX_TABLES} tables")
        return FieldName(text)

    return table_name


_parts = re.compile(rb'"(?:[^"\\]|\\.)*+"|[,\[{]', re.DOTALL).finditer  # and texts, which hide some


def check_parts_of_json(row: msgspec.Raw) -> None:
    """Raises MalformedBody where a row has more than MAX_PARTS; no more of it is looked at."""
    text = bytes(row)
    if len(text) > MAX_PARTS and sum(map(text.count, MARKS)) > MAX_PARTS:
        found = (part for part in _parts(text) if text[part.start()] != ord('"'))
        check_parts(sum(1 for _ in islice(found, MAX_PARTS + 1)))


def check_parts(parts: int) -> None:
    """Raises MalformedBody where there are more than MAX_PARTS."""
    if parts > MAX_PARTS:
        raise MalformedBody(f"a row has more than {MAX_PARTS} names and values")


def plain_from_json(row: msgspec.Raw) -> Any:
    """`row` in plain Python values, whatever its numbers.

    Raises:
        MalformedBody: it has too many of them, or they are nested too deeply.
    """
    check_parts_of_json(row)
    try:
        return not_too_deep(msgspec.json.decode(row))
    except msgspec.ValidationError:
        pass
    try:
        return {name.text: _value(value) for name, value in fields_of_json(row).items()}
    except msgspec.ValidationError:  # it is not an object
        return _value(row)


def exact_from_json(row: msgspec.Raw, names: Iterable[str]) -> dict[str, JsonText]:
    """Those of the named fields that `row` has, as they are written."""
    try:
        fields = fields_of_json(row)
    except msgspec.ValidationError:  # it is not an object
        return {}
    return {name.text: _as_written(raw) for name, raw in fields.items() if name.text in names}


def _as_written(raw: msgspec.Raw) -> JsonText:
    return JsonText(bytes(raw).decode().strip())


def _value(raw: msgspec.Raw) -> Any:
    try:
        return not_too_deep(msgspec.json.decode(raw))
    except msgspec.ValidationError:
        return Unread(bytes(raw).decode().strip())


def not_too_deep(value: Any) -> Any:
    """`value`; MalformedBody when it is nested so deeply that an answer could not repeat it."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise MalformedBody(f"a row is nested deeper than {DEEPEST} levels")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return (*value, *value.values())  # a key of MessagePack may be a list
    return value if isinstance(value, list | tuple) else ()
