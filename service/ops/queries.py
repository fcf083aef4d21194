"""Queries on the schema ``ops``: loads, rejections and replays, newest first, page after page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import uuid4

from service.engines.engine import Connection
from service.errors import Conflict, NotFound
from service.ops import records
from service.ops.changes import rows_changed
from service.ops.records import LoadRecord, RejectionRecord, ReplayRecord, TrailRecord
from service.ops.rejection_filters import SHAPE_OF_VIOLATIONS, RejectionFilter
from service.runtime.clock import utc_now

_LATER = {name: f"coalesce({name}, 0)" for name in ("changed", "removed")}  # NULL in old books
_SELECT_LOADS = (
    f"select {', '.join(_LATER.get(name, name) for name in LoadRecord.__struct_fields__)}"
    " from ops.loads"
)
_SELECT_REJECTIONS = f"select {', '.join(RejectionRecord.__struct_fields__)} from ops.rejections"
_SELECT_REPLAYS = f"select {', '.join(ReplayRecord.__struct_fields__)} from ops.replays"
# The entries of a load, one for each of its tables, are numbered one after the other.
MOST_TABLES = 1000  # of one load, and more than there will be
ALL_REJECTIONS = RejectionFilter()
# By number, which tells what came later. The rest orders what is of before there were numbers: then
# it is the time.
_NEWEST_LOAD = "order by number desc, load_id desc, table_name"
_NEWEST_REJECTION = "order by number desc, position desc, rejection_id desc"


@dataclass(frozen=True)
class RecordPage:
    """One page; `more` when others follow."""

    entries: Sequence[Any]
    more: bool


class _Conditions:
    """Conditions that must all hold, and the values in them; those for None are left out."""

    def __init__(self) -> None:
        self.sql, self.values = "true", list[Any]()

    def add(self, sql: str, *values: Any) -> "_Conditions":
        if None not in values:
            self.sql += f" and {sql}"
            self.values += values
        return self

    def after(self, columns: tuple[str, ...], key: Sequence[Any] | None) -> "_Conditions":
        """What comes behind `key` when the newest is first; it has its number and `columns`."""
        if key is not None:
            places = ", ".join("?" for _ in key)
            row = ", ".join(("number", *columns))
            self.add(f"number <= ? and ({row}) < ({places})", key[0], *key)
        return self


def _edge(connection: Connection, table: str, where: _Conditions, limit: int) -> int | None:
    """The number of the oldest of the `limit` newest entries; None where there are none.

    DuckDB finds it by reading one column, and then reads of the others only what is newer: among
    a million entries a page takes 10 ms instead of 100.
    """
    newest = f"select number from {table} where {where.sql} order by number desc limit ?"
    found = connection.execute(f"select min(number) from ({newest})", [*where.values, limit])
    return found.fetchall()[0][0]  # type: ignore[no-any-return]


def loads(
    connection: Connection,
    limit: int,
    after: tuple[int, str] | None = None,
    *,
    kind: str | None = None,
    table: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> RecordPage:
    """At most `limit` loads, each as the entries of its tables, from that after number and id.

    They were begun from `since` on (UTC), and before `until`.
    """
    where = (
        _Conditions()
        .add("kind = ?", kind)
        .add("table_name = ?", table)
        .add("status = ?", status)
        .add("started_at >= ?", since)
        .add("started_at < ?", until)
        .after(("load_id",), after)
    )
    ids, edge = _newest_loads(connection, where, limit + 1)
    found = connection.execute(
        f"{_SELECT_LOADS} where number > ? - ? and load_id in (select unnest(?)) {_NEWEST_LOAD}",
        [edge, MOST_TABLES, ids[:limit]],
    ).fetchall()
    return RecordPage(_by_load(found), len(ids) > limit)


def _newest_loads(
    connection: Connection, where: _Conditions, wanted: int
) -> tuple[list[str], int | None]:
    """The ids of so many loads, if there are, and the least number among their entries.

    Nearly every load is of one table, and has one entry; where more have several, more are read.
    """
    most = wanted
    while True:
        edge = _edge(connection, "ops.loads", where, most)
        entries = connection.execute(
            f"select load_id from ops.loads where number >= ? and {where.sql}"
            f" {_NEWEST_LOAD} limit ?",
            [edge, *where.values, most],
        ).fetchall()
        ids = list(dict.fromkeys(load_id for (load_id,) in entries))
        if len(ids) >= wanted or len(entries) < most:
            return ids, edge
        most *= 2


def load(connection: Connection, load_id: str) -> list[LoadRecord]:
    """The entries of one load; raises NotFound."""
    found = connection.execute(
        f"{_SELECT_LOADS} where load_id = ? {_NEWEST_LOAD}", [load_id]
    ).fetchall()
    if not found:
        raise NotFound("there is no such load")
    return _by_load(found)[0]


def _by_load(rows: list[tuple[Any, ...]]) -> list[list[LoadRecord]]:
    entries = [LoadRecord.from_row(row) for row in rows]
    return [list(group) for _, group in groupby(entries, key=lambda entry: entry.load_id)]


def rejections(
    connection: Connection,
    limit: int,
    after: tuple[int, int, str] | None = None,
    wanted: RejectionFilter = ALL_REJECTIONS,
) -> RecordPage:
    """At most `limit` rejections of a filter, from that after number, position and id."""
    sql, values = wanted.sql()
    where = _Conditions().add(sql, *values)
    where.after(("position", "rejection_id"), after)
    edge = _edge(connection, "ops.rejections", where, limit + 1)
    if edge is None:
        return RecordPage([], False)
    found = connection.execute(
        f"{_SELECT_REJECTIONS} where number >= ? and {where.sql} {_NEWEST_REJECTION} limit ?",
        [edge, *where.values, limit + 1],
    ).fetchall()
    return RecordPage([RejectionRecord.from_row(row) for row in found[:limit]], len(found) > limit)


def rejection(connection: Connection, rejection_id: str) -> RejectionRecord:
    """One rejection; raises NotFound."""
    found = connection.execute(
        f"{_SELECT_REJECTIONS} where rejection_id = ?", [rejection_id]
    ).fetchone()
    if found is None:
        raise NotFound("there is no such rejection")
    return RejectionRecord.from_row(found)


def replays(connection: Connection, rejection_id: str) -> list[ReplayRecord]:
    """How often the row was tried again, and what came of it, the first time first."""
    found = connection.execute(
        f"{_SELECT_REPLAYS} where rejection_id = ? order by number, load_id", [rejection_id]
    ).fetchall()
    return [ReplayRecord.from_row(row) for row in found]


def dismiss(
    connection: Connection, rejection_id: str, reason: str | None, actor: str | None
) -> None:
    """Says, in the open transaction, that a row stays out; once more changes nothing.

    Raises:
        NotFound: there is no such rejection.
        Conflict: its row went in later.
    """
    status = rejection(connection, rejection_id).status
    if status == "accepted":
        raise Conflict("its row has gone in; what is in cannot be dismissed")
    if status == "dismissed":
        return
    now = utc_now()
    connection.execute(
        "update ops.rejections set status = 'dismissed', resolved_at = ?, resolved_by = ?,"
        " resolution = ? where rejection_id = ?",
        [now, actor, reason, rejection_id],
    )
    rows_changed(connection, "_rejections", "rejection_id = ?", [rejection_id])
    deed = TrailRecord(str(uuid4()), now, actor, "rejection.dismiss", rejection_id, reason)
    records.write(connection, [deed])


@dataclass(frozen=True)
class Counted:
    """How many rejections of one status broke a rule; `column` is None where the row did."""

    table: str
    column: str | None
    rule: str
    status: str
    rejections: int


def summary(connection: Connection, limit: int, *, table: str | None = None) -> list[Counted]:
    """Rejections by table, column, rule and status: the `limit` largest counts, largest first."""
    where = _Conditions().add("table_name = ?", table)
    found = connection.execute(
        f"""
        with broken as (
            select table_name, status, unnest(from_json(violations, ?)) as violation
            from ops.rejections where {where.sql}
        )
        select table_name, violation."column", violation.rule, status, count(*) as rejections
        from broken group by all order by rejections desc, 1, 2, 3, 4 limit ?
        """,
        [SHAPE_OF_VIOLATIONS, *where.values, limit],
    ).fetchall()
    return [Counted(*row) for row in found]


def by_status(connection: Connection, *, table: str | None = None) -> dict[str, int]:
    """How many rejections there are of each status."""
    where = _Conditions().add("table_name = ?", table)
    query = f"select status, count(*) from ops.rejections where {where.sql} group by status"
    return dict(connection.execute(query, where.values).fetchall())
