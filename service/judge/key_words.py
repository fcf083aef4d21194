"""Values of keys as words of 64 bits: eight bytes, whatever a value is.

Equal values have equal words; so may two values that differ, once in 2^64 pairs. Words are numbers
that look drawn by chance, and others in each process.
"""

from collections.abc import Collection
from os import urandom
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap, BitMap64

Words: TypeAlias = npt.NDArray[np.uint64]

BITS = 64
PER_BUCKET = 4  # words, about
_SECRET = np.uint64(int.from_bytes(urandom(8)))
_TIMES = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def words_of(values: Collection[Any] | BitMap | BitMap64, bits: int = BITS) -> Words:
    """The words of text, tuples or whole numbers, in their order; only `bits` of each differ.

    A whole number comes without a sign, in a bitmap or an array of uint64; all else is hashed by
    Python, which does so by a secret of its own.
    """
    if isinstance(values, np.ndarray):
        plain = values.astype(np.uint64)
    elif isinstance(values, BitMap | BitMap64):
        plain = np.fromiter(values, np.uint64, len(values))
    else:
        plain = np.fromiter(map(hash, values), np.int64, len(values)).view(np.uint64)
    mixed = _mixed(plain)
    if bits < BITS:
        mixed &= np.uint64((1 << bits) - 1 << BITS - bits)
    return mixed


def _mixed(words: Words) -> Words:
    """Numbers that differ become other numbers that differ, in all bits (SplitMix64)."""
    words = words ^ _SECRET
    words ^= words >> np.uint64(30)
    words *= _TIMES[0]
    words ^= words >> np.uint64(27)
    words *= _TIMES[1]
    words ^= words >> np.uint64(31)
    return words


class SortedWords:
    """Words, ascending, each once; buckets of those that begin with the same bits are short."""

    def __init__(self, words: Words, are_two: bool = False) -> None:
        """Takes `words` over, and sorts them in place; `are_two` sorted parts are only merged."""
        words.sort(kind="stable" if are_two else None)
        repeated = words[1:] == words[:-1]
        self.words = words[np.append(True, ~repeated)] if repeated.any() else words
        bits = max(1, (len(self.words) // PER_BUCKET).bit_length())
        self._shift = np.uint64(BITS - bits)
        firsts = np.arange(1 << bits, dtype=np.uint64) << self._shift
        starts = np.searchsorted(self.words, firsts)
        self._starts = np.append(starts, len(self.words)).astype(np.uint32)

    def __len__(self) -> int:
        return len(self.words)

    def has(self, asked: Words) -> npt.NDArray[np.bool_]:
        """Which of the words are there: a mask, one item for each."""
        bucket = (asked >> self._shift).astype(np.intp)
        start = self._starts[bucket].astype(np.intp)
        size = self._starts[bucket + 1].astype(np.intp) - start
        # Each word of each bucket, beside the word that is looked for in it.
        number = np.repeat(np.arange(len(asked)), size)
        place = np.arange(len(number)) + np.repeat(start - (np.cumsum(size) - size), size)
        found = np.zeros(len(asked), np.bool_)
        found[number[self.words[place] == asked[number]]] = True
        return found
