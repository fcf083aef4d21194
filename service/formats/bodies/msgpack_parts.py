"""How many parts a value of MessagePack has, found out before anything is made of it."""

from service.formats.bodies.fields import MAX_PARTS, check_parts

# Of first bytes: how many bytes the value has behind it, or its length has (MessagePack's spec).
_FIXED = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED |= {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_COUNTED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}  # texts and bytes
_EXTENDED = {0xC7: 1, 0xC8: 2, 0xC9: 4}  # the same, and a byte that says of which kind
_ARRAYS, _MAPS = {0xDC: 2, 0xDD: 4}, {0xDE: 2, 0xDF: 4}


def check_parts_of_msgpack(row: bytes | memoryview) -> None:
    """Raises MalformedBody where a row has more than MAX_PARTS; no more of it is looked at.

    Entries of a map and items of an array are parts, also nested ones. What is cut off or no value
    is left to whoever decodes it.
    """
    if len(row) <= MAX_PARTS:
        return
    parts, values, at = 0, 1, 0
    while values and at < len(row):
        values -= 1
        entries, each, at = _head(row, at)
        parts += entries
        check_parts(parts)
        values += entries * each


def entries_of(value: bytes | memoryview) -> int:
    """How many entries or items a map or an array has; 0 of any other value.

    Of one that says that it has more than there are bytes, which is cut off, 0, too.
    """
    entries = _head(value, 0)[0] if len(value) else 0
    return entries if entries < len(value) else 0


def _head(data: bytes | memoryview, at: int) -> tuple[int, int, int]:
    """Of the value at a place: its entries, the values that each has, and where they begin."""
    first = data[at]
    at += 1
    if first < 0x80 or first >= 0xE0:
        return 0, 0, at
    if first < 0x90:
        return first & 0x0F, 2, at
    if first < 0xA0:
        return first & 0x0F, 1, at
    if first < 0xC0:
        return 0, 0, at + (first & 0x1F)
    for kinds, each in (_ARRAYS, 1), (_MAPS, 2):
        if size := kinds.get(first):
            return _number(data, at, size), each, at + size
    for kinds, more in (_COUNTED, 0), (_EXTENDED, 1):
        if size := kinds.get(first):
            return 0, 0, at + size + more + _number(data, at, size)
    return 0, 0, at + _FIXED.get(first, 0)


def _number(data: bytes | memoryview, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
