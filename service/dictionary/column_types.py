"""The column types: how a value is read, kept and described.

The SQL side is macros/dictionary/types.sql.

A *written* value is what a client sent or a file says. A *read* value is the plain Python value
that the column's Arrow array is made of; timestamps are read to text in UTC with ``Z`` (ISO 8601),
because Arrow parses a column of text ten times faster than it converts Python datetimes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary.timestamps import Mask, read_seconds
from service.dictionary.written_values import (
    DATE,
    NUL,
    TIMESTAMP,
    UTC_TIMESTAMP,
    Unreadable,
    Written,
    boolean_from_text,
    number_from_text,
    read_boolean,
    read_date,
    read_number,
    read_text,
    read_timestamp,
    read_whole,
    whole_from_text,
)


def _timestamps(values: Sequence[str | None]) -> pa.Array:
    """Text with ``Z`` to microseconds in UTC, as the warehouse keeps it: without a time zone.

    Raises:
        pa.ArrowInvalid: a value is no timestamp, or has no offset.
    """
    aware = pc.cast(pa.array(values, pa.string()), pa.timestamp("us", "UTC"))
    return pc.cast(aware, pa.timestamp("us"))


def _texts(values: Sequence[Any]) -> tuple[pa.Array, Mask] | None:
    """The texts as an array; those with NUL are doubted. None where one cannot be encoded."""
    try:
        array = pa.array(values, pa.string())
    except UnicodeEncodeError:  # a lone surrogate
        return None
    characters = array.buffers()[2]
    if characters is None or b"\0" not in characters.to_pybytes():
        return array, np.zeros(len(values), np.bool_)
    return array, pc.fill_null(pc.match_substring(array, NUL), False).to_numpy(False)


@dataclass(frozen=True)
class ColumnType:
    """One type of the dictionary in every guise."""

    name: str
    reads: str  # what a readable value is, for messages: "<column> is not <reads>"
    struct: type  # the type of its field in the structs that request bodies are decoded to
    meta: dict[str, Any]  # msgspec.Meta of that field: limits and what the OpenAPI schema says
    arrow: pa.DataType
    avro: str | dict[str, str]
    read: Callable[[Written], Any]  # raises Unreadable
    from_text: Callable[[str], Any]  # raises Unreadable
    array: Callable[[Sequence[Any]], pa.Array]  # of read values; raises pa.ArrowInvalid
    form: str | None = None  # of the texts that `array` can be given without `read` first
    # What `decoded` does for values of the usual form, many times as fast; None for others.
    quickly: Callable[[Sequence[Any]], tuple[pa.Array, Mask] | None] | None = None

    def __reduce__(self) -> Any:
        return _named, (self.name,)  # another process has the same

    def decoded(self, values: Sequence[Any]) -> tuple[pa.Array, Mask]:
        """Values that a body's decoder let through: an array of type `arrow`, and a mask of doubt.

        Both have one item for each value. Where the mask is set, the item can be anything: the
        value has to be read by `read`.
        """
        if self.quickly and (found := self.quickly(values)):
            return found
        doubted = self._out_of_form(values)
        fit = _without(values, doubted)
        try:
            array = self.array(fit)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            doubted |= [not self._is_readable(value) for value in fit]
            array = self.array(_without(fit, doubted))
        if pa.types.is_floating(array.type):  # MessagePack knows infinity, and what is no number
            doubted |= pc.fill_null(pc.invert(pc.is_finite(array)), False).to_numpy(False)
        return array, doubted

    def _out_of_form(self, values: Sequence[Any]) -> Mask:
        if self.form is None:
            return np.zeros(len(values), np.bool_)
        try:
            others = pc.invert(pc.match_substring_regex(pa.array(values, pa.string()), self.form))
        except UnicodeEncodeError:  # a lone surrogate
            return np.ones(len(values), np.bool_)
        return pc.fill_null(others, False).to_numpy(False)  # type: ignore[no-any-return]

    def _is_readable(self, value: Any) -> bool:
        try:
            return value is None or self.read(value) is not None
        except Unreadable:
            return False


def _without(values: Sequence[Any], doubted: Mask) -> Sequence[Any]:
    if not doubted.any():
        return values
    return [None if doubt else value for value, doubt in zip(values, doubted, strict=True)]


def _named(name: str) -> ColumnType:
    return TYPES[name]


def _whole(name: str, bits: int, arrow: pa.DataType, avro: str) -> ColumnType:
    read = read_whole(bits)
    # msgspec takes bounds of 64 bits itself and refuses to be told so.
    meta = {"ge": -(1 << bits - 1), "le": (1 << bits - 1) - 1} if bits < 64 else {}
    return ColumnType(
        name,
        f"a whole number of {bits} bits",
        int,
        meta,
        arrow,
        avro,
        read,
        lambda text: read(whole_from_text(text)),
        _plain(arrow),
        quickly=lambda values: _whole_numbers(values, arrow),
    )


def _whole_numbers(values: Sequence[Any], arrow: pa.DataType) -> tuple[pa.Array, Mask] | None:
    try:
        numbers = np.fromiter(values, arrow.to_pandas_dtype(), len(values))
    except (TypeError, OverflowError):  # one is missing, or too large
        return None
    return pa.array(numbers), np.zeros(len(values), np.bool_)


def _plain(values: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    return lambda items: pa.array(items, values)


TYPES: dict[str, ColumnType] = {
    each.name: each
    for each in (
        _whole("integer", 32, pa.int32(), "int"),
        _whole("bigint", 64, pa.int64(), "long"),
        ColumnType(
            "double",
            "a number",
            float,
            {},
            pa.float64(),
            "double",
            read_number,
            lambda text: read_number(number_from_text(text)),
            _plain(pa.float64()),
        ),
        ColumnType(
            "boolean",
            "true or false",
            bool,
            {},
            pa.bool_(),
            "boolean",
            read_boolean,
            boolean_from_text,
            _plain(pa.bool_()),
        ),
        ColumnType(
            "varchar",
            "text",
            str,
            {},
            pa.string(),
            "string",
            read_text,
            read_text,
            _plain(pa.string()),
            quickly=_texts,
        ),
        ColumnType(
            "date",
            "a date written like 2021-07-27",
            str,
            {"extra_json_schema": {"format": "date", "pattern": f"^{DATE}$"}},
            pa.date32(),
            {"type": "int", "logicalType": "date"},
            read_date,
            read_date,
            lambda values: pc.cast(pa.array(values, pa.string()), pa.date32()),
            f"^{DATE}$",
        ),
        ColumnType(
            "timestamp",
            "a date and time written like 2021-07-27T16:02:08Z",
            str,
            # A space for the T, and no offset as UTC: more than `date-time` is.
            {"extra_json_schema": {"pattern": f"^{TIMESTAMP}$"}},
            pa.timestamp("us"),
            {"type": "long", "logicalType": "timestamp-micros"},
            read_timestamp,
            read_timestamp,
            _timestamps,
            f"^{UTC_TIMESTAMP}$",
            read_seconds,
        ),
    )
}
