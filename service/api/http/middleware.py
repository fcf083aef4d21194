"""Around every request that finds a route: authentication, authorization, limits."""

import asyncio
from collections.abc import Iterable
from typing import Any

from litestar import Request
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Send

from service.api.http import slashes
from service.api.http.authentication import CALLER, READS, Caller, needs_of
from service.api.http.describing import Described, Needs, description_of
from service.api.http.hosts import check_once
from service.api.http.letting_in import Porter
from service.api.http.limits import BODY, TIMER, Limits, RequestBody, in_time
from service.api.http.scopes import check_call
from service.runtime.settings import Settings


def header(request: Request[Any, Any, Any], name: str) -> str | None:
    """The value of a header; lines of the same name are one list (RFC 9110, section 5.3)."""
    return header_of(request.scope["headers"], name)


def header_of(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """The same of what ASGI brings: its names are in lower case."""
    wanted = name.encode()
    lines = [value for key, value in headers if key == wanted]
    return b", ".join(lines).decode("latin-1") if lines else None


class Terms:
    """What the requests of one service have to meet."""

    def __init__(self, settings: Settings, limits: Limits, porter: Porter) -> None:
        self.settings, self.limits, self.porter = settings, limits, porter
        # By route handler, which live as long.
        self._known: dict[tuple[int, str], tuple[Needs, Described]] = {}

    def needed(self, scope: Any) -> tuple[Needs, Described]:
        """The role that the route needs, and what is said of it."""
        handler, method = scope["route_handler"], scope["method"]
        found = self._known.get((id(handler), method))
        if found is None:
            found = needs_of(handler, method, self.settings), description_of(handler)
            self._known[id(handler), method] = found
        return found


class RequestMiddleware(ASGIMiddleware):
    """Admits or refuses a request, and keeps it within its limits."""

    async def handle(self, scope: Any, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serves the request, by the terms of the application that got it."""
        slashes.show(scope)
        headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]):
            check_once(scope["headers"])
        state = scope["litestar_app"].state
        terms: Terms = state.terms
        needs, said = terms.needed(scope)
        terms.porter.let_in(scope, headers, state.gate.keyring, needs, said)
        caller: Caller = scope[CALLER]
        if caller.is_narrowed:
            await asyncio.to_thread(check_call, scope, caller, state.gate)
        # An operator's work takes as long as it takes.
        seconds = None if needs == "operator" else terms.settings.request_seconds
        if scope["method"] in READS:
            async with in_time(seconds) as scope[TIMER]:
                await next_app(scope, receive, send)
            return
        stays = scope["route_handler"].resolve_request_max_body_size() is not None
        async with in_time(None) as timer:
            scope[BODY] = body = RequestBody(receive, terms.limits, stays, timer, seconds)
            try:
                await next_app(scope, body.receive, send)
            finally:
                body.give_back()
