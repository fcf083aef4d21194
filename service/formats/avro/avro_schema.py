"""A table's Avro schema, and what a file's own schema means for the table's columns.

The schema of a file that was written earlier, or elsewhere, is resolved to that of the dictionary
now (Avro 1.12 specification, "Schema Resolution"): columns are found by name in any order, what
the file has besides is left out, a column that it lacks is missing in every row where it may be,
and numbers may widen. Wider than the specification: a ``long`` is read as an integer where every
value is one, timestamps may be in milliseconds, and the record may have any name, since many
tools write no other. Logical types must fit: a number is no timestamp.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from fastavro.schema import fingerprint, to_parsing_canonical_form

from service.dictionary import Column, DictionaryError, Table
from service.errors import DamagedBackup

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
    """One field of a file's schema, which is of a primitive type or nothing else but null."""

    name: str
    type: str
    logical: str | None
    branches: tuple[str, ...]  # of the union, in the order of the file; one where there is none

    @property
    def said(self) -> str:
        """The type in words, for messages."""
        return f"{self.logical} ({self.type})" if self.logical else self.type

    @property
    def decoding(self) -> Schema:
        """The field without logical type: its values are decoded to plain numbers and text."""
        plain = self.branches[0] if len(self.branches) == 1 else list(self.branches)
        return {"name": self.name, "type": plain}


@dataclass(frozen=True)
class FileSchema:
    """The schema in a file, checked."""

    name: str
    fields: tuple[Field, ...]

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
        DamagedBackup: it is no record of primitive types and unions of one of them with null.
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
    read = tuple(_read_field(field) for field in fields)
    if len({field.name for field in read}) < len(read):
        raise DamagedBackup("its schema has two fields of one name")
    return FileSchema(_full_name(said), read)


def _full_name(said: Schema) -> str:
    name, space = said.get("name"), said.get("namespace")
    if isinstance(name, str) and isinstance(space, str) and space and "." not in name:
        name = f"{space}.{name}"
    if not isinstance(name, str) or not _is_full_name(name):
        raise DamagedBackup("its schema has no name")
    return name


def _read_field(said: Any) -> Field:
    name = said.get("name") if isinstance(said, dict) else None
    if not isinstance(name, str) or not _is_name(name):
        raise DamagedBackup("its schema has a field without a proper name")
    given = said.get("type")
    union = given if isinstance(given, list) else [given]
    types = [each for each in union if each != "null"]
    if len(types) != 1 or (union is given and len(union) != 2):
        raise DamagedBackup(f"its field {name} is neither of one type nor of one type or null")
    plain, logical = _read_type(name, types[0])
    branches = tuple("null" if each == "null" else plain for each in union)
    return Field(name, plain, logical, branches)


def _read_type(name: str, said: Any) -> tuple[str, str | None]:
    plain = said.get("type") if isinstance(said, dict) else said
    if not isinstance(plain, str) or plain not in PLAIN:
        raise DamagedBackup(f"its field {name} is not of a simple type")
    logical = said.get("logicalType") if isinstance(said, dict) else None
    known = isinstance(logical, str) and logical in MEANINGFUL
    return plain, logical if known else None


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


def _as_it_is(values: pa.Array) -> pa.Array:
    return values


# By the column's type: the Avro types (with logical type) that it can be read from.
READINGS: Mapping[str, Mapping[tuple[str, str | None], Reading]] = {
    "integer": dict.fromkeys([("int", None), ("long", None)], _whole(pa.int32())),
    "bigint": {("int", None): _whole(pa.int32(), pa.int64()), ("long", None): _whole(pa.int64())},
    "double": dict.fromkeys([(each, None) for each in ("int", "long", "float", "double")], _number),
    "boolean": {("boolean", None): _as_it_is},
    "varchar": {("string", None): _as_it_is, ("bytes", None): _text},
    "date": {("int", "date"): _date},
    "timestamp": {
        ("long", "timestamp-micros"): _timestamp(1),
        ("long", "timestamp-millis"): _timestamp(1000),
    },
}


@dataclass(frozen=True)
class ColumnSource:
    """Where a column's values come from; with neither field nor reading they are all missing."""

    column: Column
    reading: Reading | None
    plain: pa.DataType | None = None  # what the reading reads

    def array(self, columns: Mapping[str, pa.Array | list[Any]], rows: int) -> pa.Array:
        """The column's values, of so many rows, among the `columns` as decoded.

        Raises:
            DamagedBackup: a value is not of the column's type.
        """
        if self.reading is None:
            return pa.nulls(rows, self.column.type.arrow)
        name = self.column.name
        try:
            values = columns[name]
            if isinstance(values, list):
                values = pa.array(values, self.plain)
            return self.reading(values)
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
    fields = {field.name: field for field in schema.fields}
    return [_source(column, fields.get(column.name)) for column in table.columns]


def _source(column: Column, field: Field | None) -> ColumnSource:
    if field is None:
        if column.required:
            message = f"it has no column {column.name}, which every row must have"
            raise DamagedBackup(message, column=column.name)
        return ColumnSource(column, None)
    reading = READINGS[column.type.name].get((field.type, field.logical))
    if reading is None:
        message = f"its column {column.name} is {field.said}, not {column.type.reads}"
        raise DamagedBackup(message, column=column.name)
    return ColumnSource(column, reading, PLAIN[field.type])
