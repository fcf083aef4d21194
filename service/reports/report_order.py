"""The order of a report's rows, and the place in it that a page begins after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.dictionary import Report
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.errors import BadRequest
from service.warehouse.sort_keys import SortKey, rows_behind

LISTED = "listed"  # what the query of a report calls the mart
NO_CURSOR = "after is not the next of a page of this report"


@dataclass(frozen=True)
class ReportOrder:
    """An order in which no two rows have one place; `types` are those of the mart, by name.

    A place is said by values as text, so that rows which come, go or change between two pages
    move no other row from one page to the next.
    """

    report: Report
    types: Mapping[str, str]

    @property
    def keys(self) -> list[SortKey]:
        """The columns that it goes by."""
        return [
            SortKey(
                each.column,
                each.descending,
                each.nulls_first,
                parameter=f"cast(? as {self.types[each.column]})",
            )
            for each in self.report.order_by
        ]

    def sql(self) -> str:
        """As ``order by`` takes it."""
        return ", ".join(key.sql(LISTED) for key in self.keys)

    def places(self) -> str:
        """The place of a row as SQL selects it: texts, or NULL."""
        return ", ".join(f"cast({LISTED}.{quoted(key.name)} as varchar)" for key in self.keys)

    def behind(self, place: Sequence[str | None] | None) -> tuple[str, list[Any]]:
        """The condition that a row comes later than `place` (None: any), and the values in it."""
        return ("true", []) if place is None else rows_behind(self.keys, place)

    def place_of(self, values: Sequence[str | None]) -> tuple[Any, ...]:
        """What a cursor says of a row whose place has these `values`."""
        return (self._name, *values)

    def values_of(self, connection: Connection, after: Sequence[Any]) -> list[str | None]:
        """The values of a place, of what a cursor says.

        Raises:
            BadRequest: it is no place of this order.
        """
        name, *values = after or (None,)
        keys = self.keys
        if name != self._name or len(values) != len(keys):
            raise BadRequest(NO_CURSOR, parameter="after")
        if not all(value is None or isinstance(value, str) for value in values):
            raise BadRequest(NO_CURSOR, parameter="after")
        read = ", ".join(f"try_{key.parameter}" for key in keys)
        (found,) = connection.execute(f"select {read}", values).fetchall()
        if any(kept is None and said is not None for kept, said in zip(found, values, strict=True)):
            raise BadRequest(NO_CURSOR, parameter="after")
        return values

    @property
    def _name(self) -> str:
        return f"{self.report.name} {','.join(key.sql() for key in self.keys)}"
