"""Erasure of a row: what was there of it, and where it may still be."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from service.api.http.authentication import actor_of
from service.api.http.bodies import json_body
from service.api.http.describing import described
from service.api.http.idempotency import answered_once
from service.api.http.parameters import only_known
from service.api.v1.answers import encoded
from service.doors.erasures import Erasure, ErasureAsked
from service.gate import Gate
from service.warehouse.one_row import read_key


class ErasureRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why a row is to be erased, which stays on the trail; no one's name belongs there.

    With `cascade`, rows that refer to it are erased too; with `backups`, those that hold it are
    written anew without it.
    """

    reason: Annotated[str, Meta(min_length=1, max_length=1000)]
    cascade: bool = False
    backups: bool = False


class ErasedTraces(msgspec.Struct):
    """A row that was erased, by a hash of its key: whether the table had it, and how many entries
    of each book had something of it.
    """

    table: str
    key_hash: str
    row: bool
    traces: dict[str, int]


class HoldingBackup(msgspec.Struct):
    """A backup that holds it, or did: then `rewritten_to` is the one in its place."""

    backup_id: str
    table: str
    rewritten_to: str | None
    problem: str | None


class ErasureAnswer(msgspec.Struct):
    """What was erased, and where it may still be: backups, the log of the warehouse, the feed.

    `feed_until` is the sequence up to which changes may have it; null: there is no lake.
    """

    load_id: str
    rows: list[ErasedTraces]
    backups: list[HoldingBackup]
    in_log: bool
    feed_until: int | None


class ErasureController(Controller):
    """Erasure."""

    path = "/v1/tables/{table:str}/rows/{row_id:str}"
    tags = ("rows",)
    guards = (only_known,)

    @post(
        "/erase",
        operation_id="erase_row",
        status_code=200,
        opt=described(
            answers={200: ErasureAnswer},
            body={"application/json": ErasureRequest},
            problems=(409, 415, 507),
            once=True,
            role="operator",
        ),
    )
    async def erase_row(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromPath[str],
        row_id: FromPath[str],
    ) -> Response[bytes]:
        """Removes a row and what the books have of it: changes, rejections, lines, kept answers.

        Its key is known from now on by a hash: no door lets it in again, and no restore brings it
        back unless that is said.
        """
        found = gate.table(table)
        body, asked = await json_body(request, ErasureRequest)
        wanted = ErasureAsked(
            found, read_key(found, row_id), asked.reason, asked.cascade, asked.backups
        )
        actor = actor_of(request)

        async def answer() -> Response[bytes]:
            done = await asyncio.to_thread(gate.erasures.erase, wanted, actor)
            return Response(encoded(_shown(done)), status_code=200, media_type="application/json")

        return await answered_once(request, body, answer)

    @delete(
        "/erasure",
        operation_id="allow_erased_row",
        status_code=204,
        sync_to_thread=True,
        opt=described(role="operator"),
    )
    def allow_erased_row(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromPath[str],
        row_id: FromPath[str],
    ) -> None:
        """Lets a row of that key, which was erased, come in again."""
        found = gate.table(table)
        gate.erasures.allow(found, read_key(found, row_id), actor_of(request))


def _shown(done: Erasure) -> ErasureAnswer:
    rows = [ErasedTraces(each.table, each.key_hash, each.row, each.traces) for each in done.rows]
    backups = [
        HoldingBackup(each.backup_id, each.table, each.rewritten_to, each.problem)
        for each in done.backups
    ]
    return ErasureAnswer(done.load_id, rows, backups, done.in_log, done.feed_until)
