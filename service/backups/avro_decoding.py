"""The bytes of Avro rows to columns, all rows of a window at once.

Where a row ends is known only when its values have been read. So Python jumps from value to value,
helped by a list of where numbers end, and that is all that it does for each row: the values are
numpy's work, which does not hold the GIL for long.

What is rare (a number in more bytes than it needs, a row larger than a window) or wrong is left
to fastavro, the judge of what Avro is: it gets the same bytes.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.backups.avro_schema import PLAIN, Field

Bytes: TypeAlias = npt.NDArray[np.uint8]
Numbers: TypeAlias = npt.NDArray[np.int64]

_WIDTHS = {"boolean": 1, "float": 4, "double": 8}  # bytes of what always has as many
_WHOLE = frozenset({"int", "long"})
_COUNTED = frozenset({"string", "bytes"})
_LONGEST = 10  # bytes of a number of 64 bits
_PADDING = 16  # bytes behind the window, so that no value is read from beyond


# A branch that is null, how many numbers follow, or how many bytes; a text where both are 0.
_Step: TypeAlias = tuple[int | None, int, int]


class Odd(Exception):
    """The rows are not what this module knows."""


class Window:
    """A part of a block that begins with a row. A place is the index of a byte."""

    def __init__(self, data: bytes | memoryview) -> None:
        read = np.frombuffer(data, np.uint8)
        self._data, self.size = data, len(read)
        self._bytes = np.concatenate([read, np.zeros(_PADDING, np.uint8)])
        last = read < 0x80  # bytes of numbers
        self._ends = np.flatnonzero(last) + 1
        self._ended = np.zeros(self.size + 1, np.int32)  # numbers that end before each place
        np.cumsum(last, out=self._ended[1:])

    def rows(self, fields: Sequence[Field], limit: int) -> Numbers:
        """Where the rows begin, `limit` at most, and where the last whole one ends."""
        places, steps = [0], _steps(fields)
        # Their items are plain numbers; numpy would make an object of each.
        ends, ended = self._ends.data, self._ended.data
        try:
            for _ in range(limit):
                place = self._behind(places[-1], steps, ends, ended)
                if place > self.size:
                    break
                places.append(place)
        except (IndexError, Odd):  # the last row is not whole, or no row
            pass
        return np.array(places, np.int64)

    def _behind(
        self, place: int, steps: Sequence[_Step], ends: Sequence[int], ended: Sequence[int]
    ) -> int:
        """Where the row ends that begins at `place`."""
        data = self._data
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
                    size, place = self._wide(place - 1, ends[ended[place - 1]])
                if size & 1:  # it is negative
                    raise Odd
                place += size >> 1
        return place

    def _wide(self, place: int, end: int) -> tuple[int, int]:
        """A number of more than one byte, zigzag as it is, and where it ends."""
        if end - place > _LONGEST:
            raise Odd
        size = 0
        for at in range(end - place):
            size |= (self._data[place + at] & 0x7F) << 7 * at
        return size, end

    def columns(self, fields: Sequence[Field], rows: Numbers) -> Mapping[str, pa.Array]:
        """The values of `rows`, by name, of the types in PLAIN.

        Raises:
            Odd: a value is not as Avro libraries write it.
        """
        columns, places = {}, rows[:-1]
        for field in fields:
            given = None
            if len(field.branches) == 2:
                given = self._bytes[places] != _null(field)
                places = places + 1
            columns[field.name], places = self._column(field, places, given)
        return columns

    def _column(
        self, field: Field, places: Numbers, given: npt.NDArray[np.bool_] | None
    ) -> tuple[pa.Array, Numbers]:
        """The values at `places`, missing where not `given`, and where they end."""
        if given is not None and not given.all():
            column, ends = self._column(field, places[given], None)
            behind = places.copy()
            behind[given] = ends
            spread = np.cumsum(given) - 1
            return column.take(pa.array(spread, mask=~given)), behind
        if field.type in _COUNTED:
            return self._texts(field, places)
        if field.type in _WHOLE:
            values, behind = self._numbers(places)
            return pa.array(values), behind
        width = _WIDTHS[field.type]
        digits = self._bytes[places[:, None] + np.arange(width)]
        if field.type == "boolean":
            if digits.max(initial=0) > 1:
                raise Odd
            return pa.array(digits.reshape(-1) == 1), places + 1
        floats = np.ascontiguousarray(digits).view(f"<f{width}").reshape(-1)
        return pa.array(floats.astype(np.float64)), places + width

    def _numbers(self, places: Numbers) -> tuple[Numbers, Numbers]:
        behind = self._ends[self._ended[places]]
        sizes = behind - places
        longest = int(sizes.max(initial=1))
        if longest > _LONGEST:
            raise Odd
        raw = np.zeros(len(places), np.uint64)
        for byte in range(longest):
            digits = self._bytes[places + byte]
            if byte == _LONGEST - 1 and digits[sizes == _LONGEST].max(initial=0) > 1:
                raise Odd
            bits = (digits & 0x7F).astype(np.uint64) << np.uint64(7 * byte)
            raw |= bits if byte == 0 else np.where(sizes > byte, bits, np.uint64(0))
        # Zigzag: the lowest bit is the sign.
        return (raw >> np.uint64(1)).view(np.int64) ^ -(raw & np.uint64(1)).view(np.int64), behind

    def _texts(self, field: Field, places: Numbers) -> tuple[pa.Array, Numbers]:
        sizes, begins = self._numbers(places)
        ends = np.cumsum(sizes)
        if sizes.min(initial=0) < 0 or (begins + sizes).max(initial=0) > self.size:
            raise Odd
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        total = int(offsets[-1])
        data = self._bytes[np.repeat(begins - (ends - sizes), sizes) + np.arange(total)]
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        texts = pa.Array.from_buffers(pa.binary(), len(places), buffers)
        try:
            return texts.cast(PLAIN[field.type]), begins + sizes
        except pa.ArrowInvalid:  # it is not UTF-8
            raise Odd from None


def _null(field: Field) -> int:
    """The byte that says that a value of a union is null; the other one is 2 without it."""
    return 2 * field.branches.index("null")


def _steps(fields: Sequence[Field]) -> list[_Step]:
    steps: list[_Step] = []
    for field in fields:
        null = _null(field) if len(field.branches) == 2 else None
        number = int(field.type in _WHOLE)
        if number and null is None and steps and steps[-1][1] and steps[-1][0] is None:
            steps[-1] = (None, steps[-1][1] + 1, 0)  # several numbers are one step
        else:
            steps.append((null, number, _WIDTHS.get(field.type, 0)))
    return steps
