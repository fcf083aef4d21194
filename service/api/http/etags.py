"""Entity tags (RFC 9110, section 8.8.3), and what a client has already (section 13.1.2)."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from litestar import Response

_tags_in = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"').findall
WEAK = "W/"


def tag_of(body: bytes) -> str:
    """The tag of an answer's body. It is weak: the body may be sent compressed, or not."""
    return f'{WEAK}"{blake2b(body, digest_size=12).hexdigest()}"'


def is_known(asked: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag, weak or not, or is ``*``."""
    if asked is None:
        return False
    known = {each.removeprefix(WEAK) for each in _tags_in(asked)}
    return asked.strip() == "*" or tag.removeprefix(WEAK) in known


def not_modified(headers: Mapping[str, str]) -> Response[Any]:
    """The answer to who has it already: 304, with the headers that a 200 would have (the tag)."""
    return Response(b"", status_code=304, headers=headers)
