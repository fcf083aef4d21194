"""Around every request that finds a route: authentication, authorization, limits."""

from collections.abc import Iterable, Mapping
from typing import Any

from litestar import Request
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Send

from service.api.http.authentication import ANYONE, CALLER, READS, Caller, authenticated, needs_of
from service.api.http.describing import OPEN, Needs
from service.api.http.hosts import Hosts, check_local, check_once
from service.api.http.limits import BODY, TIMER, Limits, RequestBody, in_time
from service.gate import Gate
from service.runtime.settings import Settings


def header(request: Request[Any, Any, Any], name: str) -> str | None:
    """The value of a header; lines of the same name are one list (RFC 9110, section 5.3)."""
    return header_of(request.scope["headers"], name)


def header_of(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """The same of what ASGI brings: its names are in lower case."""
    wanted = name.encode()
    lines = [value for key, value in headers if key == wanted]
    return b", ".join(lines).decode("latin-1") if lines else None


class RequestMiddleware(ASGIMiddleware):
    """Admits or refuses a request, and keeps it within its limits."""

    def __init__(self, settings: Settings, limits: Limits, local: Caller | None = None) -> None:
        """`local` makes all requests, where the app runs within a command."""
        self._settings, self._limits, self._local = settings, limits, local
        self._hosts = Hosts(settings)
        self._needs: dict[tuple[int, str], Needs] = {}  # by route handler, which live as long

    async def handle(self, scope: Any, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serves the request."""
        headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]):
            check_once(scope["headers"])
        gate = scope["litestar_app"].state.gate
        needs = self._needed(scope)
        scope[CALLER] = self._local or self._admitted(scope, headers, gate, needs)
        # An operator's work takes as long as it takes.
        seconds = None if needs == "operator" else self._settings.request_seconds
        if scope["method"] in READS:
            async with in_time(seconds) as scope[TIMER]:
                await next_app(scope, receive, send)
            return
        stays = scope["route_handler"].resolve_request_max_body_size() is not None
        async with in_time(None) as timer:
            scope[BODY] = body = RequestBody(receive, self._limits, stays, timer, seconds)
            try:
                await next_app(scope, body.receive, send)
            finally:
                body.give_back()

    def _needed(self, scope: Any) -> Needs:
        handler, method = scope["route_handler"], scope["method"]
        needs = self._needs.get((id(handler), method))
        if needs is None:
            needs = needs_of(handler, method, self._settings)
            self._needs[id(handler), method] = needs
        return needs

    def _admitted(
        self, scope: Any, headers: Mapping[bytes, bytes], gate: Gate, needs: Needs
    ) -> Caller:
        """The caller; raises what `authenticated`, the checks of hosts and `take_turn` do."""
        if needs == OPEN:  # whether it lives is told even where no key can be read
            self._hosts.check(headers, keyed=True)
            return ANYONE
        keyed = gate.keyring.configured
        self._hosts.check(headers, keyed)
        if keyed:
            caller = authenticated(gate.keyring, headers, needs)
        else:
            check_local(scope, headers)
            caller = ANYONE
        self._limits.take_turn(caller.name)
        return caller
