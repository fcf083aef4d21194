"""Authentication by key, and authorization by role."""

import getpass
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from litestar import Request
from litestar.handlers.base import BaseRouteHandler

from service.access.keyring import Held, Keyring
from service.access.roles import Deed, Role, may
from service.api.http.describing import OPEN, Needs, description_of
from service.errors import BadRequest, Forbidden, Unauthorized
from service.runtime.settings import Settings

# Where the middleware leaves things in the scope.
CALLER = "gatehouse.caller"
SESSION = "gatehouse.session"  # the id of the session; "" where no key is configured
REFUSED = "gatehouse.refused"  # why someone was not let in, who sees a page that is open to all
READS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, by the name on record, their role, and what the key is narrowed to."""

    name: str | None
    role: Role
    tables: tuple[str, ...] | None = None
    only: tuple[Deed, ...] | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether not all may be done that the role may."""
        return self.tables is not None or self.only is not None


ANYONE = Caller(None, "operator")  # where no key is configured
NOBODY = Caller(None, "reader")  # who was not let in, and sees what is open to all


def actor_of(request: Request[Any, Any, Any]) -> str | None:
    """The name of the key that a request came with; None where no key is configured."""
    caller = cast(Mapping[str, Any], request.scope).get(CALLER)
    return caller.name if caller else None


def local_caller() -> Caller:
    """The user who runs a command that opens the warehouse itself; no key is needed for that."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the system knows no name for the number
        user = str(os.getuid())
    return Caller(f"local:{user}", "operator")


def needs_of(handler: BaseRouteHandler, method: str, settings: Settings) -> Needs:
    """The role that a route needs; by default a reader for reads, else an operator."""
    said = description_of(handler)
    if said.public and getattr(settings, said.public):
        return OPEN
    if method == "OPTIONS":  # says which methods there are, and does nothing
        return OPEN
    return said.role or ("reader" if method in READS else "operator")


def authenticated(keyring: Keyring, headers: Mapping[bytes, bytes], needs: Role) -> Caller:
    """Who makes a request with these headers; ask the keyring whether it is `configured` before.

    Raises:
        Unauthorized: there is no valid key.
        Forbidden: its role is too small.
        BadRequest: there are two keys, which are not the same.
    """
    return admitted(keyring, keyring.find(presented(headers)), needs)


def admitted(keyring: Keyring, held: Held | None, needs: Role) -> Caller:
    """Who has the key, if it counts and its role is large enough.

    Raises:
        Unauthorized, Forbidden: as `authenticated`.
    """
    if held is None:
        raise Unauthorized("this is no key of this service", "invalid_token")
    key = held.key
    if key.revoked_at is not None:
        raise Unauthorized("this key was revoked", "invalid_token")
    if held.expires <= time.time():
        raise Unauthorized("this key has expired", "invalid_token")
    keyring.used(key.name)
    if not may(key.role, needs):
        detail = f"this takes the role {needs}; the key {key.name} is a {key.role}'s"
        raise Forbidden(detail, needs=needs, role=key.role)
    return Caller(key.name, key.role, key.tables, key.only)


def presented(headers: Mapping[bytes, bytes]) -> bytes:
    """The key that a request brings: ``Authorization: Bearer …`` (RFC 6750) or ``X-API-Key``.

    Raises:
        Unauthorized: it brings none.
        BadRequest: it brings two, which are not the same.
    """
    scheme, _, bearer = headers.get(b"authorization", b"").partition(b" ")
    given = {bearer.strip()} if scheme.lower() == b"bearer" else set()
    if b"x-api-key" in headers:
        given.add(headers[b"x-api-key"].strip())
    if not given:
        raise Unauthorized("send a key: Authorization: Bearer <key>")
    if len(given) > 1:
        raise BadRequest("Authorization and X-API-Key bring different keys")
    return given.pop()
