"""Idempotency-Key: a repeated request gets the stored answer, and changes nothing."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl
from weakref import WeakValueDictionary

import msgspec
from litestar import Request, Response

from service.api.http.app_state import gate_of
from service.api.http.authentication import actor_of
from service.api.http.middleware import header
from service.errors import BadRequest, Problem
from service.gate import Gate
from service.ops import records
from service.runtime.clock import utc_now
from service.warehouse.work import Idempotency, StoredAnswer, stored_answer

# Headers that say what a request means; a body is compared as it is when it is decompressed.
MEANING = ("content-type", "prefer")
AS_SENT = (*MEANING, "content-encoding")  # where the body is compared as it was sent


def asked_by(
    request: Request[Any, Any, Any], body: bytes, headers: Sequence[str] = MEANING
) -> Idempotency | None:
    """The request's Idempotency-Key and the SHA-256 of all that it means; None without a key.

    That is its method, path, query (in any order), `headers` and body.

    Raises:
        BadRequest: the key is longer than 255 characters, or empty.
    """
    key = header(request, "idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise BadRequest("an Idempotency-Key has 1 to 255 characters")
    path = request.scope["path"]
    sent = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    said = [(header(request, name) or "").replace(" ", "").lower() for name in headers]
    head = msgspec.json.encode([request.method, path, sorted(sent), said])
    actor = actor_of(request)  # one client's answers are nothing to another
    named = f"{actor}/{key}" if actor else key
    return Idempotency(named, _digest(head, body), _digest(path.encode(), body))


def _digest(head: bytes, body: bytes) -> str:
    return hashlib.sha256(head + b"\0" + body).hexdigest()


def kept(asked: Idempotency | None, response: Response[bytes]) -> records.AnswerRecord:
    """The response as it is stored for a repeat of the request."""
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
    """The stored answer as a response, marked as a repeat."""
    headers: dict[str, str] = msgspec.json.decode(before.answer.headers)
    media_type = headers.pop("content-type")
    return Response(
        before.answer.body,
        status_code=before.answer.status,
        media_type=media_type,
        headers={**headers, "Idempotency-Replayed": "true"},
    )


class RequestsUnderWay:
    """The requests of one application with an Idempotency-Key that are being answered."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock(self, asked: Idempotency) -> asyncio.Lock:
        """Held while the request is answered: a repeat that comes meanwhile waits for it."""
        return self._locks.setdefault(asked.key, asyncio.Lock())


async def answered_once(
    request: Request[Any, Any, Any],
    body: bytes,
    answer: Callable[[], Awaitable[Response[bytes]]],
    headers: Sequence[str] = MEANING,
) -> Response[bytes]:
    """For changes that the writer does not make: the stored answer, or what `answer` makes.

    `body`, or a digest of it, and `headers` tell the request from another under the same key.

    Raises:
        BadRequest: as `asked_by`.
        KeyReused: the key came before with another request.
    """
    asked = asked_by(request, body, headers)
    if asked is None:
        return await answer()
    async with request.app.state.under_way.lock(asked):
        return await _stored_or_made(gate_of(request.app.state), asked, answer)


async def answered_before(gate: Gate, asked: Idempotency | None) -> Response[bytes] | None:
    """The stored answer; None where there is none, or the request has no key.

    Raises:
        KeyReused: the key came before with another request.
    """
    if asked is None:
        return None
    key = asked.key

    def look() -> records.AnswerRecord | None:
        with gate.database.reading() as connection:
            return records.answer_to(connection, key)

    before = await asyncio.to_thread(look)
    found = stored_answer(before, asked) if before else None
    if isinstance(found, Problem):
        raise found
    return again(found) if found else None


async def _stored_or_made(
    gate: Gate, asked: Idempotency, answer: Callable[[], Awaitable[Response[bytes]]]
) -> Response[bytes]:
    if (before := await answered_before(gate, asked)) is not None:
        return before
    response = await answer()
    keep = gate.writer.run_once(lambda _: response, (), asked, lambda made: kept(asked, made))
    await asyncio.wrap_future(keep)
    return response
