"""What a page of rejections looks up: a page of them, all of them, their groups."""

from collections.abc import Iterator, Sequence
from typing import Any

from service.api.http.paging import cursor, key_of
from service.console.rejection_filters import RejectionFilters
from service.engines.engine import Connection
from service.ops import queries
from service.ops.records import RejectionRecord
from service.ops.rejection_filters import RejectionFilter
from service.ops.rejection_groups import GroupCounts, group_counts


def page_of_rejections(
    connection: Connection, filters: RejectionFilters, after: str | None, limit: int
) -> tuple[Sequence[RejectionRecord], str | None]:
    """At most `limit` rejections, and the cursor of the next page."""
    start: Any = None if after is None else key_of(after, int, int, str)
    wanted = RejectionFilter(
        table=filters.table,
        column=filters.column,
        rules=(filters.rule,) if filters.rule else (),
        load_id=filters.load,
        status=filters.status,
    )
    found = queries.rejections(connection, limit, start, wanted)
    if not found.more:
        return found.entries, None
    last = found.entries[-1]
    return found.entries, cursor(last.number, last.position, last.rejection_id)


def all_rejections(
    connection: Connection, filters: RejectionFilters, size: int
) -> Iterator[Sequence[RejectionRecord]]:
    """All of them, at most `size` at a time."""
    after: str | None = None
    while True:
        records, after = page_of_rejections(connection, filters, after, size)
        if records:
            yield records
        if after is None:
            return


def groups_of(connection: Connection, filters: RejectionFilters) -> GroupCounts:
    """How many there are of each reason, that of the filters besides the others."""
    return group_counts(connection, filters.table, filters.load, filters.status)
