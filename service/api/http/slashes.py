"""Slashes within a segment of a path: ``%2F`` is of a key, ``/`` stands between two segments.

So says RFC 3986 (section 2.2). ASGI decodes both alike, and Litestar looks for routes by what is
decoded.
"""

from typing import Any
from urllib.parse import unquote

HIDDEN = "gatehouse.slashes"  # in a scope: some are hidden
STAND_IN = "\ufdd0"  # a noncharacter: no text that people exchange has it (Unicode, section 23.7)


def hide(scope: Any) -> None:
    """Has something else stand for the slashes of segments, until a route is found."""
    raw = scope.get("raw_path") or b""
    if b"%2f" not in raw.lower() or STAND_IN in scope["path"]:
        return
    segments = map(unquote, raw.decode("latin-1").split("/"))
    scope["path"] = "/".join(segment.replace("/", STAND_IN) for segment in segments)
    scope[HIDDEN] = True


def show(scope: Any) -> None:
    """Puts them back, in the path and in what was found in it."""
    if scope.pop(HIDDEN, False):
        scope["path"] = scope["path"].replace(STAND_IN, "/")
        found = scope["path_params"].items()
        scope["path_params"] = {
            name: value.replace(STAND_IN, "/") if isinstance(value, str) else value
            for name, value in found
        }
