"""The cookie of a session, and whether a form comes from a page of this service."""

from collections.abc import Mapping
from typing import Any

from service.errors import Forbidden

NAME = "gatehouse_session"
KEPT_FROM_OTHERS = "HttpOnly; SameSite=Strict; Path=/"


def session_of(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> str | None:
    """The id of a session that a request brings; None if there is none, or there are several."""
    found = set()
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == _name(scope):
            found.add(value)
    return found.pop() if len(found) == 1 else None


def cookie(scope: Mapping[str, Any], session_id: str) -> str:
    """The Set-Cookie that a session begins with; it ends with the browser, or before."""
    return f"{_name(scope)}={session_id}; {_attributes(scope)}"


def no_cookie(scope: Mapping[str, Any]) -> str:
    """The Set-Cookie that a session ends with."""
    return f"{_name(scope)}=; Max-Age=0; {_attributes(scope)}"


def check_own_page(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> None:
    """Raises Forbidden unless a browser says that the form was sent by a page of this service."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        is_own = site == b"same-origin"
    else:
        own = scope["scheme"].encode() + b"://" + headers.get(b"host", b"")
        is_own = headers.get(b"origin", b"").lower() == own.lower()
    if not is_own:
        raise Forbidden("a form is sent by a page of this service, and from nowhere else")


def _is_secure(scope: Mapping[str, Any]) -> bool:
    return str(scope["scheme"]) == "https"


def _name(scope: Mapping[str, Any]) -> str:
    return f"__Host-{NAME}" if _is_secure(scope) else NAME


def _attributes(scope: Mapping[str, Any]) -> str:
    return f"{KEPT_FROM_OTHERS}; Secure" if _is_secure(scope) else KEPT_FROM_OTHERS
