"""The rows of tables as they would be by another dictionary, as SQL names them."""

from service.dictionary import Column, Dictionary, Table
from service.dictionary.evolution import column_before, table_before
from service.dictionary.type_names import TIMESTAMPTZ
from service.engines.sql import core, quoted


class RowsToCome:
    """Rows that are stored by the dictionary `old`, in the names and types of `new`."""

    def __init__(self, old: Dictionary, new: Dictionary) -> None:
        self._old, self._new = old, new

    def of(self, table: Table) -> str:
        """A subquery: the rows of a table of the new dictionary, none of one that is new.

        A value that its new type has not is NULL.
        """
        before = table_before(table, self._old, self._new)
        values = (
            f"{_value(column, table, before)} as {quoted(column.name)}" for column in table.columns
        )
        rows = f"from {core(before.name)}" if before else "where false"
        return f"(select {', '.join(values)} {rows})"


def _value(column: Column, table: Table, before: Table | None) -> str:
    was = column_before(table, before, column.name) if before else None
    if was is None:
        default = "null" if column.default is None else literal(column.default)
        return f"cast({default} as {column.type.name})"
    if was.type.name == column.type.name:
        return quoted(was.name)
    return cast_to(quoted(was.name), column.type.name, was.type.name)


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def cast_to(value: str, new: str, old: str) -> str:
    """An expression of the type `old` as one of the type `new`, NULL where it cannot be."""
    if {old, new} == {"timestamp", TIMESTAMPTZ}:
        return f"timezone('UTC', {value})"
    return f"try_cast({value} as {new})"
