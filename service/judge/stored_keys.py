"""The committed values of a key column, in few bytes: exact while they are few, else as words.

A word tells that a value may be there; the table says whether it is.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeAlias

import numpy as np
from pyroaring import BitMap, BitMap64

from service.judge.key_sets import KeySet, key_set, set_of_numbers, signed
from service.judge.key_words import BITS, SortedWords, words_of

MOST = 1 << 16  # values that are held as they are, and of those that the table has confirmed
SCATTERED = 8  # bytes that a whole number takes in a bitmap: words take as many
SMALLER = 8  # times, that later words may be fewer than earlier ones and stay by themselves

# Those of some values that the table has.
Confirm = Callable[[Collection[Any]], Iterable[Any]]
Values: TypeAlias = Collection[Any]  # what `words_of` takes


class StoredKeys:
    """Values of one type. Whole numbers of 32 bits are in a bitmap, and so are those of 64 that lie
    close together. Of others, and of anything else, the last `MOST` are in a set or bitmap; those
    before them are words, of which those of values that were removed are left behind.

    `confirm` is asked where a word is there. It may see what is not committed yet: `forget` after a
    transaction that was rolled back. It is asked for all that is not known where the values of the
    table are only expected: they are being read meanwhile, by another that is then taken in.
    """

    def __init__(
        self, type_name: str, confirm: Confirm, bits: int = BITS, most: int = MOST
    ) -> None:
        self._type, self._confirm, self._bits, self._most = type_name, confirm, bits, most
        self._late = self._none()  # values that are not among the words
        self._confirmed = self._none()
        self._parts: list[SortedWords] = []
        self._packed = self._left_behind = 0  # values that became words; those of them that went
        self._checked = most  # how many whole numbers there were when last looked at
        self._expected: int | None = None  # values that are being read
        self._gone = self._none()  # of those that were expected
        self.is_unreadable = False  # and could not be
        self.is_replaced = False  # no one asks any more

    def _none(self) -> KeySet:
        return key_set(self._type, ())

    def _set_of(self, values: Collection[Any]) -> KeySet:
        if isinstance(values, np.ndarray):
            return set_of_numbers(values)
        return key_set(self._type, values)

    def __len__(self) -> int:
        return len(self._late) + self._packed - self._left_behind

    @property
    def is_worn(self) -> bool:
        """Whether so many words are left behind that the table is better read anew."""
        return self.is_unreadable or self._left_behind > max(self._most, self._packed // 4)

    @property
    def _is_exact(self) -> bool:
        """Whether the table never has to be asked."""
        return not self._parts and self._expected is None

    def there(self, wanted: KeySet) -> KeySet:
        """Those of `wanted` that are there."""
        found = wanted & self._late
        if self._is_exact:
            return found
        found |= wanted & self._confirmed
        left = wanted - found
        if left and (suspects := self._suspects(left)):
            confirmed = key_set(self._type, self._confirm(suspects))
            if len(self._confirmed) + len(confirmed) > self._most:
                self.forget()
            self._confirmed |= confirmed
            found |= confirmed
        return found

    def _suspects(self, values: KeySet) -> list[Any]:
        if self._expected is not None:
            return list(signed(self._type, values))
        words = words_of(values, self._bits)
        may_be = np.logical_or.reduce([part.has(words) for part in self._parts])
        if not may_be.any():
            return []
        found = [value for value, may in zip(values, may_be, strict=True) if may]
        return list(signed(self._type, key_set(self._type, found)))

    def add(self, values: KeySet) -> None:
        """Takes in values that are not there."""
        self._late |= values
        if self._is_full():
            self._pack()

    def remove(self, values: KeySet) -> None:
        """Takes out values that are there; the words of those that became words stay."""
        if not self._is_exact:
            self._confirmed -= values
            before = values - self._late
            self._left_behind += len(before)
            if self._expected is not None:
                self._gone |= before
        self._late -= values

    def forget(self) -> None:
        """Has the table asked again for what it has confirmed."""
        self._confirmed = self._none()

    def _is_full(self) -> bool:
        """Whether what is held as it is takes more room than words would."""
        if isinstance(self._late, BitMap):
            return False
        if len(self._late) <= self._checked:
            return False
        if not isinstance(self._late, BitMap64):
            return True
        self._checked = 2 * len(self._late)
        return len(self._late.serialize()) > SCATTERED * len(self._late)

    def _emptied(self) -> KeySet:
        late, self._late, self._checked = self._late, self._none(), self._most
        self._packed += len(late)
        return late

    def _pack(self) -> None:
        self._parts.append(SortedWords(words_of(self._emptied(), self._bits)))
        while len(self._parts) > 1 and SMALLER * len(self._parts[-1]) >= len(self._parts[-2]):
            last, before = self._parts.pop(), self._parts.pop()
            both = np.concatenate([before.words, last.words])
            self._parts.append(SortedWords(both, are_two=True))

    def expect(self, rows: int) -> None:
        """Has the table asked for its values, as many as `rows`, until they are taken in."""
        self._expected = rows
        self._packed += rows

    def take_in(self, read: "StoredKeys") -> None:
        """Takes over the values of `read`, that were expected."""
        assert self._expected is not None
        self._packed += read._packed - self._expected
        self._parts = [*read._parts, *self._parts]
        self._left_behind -= len(read._late & self._gone)
        self._expected, gone, self._gone = None, self._gone, self._none()
        self.add(read._late - gone)

    def fill(self, rows: int, batches: Iterable[Values]) -> None:
        """Takes in the values of a table, each once, of which there are about as many as `rows`."""
        words, filled = np.empty(0, np.uint64), 0
        for batch in batches:
            if not filled:
                self._late |= self._set_of(batch)
                if not self._is_full():
                    continue
                words.resize(rows, refcheck=False)
                batch = self._emptied()
            else:
                self._packed += len(batch)
            if filled + len(batch) > len(words):
                words.resize(2 * (filled + len(batch)), refcheck=False)
            words[filled : filled + len(batch)] = words_of(batch, self._bits)
            filled += len(batch)
        if filled:
            words.resize(filled, refcheck=False)
            self._parts = [SortedWords(words)]
