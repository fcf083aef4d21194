"""The state of a grid of rows: filters and an order, each of which has a URL.

A grid's query is that of ``GET /v1/tables/{table}/rows``, so that a program can ask for the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from service.dictionary import Column
from service.warehouse.row_filters import ESCAPE, RowFilter
from service.warehouse.row_order import OrderPart
from service.warehouse.row_queries import ORDER, RESERVED, SELECT, RowQuery

AFTER, LIMIT = "after", "limit"
# What the form for a filter offers: the operator, and how it is read.
OPERATORS = (
    ("eq", "is"),
    ("neq", "is not"),
    ("gte", "at least"),
    ("lte", "at most"),
    ("gt", "more than"),
    ("lt", "less than"),
    ("ilike", "contains"),
    ("in", "one of a, b"),
    ("is.null", "is missing"),
    ("not.is.null", "is there"),
)
WORDS = {
    "eq": "=",
    "neq": "≠",
    "gt": ">",
    "gte": "≥",
    "lt": "<",
    "lte": "≤",
    "in": "one of",
    "like": "like",
    "ilike": "like",
    "is": "is",
}
Item = tuple[str, str]


@dataclass(frozen=True)
class Chip:
    """A filter that holds, in words, and where it does not."""

    column: str
    words: str
    value: str
    without: str


@dataclass(frozen=True)
class ColumnHead:
    """The head of a column: how it is sorted (ascending, descending, None), and the next way."""

    column: Column
    sorted: str | None
    href: str
    is_number: bool


class Grid:
    """A grid of rows of a table."""

    def __init__(self, query: RowQuery, items: Iterable[Item]) -> None:
        """`items` are what the query was read from, and the page's own."""
        self.query, self.table = query, query.table
        self._items = [item for item in items if item[0] not in (AFTER, LIMIT)]
        self.path = f"/tables/{query.table.name}/rows"

    @property
    def search(self) -> str:
        """The filters and the order as a query string; "" without any."""
        return urlencode(self._items)

    def url(self, path: str, *more: Item) -> str:
        """The same filters and order of another path."""
        return _url(path, [*self._items, *more])

    @property
    def chips(self) -> list[Chip]:
        """The filters that hold."""
        filters = iter(self.query.filters)
        return [
            self._chip(next(filters), place)
            for place, (name, _) in enumerate(self._items)
            if name not in (ORDER, SELECT)
        ]

    def _chip(self, found: RowFilter, place: int) -> Chip:
        text = found.text.removeprefix("not.").partition(".")[2]
        words = WORDS[found.operator]
        if found.operator == "is" and text.lower() == "null":
            words, text = ("is there" if found.negated else "is missing"), ""
        elif found.negated:
            words = f"not {words}"
        kept = [item for number, item in enumerate(self._items) if number != place]
        return Chip(found.column.name, words, text, _url(self.path, kept))

    @property
    def headers(self) -> list[ColumnHead]:
        """Of the columns that are shown; the order has one column in front."""
        first = self.query.order.parts[0]
        return [self._header(column, first) for column in self.query.columns]

    def _header(self, column: Column, first: OrderPart) -> ColumnHead:
        is_first = first.column.name == column.name
        state = ("descending" if first.descending else "ascending") if is_first else None
        descending = is_first and not first.descending
        rest = [item for item in self._items if item[0] != ORDER]
        order = f"{column.name}.desc" if descending else column.name
        if order != self.table.primary_key:
            rest = [*rest, (ORDER, order)]
        return ColumnHead(column, state, _url(self.path, rest), is_number(column))

    def only(self, column: str, value: Any) -> str:
        """The grid with those rows alone that have a value, None: none, in a column."""
        name = field_name(column)
        rest = [item for item in self._items if item[0] not in (name, column)]
        text = "is.null" if value is None else f"eq.{value_text(value)}"
        return _url(self.path, [*rest, (name, text)])

    def with_filter(self, column: str, operator: str, value: str) -> str:
        """The grid with one more filter, as the form says it."""
        return _url(self.path, [*self._items, (field_name(column), filter_text(operator, value))])

    def faceted(self) -> list[Column]:
        """The columns of which each value may have many rows."""
        return [column for column in self.query.columns if _has_few_values(column)]


def filter_text(operator: str, value: str) -> str:
    """A filter as a URL says it, of what a form says."""
    value = value.strip()
    if operator.endswith("null"):
        return operator
    if operator == "ilike" and "*" not in value:
        value = f"*{value}*"
    if operator == "in" and not value.startswith("("):
        value = f"({value})"
    return f"{operator}.{value}"


def field_name(column: str) -> str:
    """A column as a parameter of the query."""
    return f"{ESCAPE}{column}" if column in RESERVED or column.startswith("_") else column


def value_text(value: Any) -> str:
    """A value as a filter says it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_number(column: Column) -> bool:
    """Whether its values stand at the right."""
    return column.type.is_whole or column.type.kind in ("double", "decimal")


def kind_of(column: Column) -> str:
    """How its values are shown: as number, time or text."""
    if is_number(column):
        return "number"
    is_time = column.type.kind.startswith("time") or column.type.name == "date"
    return "time" if is_time else "text"


def _has_few_values(column: Column) -> bool:
    if column.is_unique:
        return False
    kinds = {rule.kind for rule in column.rules}
    return column.type.name == "boolean" or bool({"relationships", "accepted_values"} & kinds)


def _url(path: str, items: Sequence[Item]) -> str:
    return f"{path}?{urlencode(items)}" if items else path
