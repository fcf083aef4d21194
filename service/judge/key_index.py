"""The values of the key columns, in memory: what is taken, and what can be referred to.

Whole numbers are held in roaring bitmaps (10 million ids take about 2 MB), what else there is as
text in sets, or as words where there are many (stored_keys.py). They change only after a commit;
the primary key in DuckDB is the backstop.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from service.dictionary import Column, Dictionary
from service.engines.engine import Connection
from service.engines.sql import count_rows
from service.judge.confirmed_keys import confirmed
from service.judge.key_reading import Beside, KeyColumn, KeyReading, read_keys
from service.judge.key_sets import KeySet, key_set, signed
from service.judge.key_words import BITS
from service.judge.stored_keys import MOST, StoredKeys

Place = tuple[str, str]  # table and column


class KeyIndex:
    """A set of values per key column; `base` is asked too where there is one. Values are asked for
    and added as a sequence or as a `key_set`.

    Layers make a transaction: the committed keys, those of the group on top, those of one
    request on top of that. A layer is absorbed by the one below when it holds. Those below all
    others are StoredKeys, with these `bits` and `most`.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        base: "KeyIndex | None" = None,
        bits: int = BITS,
        most: int = MOST,
    ) -> None:
        self._dictionary = dictionary
        self._base = base
        self._bits, self._most = bits, most
        self._connection: Connection | None = None
        self._stored: dict[Place, StoredKeys] = {}  # where there is no base
        self._readings: list[KeyReading] = []
        self._sets: dict[Place, KeySet] = {}  # where there is one
        self._gone: dict[Place, KeySet] = {}  # values that are there no more
        self._undone: dict[Place, KeySet] = {}  # of those, what layers below never had

    def _column(self, place: Place) -> Column:
        return self._dictionary.tables[place[0]].column(place[1])

    def _set(self, place: Place, values: Iterable[Any] = ()) -> KeySet:
        return key_set(self._column(place).type.name, values)

    def _there(self, place: Place, wanted: KeySet) -> KeySet:
        """Those of `wanted` that are there; upper layers have the last word."""
        found, left = self._set(place), wanted
        layer: KeyIndex | None = self
        while layer is not None and left:
            if (own := layer._own(place, left)) is not None and own:
                found |= own
                left = left - own
            if gone := layer._gone.get(place):
                left = left - gone
            layer = layer._base
        return found

    def _own(self, place: Place, wanted: KeySet) -> KeySet | None:
        """Those of `wanted` that this layer has."""
        if (stored := self._stored.get(place)) is not None:
            return stored.there(wanted)
        own = self._sets.get(place)
        return None if own is None else wanted & own

    def all_new(self, place: Place, values: Sequence[Any] | KeySet) -> bool:
        """Whether no value stands twice, which a `key_set` cannot tell, nor is taken."""
        new = self._set(place, values)
        return len(new) == len(values) and not self._there(place, new)

    def taken(self, place: Place, values: Sequence[Any] | KeySet) -> set[Any]:
        """Those of `values` that are there."""
        return self._signed(place, self._there(place, self._set(place, values)))

    def all_known(self, place: Place, values: Sequence[Any] | KeySet) -> bool:
        """Whether every value can be referred to."""
        wanted = self._set(place, values)
        return len(self._there(place, wanted)) == len(wanted)

    def unknown(self, place: Place, values: Sequence[Any] | KeySet) -> set[Any]:
        """Those of `values` that cannot be referred to."""
        wanted = self._set(place, values)
        return self._signed(place, wanted - self._there(place, wanted))

    def _signed(self, place: Place, keys: KeySet) -> set[Any]:
        return signed(self._column(place).type.name, keys)

    def has(self, place: Place, value: Any) -> bool:
        """Whether the value is there."""
        return self.all_known(place, [value])

    def add(self, place: Place, values: Iterable[Any]) -> None:
        """Takes the values (no None among them) into this layer; none of them is there."""
        new = self._set(place, values)
        if self._base is None:
            self._stored_at(place).add(new)
        elif place in self._sets:
            self._sets[place] |= new
        else:
            self._sets[place] = self._set(place) | new

    def remove(self, place: Place, values: Iterable[Any]) -> None:
        """Takes values away that are there, in whichever layer; they can be added again."""
        gone = self._set(place, values)
        if self._base is None:
            self._stored_at(place).remove(gone)
            return
        if own := self._sets.get(place):
            self._undo(place, gone & own)
            own -= gone
        every = self._gone_at(place)
        every |= gone

    def _undo(self, place: Place, values: KeySet) -> None:
        """Values go that came in this layer, or on top of it."""
        gone, undone = self._gone_at(place), self._undone.setdefault(place, self._set(place))
        undone |= values - gone
        gone |= values

    def _gone_at(self, place: Place) -> KeySet:
        return self._gone.setdefault(place, self._set(place))

    def absorb(self, layer: "KeyIndex") -> None:
        """Takes over all that `layer`, which is on top of this one, has added and removed."""
        for place, values in layer._gone.items():
            undone = layer._undone.get(place, self._set(place))
            self.remove(place, values - undone)
            if self._base is not None:
                self._undo(place, undone)
        for place, values in layer._sets.items():
            self.add(place, values)

    def load(
        self, connection: Connection, tables: Iterable[str], beside: Beside | None = None
    ) -> None:
        """Reads the keys of `tables` as they are in the warehouse, which `connection` is asked from
        now on, in whatever transaction it is, for what cannot be told without.

        Large tables are read `beside` the work, as they are committed; `take_in` what was read.
        """
        self._connection = connection
        later = []
        for name in tables:
            rows = count_rows(connection, name)
            for column in self._dictionary.tables[name].unique_columns:
                place = (name, column.name)
                if (before := self._stored.get(place)) is not None:
                    before.is_replaced = True
                stored = self._stored[place] = self._new_at(place)
                if beside and rows > beside.at_once:
                    stored.expect(rows)
                    later.append(KeyColumn(name, column, stored, self._new_at(place)))
                else:
                    stored.fill(rows, read_keys(connection, name, column))
        if beside and later:
            self._readings.append(KeyReading(later, beside))

    def take_in(self) -> None:
        """Takes in the keys that were read beside the work."""
        for reading in self._readings:
            while reading.done:
                each = reading.done.popleft()
                each.stored.take_in(each.read)
        self._readings = [each for each in self._readings if not each.has_ended or each.done]

    def stop(self) -> None:
        """Reads no further; to be called when no one asks any more."""
        for reading in self._readings:
            reading.stop()

    def _stored_at(self, place: Place) -> StoredKeys:
        if place not in self._stored:
            self._stored[place] = self._new_at(place)
        return self._stored[place]

    def _new_at(self, place: Place) -> StoredKeys:
        confirm = partial(self._confirmed, place)
        return StoredKeys(self._column(place).type.name, confirm, self._bits, self._most)

    def _confirmed(self, place: Place, values: Collection[Any]) -> Iterable[Any]:
        assert self._connection is not None  # words come from a table
        return confirmed(self._connection, place[0], self._column(place), values)

    def forget(self) -> None:
        """To be called after a transaction was rolled back, of which the table may have told."""
        for stored in self._stored.values():
            stored.forget()

    def worn(self) -> set[str]:
        """The tables whose keys are better read anew, since many have gone."""
        return {table for (table, _), stored in self._stored.items() if stored.is_worn}

    def counts(self) -> Mapping[str, int]:
        """The number of rows of each table, by its primary key."""
        tables = self._dictionary.tables.values()
        return {t.name: len(self._stored.get((t.name, t.primary_key), ())) for t in tables}
