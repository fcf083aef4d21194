"""The access log: an id and a log line for every request, whether it finds a route or not."""

import logging
import re
import time
from secrets import token_hex
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.authentication import CALLER
from service.api.http.describing import description_of
from service.runtime.logs import bind, get_logger, is_told, unbind

log = get_logger(__name__)
HEADER = b"x-request-id"
_is_id = re.compile(rb"[A-Za-z0-9._-]{1,64}").fullmatch


async def recorded(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serves the request; its id is in the response and in every log line written meanwhile.

    The id is the client's ``X-Request-ID`` where it is a plain word.
    """
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    request_id = given if _is_id(given) else token_hex(16).encode()
    began, status = time.perf_counter(), 500

    async def sending(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message["headers"] = [*message["headers"], (HEADER, request_id)]
        await send(message)

    tokens = bind(request_id=request_id.decode())
    try:
        await app(scope, receive, sending)
    finally:
        _record(scope, status, time.perf_counter() - began)
        unbind(**tokens)


def _record(scope: Any, status: int, seconds: float) -> None:
    route = scope.get("path_template") or "unknown"
    gate = getattr(scope["litestar_app"].state, "gate", None)
    if gate is not None:
        gate.metrics.answered(route, scope["method"], status, seconds)
    if status < 400 and _is_unlogged(scope):
        return
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


def _is_unlogged(scope: Any) -> bool:
    """Whether it is a file that pages bring along: their own line in the log tells enough."""
    handler = scope.get("route_handler")
    return handler is not None and description_of(handler).unlogged
