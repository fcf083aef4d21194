"""To which row each value of a unique column belongs, where rows may change others."""

from collections.abc import Mapping
from typing import Any

from service.dictionary import Column, Table
from service.judge.batch import Batch, Violation
from service.judge.key_index import KeyIndex
from service.judge.orphans import Orphans, values_of, values_of_broken


class Owners:
    """To which key each value of a unique column belongs, for the time of a batch."""

    def __init__(
        self,
        batch: Batch,
        column: Column,
        before: Mapping[Any, Any],
        keys: KeyIndex,
        orphans: Orphans,
    ) -> None:
        self.column, self._before = column, before
        place = batch.table.name, column.name
        values, own = batch.keys[column.name], batch.keys[batch.table.primary_key]
        self._taken = keys.taken(place, values_of([batch], column)[0])
        self._taken |= keys.taken(place, values_of_broken(batch, column))
        self._first: dict[Any, tuple[int, Any]] = {}  # position and key of the first that claims it
        for row, position in enumerate(batch.positions):
            if row not in orphans.columns:
                self._first.setdefault(values[row], (position, own[row]))

    def is_of_another(self, key: Any, value: Any, position: int) -> bool:
        """Whether the row at `position`, which has `key`, cannot have `value`."""
        if value in self._taken:
            return bool(self._before.get(key, {}).get(self.column.name) != value)
        first = self._first.get(value)
        return first is not None and first[0] < position and first[1] != key


def still_referred_to(column: Column, child: Table, value: Any) -> Violation:
    """That a row cannot leave the value that rows of `child` refer to."""
    message = f"{child.name} refers to the {column.name} that is there"
    return Violation(column.name, "relationships", message, value)
