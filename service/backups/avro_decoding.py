"""The bytes of Avro rows to columns, all rows of a window at once.

Where a row ends is known only when its values have been read. So for every byte it is worked out
where a row would end that began there; then the rows are a chain of jumps. That, and the values,
is numpy's work, which does not hold the GIL for long.

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
_LONGEST_LENGTH = 4  # bytes of the length of a text that fits into a window
_PADDING = 16  # bytes behind the window, so that no value is read from beyond


class Odd(Exception):
    """The rows are not what this module knows."""


class Window:
    """A part of a block that begins with a row.

    A place is the index of a byte; that behind the last byte is `size`, and the one after it is
    nowhere: where all jumps lead that are wrong or leave the window.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        read = np.frombuffer(data, np.uint8)
        self.size = len(read)
        self._nowhere = self.size + 1
        self._bytes = np.concatenate([read, np.zeros(_PADDING, np.uint8)])
        last = read < 0x80  # bytes of numbers
        self._ends = np.flatnonzero(last) + 1
        self._ended = np.empty(self.size + 2, np.int64)  # numbers that end before each place
        self._ended[0] = 0
        np.cumsum(last, out=self._ended[1 : self.size + 1])
        self._ended[-1] = len(self._ends)
        self._after_one = self._after(1)

    def rows(self, fields: Sequence[Field], limit: int) -> Numbers:
        """Where the rows begin, `limit` at most, and where the last one ends."""
        jumps = self._jumps(fields).data  # plain numbers: numpy makes an object of each
        places, place = [0], 0
        for _ in range(limit):
            place = jumps[place]
            if place > self.size:
                break
            places.append(place)
        return np.array(places, np.int64)

    def _jumps(self, fields: Sequence[Field]) -> Numbers:
        """For each place where a row that begins there ends."""
        places, numbers = None, 0
        for field in (*fields, None):
            if field and field.type in _WHOLE and len(field.branches) == 1:
                numbers += 1  # several numbers are one jump
                continue
            jumps = [self._after(numbers)] if numbers else []
            jumps += [self._behind(field)] if field else []
            for jump in jumps:
                places = jump if places is None else jump[places]
            numbers = 0
        assert places is not None
        return places

    def _after(self, numbers: int) -> Numbers:
        """For each place where that many numbers end."""
        ends = np.concatenate([self._ends, np.full(numbers, self._nowhere)])
        return np.asarray(ends[numbers - 1 :][self._ended])

    def _behind(self, field: Field) -> Numbers:
        """For each place where a value of the field ends."""
        if field.type in _COUNTED:
            behind = self._behind_counted()
        elif field.type in _WHOLE:
            behind = self._after_one
        else:
            behind = self._bounded(np.arange(self.size + 2) + _WIDTHS[field.type])
        if len(field.branches) == 1:
            return behind
        branch, null = self._bytes[: self.size + 2], _null(field)
        place = np.arange(1, self.size + 3)
        place[-2:] = self._nowhere
        without = np.where(branch == null, place, self._nowhere)
        return np.where(branch == 2 - null, behind[place], without)

    def _behind_counted(self) -> Numbers:
        lengths = (self._bytes[: self.size + 2] & 0x7F).astype(np.int64)
        more = np.flatnonzero(self._bytes[: self.size] >= 0x80)
        for byte in range(1, _LONGEST_LENGTH):
            following = self._bytes[more + byte]
            lengths[more] |= (following & 0x7F).astype(np.int64) << (7 * byte)
            more = more[following >= 0x80]
        lengths[more] = 1  # too long
        behind = self._after_one + (lengths >> 1)
        behind[(lengths & 1) == 1] = self._nowhere  # a negative length
        return self._bounded(behind)

    def _bounded(self, places: Numbers) -> Numbers:
        return np.where(places > self.size, self._nowhere, places)

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
        behind = self._after_one[places]
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
