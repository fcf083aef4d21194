"""Columns in SQL, combined ones too: a primary key, what is unique, and what refers to a row."""

from collections.abc import Sequence
from typing import Any

from service.dictionary import Column, Table
from service.dictionary.combined_columns import ESCAPED, SEPARATOR
from service.engines.sql import quoted, shown_value


def _parts(column: Column, alias: str) -> list[str]:
    place = f"{alias}." if alias else ""
    return [place + quoted(part.name) for part in column.parts]


def listed(column: Column, alias: str = "") -> str:
    """Its columns, as a select list or ``order by`` takes them; of `alias` where there is one."""
    return ", ".join(_parts(column, alias))


def value_of(column: Column, alias: str = "") -> str:
    """One expression for the value: that which ``in`` and ``group by`` compare."""
    parts = _parts(column, alias)
    return f"row({', '.join(parts)})" if column.combines else parts[0]


def typed_value(column: Column, alias: str = "") -> str:
    """The same of the columns' own types, which Arrow rows may not have."""
    typed = [
        f"cast({name} as {part.type.name})"
        for name, part in zip(_parts(column, alias), column.parts, strict=True)
    ]
    return f"row({', '.join(typed)})" if column.combines else typed[0]


def is_there(column: Column, alias: str = "") -> str:
    """The condition that a row has a value: no part is null."""
    return " and ".join(f"{name} is not null" for name in _parts(column, alias))


def is_same(column: Column, alias: str, other: Column, other_alias: str) -> str:
    """The condition that a column of one row has the value of a column of another."""
    pairs = zip(_parts(column, alias), _parts(other, other_alias), strict=True)
    return " and ".join(f"{one} = {two}" for one, two in pairs)


def has_same_key(table: Table, alias: str, other: str) -> str:
    """The condition that the rows of two aliases have the same primary key."""
    return is_same(table.key, alias, table.key, other)


def is_value(column: Column, alias: str = "") -> str:
    """The condition that a row has a value, whose parts are its parameters."""
    return " and ".join(f"{name} = ?" for name in _parts(column, alias))


def shown_column_value(column: Column, alias: str = "") -> str:
    """The value as it is shown: a column's as rows have it, of several together a text."""
    shown = [
        shown_value(name, part.type.name)
        for name, part in zip(_parts(column, alias), column.parts, strict=True)
    ]
    if not column.combines:
        return shown[0]
    pairs = zip(shown, column.parts, strict=True)
    return f" || '{SEPARATOR}' || ".join(_escaped(text, part) for text, part in pairs)


def _escaped(shown: str, part: Column) -> str:
    text = f"cast({shown} as varchar)"
    if part.type.name == "varchar":
        for character, escape in ESCAPED:
            text = f"replace({text}, '{character}', '{escape}')"
    return text


def is_above(column: Column, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """The condition that a row comes behind a value, given by its parts, and its parameters."""
    return _compared(column, values, ">", ">")


def is_up_to(column: Column, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """The condition that a row does not come behind it."""
    return _compared(column, values, "<", "<=")


def _compared(column: Column, values: Sequence[Any], sign: str, last: str) -> tuple[str, list[Any]]:
    """Part by part: the engine leaves out blocks of rows by the first."""
    names = _parts(column, "")
    condition, parameters = f"{names[-1]} {last} ?", [values[-1]]
    for name, value in reversed([*zip(names[:-1], values[:-1], strict=True)]):
        condition = f"{name} {sign}= ? and ({name} {sign} ? or ({condition}))"
        parameters = [value, value, *parameters]
    return condition, parameters
