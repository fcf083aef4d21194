"""What happens around every request: who asks and may they, its limits, a line in the log."""

import logging
import re
import time
from collections.abc import Iterable, Mapping
from secrets import token_hex
from typing import Any

from litestar import Request
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.api import problems
from service.api.authentication import ANYONE, CALLER, READS, Caller, authenticated, needs_of
from service.api.describing import OPEN, Needs
from service.api.hosts import Hosts, check_local
from service.api.limits import BODY, Body, in_time
from service.errors import Problem
from service.gate import Gate
from service.logs import bind, get_logger, is_told, unbind
from service.settings import Settings

log = get_logger(__name__)
_is_id = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


def header(request: Request[Any, Any, Any], name: str) -> str | None:
    """The value of a header; lines of the same name are one list (RFC 9110, section 5.3)."""
    return header_of(request.scope["headers"], name)


def header_of(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """The same of what ASGI brings: its names are in lower case."""
    wanted = name.encode()
    lines = [value for key, value in headers if key == wanted]
    return b", ".join(lines).decode("latin-1") if lines else None


class RequestMiddleware(ASGIMiddleware):
    """Lets a request in, or not, and keeps it within its limits.

    Binds the request id (the client's ``X-Request-ID`` where it is a plain word) to the log.
    """

    def __init__(self, settings: Settings, local: Caller | None = None) -> None:
        """`local` makes all requests, where the app runs within a command."""
        self._settings, self._local = settings, local
        self._hosts = Hosts(settings)
        self._needs: dict[tuple[int, str], Needs] = {}  # by route handler, which live as long

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serves the request."""
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _is_id(given) else token_hex(16)
        began, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        tokens = bind(request_id=request_id)
        try:
            await self._serve(scope, headers, receive, sending, next_app)
        except Problem as error:
            if status:  # the answer is under way
                raise
            await problems.sent(error)(scope, receive, sending)
        finally:
            _record(scope, status or 500, time.perf_counter() - began)
            unbind(**tokens)

    async def _serve(
        self,
        scope: Any,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        next_app: ASGIApp,
    ) -> None:
        gate = scope["litestar_app"].state.gate
        needs = self._needed(scope)
        scope[CALLER] = self._local or self._admitted(scope, headers, gate, needs)
        # An operator's work takes as long as it takes.
        seconds = None if needs == "operator" else self._settings.request_seconds
        if scope["method"] in READS:
            async with in_time(seconds):
                await next_app(scope, receive, send)
            return
        stays = scope["route_handler"].resolve_request_max_body_size() is not None
        async with in_time(None) as timer:
            scope[BODY] = body = Body(receive, gate.limits, stays, timer, seconds)
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
        """Who asks; raises what `authenticated`, the checks of hosts and `take_turn` do."""
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
        gate.limits.take_turn(caller.name)
        return caller


def _record(scope: Any, status: int, seconds: float) -> None:
    route = scope.get("path_template") or "unknown"
    gate = getattr(scope["litestar_app"].state, "gate", None)
    if gate is not None:
        gate.metrics.answered(route, scope["method"], status, seconds)
    if not is_told(logging.INFO):  # the logger takes as long as to judge a row before it sees that
        return
    caller = scope.get(CALLER)
    log.info(
        "request",
        actor=caller and caller.name,
        method=scope["method"],
        path=scope["path"],
        status=status,
        milliseconds=round(seconds * 1000, 1),
    )
