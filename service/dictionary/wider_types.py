"""Which types take all values of another, each as it is."""

from decimal import Decimal
from typing import Any

from service.dictionary.type_names import TIMESTAMPTZ, TypeName, read_type_name

_WHOLE = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}  # digits of the largest
_FLOAT = {"tinyint", "smallint", "integer"}  # whole numbers of which a double has each
_OTHERS = {
    ("date", "timestamp"),
    ("date", TIMESTAMPTZ),
    ("timestamp", TIMESTAMPTZ),
    ("uuid", "varchar"),
    ("json", "varchar"),
}


def is_wider(new: str, old: str) -> bool:
    """Whether each value of the type `old` is one of the type `new`, and the types differ."""
    wide, narrow = read_type_name(new), read_type_name(old)
    if wide == narrow:
        return False
    if narrow.kind in _WHOLE:
        return _takes_whole_numbers(wide, narrow.kind)
    if narrow.kind == wide.kind == "decimal":
        (digits, scale), (fewer, smaller) = wide.parameters, narrow.parameters
        return scale >= smaller and digits - scale >= fewer - smaller
    return (narrow.kind, wide.kind) in _OTHERS


def _takes_whole_numbers(wide: TypeName, narrow: str) -> bool:
    if wide.kind in _WHOLE:
        return _WHOLE[wide.kind] > _WHOLE[narrow]
    if wide.kind == "decimal":
        digits, scale = wide.parameters
        return digits - scale >= _WHOLE[narrow]
    return wide.kind == "double" and narrow in _FLOAT


def in_order(value: Any) -> tuple[bool, Any]:
    """A bound of a rule as it compares with others: numbers by size, whatever they are written as;
    other texts, which are dates and times, as they are written.
    """
    try:
        return False, Decimal(str(value))
    except ArithmeticError:
        return True, str(value)
