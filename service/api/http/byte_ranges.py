"""Parts of a file: ``Range`` and ``If-Range`` (RFC 9110, section 14)."""

import re
from typing import ClassVar

from service.errors import Problem

MAX_DIGITS = 18  # of a position; a file of more bytes there is not
_is_one_range = re.compile(r"\s*bytes\s*=\s*([0-9]*)\s*-\s*([0-9]*)\s*", re.IGNORECASE).fullmatch


class RangeNotSatisfiable(Problem):
    """The file has no byte of what is asked for."""

    status: ClassVar[int] = 416
    slug: ClassVar[str] = "range-not-satisfiable"
    title: ClassVar[str] = "Range not satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes", size=size)

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Range": f"bytes */{self.members['size']}"}


def asked_range(asked: str | None, if_range: str | None, tag: str, size: int) -> range | None:
    """The bytes of a file of `size` that are asked for; None: all of it.

    All of it is sent as well where several ranges are asked for, where the header cannot be read,
    and where ``If-Range`` is not exactly the file's `tag`.

    Raises:
        RangeNotSatisfiable: the file ends before the first of them.
    """
    if asked is None or (if_range is not None and if_range.strip() != tag):
        return None
    found = _is_one_range(asked)
    if found is None:
        return None
    first, last = found.groups()
    if max(len(first), len(last)) > MAX_DIGITS or not (first or last):
        return None
    if not first:  # the last so many
        part = range(max(size - int(last), 0), size)
    elif last and int(last) < int(first):
        return None
    else:
        part = range(int(first), min(int(last) + 1, size) if last else size)
    if not part:
        raise RangeNotSatisfiable(size)
    return part
