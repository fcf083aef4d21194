"""What a change of the dictionary would take away, and what it cannot do: counted in SQL."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from service.dictionary import Dictionary, Table
from service.dictionary.dictionary_change import DictionaryChange
from service.dictionary.evolution import column_before, table_before
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.evolution.rows_to_come import cast_to
from service.judge.relations import first_keys, one_row
from service.runtime.wording import counted

KEY_STAYS = "a primary key stays: back the table up, drop it, build, and restore it"


@dataclass(frozen=True)
class Effect:
    """What a change does to stored rows: how many, and the first of their primary keys.

    `refused` says why a build does not do it, `allowed_by` what has to be said for it to be done.
    """

    change: DictionaryChange
    rows: int = 0
    first_keys: tuple[Any, ...] = ()
    refused: str | None = None
    allowed_by: str | None = None
    rule: str | None = None  # the kind of the rule that they break


class LostValues:
    """Looks at the changes between two dictionaries, in the warehouse of the old one."""

    def __init__(
        self,
        connection: Connection,
        old: Dictionary,
        new: Dictionary,
        allowed: Collection[str] = (),
    ) -> None:
        """`allowed` is what may be lost: ``drop:table`` and ``drop:table.column``."""
        self._connection, self._old, self._new = connection, old, new
        self._allowed = allowed

    def of(self, change: DictionaryChange) -> Effect:
        """What the change does to rows, as far as tables are altered by it."""
        match change.kind:
            case "table removed":
                return self._dropped(change, self._old.tables[change.table], "true", "row")
            case "column dropped":
                assert change.column is not None
                is_there = f"{quoted(change.column)} is not null"
                return self._dropped(change, self._before(change), is_there, "value")
            case "column narrowed" | "column retyped":
                return self._retyped(change)
            case "table renamed":
                return self._renamed(change)
            case "key changed":
                return Effect(change, refused=KEY_STAYS)
        return Effect(change)

    def _dropped(
        self, change: DictionaryChange, before: Table, condition: str, what: str
    ) -> Effect:
        rows, keys = self._found(before, condition)
        if not rows:
            return Effect(change)
        may_be = change.allowed_by in self._allowed
        why = None if may_be else f"{counted(rows, what)} would be lost"
        return Effect(change, rows, keys, why, change.allowed_by)

    def _retyped(self, change: DictionaryChange) -> Effect:
        """Each value has to be the same when it is read back as what it was."""
        assert change.column is not None
        table, before = self._new.tables[change.table], self._before(change)
        was = column_before(table, before, change.column)
        assert was is not None
        new, old, value = table.column(change.column).type.name, was.type.name, quoted(was.name)
        back = cast_to(cast_to(value, new, old), old, new)
        rows, keys = self._found(before, f"{value} is distinct from {back}")
        if not rows:
            return Effect(change)
        verb = "is" if rows == 1 else "are"
        why = f"{counted(rows, 'value')} {verb} not of the type {new}: correct them first"
        return Effect(change, rows, keys, why)

    def _renamed(self, change: DictionaryChange) -> Effect:
        query = "select count(*) from ops.erased where table_name = ?"
        ((erased,),) = self._connection.execute(query, [change.was]).fetchall()
        if not erased:
            return Effect(change)
        why = f"{counted(erased, 'row')} of it was erased, which is known by the table's name"
        return Effect(change, erased, refused=why)

    def _before(self, change: DictionaryChange) -> Table:
        before = table_before(self._new.tables[change.table], self._old, self._new)
        assert before is not None
        return before

    def _found(self, table: Table, condition: str) -> tuple[int, tuple[Any, ...]]:
        """How many rows of a table as it is, and the keys of the first."""
        rows = f"(select * from {core(table.name)} where {condition})"
        (count,) = one_row(self._connection, f"select count(*) from {rows} as found")
        if not count:
            return 0, ()
        return int(count), tuple(map(str, first_keys(self._connection, table, rows)))
