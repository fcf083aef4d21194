"""Whether bytes are UTF-8, as Arrow sees it: in a fraction of the time that decoding takes."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

LONGEST = 4  # bytes of a character


def is_utf8(text: bytes) -> bool:
    """Whether all of `text` is."""
    if text.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, len(text)], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(text)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def are_utf8(pieces: Iterable[bytes]) -> bool:
    """Whether `pieces` one behind the other are; a character may lie in two of them."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        cut = len(whole) - _begun(whole)
        if not is_utf8(whole[:cut]):
            return False
        rest = whole[cut:]
    return not rest


def _begun(text: bytes) -> int:
    """How many bytes there are at the end of `text` of a character that needs more."""
    for back, byte in enumerate(reversed(text[1 - LONGEST :]), 1):
        if byte >= 0xC0:  # the first of two, three or four
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2
            return back if back < length else 0
        if byte < 0x80:
            return 0
    return 0
