"""Pages for putting rows into a table: a form, a paste box, a file; looked at first, then loaded.

Nothing is judged here: rows go through the doors that the API has.
"""

import asyncio
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.app_state import limits_of, sessions_of
from service.api.http.authentication import actor_of
from service.api.http.describing import described_page, described_part
from service.api.http.letting_in import check_form
from service.console import draft_runs, row_form
from service.console.draft_views import view_of
from service.console.drafts import Draft, Drafts, Kind
from service.console.form_bodies import received_form
from service.console.forms import TOKEN, Form, see_other
from service.console.pages import fragment, page, segment, url
from service.dictionary import Table
from service.formats.bodies.text_bodies import MARK
from service.gate import Gate
from service.judge.batch import Violation

WRITER = described_part(role="writer")
PAGE = described_page(role="writer")
POLLED = described_part(role="writer", polled=True)
_raw = msgspec.json.Decoder(msgspec.Raw)
PASTED = "pasted rows"  # the source of what came without a file
Asked: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Response[Any]


class InsertPages(Controller):
    """Pages for putting rows into a table."""

    path = "/tables/{name:str}/insert"
    tags = ("pages",)

    @get("/", operation_id="show_insert_page", sync_to_thread=True, opt=PAGE)
    def show_insert_page(
        self, request: Asked, gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Answer:
        """Shows the form, the paste box and the place to drop a file."""
        return _insert_page(request, gate, gate.table(name))

    @post("/row", operation_id="insert_row_of_form", opt=WRITER)
    async def insert_row_of_form(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        name: FromPath[str],
    ) -> Answer:
        """Inserts the row of the form; one with faults comes back."""
        found = gate.table(name)
        values, once = row_form.typed(found, form), form.text("once")
        violations, key = await row_form.add_row(
            gate, found, values, actor=actor_of(request), once=once
        )
        if not violations:
            return see_other(url(_place(found), added=key))
        return await asyncio.to_thread(
            _insert_page, request, gate, found, values=values, violations=violations, once=once
        )

    @post(
        "/file",
        operation_id="look_at_file",
        opt=WRITER,
        request_max_body_size=None,  # the form's reader has a limit
    )
    async def look_at_file(
        self, request: Asked, gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Answer:
        """Takes a file or pasted rows, and begins to look at them."""
        found, drafts = gate.table(name), _drafts(request)
        path = drafts.new_path(gate.settings)
        with limits_of(request).upload():
            form = await received_form(request, path, gate.settings.max_file_bytes)
        try:
            check_form(request.scope, sessions_of(request), form.fields.pop(TOKEN, ""))
            kind = await asyncio.to_thread(_kind, path, form.size, gate.settings.max_body_bytes)
            source = form.file_name or PASTED
            draft = Draft(found.name, path, source, kind, actor_of(request), options=form.fields)
            await draft_runs.look(gate, draft)
        except BaseException:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise
        drafts.add(draft)
        return see_other(f"{_place(found)}/{draft.draft_id}")

    @get("/{draft_id:str}", operation_id="show_draft", sync_to_thread=True, opt=WRITER)
    def show_draft(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        name: FromPath[str],
        draft_id: FromPath[str],
    ) -> Answer:
        """Shows how a file is read, and what would go in or has gone in."""
        return _draft_page("draft.html", request, gate, name, draft_id)

    @get("/{draft_id:str}/state", operation_id="show_draft_state", sync_to_thread=True, opt=POLLED)
    def show_draft_state(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        name: FromPath[str],
        draft_id: FromPath[str],
    ) -> Answer:
        """Shows the part of the page that changes."""
        return _draft_page("_draft.html", request, gate, name, draft_id)

    @post("/{draft_id:str}", operation_id="use_draft", opt=WRITER)
    async def use_draft(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        name: FromPath[str],
        form: NamedDependency[Form],
        draft_id: FromPath[str],
    ) -> Answer:
        """Loads a file, or looks at it again by other options."""
        found = gate.table(name)
        draft = _drafts(request).get(draft_id, found.name, actor_of(request))
        if form.text("do") == "load":
            await draft_runs.load(gate, draft)
        elif draft.load_id is None:
            draft.options = {**form, "columns": form.text("columns") or _columns(form)}
            await draft_runs.look(gate, draft)
        return see_other(f"{_place(found)}/{draft.draft_id}")


def _insert_page(
    request: Asked,
    gate: Gate,
    table: Table,
    values: dict[str, str] | None = None,
    violations: list[Violation] | None = None,
    once: str = "",
) -> Answer:
    return page(
        request,
        "insert.html",
        422 if violations else 200,
        table=table,
        fields=row_form.fields_of(gate, table, values or {}, violations or []),
        others=[each.message for each in violations or [] if each.column is None],
        once=once or secrets.token_urlsafe(16),
        added=None if values else request.query_params.get("added"),
        delimiters=draft_runs.DELIMITERS,
    )


def _draft_page(template: str, request: Asked, gate: Gate, name: str, draft_id: str) -> Answer:
    found = gate.table(name)
    draft = _drafts(request).get(draft_id, found.name, actor_of(request))
    show = fragment if template.startswith("_") else page
    return show(
        request,
        template,
        table=found,
        draft=draft,
        view=view_of(gate, draft),
        delimiters=draft_runs.DELIMITERS,
    )


def _place(table: Table) -> str:
    return f"/tables/{segment(table.name)}/insert"


def _drafts(request: Asked) -> Drafts:
    drafts: Drafts = request.app.state.drafts
    return drafts


def _columns(form: Form) -> str:
    """The columns of the file's fields, as the form has one choice for each; "" without any."""
    chosen = [form[f"field.{i}"] for i in range(len(form)) if f"field.{i}" in form]
    return ",".join(chosen)


def _kind(path: Path, size: int, max_bytes: int) -> Kind:
    """Whether a file is rows in JSON, and how they are written; else CSV of some dialect."""
    if size > max_bytes:
        return "csv"
    text = path.read_bytes().removeprefix(MARK).lstrip()
    if not text.startswith((b"[", b"{")):
        return "csv"
    with suppress(msgspec.DecodeError):
        _raw.decode(text)
        return "application/json"
    with suppress(msgspec.DecodeError):
        _raw.decode_lines(text)
        return "application/x-ndjson"
    return "csv"
