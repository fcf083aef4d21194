"""Queries for a client that may go away: then, and when they take too long, they are stopped."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from litestar import Request
from litestar.response import Stream

from service.api.http.limits import without_limit
from service.api.http.reads import wants_no_body
from service.engines.engine import Connection
from service.errors import Unavailable
from service.gate import Gate

T = TypeVar("T")


async def asked(request: Request[Any, Any, Any], gate: Gate, work: Callable[[Connection], T]) -> T:
    """What `work` makes of a snapshot of the warehouse.

    Raises:
        Unavailable: it took longer than `query_seconds`, or the client has gone.
    """
    query = gate.queries.ask(work)
    answer = asyncio.wrap_future(query.future)
    gone = asyncio.ensure_future(_gone(request))
    seconds = gate.settings.query_seconds
    try:
        both: set[asyncio.Future[Any]] = {answer, gone}
        done, _ = await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if answer in done:
            return answer.result()
    finally:
        gone.cancel()
        query.stop()
    answer.add_done_callback(_ignore)
    if gone in done:
        raise Unavailable("the client has gone")
    raise Unavailable(
        f"the query took longer than {seconds} seconds and was stopped; ask for less, by filters",
        retry_after=10,
    )


async def _gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _ignore(answer: "asyncio.Future[Any]") -> None:
    if not answer.cancelled():
        answer.exception()  # that it was stopped is known


async def streamed(
    request: Request[Any, Any, Any],
    gate: Gate,
    pieces: Callable[[Connection], Iterator[bytes]],
    media_type: str,
    headers: dict[str, str],
) -> Stream:
    """An answer of pieces that are made of one snapshot, however long that takes.

    What goes wrong before the first piece is raised here.
    """
    without_limit(request)
    stream = gate.queries.stream(pieces)
    try:
        first = await asyncio.wrap_future(stream.next())
    except BaseException:
        stream.stop()
        raise

    if wants_no_body(request.scope):
        stream.stop()
        return Stream(iter(()), media_type=media_type, headers=headers)

    async def sent() -> AsyncIterator[bytes]:
        piece: bytes | None = first
        try:
            while piece is not None:
                if piece:
                    yield piece
                piece = await asyncio.wrap_future(stream.next())
        finally:
            stream.stop()

    return Stream(sent(), media_type=media_type, headers=headers)
