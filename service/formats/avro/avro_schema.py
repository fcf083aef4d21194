"""A table's Avro schema, and what a file's own schema means for the table's columns.

The schema of a file that was written earlier, or elsewhere, is resolved to that of the dictionary
now (Avro 1.12 specification, "Schema Resolution"): columns are found by name in any order, what
the file has besides is left out, a column that it lacks is missing in every row where it may be,
and numbers may widen. Wider than the specification, since many tools write no other: a ``long``, a
``double`` or a decimal is read as an integer where every value is one; timestamps may be in any
unit, local ones (which our own tables hold) are taken as UTC, and text is read as the doors of
rows read it; a name may be in other letters, where only one is meant; the record may have any
name. Logical types must fit: a number is no timestamp.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from fastavro.schema import fingerprint, to_parsing_canonical_form

from service.dictionary import Column, DictionaryError, Table
from service.dictionary.column_types import Unreadable
from service.errors import DamagedBackup, shortened
from service.formats.avro.layouts import Layout, Layouts, has_fixed

Schema: TypeAlias = dict[str, Any]
NAMESPACE = "gatehouse"
# Logical types that change what a value means; others are ignored, as the specification says.
MEANINGFUL = frozenset({"date", "decimal", "big-decimal", "duration"}) | {
    f"{kind}-{unit}"
    for kind in ("time", "timestamp", "local-timestamp")
    for unit in ("millis", "micros", "nanos")
}
# Values as they are decoded, before a column reads them.
PLAIN: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "float": pa.float64(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
COMPLEX = "complex"  # the type of a field that no column can be read of
MOST_DIGITS, MOST_BYTES = 38, 64  # of a decimal: behind the point, and as it is stored
FIRST_DAY, LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, days from 1970-01-01
DAY = 86_400_000_000  # microseconds
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII).fullmatch
_is_full_name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII).fullmatch


def schema_of(table: Table, nullable: frozenset[str] = frozenset()) -> Schema:
    """The Avro schema of the table's rows; `nullable` names required columns to be optional here.

    Raises:
        DictionaryError: Avro has no such name.
    """
    for name in (table.name, *table.column_names):
        if not _is_name(name):
            raise DictionaryError(
                f"{table.name} cannot be backed up: Avro knows no name like {name}"
            )
    fields = [_field(column, column.name in nullable) for column in table.columns]
    schema = {"type": "record", "name": table.name, "namespace": NAMESPACE, "fields": fields}
    return {**schema, "doc": table.description} if table.description else schema


def _field(column: Column, nullable: bool) -> Schema:
    field: Schema = {"name": column.name}
    if column.description:
        field["doc"] = column.description
    if column.required and not nullable:
        return {**field, "type": column.type.avro}
    return {**field, "type": ["null", column.type.avro], "default": None}


def fingerprint_of(schema: Schema) -> str:
    """CRC-64-AVRO of the Parsing Canonical Form, in hexadecimal (Avro 1.12, "Schema Fingerprints").

    It sees names and types; not logical types, docs or defaults.
    """
    return fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")


@dataclass(frozen=True)
class Field:
    """One field of a file's schema, which is of a primitive type or nothing else but null.

    An enum is decoded as a number, and a fixed as bytes. Of the type COMPLEX, only what it is
    (`logical`) is known, and it has no branches.
    """

    name: str
    type: str
    logical: str | None
    branches: tuple[str, ...]  # of the union, in the order of the file; one where there is none
    symbols: tuple[str, ...] = ()  # of an enum
    scale: int = 0  # of a decimal

    @property
    def said(self) -> str:
        """The type in words, for messages."""
        if self.type == COMPLEX:
            return shortened(self.logical)
        return f"{self.logical} ({self.type})" if self.logical else self.type

    @property
    def decoding(self) -> Schema:
        """The field without logical type: its values are decoded to plain numbers and text."""
        plain = self.branches[0] if len(self.branches) == 1 else list(self.branches)
        return {"name": self.name, "type": plain}


@dataclass(frozen=True)
class FileSchema:
    """The schema in a file, checked: all its fields and their layouts, in the order of the file."""

    name: str
    every: tuple[Field, ...]
    layouts: tuple[Layout, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        """Those that a column can be read of, which are decoded."""
        return tuple(field for field in self.every if field.type != COMPLEX)

    @property
    def kept(self) -> tuple[bool, ...]:
        """Which of `every` are among `fields`."""
        return tuple(field.type != COMPLEX for field in self.every)

    @property
    def plain(self) -> bool:
        """Whether the file's bytes are those of `fields`, just as they are decoded."""
        return all(self.kept) and not any(map(has_fixed, self.layouts))

    @property
    def decoding(self) -> Schema:
        """What the file's rows are decoded by: nothing is in it but what was checked."""
        return {
            "type": "record",
            "name": self.name,
            "fields": [field.decoding for field in self.fields],
        }


def read_schema(text: bytes) -> FileSchema:
    """The schema that a file's header says.

    Raises:
        DamagedBackup: it is no record, or has a field of no type.
    """
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DamagedBackup("its schema is not JSON") from error
    if not isinstance(said, dict) or said.get("type") != "record":
        raise DamagedBackup("its schema is not a record")
    fields = said.get("fields")
    if not isinstance(fields, list) or not fields:
        raise DamagedBackup("its schema has no fields")
    layouts = Layouts()
    both = [_read_field(field, layouts) for field in fields]
    read = [field for _, field in both]
    if len({field.name for field in read}) < len(read):
        raise DamagedBackup("its schema has two fields of one name")
    return FileSchema(_full_name(said), tuple(read), tuple(layout for layout, _ in both))


def _full_name(said: Schema) -> str:
    name, space = said.get("name"), said.get("namespace")
    if isinstance(name, str) and isinstance(space, str) and space and "." not in name:
        name = f"{space}.{name}"
    if not isinstance(name, str) or not _is_full_name(name):
        raise DamagedBackup("its schema has no name")
    return name


def _read_field(said: Any, layouts: Layouts) -> tuple[Layout, Field]:
    name = said.get("name") if isinstance(said, dict) else None
    if not isinstance(name, str) or not _is_name(name):
        raise DamagedBackup("its schema has a field without a proper name")
    given = said.get("type")
    layout = layouts.of(given, f"its field {shortened(name)}")
    union = given if isinstance(given, list) else [given]
    types = [each for each in union if each != "null"]
    if len(types) != 1 or (union is given and len(union) != 2):
        return layout, Field(name, COMPLEX, "union", ())
    said_type = _read_type(types[0])
    if said_type is None:
        kind = types[0].get("type") if isinstance(types[0], dict) else types[0]
        return layout, Field(name, COMPLEX, str(kind), ())
    branches = tuple("null" if each == "null" else said_type.plain for each in union)
    return layout, Field(
        name, said_type.plain, said_type.logical, branches, said_type.symbols, said_type.scale
    )


@dataclass(frozen=True)
class _SaidType:
    """A type of which a column can be read."""

    plain: str  # as its values are decoded
    logical: str | None = None
    symbols: tuple[str, ...] = ()
    scale: int = 0


def _read_type(said: Any) -> _SaidType | None:
    """None for a type that no column can be read of."""
    plain = said.get("type") if isinstance(said, dict) else said
    logical = said.get("logicalType") if isinstance(said, dict) else None
    known = logical if isinstance(logical, str) and logical in MEANINGFUL else None
    scale = said.get("scale", 0) if isinstance(said, dict) else 0
    if known == "decimal" and not (type(scale) is int and 0 <= scale <= MOST_DIGITS):
        return None
    if isinstance(plain, str) and plain in PLAIN:
        return _SaidType(plain, known, scale=scale if known == "decimal" else 0)
    if plain == "enum":
        symbols = said.get("symbols") if isinstance(said, dict) else None
        texts = isinstance(symbols, list) and all(isinstance(each, str) for each in symbols)
        return _SaidType("int", "enum", tuple(symbols)) if symbols and texts else None
    if plain == "fixed" and isinstance(said, dict) and 0 < said["size"] <= MOST_BYTES:
        if known == "decimal":
            return _SaidType("bytes", known, scale=scale)
        if logical == "uuid" and said["size"] == 16:
            return _SaidType("bytes", "uuid")
    return None


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
        read_ones = [None if text is None else column.type.read(text) for text in texts]
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


def _of_decimal(column: Column, scale: int) -> Reading:
    unit: int = 10**scale
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


def _as_it_is(values: pa.Array) -> pa.Array:
    return values


# By the column's type: the Avro types (with logical type) that it can be read from.
READINGS: Mapping[str, Mapping[tuple[str, str | None], Reading]] = {
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
        ("long", f"{kind}-{unit}"): reading
        for kind in ("timestamp", "local-timestamp")
        for unit, reading in (
            ("micros", _timestamp(1)),
            ("millis", _timestamp(1000)),
            ("nanos", _timestamp_of_nanos),
        )
    },
}


def _reading(column: Column, field: Field) -> Reading | None:
    """How the column is read of the field; None where it cannot be."""
    if field.logical == "enum":
        return _of_enum(field.symbols) if column.type.name == "varchar" else None
    if field.logical == "decimal" and field.type == "bytes":
        numbers = column.type.name in ("integer", "bigint", "double")
        return _of_decimal(column, field.scale) if numbers else None
    if field.type == "string" and column.type.name in ("date", "timestamp"):
        return _of_texts(column)
    return READINGS[column.type.name].get((field.type, field.logical))


@dataclass(frozen=True)
class ColumnSource:
    """Where a column's values come from; with neither field nor reading they are all missing."""

    column: Column
    reading: Reading | None
    plain: pa.DataType | None = None  # what the reading reads
    field: str = ""  # the name of the file's field

    def array(self, columns: Mapping[str, pa.Array | list[Any]], rows: int) -> pa.Array:
        """The column's values, of so many rows, among the `columns` as decoded.

        Raises:
            DamagedBackup: a value is not of the column's type.
        """
        if self.reading is None:
            return pa.nulls(rows, self.column.type.arrow)
        name = self.column.name
        try:
            values = columns[self.field]
            if isinstance(values, list):
                values = pa.array(values, self.plain)
            return self.reading(values)
        except Unreadable as error:
            said = error.said or f"{name} is not {self.column.type.reads}"
            raise DamagedBackup(
                f"its column {name} has a value that is not taken: {said}", column=name
            ) from error
        except (ValueError, OverflowError) as error:
            message = f"its column {name} has a value that is not {self.column.type.reads}"
            raise DamagedBackup(message, column=name) from error


def resolve(table: Table, schema: FileSchema) -> list[ColumnSource]:
    """Where each of the table's columns comes from.

    Raises:
        DamagedBackup: the schema does not resolve; names the column.
    """
    if schema.name != f"{NAMESPACE}.{table.name}" and schema.name.startswith(f"{NAMESPACE}."):
        other = schema.name.removeprefix(f"{NAMESPACE}.")
        raise DamagedBackup(f"it is a backup of {other}, not of {table.name}")
    fields = _by_column(table, schema.every)
    return [_source(column, fields.get(column.name)) for column in table.columns]


def left_out(table: Table, schema: FileSchema) -> list[str]:
    """The names of the file's fields that the table has no column for."""
    read = {field.name for field in _by_column(table, schema.every).values()}
    return [field.name for field in schema.every if field.name not in read]


def _by_column(table: Table, fields: Sequence[Field]) -> dict[str, Field]:
    """The field of each column: of its name, else of the one name that is it in other letters.

    Raises:
        DamagedBackup: there are several of those.
    """
    found = {field.name: field for field in fields if field.name in table.column_names}
    rest = [field for field in fields if field.name not in found]
    times = Counter(name.lower() for name in table.column_names)
    for name in table.column_names:
        alike = [field for field in rest if field.name.lower() == name.lower()]
        if name in found or not alike:
            continue
        if len(alike) > 1 or times[name.lower()] > 1:
            message = f"it is not clear which of its columns is {name}"
            raise DamagedBackup(message, column=name)
        found[name] = alike[0]
    return found


def _source(column: Column, field: Field | None) -> ColumnSource:
    if field is None:
        if column.required:
            message = f"it has no column {column.name}, which every row must have"
            raise DamagedBackup(message, column=column.name)
        return ColumnSource(column, None)
    reading = _reading(column, field)
    if reading is None:
        message = f"its column {column.name} is {field.said}, not {column.type.reads}"
        raise DamagedBackup(message, column=column.name)
    return ColumnSource(column, reading, PLAIN[field.type], field.name)
