"""What the page of a draft shows: how it is read, how many rows would go in, and what is wrong."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from service.console.drafts import Draft
from service.console.judged_rows import JudgedRow, Reason, judged_row, reasons_of
from service.dictionary import Table
from service.doors.file_load import FileLoad, Progress, TrialResult
from service.engines.engine import Connection
from service.formats.bodies.rows_protocol import MalformedRow
from service.formats.csv.dialect import Dialect
from service.formats.csv.opening import limit_of
from service.formats.csv.reader import LINE, PROBLEM, SURPLUS, TEXT, rows_of
from service.gate import Gate
from service.ops import queries
from service.ops.records import LoadRecord
from service.warehouse.work import Outcome

SHOWN = 100  # rows with faults
_columns, _option = re.compile(r"--columns (\S+)"), re.compile(r"--(?:no-)?([a-z]+)(?= |$)")


@dataclass
class DraftCounts:
    """What would become of all rows, or what became of them."""

    received: int
    accepted: int
    rejected: int
    already_present: int
    changed: int = 0

    @classmethod
    def of(cls, counted: LoadRecord | TrialResult) -> Self:
        """Those of a load, or of a trial."""
        return cls(**{each.name: getattr(counted, each.name) for each in fields(cls)})


@dataclass
class DraftView:
    """What there is to show: `state` is looking, looked, loading, loaded, unreadable or failed.

    `found` is the dialect in words, `mapping` says of each field of the file what it is called, for
    which column it is (None: left out) and why. `rows` are the first rows with faults.
    """

    state: str
    detail: str | None = None
    progress: Progress | None = None
    counts: DraftCounts | None = None
    found: str | None = None
    mapping: Sequence[tuple[str, str | None, str]] = ()
    first_rows: Sequence[Any] = ()
    rows: Sequence[JudgedRow] = ()
    reasons: Sequence[Reason] = field(default_factory=list)
    is_text: bool = True  # whether places are lines of a file
    columns: str = ""  # of a file that cannot be read: which it may have


def view_of(gate: Gate, draft: Draft) -> DraftView:
    """What the page of a draft shows now."""
    if draft.load_id is not None:
        return _of_load(gate, draft)
    if draft.problem is not None:
        return _of_problem(draft.problem.detail)
    if draft.outcome is not None:
        return _of_outcome(gate.table(draft.table), draft.outcome)
    assert draft.trial is not None
    return _of_trial(gate, draft, draft.trial)


def _of_problem(detail: str) -> DraftView:
    """What is wrong, in the words of the page: an option of the command line is a field here."""
    columns = _columns.search(detail)
    plain = _option.sub(lambda found: found[1], detail)
    return DraftView("unreadable", plain, columns=columns[1] if columns else "")


def _of_load(gate: Gate, draft: Draft) -> DraftView:
    load = draft.load
    if load is not None and load.status == "running":
        return DraftView("loading", progress=load.progress, found=load.dialect.described())
    assert draft.load_id is not None
    with gate.database.reading() as connection:
        counts, status, detail = _counts(connection, draft.load_id)
    return DraftView("failed" if status == "failed" else "loaded", detail, counts=counts)


def _counts(connection: Connection, load_id: str) -> tuple[DraftCounts, str, str | None]:
    (entry, *_) = queries.load(connection, load_id)
    return DraftCounts.of(entry), entry.status, entry.detail


def _of_trial(gate: Gate, draft: Draft, trial: FileLoad) -> DraftView:
    said: dict[str, Any] = {
        "found": trial.dialect.described(),
        "mapping": trial.dialect.explained(),
    }
    if trial.status == "running":
        return DraftView("looking", progress=trial.progress, **said)
    if trial.status != "done":
        return DraftView("failed", trial.detail, **said)
    result = trial.result or TrialResult()
    with draft.lock:
        if draft.rows is None:
            draft.rows = _with_values(gate, draft, trial.dialect, result)
    return DraftView(
        "looked",
        counts=DraftCounts.of(result),
        first_rows=result.first_rows,
        rows=draft.rows,
        reasons=reasons_of(each.violations for each in result.rejections),
        **said,
    )


def _of_outcome(table: Table, outcome: Outcome) -> DraftView:
    (verdict,) = outcome.verdicts
    received, accepted = verdict.batch.received, outcome.accepted(verdict)
    rejected = {
        place: [{"column": each.column, "rule": each.rule, "message": each.message} for each in why]
        for place, why in sorted(verdict.rejected.items())
    }
    rows = [
        judged_row(table, place + 1, _plain(verdict.batch.rows, place), why)
        for place, why in [*rejected.items()][:SHOWN]
    ]
    counts = DraftCounts(received, accepted, received - accepted, 0)
    reasons = reasons_of(rejected.values())
    return DraftView("looked", counts=counts, rows=rows, reasons=reasons, is_text=False)


def _plain(rows: Any, place: int) -> Any:
    row = rows.plain(place)
    return row.text if isinstance(row, MalformedRow) else row


def _with_values(
    gate: Gate, draft: Draft, dialect: Dialect, result: TrialResult
) -> list[JudgedRow]:
    """The lines that would be kept out, with their values, which are read of the file again."""
    table = gate.table(draft.table)
    why = {each.line: each.violations for each in result.rejections}
    settings = gate.settings
    limit = limit_of(draft.path, settings.max_file_bytes, settings.max_ratio)
    with closing(rows_of(draft.path, dialect, table.column_names, limit)) as batches:
        found = {row[LINE]: row for row in _lines(batches, why)}
    return [judged_row(table, line, _payload(found.get(line)), why[line]) for line in why]


def _lines(batches: pa.RecordBatchReader, wanted: Mapping[int, Any]) -> Iterator[dict[str, Any]]:
    left = len(wanted)
    places = pa.array(wanted, pa.int64())
    while left:
        try:
            batch = batches.read_next_batch()
        except StopIteration:
            return
        rows = batch.filter(pc.is_in(batch[LINE], places)).to_pylist()
        left -= len(rows)
        yield from rows


def _payload(row: dict[str, Any] | None) -> Any:
    """A line as a row: its values by column, or its text where it could not be read."""
    if row is None:
        return {}
    if row[PROBLEM] is not None:
        return row[TEXT] or ""
    ours = (LINE, "_lines", SURPLUS, PROBLEM, TEXT)
    values = {name: value for name, value in row.items() if name not in ours}
    return values | ({SURPLUS: row[SURPLUS]} if row[SURPLUS] is not None else {})
