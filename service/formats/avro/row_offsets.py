"""Where the rows of Avro's bytes begin.

A row ends where its values say, so each is found from the one before. Python would take longer for
that than all the rest of reading takes. So numpy finds out, for every byte at once, where a row
would end that began there; Python only follows from row to row. That is a guess at what most rows
are: where it fails, or would take longer, Python walks from value to value.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from service.formats.avro.avro_schema import Field

Bytes: TypeAlias = npt.NDArray[np.uint8]
Numbers: TypeAlias = npt.NDArray[np.int64]
Sizes: TypeAlias = npt.NDArray[np.integer[Any]]

WIDTHS = {"boolean": 1, "float": 4, "double": 8}  # bytes of what always has as many
WHOLE = frozenset({"int", "long"})
LONGEST = 10  # bytes of a number of 64 bits
PIECE = 48_000  # bytes at once: what is known of each then fits into the processor's cache
LONG = 200  # bytes of a row, from which on walking is faster

# A branch that is null, how many numbers follow, or how many bytes; a text where both are 0.
Step: TypeAlias = tuple[int | None, int, int]


class Odd(Exception):
    """The rows are not what this module knows."""


def null_of(field: Field) -> int:
    """The byte that says that a value of a union is null; the other one is 2 without it."""
    return 2 * field.branches.index("null")


def begins(data: Bytes, fields: Sequence[Field], limit: int) -> Numbers:
    """Where the first rows of `data` begin, `limit` at most, and where the last whole one ends."""
    found, place, steps = [np.zeros(1, np.int64)], 0, _steps(fields)
    rows = 0
    while rows < limit and place < len(data):
        piece = data[place : place + PIECE]
        ends = _Piece(piece).rows(steps, limit - rows)
        if len(ends) * LONG < len(piece):
            found.append(place + _walk(data[place:], steps, limit - rows))
            break
        found.append(place + ends)
        rows, place = rows + len(ends), place + int(ends[-1])
    return np.concatenate(found)


def _steps(fields: Sequence[Field]) -> list[Step]:
    steps: list[Step] = []
    for field in fields:
        null = null_of(field) if len(field.branches) == 2 else None
        number = int(field.type in WHOLE)
        if number and null is None and steps and steps[-1][1] and steps[-1][0] is None:
            steps[-1] = (None, steps[-1][1] + 1, 0)  # several numbers are one step
        else:
            steps.append((null, number, WIDTHS.get(field.type, 0)))
    return steps


class _Piece:
    """Bytes that begin with a row. What ends beyond them, or is not known, is any place beyond."""

    def __init__(self, data: Bytes) -> None:
        self._size = len(data)
        self._data = np.zeros(self._size + 3, np.uint8)
        self._data[: self._size] = data
        last = self._data[: self._size] < 0x80  # bytes of numbers
        self._ended = np.zeros(self._size + 2, np.int64)  # numbers that end before each place
        np.cumsum(last, out=self._ended[1:-1])
        self._ended[-1] = self._ended[-2]
        self._begins = np.flatnonzero(np.concatenate([[True], last, [True]]))  # behind a number

    def rows(self, steps: Sequence[Step], limit: int) -> Numbers:
        """Where the rows end, `limit` at most."""
        counted = _is_number(steps[-1])  # then rows begin where numbers end, and nowhere else
        known = len(self._begins) - 1 if counted else self._size + 1  # and places beyond are not
        # Its items are plain numbers, of which numpy would make objects.
        behind = self._behind(steps, counted)[:known].data
        row, found = 0, []
        for _ in range(limit):
            row = behind[row]
            if row >= known:
                break
            found.append(row)
        ends = np.array(found, np.int64)
        return self._begins[ends] if counted else ends

    def _behind(self, steps: Sequence[Step], counted: bool) -> Numbers:
        """Where a row ends that begins at each place, or, `counted`, behind each number."""
        sizes: dict[Step, Sizes] = {}
        at = np.arange(len(self._begins) if counted else self._size + 2)
        for step in steps:
            if _is_number(step):
                at = at if counted else self._ended.take(at, mode="clip")
                at += step[1]
                counted = True
                continue
            at = self._begins.take(at, mode="clip") if counted else at
            if step not in sizes:
                sizes[step] = self._sizes(step)
            at += sizes[step].take(at, mode="clip")
            counted = False
        return at

    def _sizes(self, step: Step) -> Sizes:
        """How many bytes a value has that begins at each place."""
        null, numbers, width = step
        sizes: Sizes
        if numbers:
            sizes = self._begins.take(self._ended + 1, mode="clip") - np.arange(self._size + 2)
        elif width:
            sizes = np.full(self._size + 2, width)
        else:
            sizes = self._sizes_of_texts()
        if null is None:
            return sizes
        branch = self._data[:-1]
        given = np.append(sizes[1:], PIECE).astype(np.int32) + 1
        given[branch != 2 - null] = PIECE + 2  # there is no such branch
        given[branch == null] = 1
        return given

    def _sizes_of_texts(self) -> Sizes:
        """As _sizes; of texts whose length has two bytes at most."""
        first, second = self._data[:-1], self._data[1:]
        wide = first >> 7
        sizes = (second * wide).astype(np.uint16)
        sizes <<= 7
        sizes |= first & 0x7F
        sizes >>= 1
        sizes += wide + np.uint8(1)
        bad = (wide & second >> 7) | (first & 1)  # a length of more bytes, or a negative one
        sizes |= bad * np.uint16(0xFFFF)  # more than PIECE
        return sizes


def _is_number(step: Step) -> bool:
    return step[0] is None and step[1] > 0


def _walk(data: Bytes, steps: Sequence[Step], limit: int) -> Numbers:
    """Where rows end, found one after the other."""
    last = data < 0x80
    ended = np.zeros(len(data) + 1, np.int32)
    np.cumsum(last, out=ended[1:])
    ends = np.flatnonzero(last) + 1
    place, size, found = 0, len(data), []
    try:
        for _ in range(limit):
            place = _behind(place, steps, data.data, ends.data, ended.data)
            if place > size:
                break
            found.append(place)
    except (IndexError, Odd):  # the last row is not whole, or no row
        pass
    return np.array(found, np.int64)


def _behind(
    place: int,
    steps: Sequence[Step],
    data: Sequence[int],
    ends: Sequence[int],
    ended: Sequence[int],
) -> int:
    """Where the row ends that begins at `place`."""
    for null, numbers, width in steps:
        if null is not None:
            branch = data[place]
            place += 1
            if branch == null:
                continue
            if branch != 2 - null:
                raise Odd
        if numbers:
            place = ends[ended[place] + numbers - 1]
        elif width:
            place += width
        else:
            size = data[place]
            place += 1
            if size > 0x7F:
                size, place = _wide(data, place - 1, ends[ended[place - 1]])
            if size & 1:  # it is negative
                raise Odd
            place += size >> 1
    return place


def _wide(data: Sequence[int], place: int, end: int) -> tuple[int, int]:
    """A number of more than one byte, zigzag as it is, and where it ends."""
    if end - place > LONGEST:
        raise Odd
    size = 0
    for at in range(end - place):
        size |= (data[place + at] & 0x7F) << 7 * at
    return size, end
