"""How the values of a field, as they are decoded, become a column's Arrow array."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary import Column
from service.dictionary.type_names import TIMESTAMPTZ
from service.dictionary.written_values import Unreadable
from service.formats.avro.avro_schema import MOST_BYTES, Field

FIRST_DAY, LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, days from 1970-01-01
DAY = 86_400_000_000  # microseconds

# Decoded values to the column's Arrow array; raises ValueError (pa.ArrowInvalid is one).
Reading: TypeAlias = Callable[[pa.Array], pa.Array]


def _whole(*types: pa.DataType) -> Reading:
    """Reads whole numbers that fit each of `types`, to the last of them."""

    def read(values: pa.Array) -> pa.Array:
        for each in types:
            values = values.cast(each)
        return values

    return read


def _number(values: pa.Array) -> pa.Array:
    array = values.cast(pa.float64())
    if pc.any(pc.invert(pc.is_finite(array))).as_py():
        raise ValueError("a number is not finite")
    return array


def _text(values: pa.Array) -> pa.Array:
    return values.cast(pa.string())


def _within(array: pa.Array, first: int, last: int) -> pa.Array:
    ends = pc.min_max(array).as_py()
    if ends["min"] is not None and not first <= ends["min"] <= ends["max"] <= last:
        raise ValueError("a day is outside the years 1 to 9999")
    return array


def _date(values: pa.Array) -> pa.Array:
    days = _within(values, FIRST_DAY, LAST_DAY)
    return pc.cast(pc.cast(days, pa.int32()), pa.date32())


def _midnight(values: pa.Array) -> pa.Array:
    return _date(values).cast(pa.timestamp("us"))


def _timestamp(scale: int) -> Reading:
    """Reads timestamps in units of `scale` microseconds to ``timestamp[us]``."""

    def read(values: pa.Array) -> pa.Array:
        first, last = FIRST_DAY * DAY // scale, (LAST_DAY + 1) * DAY // scale - 1
        timestamps = _within(values, first, last)
        return pc.cast(pc.multiply(timestamps, scale), pa.timestamp("us"))

    return read


def _whole_of_floats(largest: int, *types: pa.DataType) -> Reading:
    """Reads floating numbers that are whole, and not so large that they may have been rounded."""
    whole = _whole(*types)

    def read(values: pa.Array) -> pa.Array:
        exact = pc.and_(pc.equal(values, pc.floor(values)), pc.less_equal(pc.abs(values), largest))
        if pc.any(pc.invert(exact)).as_py():
            raise ValueError("a number is not whole, or too large")
        return whole(pc.cast(values, pa.int64(), safe=False))

    return read


def _timestamp_of_nanos(values: pa.Array) -> pa.Array:
    micros = pc.divide(values, 1000)
    if pc.any(pc.not_equal(pc.multiply(micros, 1000), values)).as_py():
        raise ValueError("a timestamp is finer than microseconds")
    return _timestamp(1)(micros)


def _of_texts(column: Column) -> Reading:
    """Reads texts as the doors of rows do."""

    def read(values: pa.Array) -> pa.Array:
        texts = values.to_pylist()
        read_ones = [None if text is None else column.type.from_text(text) for text in texts]
        array = column.type.array(read_ones)
        for rule in column.own_rules:
            if rule.judges_writing and pc.any(rule.breaks(array, values)).as_py():
                raise Unreadable(rule.message())
        return array

    return read


def _of_enum(symbols: Sequence[str]) -> Reading:
    texts = pa.array(symbols, pa.string())

    def read(values: pa.Array) -> pa.Array:
        _within(values, 0, len(symbols) - 1)
        return texts.take(values)

    return read


def _exact(column: Column, scale: int) -> Reading:
    """Reads the bytes of decimals of a scale, all of one width or not; rounds none."""
    kept = column.type.arrow

    def read(values: pa.Array) -> pa.Array:
        there = values.drop_null().to_pylist()
        if any(not 0 < len(data) <= MOST_BYTES for data in there):
            raise ValueError("a decimal has no digits, or too many")
        numbers = (
            None
            if data is None
            else Decimal(f"{int.from_bytes(data, 'big', signed=True)}e-{scale}")
            for data in values.to_pylist()
        )
        return pa.array(list(numbers), kept)

    return read


def _of_decimal(column: Column, scale: int) -> Reading:
    unit: int = 10**scale
    if column.type.kind == "decimal":
        return _exact(column, scale)
    whole = column.type.name != "double"

    def number(data: bytes | None) -> int | float | None:
        if data is None:
            return None
        if not 0 < len(data) <= MOST_BYTES:
            raise ValueError("a decimal has no digits, or too many")
        digits = int.from_bytes(data, "big", signed=True)
        if whole and digits % unit:
            raise ValueError("a number is not whole")
        return digits // unit if whole else float(digits / unit)

    return lambda values: pa.array(map(number, values.to_pylist()), column.type.arrow)


def _of_uuid(values: pa.Array) -> pa.Array:
    texts = (None if data is None else str(UUID(bytes=data)) for data in values.to_pylist())
    return pa.array(texts, pa.string())


def _decimal_of_whole(column: Column) -> Reading:
    kept = column.type.arrow
    return lambda values: pa.array(
        [None if each is None else Decimal(each) for each in values.to_pylist()], kept
    )


def _time(scale: int) -> Reading:
    """Reads times of day in units of `scale` microseconds to ``time64[us]``."""

    def read(values: pa.Array) -> pa.Array:
        last = DAY // scale - 1
        return pc.cast(pc.multiply(_within(values, 0, last), scale), pa.time64("us"))

    return read


def _aware(reading: Reading) -> Reading:
    return lambda values: reading(values).cast(pa.timestamp("us", "UTC"))


def _as_it_is(values: pa.Array) -> pa.Array:
    return values


WHOLE_FIELDS = (("int", None), ("long", None))
# The kinds of types that texts are read as, as the doors of rows read them.
OF_TEXTS = frozenset({"decimal", "uuid", "date", "time", "timestamp", TIMESTAMPTZ, "json"})

# By the column's type: the Avro types (with logical type) that it can be read from.
READINGS: Mapping[str, Mapping[tuple[str, str | None], Reading]] = {
    **{
        name: {
            **dict.fromkeys([("int", None), ("long", None)], _whole(kept)),
            ("float", None): _whole_of_floats(1 << 24, kept),
            ("double", None): _whole_of_floats(1 << 53, kept),
        }
        for name, kept in (("tinyint", pa.int8()), ("smallint", pa.int16()))
    },
    "decimal": {},
    "json": {},
    "uuid": {("bytes", "uuid"): _of_uuid},
    "time": {("long", "time-micros"): _time(1), ("int", "time-millis"): _time(1000)},
    TIMESTAMPTZ: {
        ("long", "timestamp-micros"): _aware(_timestamp(1)),
        ("long", "timestamp-millis"): _aware(_timestamp(1000)),
        ("long", "timestamp-nanos"): _aware(_timestamp_of_nanos),
        ("int", "date"): _aware(_midnight),
    },
    "integer": {
        **dict.fromkeys([("int", None), ("long", None)], _whole(pa.int32())),
        ("float", None): _whole_of_floats(1 << 24, pa.int32()),
        ("double", None): _whole_of_floats(1 << 53, pa.int32()),
    },
    "bigint": {
        ("int", None): _whole(pa.int32(), pa.int64()),
        ("long", None): _whole(pa.int64()),
        ("float", None): _whole_of_floats(1 << 24, pa.int64()),
        ("double", None): _whole_of_floats(1 << 53, pa.int64()),
    },
    "double": dict.fromkeys([(each, None) for each in ("int", "long", "float", "double")], _number),
    "boolean": {("boolean", None): _as_it_is},
    "varchar": {
        ("string", None): _as_it_is,
        ("bytes", None): _text,
        ("bytes", "uuid"): _of_uuid,
    },
    "date": {("int", "date"): _date},
    "timestamp": {
        ("int", "date"): _midnight,
        **{
            ("long", f"{kind}-{unit}"): reading
            for kind in ("timestamp", "local-timestamp")
            for unit, reading in (
                ("micros", _timestamp(1)),
                ("millis", _timestamp(1000)),
                ("nanos", _timestamp_of_nanos),
            )
        },
    },
}


def reading_of(column: Column, field: Field) -> Reading | None:
    """How the column is read of the field; None where it cannot be.

    A reading takes an array of the decoded type (`avro_schema.PLAIN`) and returns one of the
    column's Arrow type, as long; it raises ValueError or Unreadable for a value that is not of it.
    """
    if field.logical == "enum":
        return _of_enum(field.symbols) if column.type.name == "varchar" else None
    if field.logical == "decimal" and field.type == "bytes":
        numbers = column.type.is_whole or column.type.kind in ("double", "decimal")
        return _of_decimal(column, field.scale) if numbers else None
    if column.type.kind == "decimal" and (field.type, field.logical) in WHOLE_FIELDS:
        return _decimal_of_whole(column)
    if field.type == "string" and column.type.kind in OF_TEXTS:
        return _of_texts(column)
    return READINGS[column.type.kind].get((field.type, field.logical))
