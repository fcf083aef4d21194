"""Changes of all open rejections of a group: a value set, tried again, dismissed.

Each can be looked at first; a change that was looked at is not made of another number of rows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from service.console.judged_rows import Reason
from service.console.list_filters import RejectionFilters
from service.dictionary import Column
from service.dictionary.written_values import Unreadable
from service.doors.replay_changes import ReplayTry
from service.engines.engine import Connection
from service.gate import Gate
from service.ops import rejection_filters
from service.ops.rejection_filters import RejectionFilter


@dataclass(frozen=True)
class GroupChange:
    """What came, or would come, of a change: `matched` rows were meant."""

    matched: int
    accepted: int = 0
    failed: int = 0
    reasons: Sequence[Reason] = field(default_factory=list)
    words: str = ""


@dataclass(frozen=True)
class GroupAsked:
    """Who asks for a change; whether only to look, and how many rows they have seen."""

    actor: str | None
    dry_run: bool = False
    expected: int | None = None
    may_change: bool = True  # whether rows that are there may be changed


def set_and_tried(
    gate: Gate, filters: RejectionFilters, column: Column, value: str, asked: GroupAsked
) -> GroupChange:
    """Tries all rows of a group with `value`, as one types it, in a column.

    Raises:
        Conflict: they are no longer as many as expected, or others are being tried.
    """
    return _tried(gate, filters, {column.name: _typed(column, value)}, asked)


def tried_again(gate: Gate, filters: RejectionFilters, asked: GroupAsked) -> GroupChange:
    """Tries all rows of a group as they are; raises as `set_and_tried`."""
    return _tried(gate, filters, {}, asked)


def dismissed(gate: Gate, filters: RejectionFilters, reason: str, asked: GroupAsked) -> GroupChange:
    """Dismisses all rows of a group; raises Conflict as `set_and_tried`."""
    wanted = _open(filters)

    def dismiss(connection: Connection) -> int:
        if asked.dry_run:
            return rejection_filters.count(connection, wanted)
        return rejection_filters.dismiss_all(
            connection, wanted, reason, asked.actor, asked.expected
        )

    matched = gate.writer.run(dismiss).result()
    return GroupChange(matched, words=f"{_rows(matched)} dismissed")


def _tried(
    gate: Gate, filters: RejectionFilters, changes: dict[str, Any], asked: GroupAsked
) -> GroupChange:
    wanted = ReplayTry(asked.actor, changes, asked.dry_run, asked.expected, asked.may_change)
    result = gate.replays.replay_filtered(_open(filters), wanted)
    counts, failing = result.counts(), Counter[tuple[str | None, str]]()
    for tally in result.tables.values():
        failing.update(tally.failing)
    accepted = counts["accepted"] + counts["changed"] + counts["already_present"]
    return GroupChange(
        result.matched,
        accepted,
        counts["rejected"],
        [Reason(*key, rows) for key, rows in failing.most_common()],
        _words(accepted, counts["rejected"], asked.dry_run),
    )


def _open(filters: RejectionFilters) -> RejectionFilter:
    return replace(filters, status="open").wanted


def _typed(column: Column, value: str) -> Any:
    """A value as JSON has it; one that cannot be read stays as it was typed, and is judged so."""
    if not value:
        return None
    if column.type.struct is str:
        return value
    try:
        read = column.type.from_text(value.strip())
    except Unreadable:
        return value
    return msgspec.Raw(read.encode()) if column.type.name == "json" else read


def _words(accepted: int, failed: int, dry_run: bool) -> str:
    still = f", {failed:,} still {'fails' if failed == 1 else 'fail'}" if failed else ""
    if dry_run:
        return f"{accepted:,} {'goes' if accepted == 1 else 'go'} in{still}."
    return f"{_rows(accepted)} accepted{still}"


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"
