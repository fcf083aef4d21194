"""Which rejections are meant: by table, column, rules, load, status, time and text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from service.engines.engine import Connection
from service.errors import Conflict
from service.ops import records
from service.ops.changes import rows_changed
from service.ops.records import TrailRecord
from service.runtime.clock import utc_now

SHAPE_OF_VIOLATIONS = '[{"column": "varchar", "rule": "varchar"}]'
_VIOLATIONS = f"list_distinct(from_json(violations, '{SHAPE_OF_VIOLATIONS}'))"
NO_COLUMN = ""  # of a violation of the row as a whole


@dataclass(frozen=True, kw_only=True)
class RejectionFilter:
    """All that is said must hold; None and () say nothing.

    `column` and `rules` are of one violation that the row has; a `column` of NO_COLUMN is a
    violation of the whole row. `since` is the first moment (UTC), `until` the first that is too
    late; `text` is part of what was sent, in letters of either case.
    """

    table: str | None = None
    column: str | None = None
    rules: tuple[str, ...] = ()
    load_id: str | None = None
    status: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def sql(self) -> tuple[str, list[Any]]:
        """As a condition on ops.rejections, and the values in it."""
        plain = (
            ("table_name = ?", self.table),
            ("load_id = ?", self.load_id),
            ("status = ?", self.status),
            ("rejected_at >= ?", self.since),
            ("rejected_at < ?", self.until),
            ("contains(lower(coalesce(raw, '') || payload), lower(?))", self.text),
        )
        said = [(sql, [value]) for sql, value in plain if value is not None]
        if self.column is not None or self.rules:
            condition, values = self.of_violation("v")
            broken = f"list_filter({_VIOLATIONS}, lambda v: {condition})"
            said.append((f"len({broken}) > 0", values))
        conditions = " and ".join(sql for sql, _ in said) or "true"
        return conditions, [value for _, values in said for value in values]

    def of_violation(self, name: str) -> tuple[str, list[Any]]:
        """As a condition on one violation, and the values in it."""
        conditions, values = ["true"], list[Any]()
        if self.column == NO_COLUMN:
            conditions.append(f'{name}."column" is null')
        elif self.column is not None:
            conditions.append(f'{name}."column" = ?')
            values.append(self.column)
        if self.rules:
            conditions.append(f"{name}.rule in ({', '.join('?' for _ in self.rules)})")
            values += self.rules
        return " and ".join(conditions), values

    def described(self) -> str:
        """In words, for the audit log."""
        said = {
            "table": self.table,
            "column": self.column,
            "rule": ",".join(self.rules) or None,
            "load": self.load_id,
            "text": self.text,
            "since": self.since,
            "until": self.until,
        }
        return ", ".join(f"{name} {value}" for name, value in said.items() if value is not None)


@dataclass(frozen=True)
class RejectionGroup:
    """How many rejections broke a rule of a column; `column` is None where the row did."""

    table: str
    column: str | None
    rule: str
    rejections: int


def groups(connection: Connection, wanted: RejectionFilter, limit: int) -> Sequence[RejectionGroup]:
    """The rejections of a filter by table, column and rule: the largest groups first.

    A row that broke several rules counts for each of them that the filter is about.
    """
    where, values = wanted.sql()
    condition, of_violation = wanted.of_violation("violation")
    found = connection.execute(
        f"""
        with broken as (
            select table_name, unnest({_VIOLATIONS}) as violation
            from ops.rejections where {where}
        )
        select table_name, violation."column", violation.rule, count(*) as rejections
        from broken where {condition}
        group by all order by rejections desc, 1, 2, 3 limit ?
        """,
        [*values, *of_violation, limit],
    ).fetchall()
    return [RejectionGroup(*row) for row in found]


def count(connection: Connection, wanted: RejectionFilter) -> int:
    """How many rejections there are of a filter."""
    where, values = wanted.sql()
    query = f"select count(*) from ops.rejections where {where}"
    [(number,)] = connection.execute(query, values).fetchall()
    return int(number)


def check_expected(matched: int, expected: int | None) -> None:
    """Raises Conflict where others than were `expected` would be touched."""
    if expected is not None and matched != expected:
        raise Conflict(
            f"{matched} rejections are meant now, and not {expected}; nothing was done",
            matched=matched,
        )


def dismiss_all(
    connection: Connection,
    wanted: RejectionFilter,
    reason: str | None,
    actor: str | None,
    expected: int | None,
) -> int:
    """Says, in the open transaction, of all rows of a filter of open ones that they stay out.

    Raises:
        Conflict: they are not as many as `expected`.
    """
    matched = count(connection, wanted)
    check_expected(matched, expected)
    if matched:
        where, values = wanted.sql()
        now = utc_now()
        connection.execute(
            "update ops.rejections set status = 'dismissed', resolved_at = ?, resolved_by = ?,"
            f" resolution = ? where {where}",
            [now, actor, reason, *values],
        )
        rows_changed(connection, "_rejections", "status = 'dismissed' and resolved_at = ?", [now])
        said = f"{matched} rows: {wanted.described() or 'all that were open'}"
        detail = f"{said}; {reason}" if reason else said
        deed = TrailRecord(str(uuid4()), now, actor, "rejection.dismiss", wanted.table, detail)
        records.write(connection, [deed])
    return matched
