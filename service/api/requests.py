"""What happens around every request: an id, a line in the log, a figure in the metrics."""

import re
import time
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from litestar import Request
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.logs import bound, get_logger

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
    """Binds the request id (the client's ``X-Request-ID`` where it is a plain word) to the log."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serves the request."""
        given = header_of(scope["headers"], "x-request-id") or ""
        request_id = given if _is_id(given) else uuid4().hex
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with bound(request_id=request_id):
            try:
                await next_app(scope, receive, sending)
            finally:
                _record(scope, status, time.perf_counter() - began)


def _record(scope: Any, status: int, seconds: float) -> None:
    route = scope.get("path_template") or "unknown"
    gate = getattr(scope["litestar_app"].state, "gate", None)
    if gate is not None:
        gate.metrics.answered(route, scope["method"], status, seconds)
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        milliseconds=round(seconds * 1000, 1),
    )
