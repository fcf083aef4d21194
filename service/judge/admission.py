"""Decides which rows of a request go in, by the rules that need other rows: unique, relationships.

The same definition as in macros/history/judge.sql: a value is taken by a row of the
table, or by an earlier row of the request that breaks no rule but, at most, unique ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count as count_up
from typing import Any

import pyarrow as pa

from service.dictionary import Column, Table
from service.judge.batch import Batch, Violation
from service.judge.columns import KeysOf, without
from service.judge.key_index import KeyIndex
from service.judge.key_sets import KeySet, key_set, set_of_numbers, unsigned
from service.judge.orphans import Orphans, parent_of, rows_with, values_of, values_of_broken


@dataclass
class Verdict:
    """What becomes of one table's rows: those to insert, and the violations by position.

    `present` are the positions of rows that are there already with the same content, `changed`
    those of rows that change one that is there. `changes` are the changed rows: one table after the
    other, each with a key once.
    """

    batch: Batch
    accepted: pa.Table
    rejected: dict[int, list[Violation]]
    present: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    changes: list[pa.Table] = field(default_factory=list)


def admit(batch: Batch, keys: KeyIndex, parents: KeyIndex | None = None) -> Verdict:
    """Judges `batch` against `keys` and adds the keys of what is accepted to them.

    What rows refer to is looked for among the keys of `parents`, where they are others.
    """
    table = batch.table
    orphans = Orphans(batch, parents or keys)
    uniques = unique_among(batch, keys, orphans)
    rows = sorted(orphans.columns.keys() | set().union(*(each.rejected for each in uniques)))
    rejected = {
        position: in_order(table, violations)
        for position, violations in _violations(batch, rows, orphans, uniques)
    }
    accepted = without(batch.fitting, rows)
    for each in uniques:
        keys.add((table.name, each.column.name), each.accepted_values(rows, accepted))
    return Verdict(batch, accepted, rejected)


def admit_all(batches: Sequence[Batch], keys: KeyIndex) -> bool:
    """Whether all rows of the batches, all of one table, go in, whichever comes first.

    If so, their keys are added to `keys`; if not, `admit` says of each batch which do.
    """
    table = batches[0].table
    if any(batch.broken or batch.table is not table for batch in batches):
        return False
    together: list[tuple[Column, KeySet]] = []
    for column in table.key_columns:
        values, count = values_of(batches, column)
        together.append((column, values))
        if column.reference and not keys.all_known(parent_of(column), values):
            return False
        if column.is_unique and not (
            len(values) == count and keys.all_new((table.name, column.name), values)
        ):
            return False
    for column, values in together:
        if column.is_unique:
            keys.add((table.name, column.name), values)
    return True


def _present(table: Table, column: Column, rows: pa.Table) -> KeySet | Sequence[Any]:
    """The values of rows in a column but null, for `KeyIndex.add`."""
    if column.type.is_whole:
        return set_of_numbers(rows[column.name].drop_null().to_numpy())
    return [value for value in KeysOf(table, rows)[column.name] if value is not None]


class UniqueColumn:
    """Which rows of a batch have which values of one unique column.

    A value belongs to the row of the table that has it, else to the first row of the batch that
    claims it. A row claims its value unless it breaks a rule other than ``unique``. Say the table
    has the id 10, and the batch brings:

        row 0  id 10             10 is taken by a row of the table: rejected
        row 1  id 1, no parent   breaks another rule, so it does not claim 1: rejected for that
        row 2  id 1              the first to claim 1: accepted
        row 3  id 1              1 is claimed by row 2: rejected

    Then `rejected` is {0, 3}, and of the accepted rows the values are {1}. Rows are numbers of rows
    in `Batch.fitting`; a position is one of the request, which has the broken rows as well.
    """

    def __init__(self, batch: Batch, column: Column, keys: KeyIndex, orphans: Orphans) -> None:
        self.column = column
        self._batch, self._orphans = batch, orphans
        place = batch.table.name, column.name
        self._values, count = values_of([batch], column)
        taken = keys.taken(place, self._values)
        rows = rows_with(batch, column, taken)
        self.rejected = set(rows)  # rows whose value belongs to another
        # Whether no two rows have the same value, leaving those aside that are taken anyway.
        self._all_differ = count - len(rows) == len(self._values) - len(taken)
        if not self._all_differ:
            claimants = map(self._first_claimant.get, batch.keys[column.name], count_up())
            self.rejected.update([row for row, first in enumerate(claimants) if first < row])
        self._taken = taken | keys.taken(place, values_of_broken(batch, column))

    @cached_property
    def _first_claimant(self) -> dict[Any, int]:
        """Each value that is claimed, with the first row that claims it."""
        claimed = list(self._batch.keys[self.column.name])
        for row in self._orphans.columns:
            claimed[row] = None
        last = len(claimed) - 1
        # From the last row to the first: of two entries for a value a dict keeps the later one.
        first = dict(zip(reversed(claimed), range(last, -1, -1), strict=True))
        first.pop(None, None)
        return first

    def belongs_to_another(self, value: Any, position: int, is_fitting: bool) -> bool:
        """Whether the row at `position`, which has `value`, cannot have it."""
        if value in self._taken:
            return True
        if is_fitting and self._all_differ:
            return False
        if unsigned(self.column.type.name, value) not in self._values:
            return False
        claimant = self._first_claimant.get(value)
        return claimant is not None and self._batch.positions[claimant] < position

    def accepted_values(self, rejected: Sequence[int], accepted: pa.Table) -> KeySet:
        """The values of `accepted`: all rows of the batch but the `rejected`, by whatever rule."""
        if not rejected:
            return self._values
        if not self._all_differ:
            return _present(self._batch.table, self.column, accepted)
        values = self._batch.keys[self.column.name]
        gone = [values[row] for row in rejected if values[row] is not None]
        return self._values - key_set(self.column.type.name, gone)


def unique_among(batch: Batch, keys: KeyIndex, orphans: Orphans) -> list[UniqueColumn]:
    """Who has which unique values, once it is known which rows have no parent.

    A row that refers to one of its own batch goes in if that one does: both are found out in
    rounds, in each of which rows are orphans that were not before.
    """
    while True:
        uniques = [UniqueColumn(batch, each, keys, orphans) for each in batch.table.unique_columns]
        if not orphans.may_grow:
            return uniques
        rejected = set[int]().union(*(each.rejected for each in uniques))
        if not orphans.grow(rejected):
            orphans.settle(rejected)
            return uniques


def _violations(
    batch: Batch, rejected: Sequence[int], orphans: Orphans, uniques: Sequence[UniqueColumn]
) -> Iterator[tuple[int, list[Violation]]]:
    """Position in the request and violations of each row that has some.

    These are the `rejected` rows of ``batch.fitting``, and all broken ones.
    """
    table = batch.table
    for row in rejected:
        values = {column.name: batch.keys[column.name][row] for column in table.key_columns}
        parents = orphans.columns.get(row, ())
        found = [violation_of(column, "relationships", values) for column in parents]
        position = batch.positions[row]
        yield position, found + _of_unique(values, uniques, position, is_fitting=True)
    for position, broken in batch.broken.items():
        found = broken.violations + [
            violation_of(table.column(name), "relationships", broken.keys)
            for name in orphans.columns_of(broken)
        ]
        yield position, found + _of_unique(broken.keys, uniques, position, is_fitting=False)


def _of_unique(
    values: Mapping[str, Any], uniques: Sequence[UniqueColumn], position: int, is_fitting: bool
) -> list[Violation]:
    return [
        violation_of(each.column, "unique", values)
        for each in uniques
        if (value := values.get(each.column.name)) is not None
        and each.belongs_to_another(value, position, is_fitting)
    ]


def violation_of(column: Column, kind: str, values: Mapping[str, Any]) -> Violation:
    """That the row with these `values`, by column, breaks a column's rule of that kind."""
    rule = next(rule for rule in column.rules if rule.kind == kind)
    value = values[column.name]
    return Violation(column.name, kind, rule.message(value), value)


def in_order(table: Table, violations: list[Violation]) -> list[Violation]:
    """By column as the dictionary has them; within one, those of the row itself first."""
    if len(violations) < 2:
        return violations
    order = {name: i for i, name in enumerate(table.column_names)}
    last = len(order)
    order |= {column.name: last + 1 + i for i, column in enumerate(table.combined)}
    return sorted(
        violations,
        key=lambda each: (order.get(each.column or "", last), each.rule == "unique"),
    )
