"""What happens around every request: an id, a line in the log, a figure in the metrics."""

import re
import time
from typing import Any
from uuid import uuid4

from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.logs import bound, get_logger

log = get_logger(__name__)
_is_id = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


def header(request: Request[Any, Any, Any], name: str) -> str | None:
    """The value of a header; lines of the same name are one list (RFC 9110, section 5.3)."""
    lines = request.headers.getall(name, [])
    return ", ".join(lines) if lines else None


class RequestMiddleware(ASGIMiddleware):
    """Binds the request id (the client's ``X-Request-ID`` where it is a plain word) to the log."""

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serves the request."""
        given = MutableScopeHeaders(scope).get("x-request-id", "")
        request_id = given if _is_id(given) else uuid4().hex
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableScopeHeaders(message)["X-Request-ID"] = request_id
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
        gate.metrics.requests.labels(route, scope["method"], status).observe(seconds)
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        milliseconds=round(seconds * 1000, 1),
    )
