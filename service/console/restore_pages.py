"""Going back: what a restore would change, then the restore, then the way back from there."""

import asyncio
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.authentication import actor_of
from service.api.http.describing import described_page, described_part
from service.api.http.parameters import only_known
from service.api.v1.loads import page_of
from service.backups.paired_places import Found
from service.backups.restoring import RestoreResult
from service.console.difference_pages import compared
from service.console.forms import Form
from service.console.pages import page
from service.console.task_pages import led_to, restored_page
from service.doors.tasks import Begun
from service.errors import NotFound, Unprocessable
from service.gate import Gate
from service.ops import queries

FORM = described_part(role="operator")
ALL = "all tables"  # what is typed to restore a set


class RestorePages(Controller):
    """Restores of a table, or of all tables of a set."""

    path = "/"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/tables/{name:str}/restore",
        operation_id="show_restore_page",
        opt=described_page(role="operator"),
    )
    async def show_restore_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        name: FromPath[str],
        backup: FromQuery[str] = "",
        done: FromQuery[str] = "",
        undo: FromQuery[str] = "",
        known: FromQuery[str] = "",
    ) -> Response[Any]:
        """Shows what restoring a backup would change; of one that is done, what it changed.

        The comparison that is `known` is shown, though rows have come in since.
        """
        table = gate.table(name).name
        listed = await asyncio.to_thread(
            gate.places.find, None, lambda catalogue: catalogue.list(table)
        )
        shown: dict[str, Any] = {
            "title": table,
            "word": table,
            "backups": listed.entries,
            "wanted": backup,
        }
        action = f"/tables/{table}/restore"
        if done:
            return await asyncio.to_thread(
                _done, request, gate, done, {table: undo} if undo else {}, shown, action
            )
        if backup:
            found = await asyncio.to_thread(gate.restores.backup_of, table, backup)
            shown |= await compared(request, gate, found, known or None)
        else:
            shown["entries"] = []
        return page(request, "restore.html", action=action, **shown)

    @get(
        "/restore",
        operation_id="show_restore_set_page",
        opt=described_page(role="operator"),
    )
    async def show_restore_set_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        of: FromQuery[str],
        known: FromQuery[str] = "",
    ) -> Response[Any]:
        """Shows what restoring the set `of` that id would change in every table."""
        found = await asyncio.to_thread(gate.restores.set_of, of)
        shown = await compared(request, gate, found, known or None)
        shown |= {"title": ALL, "word": ALL, "backups": [], "wanted": of}
        return page(request, "restore.html", action="/restore", **shown)

    @post("/tables/{name:str}/restore", operation_id="restore_by_form", opt=FORM)
    async def restore_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        name: FromPath[str],
    ) -> Response[Any]:
        """Restores a backup, once the name of its table was typed."""
        table = gate.table(name).name
        _check_word(form, table)
        found = await asyncio.to_thread(gate.restores.backup_of, table, form.text("backup"))
        return await led_to(
            lambda begun: _restore(request, gate, found, begun),
            lambda results: restored_page(results[0]),
        )

    @post("/restore", operation_id="restore_set_by_form", opt=FORM)
    async def restore_set_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
    ) -> Response[Any]:
        """Restores all tables of a set, or of the backups `each`, once it was typed that all are
        meant.
        """
        _check_word(form, ALL)
        found = await asyncio.to_thread(_found, gate, form)
        return await led_to(
            lambda begun: _restore(request, gate, found, begun),
            lambda results: _restored_together(gate, results),
        )


def _restored_together(gate: Gate, results: list[RestoreResult]) -> str:
    """The page of a restore of several tables: that of the task it was."""
    return next(
        f"/tasks/{each.task_id}" for each in gate.tasks.newest_first() if each.outcome == results
    )


def _found(gate: Gate, form: Form) -> Found:
    if not (ids := form.all("each")):
        return gate.restores.set_of(form.text("backup"))
    return gate.places.find(None, lambda catalogue: [catalogue.get(each) for each in ids])


def _check_word(form: Form, word: str) -> None:
    if form.text("word") != word:
        raise Unprocessable(f"to restore, type {word} as it stands there; nothing was changed")


async def _restore(
    request: Request[Any, Any, Any], gate: Gate, found: Found, begun: Begun
) -> list[RestoreResult]:
    start = gate.restores.begin
    restored = await asyncio.to_thread(start, found, actor=actor_of(request), begun=begun)
    results = await asyncio.wrap_future(restored)
    assert isinstance(results, list)  # only a repeat by an Idempotency-Key gets a stored answer
    return results


def _done(
    request: Request[Any, Any, Any],
    gate: Gate,
    load_id: str,
    undo: dict[str, str],
    shown: dict[str, Any],
    action: str,
) -> Response[Any]:
    with gate.database.reading() as connection:
        load = page_of(queries.load(connection, load_id))
    if load.kind != "restore" or load.table != shown["word"]:
        raise NotFound(f"there is no restore of {shown['word']} by that id")
    for table, backup_id in undo.items():
        gate.restores.backup_of(table, backup_id)  # it is there, and of this table
    return page(request, "restored.html", load=load, undo=undo, action=action, **shown)
