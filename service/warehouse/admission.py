"""Decides which rows of a request go in, by the rules that need other rows: unique, relationships.

The same definition as in macros/judging.sql: a value is taken by a row of the
table, or by an earlier row of the request that breaks no rule but, at most, unique ones.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pyarrow as pa

from service.dictionary import Column, Table
from service.door.judge import Batch, Violation
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
    orphans = _orphans(batch, keys)
    claims = _Claims(batch, keys, orphans)
    rejected = {
        position: _in_order(batch.table, violations)
        for position, violations in _violations(batch, keys, orphans, claims)
    }
    accepted, lost = batch.fitting, orphans.keys() | claims.losers
    if lost:
        going_in = np.delete(np.arange(len(batch.positions)), list(lost))
        accepted = batch.fitting.take(pa.array(going_in))
    _take(batch, keys, lost)
    return Verdict(batch, accepted, rejected)


def admit_all(batches: Sequence[Batch], keys: Keys) -> bool:
    """Whether all rows of the batches, all of one table, go in, whichever comes first.

    If so, their keys are added to `keys`; if not, `admit` says of each batch which do.
    """
    table = batches[0].table
    if any(batch.broken or batch.table is not table for batch in batches):
        return False
    columns = [column for column in table.columns if column.is_unique or column.reference]
    together = [
        (column, [v for batch in batches for v in _values(batch.keys[column.name], column)])
        for column in columns
    ]
    for column, values in together:
        if column.reference and not keys.all_known(_parent(column), values):
            return False
        if column.is_unique and not keys.all_new((table.name, column.name), values):
            return False
    for column, values in together:
        if column.is_unique:
            keys.add((table.name, column.name), values)
    return True


def _parent(column: Column) -> tuple[str, str]:
    assert column.reference is not None
    return column.reference.args["parent"], column.reference.args["field"]


def _orphans(batch: Batch, keys: Keys) -> dict[int, list[Column]]:
    """The rows of `fitting` with a reference that leads nowhere, and by which columns."""
    orphans: dict[int, list[Column]] = {}
    for column in batch.table.columns:
        if column.reference is None:
            continue
        values = _values(batch.keys[column.name], column)
        if keys.all_known(_parent(column), values):
            continue
        unknown = keys.unknown(_parent(column), values)
        for i, value in enumerate(batch.keys[column.name]):
            if value in unknown:
                orphans.setdefault(i, []).append(column)
    return orphans


class _Claims:
    """Who has the unique values that the rows of a batch want.

    A row claims its values unless it breaks another rule; `losers` are the rows of `fitting` that
    want a value which is taken.
    """

    def __init__(self, batch: Batch, keys: Keys, orphans: Mapping[int, Any]) -> None:
        self._batch, self._keys, self._orphans = batch, keys, orphans
        self._first: dict[str, dict[Any, int]] = {}
        self.losers: set[int] = set()
        for column in batch.table.columns:
            if column.is_unique and not self._all_free(column):
                self._find_losers(column)

    def _all_free(self, column: Column) -> bool:
        values = _values(self._batch.keys[column.name], column)
        return self._keys.all_new((self._batch.table.name, column.name), values)

    def _find_losers(self, column: Column) -> None:
        values = self._batch.keys[column.name]
        claimed = _values(_without(values, self._orphans), column)
        taken = self._keys.taken((self._batch.table.name, column.name), claimed)
        if taken:
            self.losers.update([i for i, value in enumerate(values) if value in taken])
        if len(set(claimed)) < len(claimed):
            firsts = map(self._first_of(column).get, values, count())
            self.losers.update([i for i, first in enumerate(firsts) if first < i])

    def _first_of(self, column: Column) -> dict[Any, int]:
        """Each value with the first row of `fitting` that claims it."""
        if column.name not in self._first:
            values = list(self._batch.keys[column.name])
            for i in self._orphans:
                values[i] = None
            last = len(values) - 1
            first = dict(zip(reversed(values), range(last, -1, -1), strict=True))  # the last stays
            first.pop(None, None)
            self._first[column.name] = first
        return self._first[column.name]

    def lost(self, column: Column, value: Any, position: int) -> bool:
        """Whether the row at `position` of the request cannot have the value."""
        if self._keys.has((self._batch.table.name, column.name), value):
            return True
        claimant = self._first_of(column).get(value)
        return claimant is not None and self._batch.positions[claimant] < position


def _violations(
    batch: Batch, keys: Keys, orphans: Mapping[int, list[Column]], claims: _Claims
) -> Iterator[tuple[int, list[Violation]]]:
    """The violations of every row that has some, by its position in the request."""
    for i in orphans.keys() | claims.losers:
        row = {name: values[i] for name, values in batch.keys.items()}
        found = [_violation(column, "relationships", row) for column in orphans.get(i, ())]
        position = batch.positions[i]
        yield position, found + _of_unique(batch.table, row, claims, position)
    for position, broken in batch.broken.items():
        found = broken.violations + [
            _violation(column, "relationships", broken.keys)
            for column in batch.table.columns
            if column.reference
            and broken.keys.get(column.name) is not None
            and not keys.has(_parent(column), broken.keys[column.name])
        ]
        yield position, found + _of_unique(batch.table, broken.keys, claims, position)


def _of_unique(
    table: Table, row: Mapping[str, Any], claims: _Claims, position: int
) -> list[Violation]:
    return [
        _violation(column, "unique", row)
        for column in table.columns
        if column.is_unique
        and row.get(column.name) is not None
        and claims.lost(column, row[column.name], position)
    ]


def _violation(column: Column, kind: str, row: Mapping[str, Any]) -> Violation:
    rule = next(rule for rule in column.rules if rule.kind == kind)
    value = row[column.name]
    return Violation(column.name, kind, rule.message(value), value)


def _in_order(table: Table, violations: list[Violation]) -> list[Violation]:
    """By column as the dictionary has them; within one, those of the row itself first."""
    order = {name: i for i, name in enumerate(table.column_names)}
    last = len(order)
    return sorted(
        violations,
        key=lambda each: (order.get(each.column or "", last), each.rule == "unique"),
    )


def _values(values: Sequence[Any], column: Column) -> Sequence[Any]:
    return values if column.required else [value for value in values if value is not None]


def _without(values: Sequence[Any], rows: Collection[int]) -> Sequence[Any]:
    if not rows:
        return values
    left = list(values)
    for i in sorted(rows, reverse=True):
        del left[i]
    return left


def _take(batch: Batch, keys: Keys, lost: Collection[int]) -> None:
    for column in batch.table.columns:
        if column.is_unique:
            taken = _values(_without(batch.keys[column.name], lost), column)
            keys.add((batch.table.name, column.name), taken)
