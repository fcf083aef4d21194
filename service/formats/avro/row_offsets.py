"""Where the rows of Avro's bytes begin.

A row ends where its values say, so each is found from the one before. Python would take longer for
that than all the rest of reading takes. So numpy finds out, for every byte at once, where a row
would end that began there; Python only follows from row to row. That is a guess at what most rows
are: where it fails, or would take longer, Python walks from value to value.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

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


class Step(NamedTuple):
    """What one step over a row's bytes passes: a value, or several numbers on end.

    ``Step(None, 3, 0)`` are three numbers, ``Step(0, 0, 8)`` is a double or, after the byte 0,
    nothing; ``Step(None, 0, 0)`` is a text.
    """

    null: int | None  # of a union: the byte that says null; None where there is no union
    numbers: int  # how many numbers of 1 to 10 bytes
    width: int  # bytes of a value that always has as many; a text where both are 0


class Odd(Exception):
    """The rows are not what this module knows."""


def null_of(field: Field) -> int:
    """The byte that says that a value of a union is null; the other one is 2 without it."""
    return 2 * field.branches.index("null")


def begins(data: Bytes, fields: Sequence[Field], limit: int) -> Numbers:
    """Where the first rows of `data` begin, and where the last whole one ends.

    Shape (rows + 1,), int64, in bytes from the start of `data`; at most `limit` rows. Two rows of
    3 and 5 bytes: [0, 3, 8].
    """
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
        step = Step(null, 1 if field.type in WHOLE else 0, WIDTHS.get(field.type, 0))
        if _is_numbers(step) and steps and _is_numbers(steps[-1]):
            steps[-1] = steps[-1]._replace(numbers=steps[-1].numbers + 1)
        else:
            steps.append(step)
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
        self._begins = np.flatnonzero(np.concatenate([[True], last, [True]]))  # after a number

    def rows(self, steps: Sequence[Step], limit: int) -> Numbers:
        """Where the rows end, `limit` at most."""
        counted = _is_numbers(steps[-1])  # then rows begin where numbers end, and nowhere else
        known = len(self._begins) - 1 if counted else self._size + 1  # and places beyond are not
        # Its items are plain numbers, of which numpy would make objects.
        row_end = self._row_ends(steps, counted)[:known].data
        row, found = 0, []
        for _ in range(limit):
            row = row_end[row]
            if row >= known:
                break
            found.append(row)
        ends = np.array(found, np.int64)
        return self._begins[ends] if counted else ends

    def _row_ends(self, steps: Sequence[Step], counted: bool) -> Numbers:
        """Where a row would end that began at each place, or, `counted`, after each number.

        An index stands for a place in the bytes, or, `counted`, for the end of a number.
        """
        sizes: dict[Step, Sizes] = {}
        at = np.arange(len(self._begins) if counted else self._size + 2)
        for step in steps:
            if _is_numbers(step):
                at = at if counted else self._ended.take(at, mode="clip")
                at += step.numbers
                counted = True
                continue
            at = self._begins.take(at, mode="clip") if counted else at
            if step not in sizes:
                sizes[step] = self._sizes(step)
            at += sizes[step].take(at, mode="clip")
            counted = False
        return at

    def _sizes(self, step: Step) -> Sizes:
        """How many bytes a value would have that began at each place; shape (size + 2,)."""
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


def _is_numbers(step: Step) -> bool:
    """Whether it passes nothing but numbers, whose ends are known."""
    return step.null is None and step.numbers > 0


def _walk(data: Bytes, steps: Sequence[Step], limit: int) -> Numbers:
    """Where the rows end that begin with `data`, at most `limit`, found one after the other."""
    last = data < 0x80
    ended = np.zeros(len(data) + 1, np.int32)
    np.cumsum(last, out=ended[1:])
    ends = np.flatnonzero(last) + 1
    place, size, found = 0, len(data), []
    plain = [(*step,) for step in steps]  # Python takes plain tuples apart faster
    try:
        for _ in range(limit):
            place = _row_end(place, plain, data.data, ends.data, ended.data)
            if place > size:
                break
            found.append(place)
    except (IndexError, Odd):  # the last row is not whole, or no row
        pass
    return np.array(found, np.int64)


def _row_end(
    place: int,
    steps: Sequence[tuple[int | None, int, int]],
    data: Sequence[int],
    ends: Sequence[int],
    ended: Sequence[int],
) -> int:
    """Where the row ends that begins at `place`.

    `steps` are those of the row, each as a plain tuple; `ends` are the places after each number of
    `data`, and `ended` says for each place how many numbers end before it.

    Raises:
        Odd: there is no such row.
        IndexError: it goes on after the last byte.
    """
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
