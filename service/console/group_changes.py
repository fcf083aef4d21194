"""Changes of all open rejections of a group: a value set, tried again, dismissed.

Each can be looked at first; a change that was looked at is not made of another number of rows.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from service.console.judged_rows import Reason
from service.console.rejection_filters import RejectionFilters
from service.console.rejection_lookups import all_rejections
from service.console.work_list import corrected, payload_of
from service.doors.replay_runs import Correction
from service.errors import Conflict
from service.gate import Gate
from service.ops.records import RejectionRecord
from service.ops.rejection_groups import dismiss_open

PART = 1000  # rows that are tried in one load


@dataclass
class GroupChange:
    """What came, or would come, of a change: `matched` rows were meant."""

    matched: int
    accepted: int = 0
    failed: int = 0
    reasons: Sequence[Reason] = field(default_factory=list)
    words: str = ""


def set_and_tried(
    gate: Gate,
    filters: RejectionFilters,
    value: str,
    actor: str | None,
    expected: int | None,
    *,
    dry_run: bool,
) -> GroupChange:
    """Tries all rows of a group with `value` in its column; text, as one types it.

    Raises:
        Conflict: they are no longer as many as `expected`.
    """
    column = filters.column or ""

    def correction(record: RejectionRecord) -> Correction:
        row = corrected(payload_of(record), {column: value})
        return Correction(record.rejection_id, text=row)

    return _tried(gate, filters, correction, actor, expected, dry_run)


def tried_again(gate: Gate, filters: RejectionFilters, actor: str | None) -> GroupChange:
    """Tries all rows of a group as they are."""

    def same(record: RejectionRecord) -> Correction:
        return Correction(record.rejection_id)

    return _tried(gate, filters, same, actor, None, dry_run=False)


def dismissed(
    gate: Gate,
    filters: RejectionFilters,
    reason: str,
    actor: str | None,
    expected: int | None,
    *,
    dry_run: bool,
) -> GroupChange:
    """Dismisses all rows of a group.

    Raises:
        Conflict: they are no longer as many as `expected`.
    """
    ids = [record.rejection_id for record in _open(gate, filters)]
    _check(len(ids), expected)
    if not dry_run:
        done = gate.writer.run(lambda connection: dismiss_open(connection, ids, reason, actor))
        return GroupChange(len(ids), words=f"{_rows(done.result())} dismissed")
    return GroupChange(len(ids))


def _tried(
    gate: Gate,
    filters: RejectionFilters,
    correction: Callable[[RejectionRecord], Correction],
    actor: str | None,
    expected: int | None,
    dry_run: bool,
) -> GroupChange:
    corrections = [correction(record) for record in _open(gate, filters)]
    _check(len(corrections), expected)
    change, failing = GroupChange(len(corrections)), Counter[tuple[str | None, str]]()
    for start in range(0, len(corrections), PART):
        part = corrections[start : start + PART]
        result = gate.replays.replay_corrected(part, actor, dry_run)
        counts = result.counts()
        change.accepted += counts["accepted"] + counts["already_present"]
        change.failed += counts["rejected"]
        for tally in result.tables.values():
            failing.update(tally.failing)
    change.reasons = [Reason(*key, rows) for key, rows in failing.most_common()]
    change.words = _words(change, dry_run)
    return change


def _open(gate: Gate, filters: RejectionFilters) -> Iterator[RejectionRecord]:
    filters = replace(filters, status="open")
    with gate.database.reading() as connection:
        for records in all_rejections(connection, filters, PART):
            yield from records


def _check(found: int, expected: int | None) -> None:
    if expected is not None and found != expected:
        raise Conflict(f"there are {_rows(found)} now, and not {expected}; look again")


def _words(change: GroupChange, dry_run: bool) -> str:
    if dry_run:
        fail = f"{change.failed} still {'fails' if change.failed == 1 else 'fail'}"
        go = f"{change.accepted} {'goes' if change.accepted == 1 else 'go'} in"
        return f"{go}, {fail}." if change.failed else f"{go}."
    fail = f", {change.failed} still {'fails' if change.failed == 1 else 'fail'}"
    return f"{_rows(change.accepted)} accepted{fail if change.failed else ''}"


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"
