"""The column types: how a value is read, kept and described.

The SQL side is macros/dictionary/types.sql.
"""

import copyreg
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary.exact_fields import decimals_of, documents_of_json
from service.dictionary.exact_values import (
    DecimalReader,
    document_from_text,
    read_document,
    whole_in_json,
)
from service.dictionary.timestamps import read_seconds
from service.dictionary.type_names import TIMESTAMPTZ, UnknownType, read_type_name
from service.dictionary.typed_values import NUMBERS, ColumnType, Decoded
from service.dictionary.written_values import (
    AWARE_TIMESTAMP,
    DATE,
    NUL,
    TIME,
    TIME_OF_DAY,
    TIMESTAMP,
    UTC_TIMESTAMP,
    UUID_FORM,
    JsonText,
    Written,
    boolean_from_text,
    number_from_text,
    read_aware_timestamp,
    read_boolean,
    read_date,
    read_number,
    read_text,
    read_time,
    read_timestamp,
    read_uuid,
    read_whole,
    whole_from_text,
)

__all__ = ["KEY_KINDS", "NUMBERS", "TYPES", "ColumnType", "UnknownType", "type_of"]

# What can tell rows apart, and be referred to: equal values are written alike.
KEY_KINDS = NUMBERS | {"decimal", "varchar", "uuid", "date", "time", "timestamp", TIMESTAMPTZ}


def _aware_timestamps(values: Sequence[str | None]) -> pa.Array:
    """Text with ``Z`` to microseconds in UTC.

    Raises:
        pa.ArrowInvalid: a value is no timestamp, or has no offset.
    """
    return pc.cast(pa.array(values, pa.string()), pa.timestamp("us", "UTC"))


def _timestamps(values: Sequence[str | None]) -> pa.Array:
    """The same as the warehouse keeps it: without a time zone."""
    return pc.cast(_aware_timestamps(values), pa.timestamp("us"))


def _aware_seconds(values: Sequence[Any]) -> Decoded | None:
    found = read_seconds(values)
    return found and (found[0].cast(pa.timestamp("us", "UTC")), found[1])


def _texts(values: Sequence[Any]) -> Decoded | None:
    """The texts as an array; those with NUL are doubted. None where one cannot be encoded."""
    try:
        array = pa.array(values, pa.string())
    except UnicodeEncodeError:  # a lone surrogate
        return None
    characters = array.buffers()[2]
    if characters is None or b"\0" not in characters.to_pybytes():
        return array, np.zeros(len(values), np.bool_)
    return array, pc.fill_null(pc.match_substring(array, NUL), False).to_numpy(False)


def _whole(name: str, bits: int, arrow: pa.DataType, avro: str) -> ColumnType:
    plainly = read_whole(bits)

    def read(value: Written) -> int:
        return plainly(whole_in_json(value) if isinstance(value, JsonText) else value)

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


def _whole_numbers(values: Sequence[Any], arrow: pa.DataType) -> Decoded | None:
    try:
        numbers = np.fromiter(values, arrow.to_pandas_dtype(), len(values))
    except (TypeError, OverflowError):  # one is missing, or too large
        return None
    return pa.array(numbers), np.zeros(len(values), np.bool_)


def _plain(values: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    return lambda items: pa.array(items, values)


def _cast(values: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    return lambda items: pc.cast(pa.array(items, pa.string()), values)


@lru_cache(1000)
def _decimal(precision: int, scale: int) -> ColumnType:
    """Its field is JSON as it was written: a number, or a text that is one."""
    reader, kept = DecimalReader(precision, scale), pa.decimal128(precision, scale)
    behind = f"(\\.[0-9]{{1,{scale}}}0*)?" if scale else r"(\.0+)?"
    digits = f"at most {precision} digits, {scale} of them behind the point"
    limit = f"1{'0' * (precision - scale)}"
    before = f"0*[0-9]{{1,{precision - scale}}}" if precision > scale else "0+"
    said: dict[str, Any] = {"type": ["string", "number"], "format": "decimal"}
    # Binary numbers are as exact as 15 digits are; JSON Schema's own arithmetic is theirs.
    bounds = {"exclusiveMinimum": -int(limit), "exclusiveMaximum": int(limit)}
    return ColumnType(
        f"decimal({precision},{scale})",
        f"a decimal number of {digits}",
        msgspec.Raw,
        {"extra_json_schema": {**said, **bounds, "pattern": f"^-?{before}{behind}$"}},
        kept,
        {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale},
        reader.read,
        reader.from_text,
        _cast(kept),
        exactly=lambda values: decimals_of(values, reader.from_text, kept),
    )


def _times(values: Sequence[str | None]) -> pa.Array:
    """Times of day, which Arrow reads of no text, by way of moments of one day."""
    moments = pc.binary_join_element_wise("1970-01-01 ", pa.array(values, pa.string()), "")
    return pc.cast(pc.cast(pc.cast(moments, pa.timestamp("us")), pa.int64()), pa.time64("us"))


def _said(**schema: Any) -> dict[str, Any]:
    """What the OpenAPI schema says besides."""
    return {"extra_json_schema": schema}


TYPES: Mapping[str, ColumnType] = {
    each.name: each
    for each in (
        _whole("integer", 32, pa.int32(), "int"),
        _whole("bigint", 64, pa.int64(), "long"),
        _whole("smallint", 16, pa.int16(), "int"),
        _whole("tinyint", 8, pa.int8(), "int"),
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
            "uuid",
            "a UUID written like 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            str,
            _said(format="uuid", pattern=f"^{UUID_FORM}$"),
            pa.string(),
            {"type": "string", "logicalType": "uuid"},
            read_uuid,
            read_uuid,
            _plain(pa.string()),
            f"^{UUID_FORM.replace('A-F', '')}$",
        ),
        ColumnType(
            "date",
            "a date written like 2021-07-27",
            str,
            _said(format="date", pattern=f"^{DATE}$"),
            pa.date32(),
            {"type": "int", "logicalType": "date"},
            read_date,
            read_date,
            _cast(pa.date32()),
            f"^{DATE}$",
        ),
        ColumnType(
            "time",
            "a time of day written like 16:02:08",
            str,
            # Without an offset, which the format `time` wants.
            _said(pattern=f"^{TIME_OF_DAY}$"),
            pa.time64("us"),
            {"type": "long", "logicalType": "time-micros"},
            read_time,
            read_time,
            _times,
            f"^{TIME}$",
        ),
        ColumnType(
            "timestamp",
            "a date and time written like 2021-07-27T16:02:08Z",
            str,
            # A space for the T, and no offset as UTC: more than `date-time` is.
            _said(pattern=f"^{TIMESTAMP}$"),
            pa.timestamp("us"),
            {"type": "long", "logicalType": "timestamp-micros"},
            read_timestamp,
            read_timestamp,
            _timestamps,
            f"^{UTC_TIMESTAMP}$",
            read_seconds,
        ),
        ColumnType(
            TIMESTAMPTZ,
            "a date and time with its offset, written like 2021-07-27T16:02:08+02:00",
            str,
            _said(pattern=f"^{AWARE_TIMESTAMP}$"),
            pa.timestamp("us", "UTC"),
            {"type": "long", "logicalType": "timestamp-micros"},
            read_aware_timestamp,
            read_aware_timestamp,
            _aware_timestamps,
            f"^{UTC_TIMESTAMP}$",
            _aware_seconds,
        ),
        ColumnType(
            "json",
            "JSON but null, of at most 60 levels, in which no object has a member twice",
            msgspec.Raw,
            {},
            pa.string(),
            "string",
            read_document,
            document_from_text,
            _plain(pa.string()),
            exactly=documents_of_json,
        ),
    )
}


@lru_cache(1000)
def type_of(data_type: str) -> ColumnType:
    """The type that a `data_type` of the YAML names; the length of a varchar is a rule's to say.

    Raises:
        UnknownType: there is no such type, or its parameters make no sense.
    """
    said = read_type_name(data_type)
    return _decimal(*said.parameters) if said.kind == "decimal" else TYPES[said.kind]


def _pickled(kind: ColumnType) -> Any:
    return type_of, (kind.name,)  # another process has the same


copyreg.pickle(ColumnType, _pickled)
