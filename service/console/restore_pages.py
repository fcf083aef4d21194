"""Going back: what a restore would change, then the restore, then the way back from there."""

import asyncio
from collections.abc import Sequence
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
from service.console.forms import Form, see_other
from service.console.pages import page, url
from service.errors import (
    DamagedBackup,
    DanglingReferences,
    NotFound,
    Problem,
    RulesBroken,
    Unprocessable,
)
from service.gate import Gate
from service.ops import queries

FORM = described_part(role="operator")
ALL = "all tables"  # what is typed to restore a set
REASONS = (DanglingReferences, DamagedBackup, RulesBroken)


class RestorePages(Controller):
    """Restores of a table, or of all tables of a set."""

    path = "/"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/tables/{name:str}/restore",
        operation_id="show_restore_page",
        sync_to_thread=True,
        opt=described_page(role="operator"),
    )
    def show_restore_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        name: FromPath[str],
        backup: FromQuery[str] = "",
        done: FromQuery[str] = "",
        undo: FromQuery[str] = "",
    ) -> Response[Any]:
        """Shows what restoring a backup would change; of one that is done, what it changed."""
        table = gate.table(name).name
        backups = gate.places.find(None, lambda catalogue: catalogue.list(table)).entries
        shown: dict[str, Any] = {
            "title": table,
            "word": table,
            "backups": backups,
            "wanted": backup,
        }
        action = f"/tables/{table}/restore"
        if done:
            return _done(request, gate, done, {table: undo} if undo else {}, shown, action)
        found = gate.restores.backup_of(table, backup) if backup else None
        return _compared(request, gate, found, shown, action)

    @get(
        "/restore",
        operation_id="show_restore_set_page",
        sync_to_thread=True,
        opt=described_page(role="operator"),
    )
    def show_restore_set_page(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        of: FromQuery[str],
    ) -> Response[Any]:
        """Shows what restoring the set `of` that id would change in every table."""
        found = gate.restores.set_of(of)
        shown: dict[str, Any] = {"title": ALL, "word": ALL, "backups": [], "wanted": of}
        return _compared(request, gate, found, shown, "/restore")

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
        [result] = await _restore(request, gate, found)
        return see_other(_after(result))

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
        results = await _restore(request, gate, found)
        shown: dict[str, Any] = {"title": ALL, "word": ALL}
        undo = {each.table: each.safety_backup_id for each in results}
        return page(
            request, "restored.html", results=results, undo=undo, action="/restore", **shown
        )


def _found(gate: Gate, form: Form) -> Found:
    if not (ids := form.all("each")):
        return gate.restores.set_of(form.text("backup"))
    return gate.places.find(None, lambda catalogue: [catalogue.get(each) for each in ids])


def _check_word(form: Form, word: str) -> None:
    if form.text("word") != word:
        raise Unprocessable(f"to restore, type {word} as it stands there; nothing was changed")


async def _restore(
    request: Request[Any, Any, Any], gate: Gate, found: Found
) -> list[RestoreResult]:
    begun = await asyncio.to_thread(gate.restores.begin, found, actor=actor_of(request))
    results = await asyncio.wrap_future(begun)
    assert isinstance(results, list)  # only a repeat by an Idempotency-Key gets a stored answer
    return results


def _after(result: RestoreResult) -> str:
    """The page of a restore that is done."""
    at = f"/tables/{result.table}/restore"
    return url(at, done=result.load_id, undo=result.safety_backup_id)


def _compared(
    request: Request[Any, Any, Any],
    gate: Gate,
    found: Found | None,
    shown: dict[str, Any],
    action: str,
) -> Response[Any]:
    """The page with the difference, or with why it cannot be restored."""
    results: Sequence[RestoreResult] = []
    problem: Problem | None = None
    try:
        results = gate.restores.plan(found) if found else []
    except REASONS as reason:
        problem = reason
    return page(
        request,
        "restore.html",
        entries=found.entries if found else [],
        results=results,
        problem=problem,
        references=problem.members.get("references", []) if problem else [],
        changes=sum(each.added + each.removed + each.changed for each in results),
        action=action,
        **shown,
    )


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
