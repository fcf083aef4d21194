"""Bodies of requests: whole in memory, small ones in JSON, large ones straight into a file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from service.api.http.limits import body_of
from service.api.http.middleware import header
from service.errors import MalformedBody, TooLarge, UnsupportedFormat
from service.formats.bodies.encodings import decompressed
from service.formats.bodies.rows_protocol import decoding
from service.formats.bodies.text_bodies import without_mark
from service.runtime.decoding_errors import in_words
from service.runtime.durable_files import HashingFile, disk_may_be_full, make_folder
from service.runtime.settings import Settings

T = TypeVar("T")
MAX_JSON_BYTES = 64 * 1024  # bytes of a body that says what to do
PIECE = 1 << 20  # bytes that are written at once


def media_type(request: Request[Any, Any, Any]) -> str:
    """The Content-Type without its parameters; empty when there is none."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def json_body(request: Request[Any, Any, Any], kind: type[T]) -> tuple[bytes, T]:
    """A body of `kind` in JSON, as it was sent and as it is read; an empty one counts as ``{}``.

    Raises:
        UnsupportedFormat: it is something else.
        MalformedBody: it is not JSON, or not of `kind`.
        TooLarge: it is more than such a body can have to say.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_JSON_BYTES:
            raise TooLarge(f"the body is larger than {MAX_JSON_BYTES} bytes", limit=MAX_JSON_BYTES)
    if body.strip() and media_type(request) not in ("", "application/json"):
        raise UnsupportedFormat(f"the body comes as application/json, not {media_type(request)}")
    try:
        with decoding():
            said = without_mark(body).strip() or b"{}"
            return body, msgspec.json.decode(said, type=kind)
    except msgspec.ValidationError as error:
        raise MalformedBody(f"the body does not fit: {in_words(error)}") from None


async def read_body(request: Request[Any, Any, Any], settings: Settings) -> bytes:
    """The whole body, decompressed.

    Raises:
        RequestEntityTooLarge: it has more than `max_body_bytes`.
        TooLarge, UnsupportedFormat, MalformedBody: as `decompressed` does.
        Unavailable: there is no room for it.
    """
    limit = settings.max_body_bytes
    if int(header(request, "content-length") or 0) > limit:
        raise RequestEntityTooLarge
    body = await body_of(request).all(limit)
    encoding = header(request, "content-encoding")
    if not encoding:
        return body
    # In a thread, since a small body may well be a large one.
    plain = await asyncio.to_thread(decompressed, body, encoding, limit, settings.max_ratio)
    body_of(request).take(len(plain))
    return plain


@asynccontextmanager
async def streamed(
    request: Request[Any, Any, Any], path: Path, limit: int, what: str
) -> AsyncIterator[HashingFile]:
    """The body as a new file of at most `limit` bytes at `path`, removed after the block.

    `what` it is ("file", "backup") is said where it does not fit on the disk.

    Where its name says that it is unfinished, one that a killed process leaves is swept away.

    Raises:
        TooLarge: it is larger.
        NoSpace: it does not fit on the disk.
    """
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    with disk_may_be_full(what):
        await asyncio.to_thread(make_folder, path.parent)
        with HashingFile(path) as file:
            try:
                await _receive(request, file, limit)
                yield file
            finally:
                file.path.unlink(missing_ok=True)


async def _receive(request: Request[Any, Any, Any], file: HashingFile, limit: int) -> None:
    waiting = bytearray()
    async for piece in request.stream():
        waiting += piece
        if file.size + len(waiting) > limit:
            raise _too_large(limit)
        if len(waiting) >= PIECE:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(file.write, bytes(waiting))
    await asyncio.to_thread(file.settle)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the file is larger than {limit} bytes", limit=limit)
