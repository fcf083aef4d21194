"""Copies of the warehouse, by HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.audit_log import on_the_trail
from service.api.http.describing import Link, described
from service.api.http.idempotency import answered_once
from service.api.http.parameters import only_known
from service.api.http.times import Timestamp, in_utc
from service.api.v1.answers import created
from service.doors.copies import WarehouseCopy
from service.gate import Gate


class Copy(msgspec.Struct):
    """A copy of the warehouse: a DuckDB file on the machine of the service."""

    copy_id: str
    path: str
    bytes: int
    taken_at: Timestamp


class CopyController(Controller):
    """Copies of the warehouse."""

    path = "/v1/copies"
    tags = ("copies",)
    guards = (only_known,)

    @post(
        "/",
        operation_id="copy_warehouse",
        opt=described(
            answers={201: Copy},
            problems=(507,),
            once=True,
            role="operator",
            leads_to=tuple(
                Link(call, {"copy_id": "/copy_id"}) for call in ("show_copy", "delete_copy")
            ),
        ),
    )
    async def copy_warehouse(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[bytes]:
        """Copies all that is committed into a file of its own, which another process may open.

        It lies on the machine of the service, until it is deleted or the service starts anew.
        """

        async def make() -> Response[bytes]:
            copy_id = str(uuid4())
            async with on_the_trail(request, "copy.make", copy_id):
                made = await asyncio.to_thread(gate.copies.make, copy_id)
            return created(_shown(made), f"/v1/copies/{made.copy_id}")

        return await answered_once(request, await request.body(), make)

    @get(
        "/{copy_id:str}",
        operation_id="show_copy",
        sync_to_thread=True,
        opt=described(role="operator"),
    )
    def show_copy(self, gate: NamedDependency[Gate], copy_id: FromPath[str]) -> Copy:
        """Shows a copy."""
        return _shown(gate.copies.get(copy_id))

    @delete("/{copy_id:str}", operation_id="delete_copy", opt=described(role="operator"))
    async def delete_copy(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], copy_id: FromPath[str]
    ) -> None:
        """Deletes a copy."""
        async with on_the_trail(request, "copy.delete", copy_id):
            await asyncio.to_thread(gate.copies.remove, copy_id)


def _shown(copy: WarehouseCopy) -> Copy:
    return Copy(copy.copy_id, copy.path, copy.bytes, in_utc(copy.taken_at))
