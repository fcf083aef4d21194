"""Primary keys that the service gives (``meta.key: generated``): each new row gets the next id.

A row that is sent without one is new. One that brings an id is the row of that id: there must be
such a row, since nobody else gives ids.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from service.dictionary import Column
from service.errors import Unprocessable
from service.judge.batch import Batch, Broken, Violation
from service.judge.columns import KeysOf
from service.judge.key_index import KeyIndex

GENERATED = "generated"  # the rule that a row breaks which brings an id that no row has
MOST = (1 << 63) - 1


@dataclass
class Ids:
    """The last id that each table has given. Layers make a transaction, as those of `KeyIndex`."""

    before: Mapping[str, int]  # by table; 0 where it is not there
    given: Counter[str] = field(default_factory=Counter)  # how many since

    def last(self, table: str) -> int:
        """The last one that was given; 0 where none was."""
        return self.before.get(table, 0) + self.given[table]

    def take(self, table: str, count: int) -> int:
        """The first of `count` ids in a row, which no one else gets.

        Raises:
            Unprocessable: there are not so many left.
        """
        first = self.last(table) + 1
        if first + count - 1 > MOST:
            raise Unprocessable(f"{table} has no ids left: the last is {first - 1}")
        self.given[table] += count
        return first

    def layer(self) -> "Ids":
        """One on top of this."""
        return Ids({name: self.last(name) for name in {*self.before, *self.given}})

    def absorb(self, layer: "Ids") -> None:
        """Takes over what `layer`, which is on top of this one, has given."""
        self.given.update(layer.given)


def with_ids(batch: Batch, keys: KeyIndex, ids: Ids) -> Batch:
    """The batch with an id for each row that fits and has none, in the order of the request.

    Rows that bring an id which is not among `keys` are broken.
    """
    if (column := batch.table.generated) is None:
        return batch
    batch = _without_unknown(batch, column, keys)
    if missing := batch.fitting[column.name].null_count:
        return _filled(batch, column, ids.take(batch.table.name, missing))
    return batch


def with_id(batch: Batch, key: int, is_there: bool) -> Batch:
    """The batch of one row, which is that of the id `key` whether it says so or not.

    It is broken where no such row `is_there`.
    """
    if (column := batch.table.generated) is None:
        return batch
    if not is_there:
        said = _unknown(column, key)
        others = batch.broken[0].violations if batch.broken else ()
        return replace(
            batch.without([*range(batch.fitting.num_rows)]), broken={0: Broken([said, *others], {})}
        )
    return _filled(batch, column, key) if batch.fitting[column.name].null_count else batch


def ids_of(batch: Batch, kept_out: Mapping[int, Any]) -> list[int | None] | None:
    """The id of each row of the request, None of those `kept_out`; None where nobody gives ids."""
    if (column := batch.table.generated) is None:
        return None
    ids: list[int | None] = [None] * batch.received
    for position, key in zip(batch.positions, batch.keys[column.name], strict=True):
        if position not in kept_out:
            ids[position] = key
    return ids


def _filled(batch: Batch, column: Column, first: int) -> Batch:
    """With ids from `first` on in place of those that are missing."""
    there = batch.fitting[column.name].combine_chunks()
    missing = there.is_null().to_numpy(zero_copy_only=False)
    values = there.fill_null(0).to_numpy(zero_copy_only=False).copy()
    values[missing] = np.arange(first, first + int(missing.sum()), dtype=np.int64)
    place = batch.fitting.schema.get_field_index(column.name)
    fitting = batch.fitting.set_column(place, column.name, pa.array(values, pa.int64()))
    keys = KeysOf(batch.table, fitting)
    keys.update({name: own for name, own in batch.keys.items() if name != column.name})
    sets = {name: own for name, own in batch.sets.items() if name != column.name}
    return replace(batch, fitting=fitting, keys=keys, sets=sets)


def _without_unknown(batch: Batch, column: Column, keys: KeyIndex) -> Batch:
    own = batch.keys[column.name]
    sent = [key for key in own if key is not None]
    sent += [key for each in batch.broken.values() if (key := each.keys.get(column.name))]
    if not sent or not (unknown := keys.unknown((batch.table.name, column.name), sent)):
        return batch
    rows = [row for row, key in enumerate(own) if key in unknown]
    broken = {**batch.broken, **dict(_broken(batch, column, rows))}
    for position, each in batch.broken.items():
        if (key := each.keys.get(column.name)) in unknown:
            told = [*each.violations, _unknown(column, key)]
            broken[position] = replace(each, violations=told)
    return replace(batch.without(rows), broken=broken)


def _broken(batch: Batch, column: Column, rows: Sequence[int]) -> Iterator[tuple[int, Broken]]:
    names = [each.name for each in batch.table.key_columns]
    for row in rows:
        keys = {name: batch.keys[name][row] for name in names}
        yield batch.positions[row], Broken([_unknown(column, keys[column.name])], keys)


def _unknown(column: Column, key: Any) -> Violation:
    said = f"{column.name} is given to new rows, and no row has {key}: leave it out"
    return Violation(column.name, GENERATED, said, key)
