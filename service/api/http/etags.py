"""Entity tags (RFC 9110, section 8.8.3), and what a client has already (section 13.1.2)."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from litestar import Response

_coding = re.compile(r'\+[a-z]+"$')
_tags_in = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"').findall
WEAK = "W/"


def tag_of(body: bytes) -> str:
    """The tag of an answer's body. It is weak: the body may be sent compressed, or not."""
    return f'{WEAK}"{blake2b(body, digest_size=12).hexdigest()}"'


def tag_of_row(row: str, form: str = "") -> str:
    """The tag of a stored row, as JSON: a strong one, so that ``If-Match`` can name it.

    Each `form` that it is shown in has a tag of its own.
    """
    digest = blake2b(row.encode(), digest_size=12).hexdigest()
    return f'"{digest}.{form}"' if form else f'"{digest}"'


def compressed_tag(tag: str, coding: str) -> str:
    """The tag of the same answer, compressed; a strong one is of the bytes that are sent."""
    return tag if tag.startswith(WEAK) else f'{tag[:-1]}+{coding}"'


def is_row(asked: str, row: str | None, *, strongly: bool) -> bool:
    """Whether ``If-Match`` (`strongly`) or ``If-None-Match`` names the stored row, in any form.

    RFC 9110, section 8.8.3.2: compared strongly, a weak tag is never equal.
    """
    if asked.strip() == "*" or row is None:
        return row is not None
    named = [each for each in _tags_in(asked) if not (strongly and each.startswith(WEAK))]
    own = tag_of_row(row).strip('"')
    return any(re.split(r"[.+]", each.removeprefix(WEAK).strip('"'))[0] == own for each in named)


def is_known(asked: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag, weak or not, or is ``*``."""
    if asked is None:
        return False
    known = {_coding.sub('"', each.removeprefix(WEAK)) for each in _tags_in(asked)}
    return asked.strip() == "*" or tag.removeprefix(WEAK) in known


def not_modified(headers: Mapping[str, str]) -> Response[Any]:
    """The answer to who has it already: 304, with the headers that a 200 would have (the tag)."""
    return Response(b"", status_code=304, headers=headers)
