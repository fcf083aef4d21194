"""Decides which rows of a request go in, by the rules that need other rows: unique, relationships.

The same definition as in macros/history/judge.sql: a value is taken by a row of the
table, or by an earlier row of the request that breaks no rule but, at most, unique ones.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count as count_up
from typing import Any

import numpy as np
import pyarrow as pa

from service.dictionary import Column, Table
from service.door.columns import FEW, key_columns, without
from service.door.judge import Batch, Broken, Violation
from service.door.key_sets import KeySet, key_set, set_of_numbers, unsigned
from service.warehouse.keys import Keys


@dataclass
class Verdict:
    """What becomes of one table's rows: those to insert, and the violations by position.

    Rows of files that are tried again may be `present`: their positions.
    """

    batch: Batch
    accepted: pa.Table
    rejected: dict[int, list[Violation]]
    present: list[int] = field(default_factory=list)


def admit(batch: Batch, keys: Keys) -> Verdict:
    """Judges `batch` against `keys` and adds the keys of what is accepted to them."""
    table = batch.table
    orphans = _Orphans(batch, keys)
    claims = [_Claims(batch, each, keys, orphans) for each in table.columns if each.is_unique]
    lost = sorted(orphans.columns.keys() | set().union(*(each.losers for each in claims)))
    rejected = {
        position: _in_order(table, violations)
        for position, violations in _violations(batch, lost, orphans, claims)
    }
    accepted = without(batch.fitting, lost)
    for each in claims:
        keys.add((table.name, each.column.name), each.granted(lost, accepted))
    return Verdict(batch, accepted, rejected)


def admit_all(batches: Sequence[Batch], keys: Keys) -> bool:
    """Whether all rows of the batches, all of one table, go in, whichever comes first.

    If so, their keys are added to `keys`; if not, `admit` says of each batch which do.
    """
    table = batches[0].table
    if any(batch.broken or batch.table is not table for batch in batches):
        return False
    together = [(column, *_joint(batches, column)) for column in key_columns(table)]
    for column, values, count in together:
        if column.reference and not keys.all_known(_parent(column), values):
            return False
        if column.is_unique and not (
            len(values) == count and keys.all_new((table.name, column.name), values)
        ):
            return False
    for column, values, _ in together:
        if column.is_unique:
            keys.add((table.name, column.name), values)
    return True


def _joint(batches: Sequence[Batch], column: Column) -> tuple[KeySet, int]:
    """The set of the batches' values in a column, and how many rows have one."""
    name, count = column.name, 0
    rest: list[Any] = []
    sets = []
    for batch in batches:
        if (own := batch.sets.get(name)) is not None:
            sets.append(own)
            count += len(batch.positions) - batch.fitting[name].null_count
        else:
            rest += _values(batch.keys[name], column)
    found = key_set(column.type.name, rest)
    for own in sets:
        found |= own
    return found, count + len(rest)


def _rows_with(batch: Batch, column: Column, values: Collection[Any]) -> list[int]:
    """The rows of `fitting` that have one of a few values in a column."""
    if not values:
        return []
    there = batch.fitting[column.name]
    if len(values) <= FEW and pa.types.is_integer(there.type) and there.null_count == 0:
        numbers = there.to_numpy()
        return [i for value in values for i in np.flatnonzero(numbers == value).tolist()]
    return [i for i, value in enumerate(batch.keys[column.name]) if value in values]


def _present(column: pa.ChunkedArray) -> KeySet | list[Any]:
    there = column.drop_null()
    if pa.types.is_integer(there.type):
        return set_of_numbers(there.to_numpy())
    return there.to_pylist()


def _of_broken(batch: Batch, column: Column) -> list[Any]:
    """The values of the rows that do not fit by themselves."""
    values = (broken.keys.get(column.name) for broken in batch.broken.values())
    return [value for value in values if value is not None]


def _parent(column: Column) -> tuple[str, str]:
    assert column.reference is not None
    return column.reference.args["parent"], column.reference.args["field"]


class _Orphans:
    """The rows of `fitting` with a reference that leads nowhere, and by which `columns`."""

    def __init__(self, batch: Batch, keys: Keys) -> None:
        self.columns: dict[int, list[Column]] = {}
        self._unknown: dict[str, set[Any]] = {}
        for column in batch.table.columns:
            if column.reference:
                unknown = keys.unknown(_parent(column), _joint([batch], column)[0])
                for i in _rows_with(batch, column, unknown):
                    self.columns.setdefault(i, []).append(column)
                self._unknown[column.name] = keys.unknown(
                    _parent(column), _of_broken(batch, column)
                )

    def columns_of(self, broken: Broken) -> list[str]:
        """The columns by which a row that does not fit by itself leads nowhere, too."""
        return [name for name, unknown in self._unknown.items() if broken.keys.get(name) in unknown]


class _Claims:
    """Who has the values that the rows of a batch want in a unique column.

    A row claims its value unless it breaks another rule; `losers` are the rows of `fitting` that
    want a value which is taken.
    """

    def __init__(self, batch: Batch, column: Column, keys: Keys, orphans: _Orphans) -> None:
        self.column = column
        self._batch, self._orphans = batch, orphans
        place = batch.table.name, column.name
        self._wanted, count = _joint([batch], column)
        taken = keys.taken(place, self._wanted)
        losers = _rows_with(batch, column, taken)
        self.losers = set(losers)
        # Whether no value that is free stands twice.
        self._once = count - len(losers) == len(self._wanted) - len(taken)
        if not self._once:
            firsts = map(self._first.get, batch.keys[column.name], count_up())
            self.losers.update([i for i, first in enumerate(firsts) if first < i])
        self._taken = taken | keys.taken(place, _of_broken(batch, column))

    @cached_property
    def _first(self) -> dict[Any, int]:
        """Each value with the first row of `fitting` that claims it."""
        values = list(self._batch.keys[self.column.name])
        for i in self._orphans.columns:
            values[i] = None
        last = len(values) - 1
        first = dict(zip(reversed(values), range(last, -1, -1), strict=True))  # the last stays
        first.pop(None, None)
        return first

    def lost(self, value: Any, position: int, is_fitting: bool) -> bool:
        """Whether the row at `position` of the request cannot have the value."""
        if value in self._taken:
            return True
        if is_fitting and self._once:
            return False
        if unsigned(self.column.type.name, value) not in self._wanted:
            return False
        claimant = self._first.get(value)
        return claimant is not None and self._batch.positions[claimant] < position

    def granted(self, lost: Sequence[int], accepted: pa.Table) -> KeySet:
        """The values of the rows that go in: those of `fitting` but the `lost`."""
        if not lost:
            return self._wanted
        if not self._once:
            return _present(accepted[self.column.name])
        values = self._batch.keys[self.column.name]
        gone = [values[i] for i in lost if values[i] is not None]
        return self._wanted - key_set(self.column.type.name, gone)


def _violations(
    batch: Batch, lost: Sequence[int], orphans: _Orphans, claims: Sequence[_Claims]
) -> Iterator[tuple[int, list[Violation]]]:
    """The violations of every row that has some, by its position in the request."""
    table = batch.table
    for i in lost:
        row = {column.name: batch.keys[column.name][i] for column in key_columns(table)}
        found = [_violation(column, "relationships", row) for column in orphans.columns.get(i, ())]
        position = batch.positions[i]
        yield position, found + _of_unique(row, claims, position, is_fitting=True)
    for position, broken in batch.broken.items():
        found = broken.violations + [
            _violation(table.column(name), "relationships", broken.keys)
            for name in orphans.columns_of(broken)
        ]
        yield position, found + _of_unique(broken.keys, claims, position, is_fitting=False)


def _of_unique(
    row: Mapping[str, Any], claims: Sequence[_Claims], position: int, is_fitting: bool
) -> list[Violation]:
    return [
        _violation(each.column, "unique", row)
        for each in claims
        if (value := row.get(each.column.name)) is not None
        and each.lost(value, position, is_fitting)
    ]


def _violation(column: Column, kind: str, row: Mapping[str, Any]) -> Violation:
    rule = next(rule for rule in column.rules if rule.kind == kind)
    value = row[column.name]
    return Violation(column.name, kind, rule.message(value), value)


def _in_order(table: Table, violations: list[Violation]) -> list[Violation]:
    """By column as the dictionary has them; within one, those of the row itself first."""
    if len(violations) < 2:
        return violations
    order = {name: i for i, name in enumerate(table.column_names)}
    last = len(order)
    return sorted(
        violations,
        key=lambda each: (order.get(each.column or "", last), each.rule == "unique"),
    )


def _values(values: Sequence[Any], column: Column) -> Sequence[Any]:
    return values if column.required else [value for value in values if value is not None]
