"""The forms of the work list: a row corrected, a group set, tried again or dismissed, a file in.

Rows go through the door of replays, which judges them; nothing is judged here.
"""

import asyncio
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import to_builtins

from service.api.http.app_state import limits_of, sessions_of
from service.api.http.authentication import actor_of
from service.api.http.client_queries import asked
from service.api.http.describing import described_part
from service.api.http.letting_in import check_form
from service.api.http.scopes import may_do
from service.console.choices import choices_of
from service.console.drafts import Drafts
from service.console.form_bodies import received_form
from service.console.forms import TOKEN, Form, see_other
from service.console.group_changes import GroupAsked, dismissed, set_and_tried, tried_again
from service.console.list_filters import PLACE, RejectionFilters
from service.console.pages import fragment, url
from service.console.problem_pages import FRAGMENT
from service.console.rejection_pages import GroupPreview, back_of, list_page, one_page
from service.console.row_form import PREFIX
from service.console.row_grid import kind_of
from service.console.viewer import Viewer
from service.console.work_list import (
    WorkItem,
    corrected,
    is_the_same,
    payload_of,
    tried_in_vain,
    work_items,
)
from service.dictionary import Column, Table
from service.doors.replay_changes import ReplayTry
from service.doors.replay_runs import Correction, ReplayResult
from service.engines.engine import Connection
from service.errors import BadRequest
from service.formats.bodies.correction_files import NoCorrections, corrected_rows
from service.gate import Gate
from service.ops import queries
from service.ops.records import RejectionRecord

WRITER = described_part(role="writer")
OPERATOR = described_part(role="operator")
PART = 1000  # rows that are tried in one load
Asked: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Response[Any]


class CorrectionPages(Controller):
    """The forms of the work list."""

    path = PLACE
    tags = ("pages",)

    @post("/{rejection_id:str}/correct", operation_id="correct_rejection", opt=WRITER)
    async def correct_rejection(
        self,
        request: Asked,
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        rejection_id: FromPath[str],
    ) -> Answer:
        """Tries a row again with the values that were typed."""

        def find(connection: Connection) -> RejectionRecord:
            return queries.rejection(connection, rejection_id)

        record = await asked(request, gate, find)
        table = gate.table(record.table_name)
        typed, left_out = _typed(table, form), form.all("leave_out")
        correction = _correction(table, record, typed, left_out)
        trying = ReplayTry(actor_of(request), may_change=may_do(request, "change"))
        result = await asyncio.to_thread(gate.replays.replay_corrected, [correction], trying)

        def look(connection: Connection) -> WorkItem:
            return _after(connection, table, record, typed, result)

        item = await asked(request, gate, look)
        if FRAGMENT in request.headers:
            return await _row(request, gate, table, item, back_of(form))
        if item.is_open:
            return await one_page(request, gate, table, item, back_of(form), 422)
        return see_other(_told(back_of(form), f"✓ {item.place}: accepted", "list"))

    @post("/import", operation_id="import_corrections", opt=WRITER, request_max_body_size=None)
    async def import_corrections(self, request: Asked, gate: NamedDependency[Gate]) -> Answer:
        """Tries the rows of a corrected file, as it was saved from the list."""
        path = Drafts.new_path(gate.settings)
        limit = gate.settings.max_body_bytes
        try:
            with limits_of(request).upload():
                form = await received_form(request, path, limit)
            check_form(request.scope, sessions_of(request), form.fields.pop(TOKEN, ""))
            content = await asyncio.to_thread(path.read_bytes)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        back = back_of(form.fields)
        try:
            rows = list(corrected_rows(content))
        except NoCorrections as error:
            raise BadRequest(f"the file {form.file_name}{error}") from None
        corrections = [Correction(rejection_id, text={**row}) for _, rejection_id, row in rows]
        trying, tried = ReplayTry(actor_of(request), may_change=may_do(request, "change")), 0
        accepted = failed = 0
        for start in range(0, len(corrections), PART):
            part = corrections[start : start + PART]
            result = await asyncio.to_thread(gate.replays.replay_corrected, part, trying)
            counts = result.counts()
            accepted += counts["accepted"] + counts["changed"] + counts["already_present"]
            failed += counts["rejected"]
            tried += counts["received"]
        words = f"{len(corrections)} rows in the file: {accepted} accepted, {failed} still fail"
        if others := len(corrections) - tried:
            words += f", {others} could not be tried"
        return see_other(_told(back, words, "list", failed=failed + others > 0))

    @post("/again", operation_id="try_group_again", opt=WRITER)
    async def try_group_again(
        self, request: Asked, gate: NamedDependency[Gate], form: NamedDependency[Form]
    ) -> Answer:
        """Tries all rows of a group again, as they are."""
        filters, asked_for = RejectionFilters.read(form), _by(request)
        change = await asyncio.to_thread(tried_again, gate, filters, asked_for)
        return see_other(_told(filters.to_url(PLACE), change.words, "list", change.failed > 0))

    @post("/set", operation_id="set_group", opt=WRITER)
    async def set_group(
        self, request: Asked, gate: NamedDependency[Gate], form: NamedDependency[Form]
    ) -> Answer:
        """Sets one value in all rows of a group, and tries them; shows first what would happen."""
        filters, value = RejectionFilters.read(form), form.get("value", "")
        column, asked_for = _column(gate, filters), _asked_for(request, form)
        change = await asyncio.to_thread(set_and_tried, gate, filters, column, value, asked_for)
        if not asked_for.dry_run:
            return see_other(_told(filters.to_url(PLACE), change.words, "list", change.failed > 0))
        preview = GroupPreview(
            f"{PLACE}/set",
            change.matched,
            change.words,
            f"Set {column.name} in {change.matched} rows",
            {"value": value, "expected": str(change.matched)},
            can_go_on=change.accepted > 0,
            value=value,
            sets=True,
            reasons=change.reasons,
        )
        return await list_page(request, gate, filters, preview=preview)

    @post("/dismiss", operation_id="dismiss_group", opt=OPERATOR)
    async def dismiss_group(
        self, request: Asked, gate: NamedDependency[Gate], form: NamedDependency[Form]
    ) -> Answer:
        """Dismisses all rows of a group; says first how many they are."""
        filters, reason = RejectionFilters.read(form), form.text("reason")
        asked_for = _asked_for(request, form)
        if not reason:
            raise BadRequest("say why the rows stay out", parameter="reason")
        change = await asyncio.to_thread(dismissed, gate, filters, reason, asked_for)
        if not asked_for.dry_run:
            return see_other(_told(filters.to_url(PLACE), change.words, "list"))
        preview = GroupPreview(
            f"{PLACE}/dismiss",
            change.matched,
            f"they stay out for good, because: {reason}.",
            f"Dismiss {change.matched} rows",
            {"reason": reason, "expected": str(change.matched)},
            can_go_on=change.matched > 0,
        )
        return await list_page(request, gate, filters, preview=preview)


def _column(gate: Gate, filters: RejectionFilters) -> Column:
    """The column of a group, in which a value is set."""
    table = gate.table(filters.table) if filters.table else None
    if table is None or filters.column not in table.column_names:
        raise BadRequest("a value is set in a column of a table", parameter="column")
    return table.column(filters.column)


def _asked_for(request: Asked, form: Form) -> GroupAsked:
    """A look, unless the button of the preview was pressed, which says how many rows it showed."""
    is_real, expected = form.text("do") == "do", form.text("expected")
    number = int(expected) if is_real and expected.isdecimal() and len(expected) < 12 else None
    return _by(request, not is_real, number)


def _by(request: Asked, dry_run: bool = False, expected: int | None = None) -> GroupAsked:
    return GroupAsked(actor_of(request), dry_run, expected, may_do(request, "change"))


def _typed(table: Table, form: Form) -> dict[str, str]:
    """The values that were typed, by column; of cells that were no fields there are none."""
    names = table.column_names
    return {name: form[PREFIX + name] for name in names if PREFIX + name in form}


def _correction(
    table: Table, record: RejectionRecord, typed: dict[str, str], left_out: list[str]
) -> Correction:
    payload = payload_of(table, record)
    if is_the_same(payload, typed, left_out):
        return Correction(record.rejection_id)
    return Correction(record.rejection_id, text=corrected(payload, typed, left_out))


def _after(
    connection: Connection,
    table: Table,
    record: RejectionRecord,
    typed: dict[str, str],
    result: ReplayResult,
) -> WorkItem:
    """The row as it is shown after it was tried."""
    now = queries.rejection(connection, record.rejection_id)
    if now.status == "accepted":
        (item,) = work_items(connection, table, [now])
        return item.with_typed(typed)
    violations = [
        to_builtins(each, enc_hook=str) for failed in result.failed for each in failed.violations
    ]
    why_not = next((why for _, why in result.not_tried), None)
    return tried_in_vain(connection, table, now, typed, violations or None, why_not)


async def _row(request: Asked, gate: Gate, table: Table, item: WorkItem, back: str) -> Answer:
    def look(connection: Connection) -> dict[str, Any]:
        return {each.name: choices_of(connection, gate, each) for each in table.columns}

    answer = fragment(
        request,
        "_rejected.html",
        item=item,
        back=back,
        kind_of=lambda name: kind_of(table.column(name)),
        lists=await asked(request, gate, look),
        may_correct=Viewer(request).may("correct_rejection"),
    )
    if not item.is_open:
        answer.headers["HX-Trigger"] = "corrected"  # the counts are asked for anew
    return answer


def _told(back: str, words: str, place: str, failed: bool = False) -> str:
    """The list, with what came of it."""
    plain, _, query = back.partition("?")
    said = {name: value for name, value in parse_qsl(query) if name not in ("done", "failed")}
    return url(plain, **said, done=words, failed="true" if failed else None) + f"#{place}"
