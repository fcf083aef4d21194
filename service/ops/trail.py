"""The trail: who did what and when. What is in it is only ever added to.

Deeds are written to ``ops.trail``. Rows that were brought in, or put back, are on record in
``ops.loads``, with who brought them; a page of the trail has both, and what became of keys.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any
from uuid import uuid4

from service.engines.engine import Connection
from service.ops import records
from service.ops.queries import RecordPage
from service.ops.records import TrailRecord
from service.runtime.clock import utc_now

# One select for each book, with the columns of a Deed.
_DEEDS = "select * from ops.trail"
_LOADS = """
select load_id || '/' || table_name as entry_id, started_at as happened_at, actor,
    'load.' || kind as action, nullif(table_name, '') as subject,
    status || ': ' || received || ' received, ' || accepted || ' accepted, ' || rejected
    || ' rejected, ' || already_present || ' already present' as detail
from ops.loads
"""


def record(
    connection: Connection,
    actor: str | None,
    action: str,
    subject: str | None,
    detail: str | None = None,
) -> None:
    """Puts something that was done on record, in the open transaction."""
    records.write(
        connection, [TrailRecord(str(uuid4()), utc_now(), actor, action, subject, detail)]
    )


@dataclass(frozen=True)
class TrailFilter:
    """Which deeds are asked for; None: all.

    `action` is a whole one (``load.batch``) or what it begins with (``load``); `since` is UTC, and
    `after` the time and id of the last one that was seen.
    """

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    after: tuple[datetime, str] | None = None

    def has(self, deed: TrailRecord) -> bool:
        """Whether `deed` is one of them."""
        return (
            self.actor in (None, deed.actor)
            and (self.action is None or f"{deed.action}.".startswith(f"{self.action}."))
            and (self.since is None or deed.happened_at >= self.since)
            and (self.after is None or _place(deed) < self.after)
        )


def page(
    connection: Connection,
    limit: int,
    wanted: TrailFilter,
    others: Iterable[TrailRecord] = (),
) -> RecordPage:
    """At most `limit` of the deeds on record and of `others`, newest first."""
    lists = [_entries(connection, select, limit + 1, wanted) for select in (_DEEDS, _LOADS)]
    lists.append(sorted(filter(wanted.has, others), key=_place, reverse=True))
    found = list(islice(merge(*lists, key=_place, reverse=True), limit + 1))
    return RecordPage(found[:limit], len(found) > limit)


def _place(entry: TrailRecord) -> tuple[datetime, str]:
    return entry.happened_at, entry.entry_id


def _entries(
    connection: Connection, select: str, most: int, wanted: TrailFilter
) -> Sequence[TrailRecord]:
    conditions: list[tuple[str, Any]] = [
        ("actor = ?", wanted.actor),
        ("(action = ? or starts_with(action, ? || '.'))", wanted.action),
        ("happened_at >= ?", wanted.since),
        ("happened_at <= ?", wanted.after and wanted.after[0]),
        ("(happened_at, entry_id) < (?, ?)", wanted.after),
    ]
    sql, values = "true", list[Any]()
    for condition, value in conditions:
        if value is not None:
            sql += f" and {condition}"
            values += value if isinstance(value, tuple) else [value] * condition.count("?")
    rows = connection.execute(
        f"select * from ({select}) where {sql} order by happened_at desc, entry_id desc limit ?",
        [*values, most],
    ).fetchall()
    return [TrailRecord(*row) for row in rows]
