"""Warnings on record: rows that went in although they break rules of severity `warn`."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def counts(connection: Connection, load_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
    """How many rows of a table went in with warnings by a load, by load and table."""
    found = connection.execute(
        "select load_id, table_name, count(*) from ops.warnings"
        " where load_id in (select unnest(?)) group by all",
        [list(load_ids)],
    ).fetchall()
    return {(load_id, table): count for load_id, table, count in found}
