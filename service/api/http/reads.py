"""What all of GET, HEAD and OPTIONS have in common; nothing of it is done for other methods.

HEAD is GET without the body, with the same headers. An answer in one piece gets an entity tag,
is 304 for those who have it, and is compressed. A request with a cookie is answered uncompressed:
where a browser sends credentials by itself, others may make it ask, and guess a secret by the
answer's length (BREACH).
"""

from collections.abc import Sequence
from typing import Any

from litestar.datastructures.headers import MutableScopeHeaders
from litestar.types import ASGIApp, Receive, Scope, Send

from service.api.http.compression import MIN_BYTES, coding_for, compressed, is_compressible
from service.api.http.etags import compressed_tag, is_known, tag_of
from service.api.http.headers import add_headers
from service.api.http.middleware import header_of
from service.api.http.problems import CONTENT_TYPE, problem
from service.errors import NotFound

HEAD = "gatehouse.head"  # in the scope of a request that wants no body
ALLOWED = "gatehouse.allowed"  # and the methods of a path, by its template, in the app's state
OF_A_BODY = ("content-type", "content-length", "content-encoding")


def wants_no_body(scope: Any) -> bool:
    """Whether a handler may spare itself the body: it was asked by HEAD."""
    return HEAD in scope


async def read(app: ASGIApp, scope: Any, receive: Receive, send: Send) -> None:
    """Serves a request by one of the three methods."""
    if scope["method"] == "HEAD":
        scope["method"], scope[HEAD] = "GET", True
    await app(scope, receive, _Answer(scope, send).send)


async def nowhere(scope: Any, _receive: Receive, send: Send) -> None:
    """Answers a path with an empty segment: no such thing, whatever it would be without."""
    detail = "no path has two slashes in a row"
    body = problem(NotFound.status, NotFound.slug, NotFound.title, detail)
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    start: Any = {"type": "http.response.start", "status": NotFound.status, "headers": headers}
    await add_headers(start, scope)
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _Answer:
    """One answer on its way out: its start waits until it is known what comes."""

    def __init__(self, scope: Any, send: Send) -> None:
        self._scope, self._send = scope, send
        self._start: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        body: bytes = message.get("body", b"")
        if self._start is not None:
            start, self._start = self._start, None
            if not message.get("more_body", False):
                body = await self._whole(start, body)
            if HEAD in self._scope:
                self._scope["method"] = "HEAD"  # as the server knows it
            await self._send(start)
        more = message.get("more_body", False)
        if HEAD in self._scope:
            if more:
                return
            body = b""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _whole(self, start: Any, body: bytes) -> bytes:
        """The body to send; `start` gets the status and the headers for it."""
        headers = MutableScopeHeaders.from_message(start)
        if self._scope["method"] == "OPTIONS":
            _complete_allow(self._scope, headers)
        if start["status"] != 200 or self._scope["method"] == "OPTIONS":
            return body
        headers.setdefault("etag", tag_of(body))
        media_type = headers.get("content-type", "")
        fits = is_compressible(media_type) and len(body) >= MIN_BYTES
        if fits and "content-encoding" not in headers:
            _add_to_vary(headers, "Accept-Encoding")
        if is_known(header_of(self._scope["headers"], "if-none-match"), headers["etag"]):
            start["status"] = 304
            _drop(start, OF_A_BODY)
            return b""
        if fits and "content-encoding" not in headers:
            return await self._compressed(headers, body)
        return body

    async def _compressed(self, headers: MutableScopeHeaders, body: bytes) -> bytes:
        asked = self._scope["headers"]
        coding = coding_for(header_of(asked, "accept-encoding"))
        if coding is None or header_of(asked, "cookie") is not None:
            return body
        smaller = await compressed(body, coding)
        if len(smaller) >= len(body):
            return body
        headers["content-encoding"], headers["content-length"] = coding, str(len(smaller))
        headers["etag"] = compressed_tag(headers["etag"], coding)
        return smaller


def _complete_allow(scope: Scope, headers: MutableScopeHeaders) -> None:
    """Litestar's OPTIONS know the methods of one controller, where a path may have two."""
    allowed = scope["litestar_app"].state[ALLOWED]
    template = scope.get("path_template")
    if template in allowed:
        headers["allow"] = allowed[template]


def _add_to_vary(headers: MutableScopeHeaders, name: str) -> None:
    said = headers.get("vary")
    if not said or name not in said:
        headers["vary"] = f"{said}, {name}" if said else name


def _drop(start: Any, names: Sequence[str]) -> None:
    gone = {name.encode() for name in names}
    start["headers"] = [each for each in start["headers"] if each[0].lower() not in gone]
