"""The rows that a restore would bring back, remove or change, as they are and as they would be."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from service.backups.comparing import WHAT, staged
from service.dictionary import Table
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.warehouse.stored_rows import shown_column

DifferenceKind: TypeAlias = Literal["added", "removed", "changed"]
KINDS: tuple[DifferenceKind, ...] = get_args(DifferenceKind)
_WHAT = {"added": "add", "removed": "remove", "changed": "change"}
_KINDS: dict[str, DifferenceKind] = {_WHAT[kind]: kind for kind in KINDS}
Values: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class RowDifference:
    """A row that a restore would change, by its primary key, as the engine has it.

    `before` are its values as it is, `after` those of the backup, by the table's columns and as
    rows show them; None where there is no such row.
    """

    kind: DifferenceKind
    key: Any
    before: Values | None
    after: Values | None

    def columns(self, table: Table) -> list[str]:
        """The columns in which a changed row differs; none of other rows."""
        if self.before is None or self.after is None:
            return []
        both = zip(table.column_names, self.before, self.after, strict=True)
        return [name for name, before, after in both if before != after]


@dataclass(frozen=True)
class DifferenceWindow:
    """Differences in the order of their keys; with `more`, others follow."""

    rows: tuple[RowDifference, ...]
    more: bool

    def page(self, after: Any, limit: int) -> "DifferenceWindow | None":
        """At most `limit` of them with keys above `after`; None where it does not have so many,
        and there may be more.
        """
        rows = [row for row in self.rows if after is None or row.key > after]
        if len(rows) <= limit and self.more:
            return None
        return DifferenceWindow(tuple(rows[:limit]), self.more or len(rows) > limit)


def differences(
    connection: Connection, table: Table, kind: DifferenceKind | None, after: Any, limit: int
) -> DifferenceWindow:
    """At most `limit` of the staged differences, of one kind or all, with keys above `after`.

    To be called where `stage` was, in the same transaction.
    """
    key = quoted(table.primary_key)
    conditions = {f"{WHAT} = ?": kind and _WHAT[kind], f"{key} > ?": after}
    given = {condition: value for condition, value in conditions.items() if value is not None}
    where = " and ".join(given) or "true"
    found = connection.execute(
        f"select {WHAT}, {key}, {_shown(table)} from {staged(table.name)} where {where}"
        f" order by {key} limit ?",
        [*given.values(), limit + 1],
    ).fetchall()
    kept = _kept(connection, table, [row[1] for row in found[:limit]])
    rows = tuple(_difference(row, table, kept) for row in found[:limit])
    return DifferenceWindow(rows, len(found) > limit)


def _difference(row: Values, table: Table, kept: dict[Any, Values]) -> RowDifference:
    what, key, *values = row
    after = None if what == "remove" else tuple(values)
    return RowDifference(_KINDS[what], key, kept.get(key), after)


def _kept(connection: Connection, table: Table, keys: list[Any]) -> dict[Any, Values]:
    """The rows that are there, by key."""
    if not keys:
        return {}
    key = quoted(table.primary_key)
    # Between the first and the last key only blocks are read that may have one of them.
    found = connection.execute(
        f"select {key}, {_shown(table)} from {core(table.name)}"
        f" where {key} between ? and ? and {key} in (select unnest(?))",
        [keys[0], keys[-1], keys],
    ).fetchall()
    return {row[0]: tuple(row[1:]) for row in found}


def _shown(table: Table) -> str:
    return ", ".join(shown_column(column.name, column.type.name) for column in table.columns)
