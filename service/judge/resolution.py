"""Decides what becomes of rows whose primary key is there already, where a request says so.

The same definition as in macros/history/again.sql. A row is there with the same content: it is
already present. With another, it is kept out, or it changes the row that is there. What a change
makes of the table is judged as if each row of the batch were the row of its key:

- a value of a unique column belongs to the row that has it in the table, whatever the batch makes
  of that row; else to the key of the first row that claims it and breaks no rule but unique ones;
- rows of one key follow each other: each is compared with the one before it that is not kept out;
- a value that other tables refer to stays as it is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.dictionary import Column, Dictionary, Table
from service.dictionary.timestamps import Mask
from service.judge.admission import Verdict, admit, in_order, violation_of
from service.judge.batch import Batch, Violation
from service.judge.columns import KeysOf
from service.judge.key_index import KeyIndex
from service.judge.orphans import Orphans, numbers_of_rows_with, parent_of, values_of
from service.judge.owners import Owners, still_referred_to
from service.runtime.resolutions import OnConflict

Numbers: TypeAlias = npt.NDArray[np.int64]


class There(NamedTuple):
    """Those rows of a batch whose primary key is there: the numbers that they have in its
    `fitting`, ascending, and whether the row that is there is the same. Both of shape (rows,).
    """

    rows: Numbers
    are_same: Mask


class RowsThere(Protocol):
    """The rows that are there when a batch is judged, those of the open transaction among them."""

    @property
    def dictionary(self) -> Dictionary:
        """By which they are judged."""

    def compared(self, batch: Batch, rows: Numbers) -> There:
        """Those `rows` of ``batch.fitting``, ascending, whose key is there."""

    def values(self, table: Table, rows: pa.Table, names: Sequence[str]) -> Mapping[Any, Any]:
        """The values of the columns `names` of the stored rows that have the keys of `rows`, by
        key and then by name.
        """

    def referred(self, table: Table, rows: pa.Table, child: Table, column: Column) -> set[Any]:
        """Which values of the stored rows that have the keys of `rows` a column of `child` has."""


def admit_again(batch: Batch, keys: KeyIndex, kept: RowsThere, on_conflict: OnConflict) -> Verdict:
    """As `admit`; what `on_conflict` says becomes of rows whose key is there, or came before."""
    if on_conflict == "error":
        return admit(batch, keys)
    rows = rows_there(batch, keys)
    if not rows.size and _is_as_ever(batch) and _has_each_key_once(batch):
        return admit(batch, keys)
    there = kept.compared(batch, rows)
    if on_conflict == "ignore":
        return _ignoring(batch, keys, there)
    return _Merging(batch, keys, kept, there).verdict()


def rows_there(batch: Batch, keys: KeyIndex) -> Numbers:
    """The rows of ``batch.fitting`` whose primary key is there, ascending."""
    key = batch.table.key
    taken = keys.taken((batch.table.name, key.name), values_of([batch], key)[0])
    return np.sort(numbers_of_rows_with(batch, key, taken))


def set_aside(batch: Batch, rows: Numbers) -> tuple[Batch, list[int]]:
    """The batch without those `rows` of its `fitting`, ascending, and their positions."""
    return batch.without(rows), [*map(batch.positions.__getitem__, rows.tolist())]


def _has_each_key_once(batch: Batch) -> bool:
    wanted, count = values_of([batch], batch.table.key)
    return len(wanted) == count


def _is_as_ever(batch: Batch) -> bool:
    """Whether new rows are judged as without a preference: no other value, no broken row's key."""
    table = batch.table
    return not batch.broken and not any(
        column.name != table.primary_key for column in table.unique_columns
    )


def _ignoring(batch: Batch, keys: KeyIndex, there: There) -> Verdict:
    """Rows that are there are set aside; then those that repeat one which goes in."""
    rest, present = set_aside(batch, there.rows[there.are_same])
    verdict = admit(rest, keys)
    verdict.batch, verdict.present = batch, present
    for position in _repeated(batch, verdict):
        del verdict.rejected[position]
        verdict.present.append(position)
    verdict.present.sort()
    return verdict


def _repeated(batch: Batch, verdict: Verdict) -> list[int]:
    """The positions of rows whose content is that of an accepted row of the same batch."""
    late = {
        position
        for position, violations in verdict.rejected.items()
        if violations and all(each.rule == "unique" for each in violations)
    }
    rows = [row for row, position in enumerate(batch.positions) if position in late]
    if not rows:
        return []
    name = batch.table.primary_key
    keys = KeysOf(batch.table, verdict.accepted)[name]
    accepted = {key: i for i, key in enumerate(keys)}
    pairs = ((row, accepted.get(batch.keys[name][row])) for row in rows)
    return [
        batch.positions[row]
        for row, first in pairs
        if first is not None and _are_same(batch.fitting, row, verdict.accepted, first)
    ]


def _are_same(rows: pa.Table, row: int, others: pa.Table, other: int) -> bool:
    return bool(rows.slice(row, 1).equals(others.slice(other, 1)))


class _Merging:
    """Rows of a batch that change those that are `there`."""

    def __init__(self, batch: Batch, keys: KeyIndex, kept: RowsThere, there: There) -> None:
        # Most of what is sent again is as it is: only the others are looked at one by one.
        table, name = batch.table, batch.table.primary_key
        keys_sent = batch.keys[name]
        times = Counter(keys_sent)
        stored: dict[int, bool] = dict(
            zip(there.rows.tolist(), there.are_same.tolist(), strict=True)
        )
        same = [r for r, is_same in stored.items() if is_same and times[keys_sent[r]] == 1]
        self._whole = batch
        self._batch, self._present = set_aside(batch, np.array(same, np.int64))
        gone = set(same)
        left = (row for row in range(batch.fitting.num_rows) if row not in gone)
        # `stored` by the numbers that the rows have now.
        self._stored = {i: stored[row] for i, row in enumerate(left) if row in stored}
        self._table, self._keys, self._kept = table, keys, kept
        self._orphans = Orphans(self._batch, keys)
        self._uniques = [c for c in table.unique_columns if c.name != name]
        self._key_values = self._batch.keys[name]
        self._before = self._values_before()
        self._referred = list(self._columns_referred_to())
        self._owners = self._owners_in_rounds()

    def verdict(self) -> Verdict:
        """What becomes of each row; the keys have what is then taken."""
        if not self._stored and _is_as_ever(self._batch) and _has_each_key_once(self._batch):
            verdict = admit(self._batch, self._keys)
            verdict.batch, verdict.present = self._whole, self._present
            return verdict
        rejected = dict(self._violations())
        rows = [r for r, p in enumerate(self._batch.positions) if p not in rejected]
        accepted, rounds = self._follow(rows)
        self._take_keys(rows)
        take = self._batch.fitting.take
        return Verdict(
            self._whole,
            take(pa.array(accepted, pa.int64())),
            rejected,
            sorted(self._present),
            sorted(self._batch.positions[row] for each in rounds for row in each),
            [take(pa.array(each, pa.int64())) for each in rounds],
        )

    def _owners_in_rounds(self) -> list[Owners]:
        """Who has which unique values; rounds are those of `unique_among`."""
        while True:
            self._owners = [
                Owners(self._batch, column, self._before, self._keys, self._orphans)
                for column in self._uniques
            ]
            if not self._orphans.may_grow:
                return self._owners
            positions = enumerate(self._batch.positions)
            rejected = [row for row, position in positions if any(self._of_row(row, position))]
            if not self._orphans.grow(rejected):
                self._orphans.settle(rejected)
                return self._owners

    def _values_before(self) -> Mapping[Any, Any]:
        """The unique values of the stored rows, by their key and the column."""
        if not (self._uniques and self._stored):
            return {}
        names = [column.name for column in self._uniques]
        return self._kept.values(self._table, self._rows_there(), names)

    def _rows_there(self) -> pa.Table:
        return self._batch.fitting.take(pa.array(sorted(self._stored), pa.int64()))

    def _columns_referred_to(self) -> Iterator[tuple[Column, Table, set[Any]]]:
        """Column, table that refers to it, and the values of stored rows that it refers to."""
        if not self._before:
            return
        for child, column in self._kept.dictionary.children(self._table.name):
            _, name = parent_of(column)
            if name != self._table.primary_key:  # which a change leaves as it is
                found = self._kept.referred(self._table, self._rows_there(), child, column)
                yield self._table.column(name), child, found

    def _violations(self) -> Iterator[tuple[int, list[Violation]]]:
        """By position, of each row that is kept out."""
        batch = self._batch
        for row, position in enumerate(batch.positions):
            found = [*self._of_row(row, position)]
            if found:
                yield position, in_order(self._table, found)
        for position, broken in batch.broken.items():
            key = broken.keys.get(self._table.primary_key)
            found = broken.violations + [
                violation_of(self._table.column(name), "relationships", broken.keys)
                for name in self._orphans.columns_of(broken)
            ]
            found += self._of_unique(key, broken.keys, position)
            yield position, in_order(self._table, found)

    def _of_row(self, row: int, position: int) -> Iterator[Violation]:
        if not (self._uniques or row in self._orphans.columns):
            return
        values = {c.name: self._batch.keys[c.name][row] for c in self._table.key_columns}
        key = self._key_values[row]
        for column in self._orphans.columns.get(row, ()):
            yield violation_of(column, "relationships", values)
        yield from self._of_unique(key, values, position)
        for column, child, referred in self._referred:
            before = self._before.get(key, {}).get(column.name)
            if before in referred and before != values[column.name]:
                yield still_referred_to(column, child, values[column.name])

    def _of_unique(self, key: Any, values: Mapping[str, Any], position: int) -> Iterator[Violation]:
        for owners in self._owners:
            value = values.get(owners.column.name)
            if value is not None and owners.is_of_another(key, value, position):
                yield violation_of(owners.column, "unique", values)

    def _follow(self, rows: Sequence[int]) -> tuple[list[int], list[list[int]]]:
        """Those that go in as new, and rounds of those that change a row, each with a key once."""
        accepted: list[int] = []
        rounds: list[list[int]] = []
        last: dict[Any, int] = {}
        changes: dict[Any, int] = {}
        for row in rows:
            key = self._key_values[row]
            before = last.get(key)
            if before is None and row not in self._stored:
                accepted.append(row)
            elif self._is_as(row, before):
                self._present.append(self._batch.positions[row])
            else:
                nth = changes.get(key, 0)
                changes[key] = nth + 1
                if nth == len(rounds):
                    rounds.append([])
                rounds[nth].append(row)
            last[key] = row
        return accepted, rounds

    def _is_as(self, row: int, before: int | None) -> bool:
        if before is None:
            return self._stored[row]
        return _are_same(self._batch.fitting, row, self._batch.fitting, before)

    def _take_keys(self, rows: Sequence[int]) -> None:
        """What each row leaves and takes; of several of one key the last says what it has."""
        name = self._table.primary_key
        last = {self._key_values[row]: row for row in rows}
        new = [key for key, row in last.items() if row not in self._stored]
        self._keys.add((self._table.name, name), new)
        for column in self._uniques:
            values, place = self._batch.keys[column.name], (self._table.name, column.name)
            left = {self._before.get(key, {}).get(column.name) for key in last} - {None}
            taken = {values[row] for row in last.values()} - {None}
            self._keys.remove(place, list(left - taken))
            self._keys.add(place, list(taken - left))
