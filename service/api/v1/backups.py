"""Backups: made, taken in from elsewhere, listed, read, checked and removed."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias
from uuid import uuid4

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from service.api.http.app_state import limits_of
from service.api.http.authentication import actor_of
from service.api.http.bodies import json_body, media_type, streamed
from service.api.http.describing import Link, Schema, described, lists
from service.api.http.idempotency import answered_once
from service.api.http.negotiation import AVRO, answer_with_entries
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.v1.answers import created
from service.api.v1.backup_downloads import file_of
from service.backups.catalogue import Catalogue
from service.backups.entry import Entry
from service.backups.paired_places import Found, Place
from service.backups.verifying import Verification
from service.dictionary import Table
from service.errors import UnsupportedFormat
from service.gate import Gate
from service.runtime.durable_files import TEMPORARY

InPlace: TypeAlias = Annotated[
    Place | None,
    QueryParameter(description="Where: the primary place, or among the copies."),
]
OF_ITSELF = tuple(
    Link(call, {"backup_id": "/backup_id"})
    for call in ("show_backup", "verify_backup", "read_backup_file", "delete_backup")
)
RESTORE = Link("restore_table", body={"backup_id": "/backup_id"}, of_table=True)


class Backup(Entry, frozen=True):
    """A backup; `bytes` and `sha256` are those of its file, `created_at` the snapshot's moment.

    `left_out` are columns of a file from elsewhere that the table has not; `copied` says whether
    a second place has a verified copy, and is null where there is no such place.
    """

    copied: bool | None = None


class BackupList(msgspec.Struct):
    """A page of backups, newest first, and where they are."""

    backups: list[Backup]
    next: str | None
    place: Place = "primary"


LISTED = described(answers=lists(BackupList), problems=(406,), links=True)


class BackupSet(msgspec.Struct):
    """Backups of every table, from one snapshot."""

    set_id: str
    backups: list[Backup]


class BackupRequest(msgspec.Struct, forbid_unknown_fields=True):
    """How to back up; `codec` is that of the settings when it is null."""

    codec: Literal["deflate", "zstandard"] | None = None


class BackupController(Controller):
    """Backups."""

    path = "/v1"
    tags = ("backups",)
    guards = (only_known,)

    @post(
        "/tables/{table:str}/backups",
        operation_id="back_up_table",
        # An Avro file may be larger than other bodies; `streamed` and `json_body` have limits.
        request_max_body_size=None,
        opt=described(
            answers={201: Backup},
            body={"application/json": BackupRequest, AVRO: Schema.BYTES},
            leads_to=(*OF_ITSELF, RESTORE),
            body_required=False,
            problems=(413, 415, 422, 507),
            once=True,
            role="operator",
        ),
    )
    async def back_up_table(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], table: FromPath[str]
    ) -> Response[bytes]:
        """Backs a table up, or takes an Avro file in that could be restored as its backup."""
        found = gate.table(table)
        if media_type(request) == AVRO:
            return await _take_in(request, gate, found)
        body, asked = await json_body(request, BackupRequest)

        async def make() -> Response[bytes]:
            backups, actor = gate.backups, actor_of(request)
            entry = await asyncio.to_thread(backups.back_up, found, actor, asked.codec)
            return _created(entry, gate)

        return await answered_once(request, body, make)

    @post(
        "/backups",
        operation_id="back_up_all_tables",
        opt=described(
            answers={201: BackupSet},
            body={"application/json": BackupRequest},
            body_required=False,
            problems=(507,),
            once=True,
            role="operator",
            leads_to=(Link("restore_set", body={"set_id": "/set_id"}),),
        ),
    )
    async def back_up_all_tables(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[bytes]:
        """Backs every table up, from one snapshot."""
        body, asked = await json_body(request, BackupRequest)

        async def make() -> Response[bytes]:
            backups, actor = gate.backups, actor_of(request)
            entries = await asyncio.to_thread(backups.back_up_all, actor, asked.codec)
            set_id = str(entries[0].set_id)
            made = BackupSet(set_id, [shown(entry, gate) for entry in entries])
            return created(made, f"/v1/backups?set_id={set_id}")

        return await answered_once(request, body, make)

    @get(
        "/tables/{table:str}/backups",
        operation_id="list_backups_of_table",
        sync_to_thread=True,
        opt=LISTED,
    )
    def list_backups_of_table(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromPath[str],
        limit: Limit = 100,
        after: After = None,
        place: InPlace = None,
    ) -> Response[bytes]:
        """Lists the backups of a table, newest first."""
        name = gate.table(table).name
        found = gate.places.find(place, lambda catalogue: catalogue.list(name))
        return _page(request, gate, found, limit, after)

    @get(
        "/backups",
        operation_id="list_backups",
        sync_to_thread=True,
        opt=LISTED,
    )
    def list_backups(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        set_id: FromQuery[str | None] = None,
        limit: Limit = 100,
        after: After = None,
        place: InPlace = None,
    ) -> Response[bytes]:
        """Lists backups, newest first: all of them, or those of one set."""

        def those(catalogue: Catalogue) -> Sequence[Entry]:
            return [each for each in catalogue.list() if set_id in (None, each.set_id)]

        return _page(request, gate, gate.places.find(place, those), limit, after)

    @get("/backups/{backup_id:str}", operation_id="show_backup", sync_to_thread=True)
    def show_backup(self, gate: NamedDependency[Gate], backup_id: FromPath[str]) -> Backup:
        """Shows one backup."""
        return shown(gate.catalogue.get(backup_id), gate)

    @get(
        "/backups/{backup_id:str}/file",
        operation_id="read_backup_file",
        sync_to_thread=True,
        opt=described(
            answers={200: {AVRO: Schema.BYTES}, 206: {AVRO: Schema.BYTES}},
            problems=(416, 422),
            ranges=True,
        ),
    )
    def read_backup_file(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], backup_id: FromPath[str]
    ) -> Response[Any]:
        """Reads the backup itself, an Avro object container file, or a part of it by `Range`."""
        return file_of(request, gate, backup_id)

    @post(
        "/backups/{backup_id:str}/verify",
        operation_id="verify_backup",
        status_code=200,
        sync_to_thread=True,
        opt=described(role="operator"),
    )
    def verify_backup(self, gate: NamedDependency[Gate], backup_id: FromPath[str]) -> Verification:
        """Reads the whole file again, and compares it with what is known of it."""
        return gate.backups.verify(backup_id)

    @delete(
        "/backups/{backup_id:str}",
        operation_id="delete_backup",
        opt=described(role="operator"),
    )
    async def delete_backup(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        backup_id: FromPath[str],
    ) -> None:
        """Removes a backup and its file."""
        await asyncio.to_thread(gate.backups.remove, backup_id, actor_of(request))


def shown(entry: Entry, gate: Gate) -> Backup:
    """A backup, as clients see it."""
    copied = entry.backup_id in gate.pairing.copied if gate.pairing else None
    return Backup(**msgspec.structs.asdict(entry), copied=copied)


def _created(entry: Entry, gate: Gate) -> Response[bytes]:
    return created(shown(entry, gate), f"/v1/backups/{entry.backup_id}")


async def _take_in(request: Request[Any, Any, Any], gate: Gate, table: Table) -> Response[bytes]:
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedFormat("an Avro file comes as it is: it is compressed within")
    unfinished = gate.settings.spool / f"{table.name}-{uuid4()}.avro{TEMPORARY}"
    limit = gate.settings.max_import_bytes
    with limits_of(request).upload():
        async with streamed(request, unfinished, limit, "backup") as file:

            async def make() -> Response[bytes]:
                take_in, actor = gate.backups.take_in, actor_of(request)
                entry = await asyncio.to_thread(take_in, file.path, table, actor)
                return _created(entry, gate)

            return await answered_once(request, file.sha256.encode(), make)


def _page(
    request: Request[Any, Any, Any], gate: Gate, found: Found, limit: int, after: str | None
) -> Response[bytes]:
    entries = found.entries
    if after is not None:
        (before,) = key_of(after, str)
        entries = [entry for entry in entries if entry.backup_id < before]
    following = cursor(entries[limit - 1].backup_id) if len(entries) > limit else None
    page = [shown(entry, gate) for entry in entries[:limit]]
    envelope = BackupList(page, following, found.place)
    return answer_with_entries(request, Backup, page, envelope, link(request, following))
