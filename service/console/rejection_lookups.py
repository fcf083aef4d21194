"""What a page of rejections looks up: a page of them, all of them, their groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from service.api.http.paging import cursor, key_of
from service.console.list_filters import RejectionFilters
from service.engines.engine import Connection
from service.ops import queries, rejection_filters
from service.ops.records import RejectionRecord
from service.ops.rejection_filters import RejectionFilter, RejectionGroup

MAX_GROUPS = 50  # what clients sent can be the name of an unknown field


@dataclass(frozen=True)
class GroupCounts:
    """Rejections by status, and those of one status by reason, the largest groups first.

    A row that broke several rules is in several groups.
    """

    open: int
    accepted: int
    dismissed: int
    groups: Sequence[RejectionGroup]


def page_of_rejections(
    connection: Connection, filters: RejectionFilters, after: str | None, limit: int
) -> tuple[Sequence[RejectionRecord], str | None]:
    """At most `limit` rejections, and the cursor of the next page."""
    start: Any = None if after is None else key_of(after, int, int, str)
    found = queries.rejections(connection, limit, start, filters.wanted)
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
    table, load_id = filters.table, filters.load

    def of_status(status: str) -> RejectionFilter:
        return RejectionFilter(table=table, load_id=load_id, status=status)

    counts = {
        status: rejection_filters.count(connection, of_status(status))
        for status in ("open", "accepted", "dismissed")
    }
    groups = rejection_filters.groups(connection, of_status(filters.status), MAX_GROUPS)
    return GroupCounts(**counts, groups=groups)
