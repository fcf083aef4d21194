"""Warnings on record: rows that went in although they break rules of severity `warn`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from service.engines.engine import Connection
from service.ops.queries import RecordPage
from service.ops.records import WarningRecord
from service.ops.rejection_filters import SHAPE_OF_VIOLATIONS

_FIELDS = ", ".join(WarningRecord.__struct_fields__)


def page(
    connection: Connection,
    limit: int,
    after: tuple[int, int] | None = None,
    *,
    table: str | None = None,
    load_id: str | None = None,
    rule: str | None = None,
) -> RecordPage:
    """At most `limit` warnings, newest first, from that after number and position."""
    conditions, values = ["true"], list[Any]()
    for condition, value in (("table_name = ?", table), ("load_id = ?", load_id)):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if rule is not None:
        rules = f"from_json(warnings, '{SHAPE_OF_VIOLATIONS}')"
        conditions.append(f"list_contains(list_transform({rules}, lambda x: x.rule), ?)")
        values.append(rule)
    if after is not None:
        conditions.append("(number, position) < (?, ?)")
        values += after
    found = connection.execute(
        f"select {_FIELDS} from ops.warnings where {' and '.join(conditions)}"
        " order by number desc, position desc limit ?",
        [*values, limit + 1],
    ).fetchall()
    return RecordPage([WarningRecord.from_row(row) for row in found[:limit]], len(found) > limit)


class WarningGroup(NamedTuple):
    """How many rows were warned of by a rule: of a column, or (None) of the row as a whole."""

    table: str
    column: str | None
    rule: str
    rows: int


def groups(connection: Connection, limit: int, *, load_id: str | None = None) -> list[WarningGroup]:
    """At most so many groups of all warnings, or of those of a load, the largest first."""
    said = f"unnest(from_json(warnings, '{SHAPE_OF_VIOLATIONS}')) as said"
    found = connection.execute(
        "select table_name, said.column, said.rule, count(*)"
        f" from (select table_name, {said} from ops.warnings where load_id = coalesce(?, load_id))"
        " group by all order by 4 desc, 1, 2, 3 limit ?",
        [load_id, limit],
    ).fetchall()
    return [WarningGroup(*each) for each in found]


def of_row(connection: Connection, table: str, row_key: str) -> WarningRecord | None:
    """What a row was warned of when it came in, or was changed, last; None if of nothing."""
    found = connection.execute(
        f"select {_FIELDS} from ops.warnings where table_name = ? and row_key = ?"
        " order by number desc limit 1",
        [table, row_key],
    ).fetchall()
    return WarningRecord.from_row(found[0]) if found else None


def counts(connection: Connection, load_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
    """How many rows of a table went in with warnings by a load, by load and table."""
    found = connection.execute(
        "select load_id, table_name, count(*) from ops.warnings"
        " where load_id in (select unnest(?)) group by all",
        [list(load_ids)],
    ).fetchall()
    return {(load_id, table): count for load_id, table, count in found}
