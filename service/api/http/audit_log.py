"""Entries in the audit log (``/v1/trail``) for what a request does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request

from service.api.http.app_state import gate_of
from service.api.http.authentication import actor_of
from service.engines.engine import Connection
from service.ops import trail
from service.warehouse.deeds import described


@asynccontextmanager
async def on_the_trail(
    request: Request[Any, Any, Any], action: str, subject: str
) -> AsyncIterator[None]:
    """It is on record before the block that the request does `action` to the subject, and after it
    what came of that: an exception is a failure.
    """
    deeds, actor = gate_of(request.app.state).deeds, actor_of(request)
    begun = await asyncio.to_thread(deeds.begin, actor, action, [subject])
    try:
        yield
    except BaseException as error:
        deeds.end_soon(begun, "failed", described(error))
        raise
    await asyncio.to_thread(deeds.end, begun, "done")


async def log_action(request: Request[Any, Any, Any], action: str, subject: str) -> None:
    """Returns when it is on record that the request has done `action` to the subject."""
    actor = actor_of(request)

    def record(connection: Connection) -> None:
        trail.record(connection, actor, action, subject)

    await asyncio.wrap_future(gate_of(request.app.state).writer.run(record))
