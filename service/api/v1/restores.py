"""Restore: a table, or all tables of a set, become again what their backups hold."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.authentication import actor_of
from service.api.http.bodies import json_body
from service.api.http.idempotency import again, asked_by, kept
from service.api.http.parameters import only_known
from service.api.openapi.describing import Link, described
from service.api.v1.answers import encoded
from service.backups.catalogue import Entry
from service.backups.preparing import Prepared
from service.backups.restoring import RestoreResult, restore
from service.backups.safety import Safety
from service.dictionary import Table
from service.engines.duckdb import DatabaseError, as_problem
from service.engines.engine import Connection
from service.errors import Problem, Unprocessable
from service.gate import Gate
from service.warehouse.work import Idempotency, StoredAnswer


class RestoreRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which backup; ``latest`` is the newest of the table that was not taken by a restore."""

    backup_id: str
    dry_run: bool = False


class RestoreSetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which set of backups."""

    set_id: str
    dry_run: bool = False


class Restored(msgspec.Struct):
    """What a restore did to a table, or would do.

    `safety_backup_id` is the backup that was taken of it before; it and `load_id` are null after
    a dry run.
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
        entry = await asyncio.to_thread(_entry, gate, found.name, asked.backup_id)

        def response(results: Sequence[Restored]) -> Response[bytes]:
            return Response(encoded(results[0]), status_code=200, media_type="application/json")

        return await _restore(request, gate, body, [entry], asked.dry_run, response)

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
        entries = await asyncio.to_thread(gate.catalogue.of_set, asked.set_id)

        def response(results: Sequence[Restored]) -> Response[bytes]:
            answer = encoded(RestoredSet(asked.set_id, list(results)))
            return Response(answer, status_code=200, media_type="application/json")

        return await _restore(request, gate, body, entries, asked.dry_run, response)


def _entry(gate: Gate, table: str, backup_id: str) -> Entry:
    """The backup of that id, or the latest of the table."""
    if backup_id == "latest":
        return gate.catalogue.latest(table)
    entry = gate.catalogue.get(backup_id)
    if entry.table != table:
        detail = f"it is a backup of {entry.table}, not of {table}"
        raise Unprocessable(detail, backup_id=backup_id, table=entry.table)
    return entry


async def _restore(
    request: Request[Any, Any, Any],
    gate: Gate,
    body: bytes,
    entries: Sequence[Entry],
    dry_run: bool,
    response: Callable[[Sequence[Restored]], Response[bytes]],
) -> Response[bytes]:
    tables, asked = [gate.table(entry.table) for entry in entries], asked_by(request, body)
    if dry_run:
        return response(await asyncio.to_thread(_plan, gate, entries))

    actor = actor_of(request)
    done = await asyncio.to_thread(begin, gate, tables, entries, asked, response, actor)
    found = await asyncio.wrap_future(done)
    return again(found) if isinstance(found, StoredAnswer) else response(found)


def begin(
    gate: Gate,
    tables: Sequence[Table],
    entries: Sequence[Entry],
    asked: Idempotency | None,
    response: Callable[[Sequence[Restored]], Response[bytes]],
    actor: str | None = None,
) -> "Future[list[Restored] | StoredAnswer]":
    """Backs up what is there and reads the backups, then has the writer restore.

    The writer waits only while the differences are written, unless the tables have changed since
    they were found. When nothing is restored, that backup is removed: the tables still hold the
    same. Should only the commit fail, it stays, and does no harm.
    """
    safety = Safety(tables, gate.catalogue, gate.settings.codec, gate.dictionary.version)
    beside = gate.database.connect()
    try:
        with gate.database.all_cores():
            prepared = _prepared(gate, beside, safety, entries)
    except BaseException:
        beside.close()
        raise

    def change(connection: Connection) -> list[Restored]:
        safety.renew(connection)
        with gate.database.all_cores():
            results = restore(
                *(connection, gate.dictionary, entries, gate.catalogue),
                actor=actor,
                prepared=prepared,
            )
        safety.needed = True
        return _shown(results, {entry.table: entry.backup_id for entry in safety.entries})

    over: Future[list[Restored] | StoredAnswer] = Future()

    def ended(done: "Future[list[Restored] | StoredAnswer]") -> None:
        try:
            beside.close()
            if not safety.needed:
                safety.discard()
        finally:
            _pass_on(done, over)

    touched = [table.name for table in tables]
    try:
        done = gate.writer.run_once(
            change, touched, asked, lambda made: kept(asked, response(made))
        )
    except BaseException:
        beside.close()
        safety.discard()
        raise
    done.add_done_callback(ended)
    over.add_done_callback(lambda _: over.cancelled() and done.cancel())
    return over  # which the client waits for: of two callbacks, neither waits for the other


def _prepared(
    gate: Gate, beside: Connection, safety: Safety, entries: Sequence[Entry]
) -> Prepared | None:
    """What can be done while others write; None where the writer is to find out why it cannot."""
    beside.execute("begin")
    safety.take(beside)
    try:
        prepared = Prepared(beside, gate.dictionary, entries, gate.catalogue)
        beside.execute("commit")  # of temporary tables only
    except (Problem, DatabaseError):  # the request may have been answered before
        return None
    return prepared


def _pass_on(done: "Future[Any]", over: "Future[Any]") -> None:
    if done.cancelled():
        over.cancel()
    elif not over.set_running_or_notify_cancel():  # nobody waits any more
        return
    elif (error := done.exception()) is not None:
        over.set_exception(error)
    else:
        over.set_result(done.result())


def _plan(gate: Gate, entries: Sequence[Entry]) -> list[Restored]:
    """What a restore would do, found out beside the writer: others go on writing meanwhile."""
    connection = gate.database.connect()
    try:
        connection.execute("begin")
        with gate.database.all_cores():
            results = restore(connection, gate.dictionary, entries, gate.catalogue, dry_run=True)
        return _shown(results, {})
    except DatabaseError as error:
        raise as_problem(error) from error
    finally:
        connection.close()  # nothing was committed


def _shown(results: Sequence[RestoreResult], safety: Mapping[str, str]) -> list[Restored]:
    return [
        Restored(**msgspec.structs.asdict(each), safety_backup_id=safety.get(each.table))
        for each in results
    ]
