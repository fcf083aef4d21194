"""Client connections: their number, and timeouts that uvicorn lacks. Knows uvicorn's protocol.

uvicorn limits the time between two requests. How long the first one, or the rest of a head, or a
body that no one wants any more may take, and how large a head may be, is seen to here.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.http.problems import CONTENT_TYPE, problem
from service.runtime.settings import Settings

MAX_HEAD_BYTES = 64 * 1024  # bytes
MAX_HELD_BYTES = 1024  # bytes


class HeadWithBody:
    """A transport that sends the head of a response together with its body.

    Two system calls are a tenth of what a request of one row costs, and its client would wake up
    twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held = b""  # at most one small piece, until the next one or the next turn of the loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends the data; a small first piece is held back until the next one."""
        if not self._held and len(data) <= MAX_HELD_BYTES:
            self._held = data
            self._loop.call_soon(self.flush)
            return
        held, self._held = self._held, b""
        self._transport.writelines((held, data))  # the body may be large: it is not copied

    def flush(self) -> None:
        """Sends what is held back."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def close(self) -> None:
        """Sends what is held back, and closes."""
        self.flush()
        self._transport.close()


class ClientConnection(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, settings: Settings, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = settings
        self._refused = self._in_head = False
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accepts it, or marks it to be refused where there are too many."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, HeadWithBody(transport, self.loop))
        self._refused = len(self.connections) > self._settings.max_connections
        self._set_timer(1 if self._refused else self._settings.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops its timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The body begins, if there is one."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parses what arrived, usually a whole request."""
        if self.transport.is_closing():
            return
        if self._refused:  # now that it has asked: who is closed on while sending hears nothing
            detail = "there are as many connections as there may be"
            self._end(503, "unavailable", "Unavailable", detail)
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                detail = f"the head of a request has at most {MAX_HEAD_BYTES} bytes"
                self._end(431, "large-head", "Head too large", detail)
                return
        elif self._is_answering():
            self._stop_timer()
            return
        # A head, the empty lines before one, or what is left of a body that was answered already.
        if self.timeout_keep_alive_task is None:
            self._set_timer(self._settings.header_seconds)

    def on_response_complete(self) -> None:
        """A response is sent; the rest of its request may still be arriving."""
        body_is_left = self.cycle.more_body
        super().on_response_complete()
        if body_is_left and not self.transport.is_closing():
            self._set_timer(self._settings.header_seconds)

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _set_timer(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self._is_answering():
            return
        if self._in_head:
            self._end(408, "slow-head", "The request came too slowly", "send the head at once")
        else:
            self.transport.close()

    def _end(self, status: int, slug: str, title: str, detail: str) -> None:
        """Says why, and closes."""
        body = problem(status, slug, title, detail)
        head = (
            f"HTTP/1.1 {status} {title}\r\nContent-Type: {CONTENT_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
