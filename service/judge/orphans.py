"""Which rows of a batch refer to none, and which values a batch has in its key columns."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from service.dictionary import Column
from service.judge.batch import Batch, Broken
from service.judge.columns import FEW
from service.judge.key_index import KeyIndex
from service.judge.key_sets import KeySet, key_set


def values_of(batches: Sequence[Batch], column: Column) -> tuple[KeySet, int]:
    """The set of the batches' values in a column, and how many rows have one.

    The set is smaller than that number where a value stands twice.
    """
    name, count = column.name, 0
    rest: list[Any] = []  # values that are not at hand as a set
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


def rows_with(batch: Batch, column: Column, values: Collection[Any]) -> list[int]:
    """The rows of ``batch.fitting`` that have one of `values` in a column, in any order."""
    return numbers_of_rows_with(batch, column, values).tolist()  # type: ignore[no-any-return]


def numbers_of_rows_with(
    batch: Batch, column: Column, values: Collection[Any]
) -> npt.NDArray[np.int64]:
    """As `rows_with`, as an array of shape (rows,)."""
    if not values:
        return np.zeros(0, np.int64)
    if column.type.is_whole and (there := batch.fitting[column.name]).null_count == 0:
        numbers = there.to_numpy()
        if len(values) <= FEW:
            return np.concatenate([np.flatnonzero(numbers == value) for value in values])
        wanted = np.fromiter(values, numbers.dtype, len(values))
        return np.flatnonzero(np.isin(numbers, wanted))
    return np.array(
        [i for i, value in enumerate(batch.keys[column.name]) if value in values], np.int64
    )


def values_of_broken(batch: Batch, column: Column) -> list[Any]:
    """The values, but None, of the rows that break rules of their own."""
    values = (broken.keys.get(column.name) for broken in batch.broken.values())
    return [value for value in values if value is not None]


def parent_of(column: Column) -> tuple[str, str]:
    """The table and the column of it that a column refers to."""
    assert column.reference is not None
    return column.reference.args["parent"], column.reference.args["field"]


class Orphans:
    """The rows of a batch whose parent is unknown: `columns` has the referring columns by row.

    Of references to the own table, rows of the batch can be parents too: `grow` says, in rounds,
    which of those that wait for one have none.
    """

    def __init__(self, batch: Batch, keys: KeyIndex) -> None:
        self.columns: dict[int, list[Column]] = {}
        self._batch = batch
        self._unknown: dict[str, set[Any]] = {}
        self._waiting: list[tuple[Column, list[int]]] = []
        for column in batch.table.referring_columns:
            unknown = keys.unknown(parent_of(column), values_of([batch], column)[0])
            rows = rows_with(batch, column, unknown)
            if parent_of(column)[0] == batch.table.name:
                self._waiting.append((column, rows))
            else:
                self._add(column, rows)
            self._unknown[column.name] = keys.unknown(
                parent_of(column), values_of_broken(batch, column)
            )

    def _add(self, column: Column, rows: Iterable[int]) -> None:
        for row in rows:
            self.columns.setdefault(row, []).append(column)

    @property
    def may_grow(self) -> bool:
        """Whether rows, sound ones or broken, refer to values that the batch itself may bring."""
        return any(rows or self._unknown[column.name] for column, rows in self._waiting)

    def grow(self, rejected: Collection[int]) -> bool:
        """Takes in the waiting rows that no row of the batch but the `rejected` is a parent of;
        whether there are some.
        """
        gone, waiting = {*self.columns, *rejected}, list[tuple[Column, list[int]]]()
        found: list[int] = []
        for column, rows in self._waiting:
            values, of_parents = self._batch.keys[column.name], self._brought(column, gone)
            left = [row for row in rows if values[row] not in of_parents]
            self._add(column, left)
            waiting.append((column, [row for row in rows if values[row] in of_parents]))
            found += left
        self._waiting = self._without_descendants([*found], waiting) if found else waiting
        return bool(found)

    def _without_descendants(
        self, orphans: list[int], waiting: list[tuple[Column, list[int]]]
    ) -> list[tuple[Column, list[int]]]:
        """Takes in the waiting rows that come after orphans by keys which one row alone has, since
        a long chain would take a round for each; returns what still waits.
        """
        of_rows = self._batch.keys[self._batch.table.primary_key]
        times = Counter(of_rows)
        children = [(column, _by_value(self._batch.keys[column.name], rows))
                    for column, rows in waiting]  # fmt: skip
        while orphans:
            key = of_rows[orphans.pop()]
            for column, by_parent in children if times[key] == 1 else ():
                found = by_parent.pop(key, [])
                self._add(column, found)
                orphans += found
        return [(column, [row for rows in left.values() for row in rows])
                for column, left in children]  # fmt: skip

    def settle(self, rejected: Collection[int]) -> None:
        """Says of broken rows which have their parent in the batch; the `rejected` are none."""
        gone = {*self.columns, *rejected}
        for column, _ in self._waiting:
            self._unknown[column.name] -= self._brought(column, gone)

    def _brought(self, column: Column, gone: Collection[int]) -> set[Any]:
        """The values that the batch brings for a column that refers to its table."""
        there = self._batch.keys[parent_of(column)[1]]
        return {value for row, value in enumerate(there) if row not in gone}

    def columns_of(self, broken: Broken) -> list[str]:
        """The columns by which a row that breaks rules of its own refers to no row, too."""
        return [name for name, unknown in self._unknown.items() if broken.keys.get(name) in unknown]


def _by_value(values: Sequence[Any], rows: Iterable[int]) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = {}
    for row in rows:
        found.setdefault(values[row], []).append(row)
    return found


def _values(values: Sequence[Any], column: Column) -> Sequence[Any]:
    if column.required and not column.is_generated:
        return values
    return [value for value in values if value is not None]
