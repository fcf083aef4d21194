"""Lists in pages: how many, after which one, and where the next page is (RFC 8288 links)."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request
from litestar.params import QueryParameter

from service.errors import BadRequest

Limit: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=10_000, description="How many to answer with, at most.")
]
After: TypeAlias = Annotated[
    str | None, QueryParameter(description="Where the page begins: the `next` of the one before.")
]


def cursor(*key: Any) -> str:
    """The `next` of a page whose last entry has that key; opaque to clients."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def key_of(after: str, *types: Any) -> Sequence[Any]:
    """The key, of values of `types`, that `cursor` was given.

    Raises:
        BadRequest: it is not one of ours.
    """
    return _decoded(after, tuple[types])  # type: ignore[valid-type]


def key_of_any(after: str) -> Sequence[Any]:
    """The same of a key whose types are not known yet."""
    return _decoded(after, list[Any])


def _decoded(after: str, kind: Any) -> Sequence[Any]:
    padded = after + "=" * (-len(after) % 4)
    try:
        text = base64.b64decode(padded, altchars=b"-_", validate=True)
        key: Sequence[Any] = msgspec.json.decode(text, type=kind)
        "".join(part for part in key if isinstance(part, str)).encode()  # no lone surrogates
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        raise BadRequest("after is not the next of a page") from None
    return key


def link(request: Request[Any, Any, Any], after: str | None) -> dict[str, str]:
    """The Link header to the next page, if there is one: the same request but for `after`."""
    if after is None:
        return {}
    asked = [item for item in request.query_params.multi_items() if item[0] != "after"]
    query = urlencode([*asked, ("after", after)])
    return {"Link": f'<{quote(request.scope["path"])}?{query}>; rel="next"'}
