"""The bytes of Avro rows to columns, all rows of a window at once, by numpy, which does not hold
the GIL for long.

What is rare (a number in more bytes than it needs, a row larger than a window) or wrong is left
to fastavro, the judge of what Avro is: it gets the same bytes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.formats.avro.avro_schema import PLAIN, Field
from service.formats.avro.row_offsets import LONGEST, WHOLE, WIDTHS, Numbers, Odd, begins, null_of

__all__ = ["Odd", "Window"]

_COUNTED = frozenset({"string", "bytes"})
_PADDING = 16  # bytes after the window, so that no value is read from beyond
_MORE = np.uint64(0x8080808080808080)  # in each byte of a number, the bit that says more follow
_ONE = np.uint64(1)
# How the seven bits of each byte move together: two bytes to 14 bits, then four, then eight.
_JOINTS = [
    (np.uint64(low), np.uint64(high), np.uint64(bits))
    for low, high, bits in (
        (0x007F007F007F007F, 0x7F007F007F007F00, 1),
        (0x00003FFF00003FFF, 0x3FFF00003FFF0000, 2),
        (0x000000000FFFFFFF, 0x0FFFFFFF00000000, 4),
    )
]


class Window:
    """A part of a block that begins with a row. A place is the index of a byte."""

    def __init__(self, data: bytes | memoryview) -> None:
        read = np.frombuffer(data, np.uint8)
        self.size = len(read)
        self._bytes = np.concatenate([read, np.zeros(_PADDING, np.uint8)])
        # The eight bytes from each place on as a number, the first byte the lowest.
        self._eights = np.ndarray(self.size + 8, "<u8", self._bytes, strides=(1,))

    def rows(self, fields: Sequence[Field], limit: int) -> Numbers:
        """Where the first rows begin, and where the last whole one ends: see `begins`."""
        return begins(self._bytes[: self.size], fields, limit)

    def columns(self, fields: Sequence[Field], rows: Numbers) -> Mapping[str, pa.Array]:
        """The columns of `rows` (places as `rows` returns them), by name, of the types in PLAIN.

        Raises:
            Odd: a value is not as Avro libraries write it.
        """
        columns, places = {}, rows[:-1]
        for field in fields:
            given = None
            if len(field.branches) == 2:
                given = self._bytes[places] != null_of(field)
                places = places + 1
            columns[field.name], places = self._column(field, places, given)
        return columns

    def _column(
        self, field: Field, places: Numbers, given: npt.NDArray[np.bool_] | None
    ) -> tuple[pa.Array, Numbers]:
        """The values at `places`, null where not `given`, and where they end; both (rows,)."""
        if given is not None and not given.all():
            column, ends = self._column(field, places[given], None)
            after = places.copy()
            after[given] = ends
            spread = np.cumsum(given) - 1
            return column.take(pa.array(spread, mask=~given)), after
        if field.type in _COUNTED:
            return self._texts(field, places)
        if field.type in WHOLE:
            values, ends = self._numbers(places)
            return pa.array(values), ends
        width = WIDTHS[field.type]
        digits = self._bytes[places[:, None] + np.arange(width)]
        if field.type == "boolean":
            if digits.max(initial=0) > 1:
                raise Odd
            return pa.array(digits.reshape(-1) == 1), places + 1
        floats = np.ascontiguousarray(digits).view(f"<f{width}").reshape(-1)
        return pa.array(floats.astype(np.float64)), places + width

    def _numbers(self, places: Numbers) -> tuple[Numbers, Numbers]:
        """The numbers (int64) that begin at `places`, and where each ends."""
        raw = self._eights[places]
        stop = ~raw & _MORE
        if not stop.all():
            return self._wide_numbers(places)
        within = stop ^ (stop - _ONE)  # the bits of the number, and none of what follows
        raw &= within
        for low, high, bits in _JOINTS:
            raw = raw & low | (raw & high) >> bits
        return _unzigzag(raw), places + np.bitwise_count(within) // 8

    def _wide_numbers(self, places: Numbers) -> tuple[Numbers, Numbers]:
        """As _numbers, where some have more than eight bytes."""
        digits = self._bytes[places[:, None] + np.arange(LONGEST)]
        last = digits < 0x80
        sizes = last.argmax(axis=1)
        if not last.any(axis=1).all() or digits[sizes == LONGEST - 1, -1].max(initial=0) > 1:
            raise Odd
        digits[np.arange(LONGEST) > sizes[:, None]] = 0
        raw = np.zeros(len(places), np.uint64)
        for byte in range(LONGEST):
            raw |= (digits[:, byte] & 0x7F).astype(np.uint64) << np.uint64(7 * byte)
        return _unzigzag(raw), places + sizes + 1

    def _texts(self, field: Field, places: Numbers) -> tuple[pa.Array, Numbers]:
        sizes, begins = self._numbers(places)
        ends = begins + sizes
        if sizes.min(initial=0) < 0 or ends.max(initial=0) > self.size:
            raise Odd
        # As one array of texts and of what is between them, which Arrow reads where it is.
        offsets = np.stack([begins, ends], axis=1).astype(np.int32).reshape(-1)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._bytes)]
        there = pa.Array.from_buffers(pa.binary(), max(len(offsets) - 1, 0), buffers)
        texts = there.take(pa.array(np.arange(0, len(offsets), 2)))
        try:
            return texts.cast(PLAIN[field.type]), ends
        except pa.ArrowInvalid:  # it is not UTF-8
            raise Odd from None


def _unzigzag(raw: npt.NDArray[np.uint64]) -> Numbers:
    """Signed numbers (int64) of zigzag ones: the lowest bit is the sign."""
    return (raw >> _ONE).view(np.int64) ^ -(raw & _ONE).view(np.int64)
