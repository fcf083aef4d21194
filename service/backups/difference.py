"""The rows that a restore would bring back, remove or change, as they are and as they would be."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from service.backups.comparing import WHAT, staged
from service.dictionary import Table
from service.engines.column_sql import is_above, listed
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
    """A row that a restore would change, by its primary key, as the engine has its columns.

    `before` are its values as it is, `after` those of the backup, by the table's columns and as
    rows show them; None where there is no such row.
    """

    kind: DifferenceKind
    key: Values
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

    def page(self, after: Values | None, limit: int) -> "DifferenceWindow | None":
        """At most `limit` of them with keys above `after`; None where it does not have so many,
        and there may be more.
        """
        rows = [row for row in self.rows if after is None or row.key > after]
        if len(rows) <= limit and self.more:
            return None
        return DifferenceWindow(tuple(rows[:limit]), self.more or len(rows) > limit)


def differences(
    connection: Connection,
    table: Table,
    kind: DifferenceKind | None,
    after: Values | None,
    limit: int,
) -> DifferenceWindow:
    """At most `limit` of the staged differences, of one kind or all, with keys above `after`.

    To be called where `stage` was, in the same transaction.
    """
    key, conditions, given = listed(table.key), ["true"], list[Any]()
    if kind is not None:
        conditions, given = [f"{WHAT} = ?"], [_WHAT[kind]]
    if after is not None:
        above, parameters = is_above(table.key, after)
        conditions.append(f"({above})")
        given += parameters
    found = connection.execute(
        f"select {WHAT}, {key}, {_shown(table)} from {staged(table.name)}"
        f" where {' and '.join(conditions)} order by {key} limit ?",
        [*given, limit + 1],
    ).fetchall()
    width = len(table.key_names)
    kept = _kept(connection, table, [row[1 : width + 1] for row in found[:limit]])
    rows = tuple(_difference(row, width, kept) for row in found[:limit])
    return DifferenceWindow(rows, len(found) > limit)


def _difference(row: Values, width: int, kept: dict[Any, Values]) -> RowDifference:
    what, key = row[0], row[1 : width + 1]
    after = None if what == "remove" else tuple(row[width + 1 :])
    return RowDifference(_KINDS[what], key, kept.get(key), after)


def _kept(connection: Connection, table: Table, keys: list[Values]) -> dict[Values, Values]:
    """The rows that are there, by key."""
    if not keys:
        return {}
    # Between the first and the last key only blocks are read that may have one of them.
    first, width = quoted(table.key_names[0]), len(table.key_names)
    lists = ", ".join("unnest(?)" for _ in table.key_names)
    found = connection.execute(
        f"select {listed(table.key)}, {_shown(table)} from {core(table.name)}"
        f" where {first} between ? and ? and ({listed(table.key)}) in (select ({lists}))",
        [keys[0][0], keys[-1][0], *map(list, zip(*keys, strict=True))],
    ).fetchall()
    return {row[:width]: tuple(row[width:]) for row in found}


def _shown(table: Table) -> str:
    return ", ".join(shown_column(column.name, column.type.name) for column in table.columns)
