"""Rows with what is wrong in them, cell by cell, as pages show them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from service.dictionary import Table


@dataclass(frozen=True)
class Cell:
    """A value as text, None where there is none, and what is wrong with it."""

    name: str
    text: str | None
    messages: Sequence[str] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether it has to change."""
        return bool(self.messages)


@dataclass(frozen=True)
class JudgedRow:
    """A row: its `place` in what was sent, a cell for each column, and fields that are none.

    `messages` are about the row as a whole; `raw` is a line that could not be read.
    """

    place: int
    cells: Sequence[Cell]
    surplus: Sequence[Cell] = ()
    messages: Sequence[str] = ()
    raw: str | None = None


class Reason(NamedTuple):
    """Why rows are kept out: how many `rows` break the rule of the column (None: of the row)."""

    column: str | None
    rule: str
    rows: int


@dataclass
class _Messages:
    by_column: dict[str, list[str]] = field(default_factory=dict)
    of_row: list[str] = field(default_factory=list)


def judged_row(
    table: Table, place: int, payload: Any, violations: Iterable[Mapping[str, Any]]
) -> JudgedRow:
    """A row of `table` as it was sent: an object, or the text of what is none."""
    said = _Messages()
    for each in violations:
        if (column := each.get("column")) is None:
            said.of_row.append(str(each["message"]))
            continue
        for name in table.named_in(column):
            said.by_column.setdefault(name, []).append(str(each["message"]))
    values = payload if isinstance(payload, dict) else {}
    cells = [
        Cell(name, as_text(values.get(name)), tuple(said.by_column.pop(name, ())))
        for name in table.column_names
    ]
    surplus = [
        Cell(name, as_text(value), tuple(said.by_column.pop(name, ())))
        for name, value in values.items()
        if name not in table.column_names
    ]
    rest = [message for messages in said.by_column.values() for message in messages]
    raw = None if isinstance(payload, dict) else as_text(payload)
    return JudgedRow(place, cells, surplus, (*said.of_row, *rest), raw)


def reasons_of(violations: Iterable[Iterable[Mapping[str, Any]]]) -> list[Reason]:
    """How many rows break which rule, the most frequent first; `violations` are those of rows."""
    counts = Counter(
        key for row in violations for key in {(each["column"], each["rule"]) for each in row}
    )
    return [Reason(column, rule, rows) for (column, rule), rows in counts.most_common()]


def as_text(value: Any) -> str | None:
    """A value as one types it; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str)
