"""GET /backups: the Avro files to go back to; made, checked and fetched."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.authentication import actor_of
from service.api.http.describing import Schema, described, described_page, described_part
from service.api.http.negotiation import AVRO
from service.api.http.parameters import only_known
from service.api.v1.backup_downloads import file_of
from service.backups.catalogue import Entry
from service.console.forms import Form, see_other
from service.console.pages import page
from service.console.task_pages import led_to, made_page
from service.console.viewer import Viewer
from service.doors.tasks import Begun
from service.gate import Gate

FORM = described_part(role="operator")
PAGE_SETS = 50


@dataclass(frozen=True)
class BackupGroup:
    """The backups of one set, or one that is in none."""

    set_id: str | None
    entries: Sequence[Entry]

    @property
    def is_whole(self) -> bool:
        """Whether all that were taken together are still there."""
        return self.set_id is not None and self.entries[0].set_size in (None, len(self.entries))


class BackupPages(Controller):
    """Backups."""

    path = "/backups"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="show_backups_page",
        sync_to_thread=True,
        opt=described_page(),
    )
    def show_backups_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromQuery[str] = "",
        made: FromQuery[str] = "",
        checked: FromQuery[str] = "",
        whole: FromQuery[bool] = False,
    ) -> Response[Any]:
        """Shows backups, newest first; `made` and `checked` are ids of those just made, or read."""
        groups = _grouped(gate.catalogue.list(gate.table(table).name if table else None))
        return page(
            request,
            "backups.html",
            groups=groups if whole else groups[:PAGE_SETS],
            more=0 if whole else max(0, len(groups) - PAGE_SETS),
            table=table,
            tables=list(gate.dictionary.tables),
            made=made,
            checked=gate.backups.verify(checked) if checked and _may_check(request) else None,
            checked_id=checked,
            schedule=gate.settings.backup_schedule,
        )

    @post("/", operation_id="back_up_by_form", opt=FORM)
    async def back_up_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
    ) -> Response[Any]:
        """Backs one table up, or all as a set."""
        name, actor = form.text("table"), actor_of(request)
        table = gate.table(name) if name else None

        async def make(begun: Begun) -> list[Entry]:
            if table is None:
                return await asyncio.to_thread(gate.backups.back_up_all, actor, begun=begun)
            return [await asyncio.to_thread(gate.backups.back_up, table, actor, begun=begun)]

        return await led_to(make, made_page)

    @post("/{backup_id:str}/delete", operation_id="delete_backup_by_form", opt=FORM)
    async def delete_backup_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        backup_id: FromPath[str],
    ) -> Response[Any]:
        """Removes a backup and its file."""
        await asyncio.to_thread(gate.backups.remove, backup_id, actor_of(request))
        return see_other("/backups")

    @get(
        "/{backup_id:str}/file",
        operation_id="fetch_backup_file",
        sync_to_thread=True,
        opt=described(answers={200: {AVRO: Schema.BYTES}}, page=True, part=True),
    )
    def fetch_backup_file(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], backup_id: FromPath[str]
    ) -> Response[Any]:
        """The backup itself: an Avro object container file."""
        return file_of(request, gate, backup_id)


def _may_check(request: Request[Any, Any, Any]) -> bool:
    """To read a whole backup again is an operator's, here as by HTTP."""
    return Viewer(request).may("verify_backup")


def _grouped(entries: Sequence[Entry]) -> list[BackupGroup]:
    """Backups by set, in the order of the first of each."""
    sets: dict[str, list[Entry]] = {}
    for entry in entries:
        sets.setdefault(entry.set_id or entry.backup_id, []).append(entry)
    return [BackupGroup(found[0].set_id, found) for found in sets.values()]
