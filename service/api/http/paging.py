"""Lists in pages: how many, after which one, and where the next page is (RFC 8288 links)."""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request
from litestar.params import QueryParameter

from service.errors import BadRequest, shortened

Limit: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=10_000, description="How many to answer with, at most.")
]
After: TypeAlias = Annotated[
    str | None, QueryParameter(description="Where the page begins: the `next` of the one before.")
]
Default = TypeVar("Default", bound=int | None)


def split_off(
    items: Iterable[tuple[str, str]], names: Sequence[str]
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The parameters of these `names` in a query string, each at most once; and all others.

    Raises:
        BadRequest: one of them is there twice.
    """
    said: dict[str, str] = {}
    rest: list[tuple[str, str]] = []
    for name, text in items:
        if name not in names:
            rest.append((name, text))
        elif name in said:
            raise BadRequest(f"the parameter {name} is there twice", parameter=name)
        else:
            said[name] = text
    return said, rest


def read_limit(text: str | None, default: Default, largest: int, words: str = "") -> int | Default:
    """How many are asked for; `default` where nothing is said. `words` are what it takes besides.

    Raises:
        BadRequest: it is no whole number from 1 to `largest`.
    """
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= largest:
        return int(text)
    detail = f"limit: it takes 1 to {largest}{words}, not {shortened(text)!r}"
    raise BadRequest(detail, parameter="limit")


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
