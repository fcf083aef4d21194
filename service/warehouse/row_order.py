"""An order of rows, ``department_id.desc,name``, and the place in it that a page begins after."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from service.dictionary import Column, Table
from service.dictionary.written_values import Unreadable
from service.engines.sql import quoted
from service.errors import BadRequest, shortened
from service.warehouse.row_filters import as_parameter, split
from service.warehouse.sort_keys import SortKey, rows_behind

DIRECTIONS, NULLS = ("asc", "desc"), ("nullslast", "nullsfirst")
LISTED = "listed"  # what a query that is ordered calls the table
NO_CURSOR = "after is not the next of a page of this table"


@dataclass(frozen=True)
class OrderPart:
    """One column of an order. Rows without a value come last, whichever way, unless said."""

    column: Column
    descending: bool = False
    nulls_first: bool = False

    @property
    def text(self) -> str:
        """As it is written: name.desc.nullsfirst."""
        ends = (".desc" * self.descending, ".nullsfirst" * self.nulls_first)
        return "".join((self.column.name, *ends))

    @property
    def key(self) -> SortKey:
        """As SQL sorts by it."""
        column = self.column
        return SortKey(column.name, self.descending, self.nulls_first, column.required)


@dataclass(frozen=True)
class RowOrder:
    """An order in which no two rows have one place: it ends with the primary key."""

    table: Table
    parts: tuple[OrderPart, ...]

    @classmethod
    def read(cls, table: Table, text: str | None) -> "RowOrder":
        """The order that a text says; None is that of the primary key.

        Raises:
            BadRequest: it names what is no column, or no direction.
        """
        parts: list[OrderPart] = []
        for each in _listed(text):
            part = _part(table, each)
            if part.column.name in {other.column.name for other in parts}:
                raise _wrong(f"order has {part.column.name} twice")
            parts.append(part)
        names = [part.column.name for part in parts]
        if {*table.key_names} <= {*names}:  # what stands behind the key changes nothing
            last = max(map(names.index, table.key_names))
            return cls(table, tuple(parts[: last + 1]))
        rest = [OrderPart(part) for part in table.key.parts if part.name not in names]
        return cls(table, (*parts, *rest))

    @cached_property
    def text(self) -> str:
        """As it is written, in full; two texts of one order are the same here."""
        return ",".join(part.text for part in self.parts)

    @property
    def is_by_key(self) -> bool:
        """Whether it is the one that there is when none is asked for."""
        return self.text == self.table.primary_key

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those that it goes by."""
        return tuple(part.column for part in self.parts)

    def sql(self) -> str:
        """As ``order by`` takes it; of the table: a timestamp is shown as a text of its name."""
        return ", ".join(part.key.sql(LISTED) for part in self.parts)

    def values_of(self, key: Sequence[Any]) -> list[Any]:
        """The values of a place, as the engine takes them, of what a cursor says.

        Raises:
            BadRequest: it is no place of this order.
        """
        said = list(key)
        if not self.is_by_key and (not said or said.pop(0) != f"{self.table.name} {self.text}"):
            raise BadRequest("after is the next of a page in another order")
        if len(said) != len(self.parts):
            raise BadRequest(NO_CURSOR)
        return [_read(part.column, value) for part, value in zip(self.parts, said, strict=True)]

    def place_of(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """What a cursor says of a row with these `values`, as they are shown."""
        return tuple(values) if self.is_by_key else (f"{self.table.name} {self.text}", *values)

    def behind(self, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """The condition that a row comes later than the place of these values."""
        condition, parameters = rows_behind([part.key for part in self.parts], values)
        return self._narrowed(values[0], condition, parameters)

    def _narrowed(self, first: Any, condition: str, parameters: list[Any]) -> tuple[str, list[Any]]:
        """The same, with what the engine can leave out blocks of rows by."""
        part = self.parts[0]
        if first is None or len(self.parts) == 1 or not part.column.required:
            return condition, parameters
        bound = f"{quoted(part.column.name)} {'<=' if part.descending else '>='} ?"
        return f"{bound} and {condition}", [first, *parameters]


def _listed(text: str | None) -> list[str]:
    if text is None:
        return []
    listed = split(text)
    if listed is None:
        raise _wrong(f"order cannot be read: {shortened(text)!r}")
    return listed


def _part(table: Table, text: str) -> OrderPart:
    name, ends = text, list[str]()
    while name not in table.column_names:
        name, _, end = name.rpartition(".")
        if end not in (*DIRECTIONS, *NULLS):
            raise _unknown(table, text)
        ends.append(end)
    if len({end in NULLS for end in ends}) < len(ends):
        raise _wrong(f"order: {shortened(text)!r} says a direction twice")
    return OrderPart(table.column(name), "desc" in ends, "nullsfirst" in ends)


def _unknown(table: Table, text: str) -> BadRequest:
    ways = ", ".join(f".{each}" for each in (*DIRECTIONS, *NULLS))
    return _wrong(
        f"order takes columns of {table.name}, each with {ways} where wanted, not"
        f" {shortened(text)!r}; columns: {', '.join(table.column_names)}",
        known=list(table.column_names),
    )


def _wrong(detail: str, **members: Any) -> BadRequest:
    return BadRequest(detail, parameter="order", **members)


def _read(column: Column, value: Any) -> Any:
    """A value of a cursor, as the engine takes it."""
    try:
        read = None if value is None else column.type.read(value)
    except Unreadable:
        raise BadRequest(NO_CURSOR) from None
    if read is None and column.required:
        raise BadRequest(NO_CURSOR)
    return as_parameter(column.type, read)
