"""The rejections of a page, as a list to work off: each row with what is wrong in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zlib import crc32

import msgspec

from service.console.judged_rows import Cell, JudgedRow, as_text, judged_row
from service.dictionary import Table
from service.engines.engine import Connection
from service.formats.bodies.stored import REST, in_names_of_now
from service.ops.records import RejectionRecord


@dataclass(frozen=True)
class WorkItem:
    """A rejection, its row with faults, and how often it was tried again.

    `typed` are values that someone has just tried in vain.
    """

    record: RejectionRecord
    row: JudgedRow
    attempts: int
    typed: Mapping[str, str] | None = None
    problem: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be worked off."""
        return self.record.status == "open"

    @property
    def mark(self) -> str:
        """The place of the row within a page: 8 hexadecimal digits."""
        return f"{crc32(self.record.rejection_id.encode()):08x}"

    @property
    def place(self) -> str:
        """Where its row stood: a line of a file, or a row of a request."""
        record = self.record
        if record.source:
            name = record.source.rsplit("/", 1)[-1]
            return f"{name} line {record.position}"
        return f"row {record.position + 1} of its request"

    @property
    def short_place(self) -> str:
        """The same without the file's name."""
        record = self.record
        return f"line {record.position}" if record.source else f"row {record.position + 1}"

    @cached_property
    def cells(self) -> Sequence[Cell]:
        """A cell for each column, with what was typed last."""
        if self.typed is None:
            return self.row.cells
        typed = self.typed
        return [
            Cell(cell.name, typed.get(cell.name, cell.text), cell.messages)
            for cell in self.row.cells
        ]

    def with_typed(self, typed: Mapping[str, str]) -> "WorkItem":
        """The same, showing what was typed."""
        return replace(self, typed=typed)

    def is_asked(self, cell: Cell) -> bool:
        """Whether a value is to be typed into a cell: it is wrong, or the row could not be read."""
        return self.is_open and (cell.is_wrong or self.row.raw is not None)


def work_items(
    connection: Connection, table: Table, records: Sequence[RejectionRecord]
) -> list[WorkItem]:
    """Rejections of one table, to be shown."""
    attempts = _attempts(connection, [each.rejection_id for each in records])
    return [
        WorkItem(each, _row(table, each), attempts.get(each.rejection_id, 0)) for each in records
    ]


def tried_in_vain(
    connection: Connection,
    table: Table,
    record: RejectionRecord,
    typed: Mapping[str, str],
    violations: Sequence[Mapping[str, Any]] | None,
    problem: str | None,
) -> WorkItem:
    """A rejection whose row has failed again: with `violations`, None where it was not tried."""
    attempts = _attempts(connection, [record.rejection_id])
    payload = payload_of(table, record)
    if violations is None:
        row = _row(table, record)
    else:
        row = judged_row(table, record.position, corrected(payload, typed), violations)
    return WorkItem(record, row, attempts.get(record.rejection_id, 0), typed, problem)


def payload_of(table: Table, record: RejectionRecord) -> Any:
    """What was sent, its columns by their names of now."""
    return msgspec.json.decode(in_names_of_now(record.payload, table.former_names))


def corrected(
    payload: Any, typed: Mapping[str, str], left_out: Sequence[str] = ()
) -> dict[str, str | None]:
    """The values of a row as text, with those that were typed in place of what was sent."""
    before = payload if isinstance(payload, dict) else {}
    kept = {name: as_text(value) for name, value in before.items() if name not in left_out}
    return {**kept, **typed}


def is_the_same(payload: Any, typed: Mapping[str, str], left_out: Sequence[str]) -> bool:
    """Whether nothing of a row was changed, so that it is only tried again."""
    if not isinstance(payload, dict):
        return not any(typed.values())
    return not left_out and all(
        (as_text(payload.get(name)) or "") == value for name, value in typed.items()
    )


def _row(table: Table, record: RejectionRecord) -> JudgedRow:
    violations = msgspec.json.decode(record.violations)
    payload = payload_of(table, record)
    if isinstance(payload, dict) and isinstance(payload.get(REST), list):
        payload = {**payload, REST: ", ".join(map(str, payload[REST]))}
    return judged_row(table, record.position, payload, violations)


def _attempts(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    if not ids:
        return {}
    found = connection.execute(
        "select rejection_id, count(*) from ops.replays"
        " where rejection_id in (select unnest(?)) group by 1",
        [list(ids)],
    ).fetchall()
    return dict(found)
