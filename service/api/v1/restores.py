"""Restore: a table, or all tables of a set, become again what their backups hold."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.authentication import actor_of
from service.api.http.bodies import json_body
from service.api.http.describing import Link, described
from service.api.http.idempotency import again, answered_before, asked_by, kept
from service.api.http.parameters import only_known
from service.api.v1.answers import encoded
from service.backups.paired_places import Found, Place
from service.backups.restoring import RestoreResult
from service.gate import Gate
from service.warehouse.work import StoredAnswer


class RestoreRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which backup; ``latest`` is the newest of the table that was not taken by a restore.

    `place` is where to read it: without it the primary place or, where that is away or has lost
    it, among the copies. Rows that were erased come back only `with_erased`; else it is refused.
    """

    backup_id: str
    dry_run: bool = False
    place: Place | None = None
    with_erased: bool = False


class RestoreSetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which set of backups, and where to read it; see RestoreRequest."""

    set_id: str
    dry_run: bool = False
    place: Place | None = None
    with_erased: bool = False


class Restored(msgspec.Struct):
    """What a restore did to a table, or would do.

    `safety_backup_id` is the backup that was taken of it before; it and `load_id` are null after
    a dry run. `place` is where the backup was read. Where its columns are not the table's,
    `left_out` are those that the table has not, `filled` those of the table that it lacks, which
    get their default or null, and `renamed` has the names of now by those of the backup.
    """

    table: str
    backup_id: str
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    safety_backup_id: str | None
    load_id: str | None
    place: Place
    left_out: list[str]
    filled: list[str]
    renamed: dict[str, str]


class RestoredSet(msgspec.Struct):
    """What a restore did to every table of a set, or would do."""

    set_id: str
    tables: list[Restored]


UNDO = Link("restore_table", body={"backup_id": "/safety_backup_id"}, of_table=True)


class RestoreController(Controller):
    """Restore. A backup of what is there is taken first, and stays if the restore is done."""

    path = "/v1"
    tags = ("backups",)
    guards = (only_known,)

    @post(
        "/tables/{table:str}/restore",
        operation_id="restore_table",
        status_code=200,
        opt=described(
            answers={200: Restored},
            body={"application/json": RestoreRequest},
            leads_to=(UNDO,),
            problems=(409, 415, 422, 507),
            once=True,
            role="operator",
        ),
    )
    async def restore_table(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], table: FromPath[str]
    ) -> Response[bytes]:
        """Makes a table exactly what one of its backups holds, in one transaction."""
        found = gate.table(table)
        body, asked = await json_body(request, RestoreRequest)

        def backups() -> Found:
            return gate.restores.backup_of(found.name, asked.backup_id, asked.place)

        def response(results: Sequence[RestoreResult]) -> Response[bytes]:
            return _response(_restored(results[0]))

        return await _restore(request, gate, body, backups, asked, response)

    @post(
        "/restore",
        operation_id="restore_set",
        status_code=200,
        opt=described(
            answers={200: RestoredSet},
            body={"application/json": RestoreSetRequest},
            problems=(404, 409, 415, 422, 507),
            once=True,
            role="operator",
        ),
    )
    async def restore_set(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[bytes]:
        """Makes every table of a set exactly what the set holds, in one transaction."""
        body, asked = await json_body(request, RestoreSetRequest)

        def backups() -> Found:
            return gate.restores.set_of(asked.set_id, asked.place)

        def response(results: Sequence[RestoreResult]) -> Response[bytes]:
            return _response(RestoredSet(asked.set_id, [_restored(each) for each in results]))

        return await _restore(request, gate, body, backups, asked, response)


async def _restore(
    request: Request[Any, Any, Any],
    gate: Gate,
    body: bytes,
    found_by: Callable[[], Found],
    wanted: RestoreRequest | RestoreSetRequest,
    response: Callable[[Sequence[RestoreResult]], Response[bytes]],
) -> Response[bytes]:
    asked = asked_by(request, body)
    if wanted.dry_run:
        found = await asyncio.to_thread(found_by)
        return response(await _planned(gate, found, actor_of(request), wanted.with_erased))
    if (before := await answered_before(gate, asked)) is not None:  # its backup may be gone by now
        return before
    found = await asyncio.to_thread(found_by)
    begun = await asyncio.to_thread(
        gate.restores.begin,
        found,
        actor=actor_of(request),
        idempotency=asked,
        render=lambda results: kept(asked, response(results)),
        with_erased=wanted.with_erased,
    )
    done = await asyncio.wrap_future(begun)
    return again(done) if isinstance(done, StoredAnswer) else response(done)


async def _planned(
    gate: Gate, found: Found, actor: str | None, with_erased: bool
) -> Sequence[RestoreResult]:
    """What a restore would do, parents first; as the comparison has it that pages show.

    Raises:
        BringsBackErased: rows that were erased would come back, and not `with_erased`.
        DanglingReferences: references would break.
    """
    comparing = await asyncio.to_thread(gate.differences.begin, found, actor)
    # Shielded: others may wait for it.
    comparison = await asyncio.shield(asyncio.wrap_future(comparing.done))
    if comparison.erased and not with_erased:
        raise comparison.erased
    if comparison.dangling:
        raise comparison.dangling
    order = list(gate.dictionary.tables)
    results = sorted(comparison.results, key=lambda each: order.index(each.table))
    return [msgspec.structs.replace(each, place=found.place) for each in results]


def _restored(result: RestoreResult) -> Restored:
    return msgspec.convert(result, Restored, from_attributes=True)


def _response(answer: Restored | RestoredSet) -> Response[bytes]:
    return Response(encoded(answer), status_code=200, media_type="application/json")
