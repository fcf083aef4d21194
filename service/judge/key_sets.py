"""Sets of the values of key columns: whole numbers in roaring bitmaps, text in sets.

Of any other type they are the texts by which its values are shown.
"""

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap, BitMap64

# By type; of those that are not here values are texts.
BITS = {"tinyint": 32, "smallint": 32, "integer": 32, "bigint": 64}
KeySet = Any  # BitMap, BitMap64 or set: all know isdisjoint, -, |=, in and len


def key_set(type_name: str, values: Iterable[Any]) -> KeySet:
    """The `values` (no None among them) of a column of that type as a set; one stays as it is."""
    if isinstance(values, BitMap | BitMap64):
        return values
    bits = BITS.get(type_name)
    if bits is None:
        return set(values)
    kind, mask = BitMap if bits == 32 else BitMap64, (1 << bits) - 1
    try:
        return kind(values)
    except (OverflowError, TypeError, ValueError):  # negative ones: bitmaps have no sign
        return kind([value & mask for value in values])


def set_of_numbers(values: npt.NDArray[np.signedinteger[Any]]) -> KeySet:
    """As `key_set`, of an array of numbers of 64 bits at most."""
    if values.itemsize < 4:
        values = values.astype(np.int32)
    # From an array.array a bitmap is made five times as fast as from numpy's or a list.
    if values.itemsize == 4:
        return BitMap(array("I", values.tobytes()))
    return BitMap64(array("Q", values.tobytes()))


def unsigned(type_name: str, value: Any) -> Any:
    """`value` as a set of that type holds it."""
    if type_name not in BITS or value >= 0:
        return value
    return value & (1 << BITS[type_name]) - 1


def signed(type_name: str, keys: KeySet) -> set[Any]:
    """The values that a set of that type holds."""
    bits = BITS.get(type_name)
    if bits is None or not keys or keys.max() < 1 << bits - 1:
        return set(keys)
    return {key - (key >> bits - 1 << bits) for key in keys}
