"""What restoring backups would change: the counts, the first of the rows, and all of one kind."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.authentication import actor_of
from service.api.http.describing import described_part
from service.api.http.paging import cursor
from service.api.http.parameters import only_known
from service.api.v1.differences import place_of
from service.api.v1.tasks import page_of
from service.backups.difference import KINDS, DifferenceKind, RowDifference
from service.backups.paired_places import Found
from service.console.judged_rows import as_text
from service.console.pages import fragment, page
from service.console.task_pages import PATIENCE_SECONDS, over
from service.dictionary import Table
from service.doors.differences import Comparing, Comparison, PageAsked
from service.errors import DamagedBackup, Problem, RulesBroken
from service.gate import Gate

SHOWN_ROWS, PAGE_ROWS = 5, 100
OPERATORS = described_part(role="operator")
REASONS = (DamagedBackup, RulesBroken)
# Of a row, for each column: as it is, as it would be, and whether that differs.
Cells: TypeAlias = list[tuple[str | None, str | None, bool]]


@dataclass(frozen=True)
class ShownDifference:
    """The first rows of each kind in which a table and a backup differ."""

    table: Table
    backup_id: str
    counts: Mapping[DifferenceKind, int]
    rows: Mapping[DifferenceKind, Sequence[Cells]]


class DifferencePages(Controller):
    """Differences."""

    path = "/backups"
    tags = ("pages",)
    guards = (only_known,)

    @get("/compared", operation_id="show_compared", opt=OPERATORS)
    async def show_compared(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        known: FromQuery[str],
        of: FromQuery[str] = "",
        table: FromQuery[str] = "",
        backup: FromQuery[str] = "",
    ) -> Response[Any]:
        """The part of the page of a restore that comes when it is known what would change."""
        restores = gate.restores
        find = (restores.set_of, of) if of else (restores.backup_of, table, backup)
        found = await asyncio.to_thread(*find)
        shown = await compared(request, gate, found, known)
        return fragment(request, "_compared.html", **shown)

    @get("/{backup_id:str}/difference", operation_id="show_difference", opt=OPERATORS)
    async def show_difference(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        backup_id: FromPath[str],
        kind: FromQuery[DifferenceKind],
        after: FromQuery[str] = "",
        known: FromQuery[str] = "",
    ) -> Response[Any]:
        """Shows all rows of one kind in which a backup and its table differ, page by page."""
        entry = await asyncio.to_thread(gate.catalogue.get, backup_id)
        table = gate.table(entry.table)
        key, before = place_of(table, after or None)
        wanted = PageAsked(kind, key, PAGE_ROWS)
        found = Found([entry], gate.catalogue)
        comparing = await _begun(request, gate, found, wanted, before or known or None)
        said: dict[str, Any] = {"table": table, "entry": entry, "kind": kind}
        said["is_later"] = bool(after)
        said |= {"task": page_of(comparing.task), "rows": None, "next": None}
        if comparing.done.done():
            shown = comparing.done.result().page(table.name, wanted)
            said["rows"] = [_cells(each, table) for each in shown.rows]
            if shown.more:
                said["next"] = cursor(str(shown.rows[-1].key), comparing.task.task_id)
        return page(request, "difference.html", **said)


async def _begun(
    request: Request[Any, Any, Any], gate: Gate, found: Found, wanted: PageAsked, known: str | None
) -> Comparing:
    """A comparison, once it is done, or after some time."""
    actor = actor_of(request)
    comparing = await asyncio.to_thread(
        lambda: gate.differences.begin(found, actor, page=wanted, known=known)
    )
    waiting = asyncio.wrap_future(comparing.done)
    waiting.add_done_callback(over)
    await asyncio.wait({waiting}, timeout=PATIENCE_SECONDS)
    return comparing


async def compared(
    request: Request[Any, Any, Any], gate: Gate, found: Found, known: str | None = None
) -> dict[str, Any]:
    """What ``_compared.html`` shows: the difference, how far it is, or why there is none."""
    comparing = await _begun(request, gate, found, PageAsked(limit=SHOWN_ROWS), known)
    said: dict[str, Any] = {
        "task": page_of(comparing.task),
        "entries": found.entries,
        "comparison": None,
        "differences": [],
        "problem": None,
        "references": [],
        "changes": 0,
    }
    if not comparing.done.done():
        return said
    problem: Problem | None = None
    try:
        comparison = comparing.done.result()
    except REASONS as reason:
        return said | {"problem": reason}
    if problem := comparison.erased or comparison.dangling:
        said |= {"problem": problem, "references": problem.members.get("references", [])}
    return said | {
        "comparison": comparison,
        "differences": [_shown(gate.table(each.table), comparison) for each in comparison.results],
        "changes": sum(each.differences for each in comparison.results),
    }


def _shown(table: Table, comparison: Comparison) -> ShownDifference:
    result = next(each for each in comparison.results if each.table == table.name)
    rows = {
        kind: [
            _cells(each, table)
            for each in comparison.page(table.name, PageAsked(kind, None, SHOWN_ROWS)).rows
        ]
        for kind in KINDS
    }
    counts = dict(zip(KINDS, (result.added, result.removed, result.changed), strict=True))
    return ShownDifference(table, result.backup_id, counts, rows)


def _cells(row: RowDifference, table: Table) -> Cells:
    nothing = (None,) * len(table.columns)
    differing = row.columns(table)
    return [
        (as_text(before), as_text(after), name in differing)
        for name, before, after in zip(
            table.column_names, row.before or nothing, row.after or nothing, strict=True
        )
    ]
