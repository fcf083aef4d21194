"""Columns to the bytes of Avro rows, all rows of a batch at once.

Each value becomes a small byte string, by numpy; Arrow joins those of a row. Neither holds the
GIL for long, so that the service answers meanwhile and several batches are encoded at a time.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes: TypeAlias = npt.NDArray[np.uint8]

_SEVEN_BITS = [np.uint64(1 << bits) for bits in range(7, 64, 7)]


def encoded(batch: pa.RecordBatch, types: Sequence[Any]) -> bytes:
    """The rows of `batch` as Avro has them; `types` are the Avro types of its columns.

    An optional column's type is ``["null", type]``. Dates and timestamps are encoded as numbers.
    """
    parts = [
        part
        for column, said in zip(batch.columns, types, strict=True)
        for part in _parts(column, said)
    ]
    rows = pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.large_binary()))
    _, offsets, data = rows.buffers()
    size = int(np.frombuffer(offsets, np.int64)[len(rows)])
    return bytes(data[:size])


def _parts(column: pa.Array, said: Any) -> list[pa.Array]:
    """The byte strings, one after the other, that the values of a column consist of."""
    plain = _plain(column)
    if not isinstance(said, list):
        return _value(plain)
    given = plain.is_valid()
    branch = pc.if_else(given, pa.scalar(b"\x02"), pa.scalar(b"\x00")).cast(pa.large_binary())
    if not plain.null_count:
        return [branch, *_value(plain)]
    # Something must stand where there is no value; it is not written.
    if pa.types.is_decimal(plain.type):
        nothing = pa.scalar(Decimal(0), plain.type)
    else:
        nothing = pa.scalar("" if pa.types.is_string(plain.type) else 0).cast(plain.type)
    filled, empty = plain.fill_null(nothing), pa.scalar(b"", pa.large_binary())
    return [branch, *(pc.if_else(given, part, empty) for part in _value(filled))]


def _plain(column: pa.Array) -> pa.Array:
    """Dates and times as numbers, in the units of Avro's ``date`` and ``timestamp-micros``."""
    if pa.types.is_date32(column.type):
        return column.cast(pa.int32())
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us")).cast(pa.int64())
    return column.cast(pa.int64()) if pa.types.is_time(column.type) else column


def _value(column: pa.Array) -> list[pa.Array]:
    if pa.types.is_string(column.type):
        return [_longs(pc.binary_length(column)), column.cast(pa.large_binary())]
    if pa.types.is_decimal(column.type):
        return [_decimals(column)]
    if pa.types.is_floating(column.type):
        return [_fixed(column.to_numpy(zero_copy_only=False).astype("<f8").view(np.uint8), 8)]
    if pa.types.is_boolean(column.type):
        return [_fixed(column.cast(pa.uint8()).to_numpy(), 1)]
    return [_longs(column)]


def _decimals(column: pa.Array) -> pa.Array:
    """Numbers without the point, the highest byte first, each as long as the widest may be."""
    width = bytes_of(column.type.precision)
    start, end = column.offset, column.offset + len(column)
    lowest_first = np.frombuffer(column.buffers()[1], np.uint8).reshape(-1, 16)[start:end]
    written = np.empty((len(column), width + 1), np.uint8)
    written[:, 0] = width << 1  # its length, as Avro writes it
    written[:, 1:] = lowest_first[:, width - 1 :: -1]
    return _fixed(written.reshape(-1), width + 1)


def bytes_of(precision: int) -> int:
    """How many bytes a signed number of so many decimal digits takes."""
    return int((10**precision - 1).bit_length()) // 8 + 1


def _longs(column: pa.Array) -> pa.Array:
    """Whole numbers: zigzag, then seven bits a byte, the lowest first."""
    signed = column.to_numpy(zero_copy_only=False).astype(np.int64)
    rest = ((signed << 1) ^ (signed >> 63)).view(np.uint64)
    sizes = np.ones(len(rest), np.int64)
    widest = int(rest.max(initial=0))
    for bound in _SEVEN_BITS:
        if widest < bound:
            break
        sizes += rest >= bound
    width = int(sizes.max(initial=1))
    digits = np.empty((len(rest), width), np.uint8)
    for place in range(width):
        digits[:, place] = (rest & np.uint64(0x7F)).astype(np.uint8)
        digits[:, place] |= (sizes > place + 1).astype(np.uint8) << 7
        rest >>= np.uint64(7)
    if sizes.min(initial=width) == width:
        return _fixed(digits.reshape(-1), width)
    return _binary(digits[np.arange(width) < sizes[:, None]], np.cumsum(sizes))


def _fixed(data: Bytes, width: int) -> pa.Array:
    return _binary(data, np.arange(width, len(data) + 1, width, dtype=np.int64))


def _binary(data: Bytes, ends: npt.NDArray[np.int64]) -> pa.Array:
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.large_binary(), len(ends), buffers)
