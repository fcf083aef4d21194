"""How a field that stands twice in a row is noticed, though a decoder keeps only the last one.

Each field of a JSON object takes one colon, and a text may hold more. So the colons of what was
sent are counted, and those that the decoded values account for: one for each field, one for each
colon in a text. They are as many unless a field was dropped:

    sent      {"id": 1, "name": "a", "name": "b:c"}     4 colons
    decoded   id=1, name="b:c"                          2 fields, 1 colon in a text: 3

Both counts cost a fraction of what decoding does; only where they differ are the names of each row
looked at. `judge/judge.py` compares them (`ColumnReader.colons` counts the decoded side).
"""

from collections import Counter
from collections.abc import Callable

import msgspec
import numpy as np

from service.formats.bodies.fields import Fields


def colons(text: bytes) -> int:
    """The number of colons in `text`; five times as fast as bytes.count()."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord(":")))


def colons_of_json(text: bytes) -> int:
    r"""The number of colons in `text`, JSON in UTF-8, also of those that are written ``\u003a``.

    It may be too high, never too low: an escaped backslash before ``u003a`` counts, too.
    """
    found = colons(text)
    if b"\\" in text and b"\\u003" in text:
        found += text.count(b"\\u003a") + text.count(b"\\u003A")
    return found


def repeated(fields: Callable[[msgspec.Raw], Fields], row: msgspec.Raw) -> list[str]:
    """The names that stand in `row` more than once; none where it is not an object."""
    try:
        times = Counter(name.text for name in fields(row))
    except msgspec.ValidationError:  # it is not an object
        return []
    return [name for name, count in times.items() if count > 1]
