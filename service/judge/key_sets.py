"""Sets of the values of key columns: whole numbers in roaring bitmaps, text in sets."""

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap, BitMap64

KeySet = Any  # BitMap, BitMap64 or set: all know isdisjoint, -, |=, in and len


def key_set(type_name: str, values: Iterable[Any]) -> KeySet:
    """The `values` (no None among them) of a column of that type as a set; one stays as it is."""
    if isinstance(values, BitMap | BitMap64):
        return values
    if type_name == "varchar":
        return set(values)
    kind, mask = (BitMap, 0xFFFFFFFF) if type_name == "integer" else (BitMap64, (1 << 64) - 1)
    try:
        return kind(values)
    except (OverflowError, TypeError, ValueError):  # negative ones: bitmaps have no sign
        return kind([value & mask for value in values])


def set_of_numbers(values: npt.NDArray[np.int32] | npt.NDArray[np.int64]) -> KeySet:
    """As `key_set`, of an array of numbers of 32 or 64 bits."""
    # From an array.array a bitmap is made five times as fast as from numpy's or a list.
    if values.itemsize == 4:
        return BitMap(array("I", values.tobytes()))
    return BitMap64(array("Q", values.tobytes()))


def unsigned(type_name: str, value: Any) -> Any:
    """`value` as a set of that type holds it."""
    if type_name == "varchar" or value >= 0:
        return value
    return value & (0xFFFFFFFF if type_name == "integer" else (1 << 64) - 1)


def signed(type_name: str, keys: KeySet) -> set[Any]:
    """The values that a set of that type holds."""
    if type_name == "varchar":
        return set(keys)
    bits = 32 if type_name == "integer" else 64
    return {key - (key >> bits - 1 << bits) for key in keys}
