"""What a file's own Avro schema means for the table's columns.

The schema of a file that was written earlier, or elsewhere, is resolved to that of the dictionary
now (Avro 1.12 specification, "Schema Resolution"): columns are found by name in any order, what
the file has besides is left out, a column that it lacks is missing in every row where it may be,
and numbers may widen. Wider than the specification, since many tools write no other: a ``long``, a
``double`` or a decimal is read as an integer where every value is one; timestamps may be in any
unit, local ones (which our own tables hold) are taken as UTC, and text is read as the doors of
rows read it; a name may be in other letters, where only one is meant; the record may have any
name. Logical types must fit: a number is no timestamp.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from service.dictionary import Column, Table
from service.dictionary.written_values import Unreadable
from service.errors import DamagedBackup
from service.formats.avro.avro_readings import Reading, reading_of
from service.formats.avro.avro_schema import NAMESPACE, PLAIN, Field, FileSchema


@dataclass(frozen=True)
class FileColumns:
    """What a file's columns are to the table's, where they are not the same.

    `left_out` are names of columns that the table has not; `filled` are columns of the table that
    it lacks, which get their default or none; `renamed` has the names of now by those of the file.
    """

    left_out: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnSource:
    """Where a column's values come from; with neither field nor reading they are the default."""

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
            return self.column.type.array([self.column.default_read] * rows)
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
    else:
        other = table.name
    if other not in (table.name, *table.renamed_from):
        raise DamagedBackup(f"it is a backup of {other}, not of {table.name}")
    fields = _by_column(table, schema.every)
    return [_source(column, fields.get(column.name)) for column in table.columns]


def columns_of(table: Table, schema: FileSchema) -> FileColumns:
    """What the file's fields are to the columns of the table."""
    found = _by_column(table, schema.every)
    read = {each.name for each in found.values()}
    return FileColumns(
        tuple(each.name for each in schema.every if each.name not in read),
        tuple(name for name in table.column_names if name not in found),
        {
            each.name: name
            for name, each in found.items()
            if each.name in table.column(name).renamed_from
        },
    )


def _by_column(table: Table, fields: Sequence[Field]) -> dict[str, Field]:
    """The field of each column: of its name, else of one that it had before, else of the one name
    that is it in other letters.

    Raises:
        DamagedBackup: there are several of those.
    """
    found = {field.name: field for field in fields if field.name in table.column_names}
    named = {field.name: field for field in fields}
    for column in table.columns:
        former = next((named[was] for was in column.renamed_from if was in named), None)
        if column.name not in found and former is not None:
            found[column.name] = former
    taken = {field.name for field in found.values()}
    rest = [field for field in fields if field.name not in taken]
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
        if column.must_be_sent or column.is_generated:
            message = f"it has no column {column.name}, which every row must have"
            raise DamagedBackup(message, column=column.name)
        return ColumnSource(column, None)
    reading = reading_of(column, field)
    if reading is None:
        message = f"its column {column.name} is {field.said}, not {column.type.reads}"
        raise DamagedBackup(message, column=column.name)
    return ColumnSource(column, reading, PLAIN[field.type], field.name)
