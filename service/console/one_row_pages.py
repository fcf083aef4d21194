"""A row with what it refers to and what refers to it, its history, and how it is changed."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.authentication import actor_of
from service.api.http.client_queries import asked
from service.api.http.describing import described_part
from service.api.http.etags import tag_of_row
from service.console.forms import Form, see_other
from service.console.judged_rows import as_text
from service.console.pages import fragment, page, segment, url
from service.console.row_edits import RowEdit, change_row, remove_row, texts_of, texts_of_key
from service.console.row_form import fields_of, typed
from service.console.row_grid import field_name, value_text
from service.console.row_past import past_of
from service.console.viewer import Viewer
from service.dictionary import Table
from service.engines.engine import Connection
from service.errors import DanglingReferences, NotFound, PreconditionFailed, Problem
from service.gate import Gate
from service.judge.batch import Violation
from service.ops.row_history import stored_row
from service.warehouse import stored_rows
from service.warehouse.one_row import read_key
from service.warehouse.references import ChildRows, ParentRow, references

PART = described_part()
FORM = described_part(role="operator")
# Parameters of the page: that it shows the history at once, or a form; what was just done.
HISTORY, EDIT, DONE = "_history", "_edit", "_done"
REFUSED = (DanglingReferences, PreconditionFailed)
Asked: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Response[Any]


class OneRowPages(Controller):
    """A row of a table."""

    path = "/tables/{name:str}/rows/{row_id:str}"
    tags = ("pages",)

    @get("/", operation_id="show_row_page", opt=PART)
    async def show_row_page(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        name: FromPath[str],
        row_id: FromPath[str],
    ) -> Answer:
        """Shows one row, the rows that it refers to, and those that refer to it.

        Of one that was removed it shows the history.
        """
        return await _row_page(request, gate, gate.table(name), row_id)

    @get("/history", operation_id="show_past_of_row", opt=PART)
    async def show_past_of_row(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        name: FromPath[str],
        row_id: FromPath[str],
    ) -> Answer:
        """Shows what was done to a row, and how often one of its key was kept out."""
        found = gate.table(name)
        past = await asked(request, gate, lambda connection: past_of(connection, found, row_id))
        return fragment(request, "_history.html", past=past, table=found)

    @post("/", operation_id="change_row_by_form", opt=FORM)
    async def change_row_by_form(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        name: FromPath[str],
        row_id: FromPath[str],
    ) -> Answer:
        """Changes what was typed otherwise; a row with faults comes back."""
        found = gate.table(name)
        values = {**typed(found, form), **texts_of_key(found, row_id)}
        edit = _edit(request, found, row_id, form)
        try:
            violations = await change_row(gate, edit, values)
        except REFUSED as problem:
            return await _row_page(request, gate, found, row_id, values, problem=problem)
        if violations:
            return await _row_page(request, gate, found, row_id, values, violations)
        return see_other(url(_place(found, row_id), **{DONE: "changed"}))

    @post("/remove", operation_id="remove_row_by_form", opt=FORM)
    async def remove_row_by_form(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        name: FromPath[str],
        row_id: FromPath[str],
    ) -> Answer:
        """Removes the row, unless others refer to it."""
        found = gate.table(name)
        try:
            await remove_row(gate, _edit(request, found, row_id, form))
        except REFUSED as problem:
            return await _row_page(request, gate, found, row_id, problem=problem)
        return see_other(_place(found, row_id))


def _edit(request: Asked, table: Table, row_id: str, form: Form) -> RowEdit:
    key, actor = read_key(table, row_id), actor_of(request)
    return RowEdit(table, key, form.text("tag"), actor, form.text("once"))


async def _row_page(
    request: Asked,
    gate: Gate,
    table: Table,
    row_id: str,
    values: Mapping[str, str] | None = None,
    violations: Sequence[Violation] = (),
    problem: Problem | None = None,
) -> Answer:
    """The page of a row; with `values`, what was typed over it, and what is wrong with that."""
    key, query = read_key(table, row_id), request.query_params
    may_edit = Viewer(request).may("change_row_by_form")
    is_edited = values is not None or (EDIT in query and may_edit)

    def look(connection: Connection) -> dict[str, Any]:
        row = stored_row(connection, table, key)
        past = past_of(connection, table, row_id) if row is None or HISTORY in query else None
        if row is None and not (past and past.changes):
            raise NotFound(f"{table.name} has no row {row_id!r}", table=table.name)
        return {"past": past, **_shown(connection, gate, table, key, row)}

    shown = await asked(request, gate, look)
    if is_edited and shown["texts"] is not None:
        said = values or shown["texts"]
        shown["fields"] = await asyncio.to_thread(fields_of, gate, table, said, violations)
    shown |= {"problem": problem, "done": query.get(DONE), "once": secrets.token_urlsafe(16)}
    shown["others"] = [each.message for each in violations if each.column is None]
    status = problem.status if problem else 422 if violations else 200
    return page(request, "row_page.html", status, table=table, key=row_id, **shown)


def _shown(
    connection: Connection, gate: Gate, table: Table, key: Any, row: str | None
) -> dict[str, Any]:
    """What the page shows of a row, JSON; of one that is gone, nothing."""
    if row is None:
        return {"texts": None, "tag": "", "values": [], "parents": {}, "children": [], "fields": []}
    (values,) = stored_rows.row(connection, table, key).values
    return {
        "texts": texts_of(table, row),
        "tag": tag_of_row(row),
        "values": [(c, as_text(value)) for c, value in zip(table.columns, values, strict=True)],
        **_references(connection, gate, table, key),
        "fields": [],
    }


def _place(table: Table, row_id: str) -> str:
    return f"/tables/{segment(table.name)}/rows/{segment(row_id)}"


def _references(connection: Connection, gate: Gate, table: Table, key: Any) -> dict[str, Any]:
    """What the row refers to, by column, and which rows refer to it, each with where that leads."""
    found = references(connection, gate.dictionary, table, key)
    # What several columns refer to stands at each of them that refers to nothing by itself.
    parents = {
        name: (
            *(each.table, _place(gate.table(each.table), str(each.key))),
            _first_text(gate, each),
        )
        for each in reversed(found.parents)
        if each.row is not None
        for name in table.named_in(each.column)
    }
    children = [
        (each, url(f"/tables/{segment(each.table)}/rows", **_only(each))) for each in found.children
    ]
    return {"parents": parents, "children": children}


def _only(child: ChildRows) -> dict[str, str]:
    return {field_name(name): f"eq.{value_text(value)}" for name, value in child.wanted}


def _first_text(gate: Gate, parent: ParentRow) -> str:
    """The first text of a row, which mostly says what it is."""
    columns = gate.table(parent.table).columns
    names = [each.name for each in columns if each.type.name == "varchar"]
    return str((parent.row or {}).get(names[0]) or "") if names else ""
