"""The trail: who did what and when. What is in it is only ever added to.

Deeds are written to ``ops.trail``: what the writer does within the transaction that does it, any
other before it is done; ``ops.outcomes`` then says what came of it. Rows that were brought in, or
put back, are on record in ``ops.loads``, with who brought them; a page of the trail has both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, Literal, TypeAlias
from uuid import uuid4

import msgspec

from service.engines.engine import Connection
from service.ops import records
from service.ops.queries import RecordPage
from service.ops.records import OutcomeRecord, TrailRecord
from service.runtime.clock import utc_now

Ended: TypeAlias = Literal["done", "failed", "interrupted"]
Outcome: TypeAlias = Literal["begun", Ended]


class Deed(msgspec.Struct, frozen=True):
    """Something on the trail, and what came of it."""

    entry_id: str
    happened_at: datetime
    actor: str | None
    action: str
    subject: str | None
    detail: str | None
    number: int
    outcome: Outcome


# One select for each book, with the columns of a Deed.
_DEEDS = """
select entry_id, happened_at, actor, action, subject, detail, number,
    case when is_intent then 'begun' else 'done' end as outcome
from ops.trail
"""
_LOADS = """
select load_id || '/' || table_name as entry_id, started_at as happened_at, actor,
    'load.' || kind as action, nullif(table_name, '') as subject,
    status || ': ' || received || ' received, ' || accepted || ' accepted, ' || rejected
    || ' rejected, ' || already_present || ' already present'
    || coalesce(', ' || nullif(changed, 0) || ' changed', '')
    || coalesce(', ' || nullif(removed, 0) || ' removed', '') as detail,
    number,
    case status when 'running' then 'begun' when 'done' then 'done' else 'failed' end as outcome
from ops.loads
"""


def record(
    connection: Connection,
    actor: str | None,
    action: str,
    subject: str | None,
    detail: str | None = None,
) -> None:
    """Puts something that is done in the open transaction on record."""
    records.write(
        connection, [TrailRecord(str(uuid4()), utc_now(), actor, action, subject, detail)]
    )


def intents(
    actor: str | None, action: str, subjects: Sequence[str], detail: str | None = None
) -> list[TrailRecord]:
    """What is to be written before something is done to each of the subjects."""
    now = utc_now()
    return [
        TrailRecord(str(uuid4()), now, actor, action, subject, detail, is_intent=True)
        for subject in subjects
    ]


def end(
    connection: Connection, entry_ids: Sequence[str], outcome: Ended, detail: str | None = None
) -> None:
    """Says what came of deeds that had begun."""
    now = utc_now()
    records.write(connection, [OutcomeRecord(each, outcome, detail, now) for each in entry_ids])


def unfinished(connection: Connection) -> list[Deed]:
    """Deeds that have begun, and of which nothing says what came of them; the first one first."""
    found = connection.execute(
        f"select * from ({_DEEDS}) where outcome = 'begun'"
        " and entry_id not in (select entry_id from ops.outcomes) order by number"
    ).fetchall()
    return [Deed(*row) for row in found]


def take_up(connection: Connection, deeds: Iterable[TrailRecord]) -> None:
    """Puts deeds on record that were done elsewhere, but for those that are there already."""
    known = connection.execute("select entry_id from ops.trail where action like 'key.%'")
    there = {entry_id for (entry_id,) in known.fetchall()}
    records.write(connection, [each for each in deeds if each.entry_id not in there])


@dataclass(frozen=True)
class TrailFilter:
    """Which deeds are asked for; None: all.

    `action` is a whole one (``load.batch``) or what it begins with (``load``); `since` is UTC, and
    `after` the number and id of the last one that was seen.
    """

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    after: tuple[int, str] | None = None


def page(connection: Connection, limit: int, wanted: TrailFilter) -> RecordPage:
    """At most `limit` of the deeds on record, newest first."""
    lists = [_entries(connection, select, limit + 1, wanted) for select in (_DEEDS, _LOADS)]
    found = list(islice(merge(*lists, key=_place, reverse=True), limit + 1))
    return RecordPage(_with_outcomes(connection, found[:limit]), len(found) > limit)


def _place(deed: Deed) -> tuple[int, str]:
    return deed.number, deed.entry_id


def _entries(connection: Connection, select: str, most: int, wanted: TrailFilter) -> Sequence[Deed]:
    conditions: list[tuple[str, Any]] = [
        ("actor = ?", wanted.actor),
        ("(action = ? or starts_with(action, ? || '.'))", wanted.action),
        ("happened_at >= ?", wanted.since),
        ("number <= ?", wanted.after and wanted.after[0]),
        ("(number, entry_id) < (?, ?)", wanted.after),
    ]
    sql, values = "true", list[Any]()
    for condition, value in conditions:
        if value is not None:
            sql += f" and {condition}"
            values += value if isinstance(value, tuple) else [value] * condition.count("?")
    rows = connection.execute(
        f"select * from ({select}) where {sql} order by number desc, entry_id desc limit ?",
        [*values, most],
    ).fetchall()
    return [Deed(*row) for row in rows]


def _with_outcomes(connection: Connection, deeds: Sequence[Deed]) -> Sequence[Deed]:
    begun = [deed.entry_id for deed in deeds if deed.outcome == "begun"]
    if not begun:
        return deeds
    rows = connection.execute(
        "select entry_id, outcome, detail from ops.outcomes where entry_id in (select unnest(?))",
        [begun],
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    return [_with_outcome(deed, *found.get(deed.entry_id, (deed.outcome, None))) for deed in deeds]


def _with_outcome(deed: Deed, outcome: Outcome, detail: str | None) -> Deed:
    said = [each for each in (deed.detail, detail) if each]
    return msgspec.structs.replace(deed, outcome=outcome, detail="; ".join(said) or None)
