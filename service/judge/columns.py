"""Rows that were decoded to structs, as Arrow columns: the quick way to look at all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import UNSET

from service.dictionary import Column, Table
from service.dictionary.column_types import ColumnType
from service.dictionary.combined_columns import texts_of_rows
from service.dictionary.timestamps import Mask
from service.formats.bodies.repeated_fields import colons, colons_of_json
from service.judge.key_sets import KeySet, set_of_numbers
from service.judge.row_rules import RowRules, mask

EXACT = 1 << 53  # up to here each whole number is a double
FEW = 10  # rows or values, which to see to one by one takes less time than to look at each row


@dataclass(frozen=True)
class Adjusted:
    """How many values of each row are defaults, and how many were normalised to something else."""

    defaulted: npt.NDArray[np.int64]
    normalised: npt.NDArray[np.int64]

    @classmethod
    def none(cls, rows: int) -> "Adjusted":
        """Of so many rows none."""
        return cls(np.zeros(rows, np.int64), np.zeros(rows, np.int64))

    def only(self, rows: Any) -> "Adjusted":
        """Of those rows alone: a mask, or a slice."""
        return Adjusted(self.defaulted[rows], self.normalised[rows])


@dataclass
class Columns:
    """Rows as an Arrow table, their values in the key columns, and which rows are doubtful.

    All have one item for each row; a doubtful one may have any values.
    """

    table: Table
    rows: pa.Table
    keys: Mapping[str, Sequence[Any]]
    doubted: Mask
    adjusted: Adjusted | None = None  # of a table whose values may be

    def certain(self) -> "Columns":
        """Those that are not doubtful."""
        if not self.doubted.any():
            return self
        adjusted = self.adjusted and self.adjusted.only(~self.doubted)
        rows = without(self.rows, np.flatnonzero(self.doubted).tolist())
        return Columns(
            self.table, rows, KeysOf(self.table, rows), np.zeros(len(rows), np.bool_), adjusted
        )


def without(rows: pa.Table, left_out: Sequence[int] | npt.NDArray[np.int64]) -> pa.Table:
    """The other rows of an Arrow table; `left_out` are their numbers, ascending."""
    if not len(left_out):
        return rows
    if len(left_out) > FEW:
        return rows.take(pa.array(np.delete(np.arange(len(rows)), left_out)))
    starts, ends = [0, *(i + 1 for i in left_out)], [*left_out, len(rows)]
    parts = [rows.slice(start, end - start) for start, end in zip(starts, ends, strict=True)]
    return pa.concat_tables(parts)


class KeysOf(dict[str, Sequence[Any]]):
    """The values of `rows` in the key columns, combined ones too; each is read when asked for."""

    def __init__(self, table: Table, rows: pa.Table | pa.RecordBatch) -> None:
        super().__init__()
        self._table, self._rows = table, rows

    def __missing__(self, name: str) -> Sequence[Any]:
        column = self._table.column(name)
        if column.combines:
            parts = [(part.type, self._rows[part.name]) for part in column.parts]
            self[name] = texts_of_rows(parts)
        else:
            self[name] = key_values(column.type, self._rows[name])
        return self[name]


def unique_values(table: Table, rows: pa.Table) -> dict[str, list[Any]]:
    """The values of `rows`, but null, in each column that no two rows may agree in."""
    keys = KeysOf(table, rows)
    return {
        column.name: [value for value in keys[column.name] if value is not None]
        for column in table.unique_columns
    }


def sets_of(table: Table, rows: pa.Table | pa.RecordBatch) -> dict[str, KeySet]:
    """The values of `rows` in the key columns that are whole numbers, as sets."""
    return {
        column.name: set_of_numbers(rows[column.name].drop_null().to_numpy())
        for column in table.key_columns
        if column.type.is_whole
    }


def key_values(kind: ColumnType, column: pa.Array | pa.ChunkedArray) -> Sequence[Any]:
    """The values of a key column: whole numbers as they are, others as they are shown."""
    if not kind.is_whole:
        return kind.texts(column)
    if column.null_count == 0:
        return column.to_numpy().tolist()  # type: ignore[no-any-return]
    return column.to_pylist()  # type: ignore[no-any-return]


class ColumnReader:
    """Reads structs of one table."""

    def __init__(self, table: Table, struct: type[msgspec.Struct]) -> None:
        self._table, self._names = table, list(table.column_names)
        self._columns = [table.column(name) for name in struct.__struct_fields__]
        self._fields = [attrgetter(name) for name in struct.__struct_fields__]
        self._key_columns = {
            column.name: column.type.is_whole or column.type.name == "varchar"
            for column in table.key_columns
            if not column.combines
        }  # and whether they are compared as they are written
        self._not_decoded = {
            column.name: [
                rule
                for rule in column.rules_of_sent
                if rule.by_itself
                and (not rule.judged_by_decoding or (column.normalise and rule.kind != "not_null"))
            ]
            for column in table.columns
        }
        self._of_rows = RowRules(table, (r for r in table.rules_of_sent if not r.by_itself))
        self._is_adjusted = any(column.is_adjusted for column in table.columns)

    def values(self, structs: Sequence[msgspec.Struct]) -> list[Sequence[Any]]:
        """The fields' values, in the order of the struct; UNSET where there is no field."""
        return [list(map(field, structs)) for field in self._fields]

    def colons(self, values: Sequence[Sequence[Any]]) -> int:
        """The number of colons that the values account for: one for each field, and those in texts.

        JSON has more of them where a decoder dropped a repeated field (see repeated_fields).
        """
        found = 0
        for column, written in zip(self._columns, values, strict=True):
            found += len(written)
            if not column.must_be_sent:
                found -= written.count(UNSET)
            if column.type.struct is msgspec.Raw:
                raws = (value for value in written if isinstance(value, msgspec.Raw))
                found += colons_of_json(b"".join(raws))
            elif column.type.struct is str:
                texts = "".join(written if column.must_be_sent else filter(None, written))
                found += colons(texts.encode("utf-8", "surrogatepass"))
        return found

    def large(self, values: Sequence[Sequence[Any]]) -> list[int]:
        """The rows with a whole number that a double may have rounded."""
        found: set[int] = set()
        for column, written in zip(self._columns, values, strict=True):
            if column.type.name == "bigint":
                found.update(
                    i for i, value in enumerate(written) if value and not -EXACT <= value <= EXACT
                )
        return sorted(found)

    def columns(self, values: Sequence[Sequence[Any]]) -> Columns:
        """The values as Arrow columns, with the rows that a rule or a type doubts."""
        doubted = np.zeros(len(values[0]), np.bool_)
        arrays, found = {}, {}
        adjusted = Adjusted.none(len(values[0])) if self._is_adjusted else None
        for column, written in zip(self._columns, values, strict=True):
            if not column.must_be_sent and UNSET in written:
                written = [None if value is UNSET else value for value in written]
            if adjusted and column.is_adjusted:
                written = _adjusted(column, written, adjusted)
            arrays[column.name], doubts = self._column(column, written)
            doubted |= doubts
            if (as_written := self._key_columns.get(column.name)) is not None:
                array = arrays[column.name]
                found[column.name] = written if as_written else column.type.texts(array)
        rows = pa.table([arrays[name] for name in self._names], names=self._names)
        keys = KeysOf(self._table, rows)
        keys.update(found)
        if self._of_rows.rules:
            for doubtful in self._of_rows.broken(rows):
                doubted |= doubtful.rows
        return Columns(self._table, rows, keys, doubted, adjusted)

    def _column(self, column: Column, values: Sequence[Any]) -> tuple[pa.Array, Mask]:
        array, doubted = column.type.decoded(values)
        for rule in self._not_decoded[column.name]:
            doubted |= mask(rule.breaks(array, array))
        return array, doubted


def _adjusted(column: Column, written: Sequence[Any], adjusted: Adjusted) -> Sequence[Any]:
    """The values as they are kept; what was done to them is counted."""
    kept = [column.adjusted(value) for value in written]
    for i, (before, after) in enumerate(zip(written, kept, strict=True)):
        if before is None:
            adjusted.defaulted[i] += after is not None
        elif column.normalise:
            adjusted.normalised[i] += before != after
    return kept
