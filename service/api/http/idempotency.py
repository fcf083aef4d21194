"""Idempotency-Key: a request that comes again gets its first answer again, and changes nothing."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from litestar import Request, Response

from service.api.http.authentication import actor_of
from service.api.http.middleware import header
from service.errors import BadRequest, Problem
from service.gate import Gate
from service.ops import records
from service.runtime.clock import utc_now
from service.warehouse.work import Idempotency, StoredAnswer, stored_answer

# Held while a request is answered; a repeat that comes meanwhile waits for that answer.
_under_way: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()


def asked_by(request: Request[Any, Any, Any], body: bytes) -> Idempotency | None:
    """The request's Idempotency-Key with a digest of path and body; None when it has none.

    Raises:
        BadRequest: the key is longer than 255 characters, or empty.
    """
    key = header(request, "idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise BadRequest("an Idempotency-Key has 1 to 255 characters")
    digest = hashlib.sha256(request.url.path.encode() + b"\0" + body)
    actor = actor_of(request)  # one client's answers are nothing to another
    return Idempotency(f"{actor}/{key}" if actor else key, digest.hexdigest())


def kept(asked: Idempotency | None, response: Response[bytes]) -> records.AnswerRecord:
    """The answer as it is kept for a repeat."""
    assert asked is not None
    headers = {name: value for name, value in response.headers.items() if value is not None}
    headers["content-type"] = response.media_type or "application/json"
    return records.AnswerRecord(
        key=asked.key,
        request=asked.request,
        status=response.status_code or 200,
        headers=msgspec.json.encode(headers).decode(),
        body=response.content,
        created_at=utc_now(),
    )


def again(before: StoredAnswer) -> Response[bytes]:
    """The first answer, once more."""
    headers: dict[str, str] = msgspec.json.decode(before.answer.headers)
    media_type = headers.pop("content-type")
    return Response(
        before.answer.body,
        status_code=before.answer.status,
        media_type=media_type,
        headers={**headers, "Idempotency-Replayed": "true"},
    )


async def answered_once(
    gate: Gate, asked: Idempotency | None, answer: Callable[[], Awaitable[Response[bytes]]]
) -> Response[bytes]:
    """For changes that are not made by the writer: looks for a first answer, keeps the new one."""
    if asked is None:
        return await answer()
    lock = _under_way.setdefault((id(gate), asked.key), asyncio.Lock())
    async with lock:
        return await _found_or_made(gate, asked, answer)


async def _found_or_made(
    gate: Gate, asked: Idempotency, answer: Callable[[], Awaitable[Response[bytes]]]
) -> Response[bytes]:
    def look() -> records.AnswerRecord | None:
        with gate.database.reading() as connection:
            return records.answer_to(connection, asked.key)

    before = await asyncio.to_thread(look)
    if before is not None:
        found = stored_answer(before, asked)
        if isinstance(found, Problem):
            raise found
        return again(found)
    response = await answer()
    keep = gate.writer.run_once(lambda _: response, (), asked, lambda made: kept(asked, made))
    await asyncio.wrap_future(keep)
    return response
