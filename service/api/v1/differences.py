"""The rows in which a backup and its table differ: what a restore would do, before it does."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from service.api.http.authentication import actor_of
from service.api.http.describing import described, lists
from service.api.http.negotiation import answer_with_entries
from service.api.http.paging import After, Limit, cursor, key_of, link
from service.api.http.parameters import only_known
from service.api.v1.backups import InPlace
from service.backups.difference import DifferenceKind, RowDifference
from service.backups.paired_places import Found, Place
from service.dictionary import Table
from service.dictionary.written_values import Unreadable
from service.doors.differences import Comparison, PageAsked
from service.errors import BadRequest
from service.gate import Gate
from service.warehouse.row_filters import parameters_of

Key = Annotated[Any, msgspec.Meta(description="The primary key, as rows show it.")]
Values = dict[str, Any]


class DifferentRow(msgspec.Struct):
    """A row that a restore would bring back (added), remove, or change.

    `before` is the row as it is, `after` that of the backup; null where there is none. `columns`
    are those in which a changed row differs.
    """

    kind: DifferenceKind
    key: Key
    before: Values | None
    after: Values | None
    columns: list[str]


class TableDifference(msgspec.Struct):
    """What restoring a backup would do to its table: the counts, and a page of the rows.

    `left_out`, `filled` and `renamed` are those of a restore.
    """

    table: str
    backup_id: str
    place: Place
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    left_out: list[str]
    filled: list[str]
    renamed: dict[str, str]
    rows: list[DifferentRow]
    next: str | None


class DifferenceController(Controller):
    """Differences."""

    path = "/v1/backups/{backup_id:str}"
    tags = ("backups",)
    guards = (only_known,)

    @get(
        "/difference",
        operation_id="list_differences",
        opt=described(
            answers=lists(TableDifference), problems=(406, 422), links=True, role="operator"
        ),
    )
    async def list_differences(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        backup_id: FromPath[str],
        kind: FromQuery[DifferenceKind | None] = None,
        limit: Limit = 100,
        after: After = None,
        place: InPlace = None,
    ) -> Response[bytes]:
        """Lists the rows that restoring a backup would bring back, remove or change, by key.

        All pages are of one moment, while the service remembers it; references are not looked at.
        """
        found = await asyncio.to_thread(
            gate.places.find, place, lambda catalogue: [catalogue.get(backup_id)]
        )
        table = gate.table(found.entries[0].table)
        key, known = place_of(table, after)
        wanted = PageAsked(kind, key, limit)
        comparing = await asyncio.to_thread(
            lambda: gate.differences.begin(found, actor_of(request), page=wanted, known=known)
        )
        # Shielded: others may wait for it.
        comparison = await asyncio.shield(asyncio.wrap_future(comparing.done))
        shown = _difference(table, found, comparison, wanted, comparing.task.task_id)
        headers = link(request, shown.next)
        return answer_with_entries(request, DifferentRow, shown.rows, shown, headers)


def place_of(table: Table, after: str | None) -> tuple[tuple[Any, ...] | None, str | None]:
    """The key that the page begins behind, and the comparison that the one before was of."""
    if after is None:
        return None, None
    text, known = key_of(after, str, str)
    try:
        return tuple(parameters_of(table.key, table.key.type.from_text(text))), known
    except Unreadable:
        raise BadRequest("after is not the next of a page") from None


def _difference(
    table: Table, found: Found, comparison: Comparison, wanted: PageAsked, task_id: str
) -> TableDifference:
    (result,) = comparison.results
    page = comparison.page(table.name, wanted)
    rows = [shown_difference(table, each) for each in page.rows]
    return TableDifference(
        *(table.name, result.backup_id, found.place, result.rows_before, result.rows_after),
        *(result.added, result.removed, result.changed),
        [*result.left_out],
        [*result.filled],
        {**result.renamed},
        rows,
        next=cursor(str(rows[-1].key), task_id) if page.more else None,
    )


def shown_difference(table: Table, row: RowDifference) -> DifferentRow:
    """A difference, as clients see it."""

    def by_name(values: tuple[Any, ...] | None) -> Values | None:
        return None if values is None else dict(zip(table.column_names, values, strict=True))

    before, after = by_name(row.before), by_name(row.after)
    key = table.key_of(after or before or {})
    return DifferentRow(row.kind, key, before, after, row.columns(table))
