"""Rows that were decoded to structs, as Arrow columns: the quick way to look at all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET

from service.dictionary import Column, Table
from service.dictionary.timestamps import Mask
from service.formats.bodies.repeated_fields import colons
from service.judge.key_sets import KeySet, set_of_numbers
from service.judge.row_rules import RowRules, mask

FEW = 10  # rows or values, which to see to one by one takes less time than to look at each row


@dataclass
class Columns:
    """Rows as an Arrow table, their values in the key columns, and which rows are doubtful.

    All have one item for each row; a doubtful one may have any values.
    """

    rows: pa.Table
    keys: Mapping[str, Sequence[Any]]
    doubted: Mask

    def certain(self) -> "Columns":
        """Those that are not doubtful."""
        if not self.doubted.any():
            return self
        rows = without(self.rows, np.flatnonzero(self.doubted).tolist())
        return Columns(rows, KeysOf(rows), np.zeros(len(rows), np.bool_))


def without(rows: pa.Table, left_out: Sequence[int]) -> pa.Table:
    """The other rows of an Arrow table; `left_out` are their numbers, ascending."""
    if not left_out:
        return rows
    if len(left_out) > FEW:
        return rows.take(pa.array(np.delete(np.arange(len(rows)), left_out)))
    starts, ends = [0, *(i + 1 for i in left_out)], [*left_out, len(rows)]
    parts = [rows.slice(start, end - start) for start, end in zip(starts, ends, strict=True)]
    return pa.concat_tables(parts)


def key_columns(table: Table) -> list[Column]:
    """The columns whose values other rows are looked at for."""
    return [column for column in table.columns if column.is_unique or column.reference]


class KeysOf(dict[str, Sequence[Any]]):
    """The values of `rows` in the key columns; each is read when it is asked for."""

    def __init__(self, rows: pa.Table | pa.RecordBatch) -> None:
        super().__init__()
        self._rows = rows

    def __missing__(self, name: str) -> Sequence[Any]:
        self[name] = _values(self._rows[name])
        return self[name]


def sets_of(table: Table, rows: pa.RecordBatch) -> dict[str, KeySet]:
    """The values of `rows` in the key columns that are whole numbers, as sets."""
    return {
        column.name: set_of_numbers(rows[column.name].drop_null().to_numpy())
        for column in key_columns(table)
        if pa.types.is_integer(rows[column.name].type)
    }


def _values(column: pa.Array | pa.ChunkedArray) -> Sequence[Any]:
    if pa.types.is_integer(column.type) and column.null_count == 0:
        return column.to_numpy().tolist()  # type: ignore[no-any-return]
    return column.to_pylist()  # type: ignore[no-any-return]


class ColumnReader:
    """Reads structs of one table."""

    def __init__(self, table: Table, struct: type[msgspec.Struct]) -> None:
        self._names = list(table.column_names)
        self._columns = [table.column(name) for name in struct.__struct_fields__]
        self._fields = [attrgetter(name) for name in struct.__struct_fields__]
        self._key_columns = [column.name for column in key_columns(table)]
        self._not_decoded = {
            column.name: [
                rule for rule in column.own_rules if rule.by_itself and not rule.judged_by_decoding
            ]
            for column in table.columns
        }
        self._of_rows = RowRules(table, (r for r in table.own_rules if not r.by_itself))

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
            if not column.required:
                found -= written.count(UNSET)
            if column.type.struct is str:
                texts = "".join(written if column.required else filter(None, written))
                found += colons(texts.encode("utf-8", "surrogatepass"))
        return found

    def columns(self, values: Sequence[Sequence[Any]]) -> Columns:
        """The values as Arrow columns, with the rows that a rule or a type doubts."""
        doubted = np.zeros(len(values[0]), np.bool_)
        arrays, keys = {}, {}
        for column, written in zip(self._columns, values, strict=True):
            if not column.required and UNSET in written:
                written = [None if value is UNSET else value for value in written]
            arrays[column.name], doubts = self._column(column, written)
            doubted |= doubts
            if column.name in self._key_columns:
                keys[column.name] = written
        rows = pa.table([arrays[name] for name in self._names], names=self._names)
        for _, broken in self._of_rows.broken(rows):
            doubted |= broken
        return Columns(rows, keys, doubted)

    def _column(self, column: Column, values: Sequence[Any]) -> tuple[pa.Array, Mask]:
        array, doubted = column.type.decoded(values)
        for rule in self._not_decoded[column.name]:
            doubted |= mask(rule.breaks(array, array))
        return array, doubted
