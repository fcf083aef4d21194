"""The Avro schema of a table, and the schema that a file says, checked.

What the second one means for the columns of the table is `avro_resolution`'s to say.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
from fastavro.schema import fingerprint, to_parsing_canonical_form

from service.dictionary import Column, DictionaryError, Table
from service.errors import DamagedBackup, shortened
from service.formats.avro.layouts import Layout, Layouts, has_fixed

Schema: TypeAlias = dict[str, Any]
NAMESPACE = "gatehouse"
# Logical types that change what a value means, and of which types: others, and these of another
# type, are ignored, as the specification says.
MEANINGFUL: Mapping[str, tuple[str, ...]] = {
    "date": ("int",),
    "decimal": ("bytes", "fixed"),
    "big-decimal": ("bytes",),
    "duration": ("fixed",),
    "time-millis": ("int",),
    "time-micros": ("long",),
    "time-nanos": ("long",),
    **{
        f"{kind}-{unit}": ("long",)
        for kind in ("timestamp", "local-timestamp")
        for unit in ("millis", "micros", "nanos")
    },
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
    known = logical if isinstance(logical, str) and plain in MEANINGFUL.get(logical, ()) else None
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
