"""The values of the key columns, in memory: what is taken, and what can be referred to.

Whole numbers are held in roaring bitmaps (10 million ids take about 2 MB), what else there is as
text in sets. They change only after a commit; the primary key in DuckDB is the backstop.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.dictionary import Column, Dictionary, Table
from service.dictionary.combined_columns import texts_of_rows
from service.engines.column_sql import is_there, listed
from service.engines.engine import Connection
from service.engines.sql import core
from service.judge.key_sets import KeySet, key_set, set_of_numbers, signed

Place = tuple[str, str]  # table and column


class KeyIndex:
    """A set of values per key column; `base` is asked too where there is one. Values are asked for
    and added as a sequence or as a `key_set`.

    Layers make a transaction: the committed keys, those of the group on top, those of one
    request on top of that. A layer is absorbed by the one below when it holds.
    """

    def __init__(self, dictionary: Dictionary, base: "KeyIndex | None" = None) -> None:
        self._dictionary = dictionary
        self._base = base
        self._sets: dict[Place, KeySet] = {}
        self._gone: dict[Place, KeySet] = {}  # values that are in layers below, and no more

    def _type(self, place: Place) -> str:
        return self._dictionary.tables[place[0]].column(place[1]).type.name

    def _layers(self, place: Place) -> Iterable[KeySet]:
        """What each layer adds, without what those above it have removed."""
        layer: KeyIndex | None = self
        gone: KeySet | None = None
        while layer is not None:
            if (own := layer._sets.get(place)) is not None:
                yield own if gone is None else own - gone
            if more := layer._gone.get(place):
                gone = more if gone is None else gone | more
            layer = layer._base

    def all_new(self, place: Place, values: Sequence[Any] | KeySet) -> bool:
        """Whether no value stands twice, which a `key_set` cannot tell, nor is taken."""
        new = key_set(self._type(place), values)
        return len(new) == len(values) and all(own.isdisjoint(new) for own in self._layers(place))

    def taken(self, place: Place, values: Sequence[Any] | KeySet) -> set[Any]:
        """Those of `values` that are there."""
        wanted = key_set(self._type(place), values)
        found = key_set(self._type(place), ())
        for own in self._layers(place):
            found |= wanted & own
        return signed(self._type(place), found)

    def all_known(self, place: Place, values: Sequence[Any] | KeySet) -> bool:
        """Whether every value can be referred to."""
        return len(self._missing(place, values)) == 0

    def unknown(self, place: Place, values: Sequence[Any] | KeySet) -> set[Any]:
        """Those of `values` that cannot be referred to."""
        return signed(self._type(place), self._missing(place, values))

    def _missing(self, place: Place, values: Sequence[Any] | KeySet) -> KeySet:
        missing = key_set(self._type(place), values)
        for own in self._layers(place):
            missing = missing - own
        return missing

    def has(self, place: Place, value: Any) -> bool:
        """Whether the value is there."""
        return self.all_known(place, [value])

    def add(self, place: Place, values: Iterable[Any]) -> None:
        """Takes the values (no None among them) into this layer."""
        own = self._sets.setdefault(place, key_set(self._type(place), ()))
        own |= key_set(self._type(place), values)

    def remove(self, place: Place, values: Iterable[Any]) -> None:
        """Takes values away, whichever layer has them; they can be added again."""
        gone = key_set(self._type(place), values)
        if (own := self._sets.get(place)) is not None:
            own -= gone
        if self._base is not None:
            kept = self._gone.setdefault(place, key_set(self._type(place), ()))
            kept |= gone

    def absorb(self, layer: "KeyIndex") -> None:
        """Takes over all that `layer`, which is on top of this one, has added and removed."""
        for place, values in layer._gone.items():
            self.remove(place, values)
        for place, values in layer._sets.items():
            if place in self._sets:
                self._sets[place] |= values
            else:
                self._sets[place] = values

    def load(self, connection: Connection, tables: Iterable[str]) -> None:
        """Reads the keys of `tables` as they are in the warehouse."""
        for name in tables:
            table = self._dictionary.tables[name]
            for column in table.unique_columns:
                self._sets[name, column.name] = _stored(connection, table, column)

    def counts(self) -> Mapping[str, int]:
        """The number of rows of each table, by its primary key."""
        tables = self._dictionary.tables.values()
        return {t.name: len(self._sets.get((t.name, t.primary_key), ())) for t in tables}


def _stored(connection: Connection, table: Table, column: Column) -> KeySet:
    kind = column.type
    found = connection.execute(
        f"select {listed(column)} from {core(table.name)} where {is_there(column)}"
    )
    if kind.name == "varchar":
        return {row[0] for row in found.fetchall()}
    keys = key_set(kind.name, ())
    for batch in found.to_arrow_reader(1_000_000):
        if column.combines:
            parts = zip(column.parts, batch.columns, strict=True)
            keys.update(texts_of_rows([(part.type, values) for part, values in parts]))
        elif kind.is_whole:
            keys |= set_of_numbers(batch.column(0).to_numpy(zero_copy_only=False))
        else:
            keys.update(kind.texts(batch.column(0)))
    return keys
