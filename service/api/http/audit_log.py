"""Entries in the audit log (``/v1/trail``) for what a request has done."""

import asyncio
from typing import Any

from litestar import Request

from service.api.http.app_state import gate_of
from service.api.http.authentication import actor_of
from service.engines.engine import Connection
from service.ops import trail


async def log_action(request: Request[Any, Any, Any], action: str, subject: str) -> None:
    """Returns when it is on record that the request did `action` to the subject."""
    actor = actor_of(request)

    def record(connection: Connection) -> None:
        trail.record(connection, actor, action, subject)

    await asyncio.wrap_future(gate_of(request.app.state).writer.run(record))
