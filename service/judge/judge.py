"""Judges the rows of a request by what the dictionary says of each row on its own.

The fast way, for rows that fit: msgspec decodes all of them to structs (types, limits), their
columns become Arrow arrays, and the other rules look at whole columns. Only rows that one of
these steps doubts are read value by value, to name every violation.
"""

import re
from collections.abc import Sequence
from itertools import accumulate, compress
from typing import Any

import msgspec

from service.dictionary import Table
from service.errors import WrongNumberOfRows
from service.formats.bodies.rows_protocol import Rows, decoding
from service.judge.batch import Batch, Broken
from service.judge.columns import Adjusted, ColumnReader, Columns, KeysOf
from service.judge.row_struct import struct_of
from service.judge.value_by_value import ValueByValue
from service.judge.warning_rules import WarningRules
from service.runtime.wording import counted

_has_point = re.compile("[.eE]").search


class Judge:
    """Judges rows of one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.struct = struct_of(table)
        self._reader = ColumnReader(table, self.struct)
        self._by_value = ValueByValue(table, self.struct)
        self._warnings = WarningRules(table)
        self._bigints = [each.name for each in table.columns if each.type.name == "bigint"]

    def judge(self, rows: Rows, max_rows: int | None = None) -> Batch:
        """The rows that fit, as Arrow columns, and those that do not, with every reason.

        Raises:
            MalformedBody: the body is not of its format.
            WrongNumberOfRows: there are none, or more than `max_rows`, where that is given.
        """
        return self.judge_decoded(rows, self.decoded(rows, max_rows))

    def decoded(self, rows: Rows, max_rows: int | None) -> list[Any]:
        """Each row as a struct, or None where it does not fit one; raises as `judge` does."""
        with decoding():
            try:
                structs = rows.structs(self.struct)
            except msgspec.ValidationError:
                check_number(len(rows), max_rows)
                structs = rows.each(self.struct)
        check_number(len(structs), max_rows)
        return structs

    def judge_decoded(self, rows: Rows, structs: Sequence[Any]) -> Batch:
        """What `judge` does once the rows are decoded."""
        positions: Sequence[int] = range(len(structs))
        there = structs
        if None in structs:
            positions, there = list(compress(positions, structs)), list(filter(None, structs))
        values = self._reader.values(there)
        columns = self._reader.columns(values)
        for i in self._reader.large(values) if self._bigints else ():
            columns.doubted[i] |= self._is_rounded(rows, positions[i])
        if rows.drops_repeated and rows.colons(positions) != self._reader.colons(values):
            columns.doubted |= [bool(rows.repeated(i)) for i in positions]
        if not columns.doubted.any() and len(positions) == len(structs):
            return self._batch(rows, len(structs), positions, columns, {})
        certain = list(compress(positions, ~columns.doubted))
        doubtful = set(range(len(structs))).difference(certain)
        broken, read = self._by_value.judged(rows, doubtful)
        if read:
            certain = sorted([*certain, *read])
            values = self._reader.values([read.get(i, structs[i]) for i in certain])
            columns = self._reader.columns(values)
        return self._batch(rows, len(structs), certain, columns.certain(), broken)

    def _is_rounded(self, rows: Rows, position: int) -> bool:
        """Whether a large number is written with a point: a decoder makes a double of it first."""
        return any(map(_has_point, rows.exact(position, self._bigints).values()))

    def _batch(
        self,
        rows: Rows,
        received: int,
        positions: Sequence[int],
        columns: Columns,
        broken: dict[int, Broken],
    ) -> Batch:
        if columns.rows.num_rows < len(positions):
            raise RuntimeError(f"two judges of {self.table.name} differ")
        found = Batch(self.table, received, columns.rows, positions, columns.keys, broken, rows)
        return self._told(found, columns.adjusted)

    def _told(self, batch: Batch, adjusted: Adjusted | None) -> Batch:
        """With what was done to values, and what is told of rows that fit."""
        batch.adjusted = adjusted
        if self._warnings:
            batch.warnings = self._warnings.of(batch)
        return batch

    def judge_fitting(self, requests: Sequence[tuple[Rows, Sequence[Any]]]) -> list[Batch] | None:
        """A batch for each request, if there is no doubt about any row of any; else None."""
        if not all(rows.drops_repeated for rows, _ in requests):
            return None  # the count below is of all requests together
        values = self._reader.values([struct for _, structs in requests for struct in structs])
        columns = self._reader.columns(values)
        sent = sum(rows.colons(range(len(structs))) for rows, structs in requests)
        if self._bigints and (large := self._reader.large(values)):
            places = [(rows, i) for rows, structs in requests for i in range(len(structs))]
            if any(self._is_rounded(*places[i]) for i in large):
                return None
        # No request has fewer than its values account for: if the sums are equal, each is.
        if sent != self._reader.colons(values) or columns.doubted.any():
            return None
        ends = list(accumulate(len(structs) for _, structs in requests))
        return [
            self._part(columns, rows, end - len(structs), len(structs))
            for (rows, structs), end in zip(requests, ends, strict=True)
        ]

    def _part(self, columns: Columns, rows: Rows, start: int, length: int) -> Batch:
        part = columns.rows.slice(start, length)
        keys = KeysOf(self.table, part)
        keys |= {name: values[start : start + length] for name, values in columns.keys.items()}
        adjusted = columns.adjusted and columns.adjusted.only(slice(start, start + length))
        return self._told(Batch(self.table, length, part, range(length), keys, {}, rows), adjusted)


def check_number(received: int, max_rows: int | None) -> None:
    """Checks that a request brings 1 to `max_rows` rows, where that is given.

    Raises:
        WrongNumberOfRows: it does not.
    """
    if max_rows is not None and not 1 <= received <= max_rows:
        raise WrongNumberOfRows(
            f"a request brings {'' if max_rows == 1 else '1 to '}{counted(max_rows, 'row')},"
            f" not {received:,}",
            received=received,
        )
