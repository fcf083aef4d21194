"""Puts on the trail what a request has done."""

import asyncio
from typing import Any

from litestar import Request

from service.api.http.authentication import actor_of
from service.gate import Gate
from service.ops import trail


async def recorded(
    request: Request[Any, Any, Any], gate: Gate, action: str, *subjects: str
) -> None:
    """Returns when it is on record that the request did `action` to each of the subjects."""
    actor = actor_of(request)

    def record(connection: Any) -> None:
        for subject in subjects:
            trail.record(connection, actor, action, subject)

    await asyncio.wrap_future(gate.writer.run(record))
