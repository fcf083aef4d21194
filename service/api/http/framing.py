"""Bytes of a connection to requests. Knows uvicorn's protocol, and what it lacks.

uvicorn takes all requests that arrive, however many wait for the first one to be answered; keeps
trailers as headers; and loses the body of a request that offers another protocol.
"""

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.api.http.problems import CONTENT_TYPE, problem
from service.api.http.transports import Flow, HeadWithBody
from service.api.http.turns import Turns

MAX_HEAD_BYTES = 64 * 1024  # bytes in a row that are no body: heads, trailers, chunks' extensions
MAX_PIPELINED = 16  # requests that a client may send before it has read their answers
PIECE = 1024  # bytes that are parsed at once, so that few requests are found behind the first
NOTHING = memoryview(b"")


class Framing(HttpToolsProtocol):
    """Finds the requests of one connection, one behind the other, and refuses what is none."""

    close_seconds: float  # how long closing waits for a client that does not read
    turns: Turns  # of all connections that send several requests at once

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._serving: RequestResponseCycle | None = None  # the request that is answered, or was
        self._unparsed = NOTHING  # what was read and waits for that answer
        self._in_head = self._is_deaf = False
        self._fed = self._no_body = 0  # bytes: at once; in a row that are no body
        self._content_length = self._body_bytes = 0
        self._pipelined = 0  # requests since one was sent with no other under way

    @property
    def is_answering(self) -> bool:
        """Whether a request waits for its answer."""
        return self._serving is not None and not self._serving.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection up."""
        super().connection_made(transport)
        held = HeadWithBody(transport, self.loop, self.close_seconds)
        self.transport = cast(asyncio.Transport, held)
        self.flow = Flow(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets what waits."""
        self._unparsed = NOTHING
        self.pipeline.clear()
        if self._serving is not None and self.is_answering:  # uvicorn tells the last request only
            self._serving.disconnected = True
            self._serving.message_event.set()
        super().connection_lost(exc)
        cast(Any, self.transport).over()

    def eof_received(self) -> None:
        """The client sends no more: it is taken to be gone."""
        self.transport.close()

    # What the parser finds.

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        self._in_head, self._no_body = not self._is_deaf, self._fed
        self._content_length = self._body_bytes = 0
        if self._in_head:
            super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head. Those behind a body are passed over (RFC 9110, section 6.5.1)."""
        if not self._in_head:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        elif name == b"content-length":
            self._content_length = int(value)
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The body begins, if there is one."""
        self._in_head = False
        if self._is_deaf:
            return
        if not self.url.startswith(b"/"):
            self._take_host_of_url()
        super().on_headers_complete()
        if self.pipeline:
            self._pipelined += 1
            if self._pipelined >= MAX_PIPELINED:
                self.cycle.keep_alive = False

    def _take_host_of_url(self) -> None:
        """The host in a whole URL counts, and no header (RFC 9112, section 3.2.2)."""
        scheme, mark, rest = self.url.partition(b"://")
        if mark and scheme.lower() in (b"http", b"https"):
            host = rest.partition(b"/")[0].partition(b"?")[0]
            others = [line for line in self.headers if line[0] != b"host"]
            self.headers[:] = [(b"host", host), *others]

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._no_body = 0
        self._body_bytes += len(body)
        if not self._is_deaf:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is here. Behind the last one of a connection, nothing is read."""
        if self._is_deaf:
            return
        super().on_message_complete()
        cycle: Any = self.cycle  # None while the first request offers another protocol
        if cycle is not None and not cycle.keep_alive:
            self._is_deaf = True

    def _should_upgrade(self) -> bool:
        return True  # the parser goes no further, and `_without_upgrade` does

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._serving = cycle
        if self._pipelined:  # others first
            self.turns.wait(lambda: self._begin(cycle, app))
        else:
            super()._start_asgi_task(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not cycle.disconnected:
            super()._start_asgi_task(cycle, app)

    # What is given to it.

    def take(self, data: bytes) -> None:
        """Parses what arrived, usually a whole request; what waits for an answer, later."""
        if self._is_deaf:
            self._wait_for_answer()
        elif self._unparsed or self.pipeline or len(data) > PIECE:
            waiting = bytes(self._unparsed) + data if self._unparsed else data
            self._unparsed = memoryview(waiting)
            self._parse()
        else:
            self._feed(data)
        if self._unparsed or self.pipeline:
            self._wait_for_answer()

    def _wait_for_answer(self) -> None:
        flow = cast(Flow, self.flow)
        flow.is_behind = True
        flow.pause_reading()

    def _read_on(self) -> None:
        flow = cast(Flow, self.flow)
        flow.is_behind = bool(self.pipeline or self._unparsed or self._is_deaf)
        flow.resume_reading()

    def _parse(self) -> None:
        """Parses in pieces, until a request waits for the one before it."""
        while self._unparsed and not (self.pipeline or self._is_deaf):
            if self.transport.is_closing():
                return
            size = self._piece()
            piece, self._unparsed = self._unparsed[:size], self._unparsed[size:]
            self._feed(piece)

    def _piece(self) -> int:
        """How many bytes are parsed at once: the rest of a body of known length, or a few."""
        return PIECE if self._in_head else max(PIECE, self._content_length - self._body_bytes)

    def _feed(self, data: bytes | memoryview) -> None:
        self._fed = len(data)
        self._no_body += self._fed  # some may be of the request before: a few too many count
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as found:
            self._without_upgrade(memoryview(data)[found.args[0] :])
        except httptools.HttpParserError:
            self.refuse(400, "bad-request", "Bad request", "this is not HTTP/1.1")
        if self._no_body > MAX_HEAD_BYTES and not self.transport.is_closing():
            detail = f"the head of a request has at most {MAX_HEAD_BYTES} bytes"
            self.refuse(431, "large-head", "Head too large", detail)

    def _without_upgrade(self, rest: memoryview) -> None:
        """Goes on as if no other protocol had been offered (RFC 9110, section 7.8).

        The parser takes it for granted that what follows is of that protocol, so that another one
        gets the head without the offer, and then the rest.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.refuse(501, "no-proxy", "Not implemented", "CONNECT is for proxies")
            return
        version = b"HTTP/" + self.parser.get_http_version().encode()
        lines = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        head = b"\r\n".join((b" ".join((method, self.url, version)), *lines, b"", b""))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self._feed(head)
        self._unparsed = memoryview(bytes(rest) + bytes(self._unparsed))
        self._parse()

    def on_response_complete(self) -> None:
        """A request is answered; the next one may be here already."""
        if not (self.pipeline or self._unparsed):
            self._pipelined = 0
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._unparsed:
            self.turns.wait(self._go_on)
        elif cast(Flow, self.flow).is_behind:
            self._read_on()

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self._parse()
            self._read_on()
            self.settle()

    def settle(self) -> None:
        """Something was parsed: for those who keep the time."""

    def refuse(self, status: int, slug: str, title: str, detail: str) -> None:
        """Says why, and closes; an answer that is under way comes first, and nothing behind it."""
        self._is_deaf, self._unparsed = True, NOTHING
        serving = self._serving
        if serving is not None and self.is_answering and not serving.more_body:
            self.pipeline.clear()  # what is wrong stands behind it
            serving.keep_alive = False
            return
        answered = serving is not None and serving.more_body and serving.response_started
        if answered and not self._in_head:
            self.transport.close()  # it is the rest of a request that has its answer
            return
        body = problem(status, slug, title, detail)
        head = (
            f"HTTP/1.1 {status} {title}\r\nContent-Type: {CONTENT_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
