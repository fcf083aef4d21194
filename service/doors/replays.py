"""Rejected rows, tried again: one, some that were corrected, or all that are open.

Many are tried in small inserts, one after the other, so that others go on writing; all of them
are one load of kind ``replay``.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import uuid4

import msgspec
import pyarrow as pa

from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.errors import Conflict, NotFound, Unavailable
from service.formats.bodies.rows_protocol import Rows
from service.formats.bodies.stored import TextRows, json_rows
from service.gate import Gate
from service.judge.batch import Batch, Broken, Violation
from service.judge.judge import Judge
from service.ops import records
from service.runtime.clock import utc_now
from service.runtime.logs import get_logger
from service.warehouse.replays import Retries, Retry, Settled
from service.warehouse.work import Insert, Outcome

log = get_logger(__name__)
BEFORE_ALL = datetime(1, 1, 1)  # noqa: DTZ001 - in UTC, as the warehouse keeps times
PART = 1000  # rows that are tried in one transaction
ATTEMPTS, PAUSE_SECONDS = 5, 0.1  # where the writer is busy, or the dictionary has just changed
_all_under_way = threading.Lock()


@dataclass(frozen=True)
class StoredRejection:
    """A rejection, as far as it takes to try its row again."""

    rejection_id: str
    table: str
    position: int
    payload: str
    violations: str
    rejected_at: datetime
    status: str
    is_text: bool
    by_file: bool


_SELECT = """
    select
        rejection_id, table_name, position, payload, violations, rejected_at, status,
        coalesce(is_text, by_file), by_file
    from (
        select
            *,
            load_id in (select load_id from ops.loads where kind in ('history', 'file')) as by_file
        from ops.rejections
    )
"""


@dataclass(frozen=True)
class ReplayItem:
    """A rejection and the row to try: JSON, text by column, or (None) the same again."""

    stored: StoredRejection
    row: bytes | None = None
    text: dict[str, str | None] | None = None

    @property
    def is_text(self) -> bool:
        """How the row is to be read."""
        if self.row is None and self.text is None:
            return self.stored.is_text
        return self.text is not None

    @property
    def corrected(self) -> str | None:
        """The corrected row, in JSON."""
        if self.text is not None:
            return msgspec.json.encode(self.text).decode()
        return None if self.row is None else self.row.decode()


@dataclass
class Tally:
    """What became of the rows of one table."""

    received: int = 0
    accepted: int = 0
    rejected: int = 0
    already_present: int = 0
    failing: Counter[tuple[str | None, str]] = field(default_factory=Counter)


@dataclass
class FailedReplay:
    """A row that failed again."""

    rejection_id: str
    violations: list[Violation]


@dataclass
class ReplayResult:
    """What became of all rows; `settled` are rejections whose rows had gone in already."""

    load_id: str | None
    tables: dict[str, Tally] = field(default_factory=dict)
    failed: list[FailedReplay] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)


def stored(connection: Connection, rejection_ids: Sequence[str]) -> list[StoredRejection]:
    """Those of the rejections that there are."""
    # As Arrow rows: a list as a parameter takes 100 times as long.
    wanted = pa.table({"id": pa.array(rejection_ids, pa.string())})
    query = f"{_SELECT} where rejection_id in (select id from arrow_rows)"
    found = query_arrow(connection, query, wanted)
    return [StoredRejection(*row) for row in found.fetchall()]


def one(gate: Gate, rejection_id: str) -> StoredRejection:
    """The rejection of that id; raises NotFound."""
    with gate.database.reading() as connection:
        found = stored(connection, [rejection_id])
    if not found:
        raise NotFound("there is no such rejection")
    return found[0]


def batch_of(judge: Judge, items: Sequence[ReplayItem]) -> Batch:
    """The rows of `items`, all of one table and read alike, judged on their own."""
    batch = judge.judge(_rows(items))
    for position, item in enumerate(items):
        payload = item.stored.payload
        if item.is_text and item.corrected is None and not payload.startswith("{"):
            # A line that could not be read is none that could be judged.
            before = msgspec.json.decode(item.stored.violations, type=list[Violation])
            batch.broken[position] = Broken(before, {})
    return batch


def _rows(items: Sequence[ReplayItem]) -> Rows:
    if items[0].is_text:
        return TextRows([_text(item) for item in items])
    return json_rows([i.stored.payload.encode() if i.row is None else i.row for i in items])


def _text(item: ReplayItem) -> Any:
    """A row of text as it is on record, or as it came; then an empty one is no value."""
    if item.text is None:
        return msgspec.json.decode(item.stored.payload)
    return {name: value or None for name, value in item.text.items()}


def tries_of(items: Sequence[ReplayItem], corrected: str | None = None) -> list[Retry]:
    """What the writer is to know of `items`."""
    return [
        Retry(
            item.stored.rejection_id,
            corrected or item.corrected,
            item.stored.violations,
            item.stored.by_file and (corrected or item.corrected) is None,
        )
        for item in items
    ]


def replay_all(gate: Gate, table: str | None, actor: str | None) -> ReplayResult:
    """Tries every open rejection again, of all tables or one: parents first, oldest first.

    Raises:
        Conflict: someone does that already.
    """
    if not _all_under_way.acquire(blocking=False):
        raise Conflict("all open rejections are being tried again already")
    try:
        until = utc_now()
        names = [name for name in gate.dictionary.tables if table in (None, name)]
        with gate.database.reading() as connection:
            there = connection.execute(
                "select distinct table_name from ops.rejections where status = 'open'"
            ).fetchall()
        parts = ((name, part) for name in names for part in _open_parts(gate, name, until))
        return _replay(gate, [name for name in names if (name,) in there], parts, actor)
    finally:
        _all_under_way.release()


def replay_some(gate: Gate, items: Sequence[ReplayItem], actor: str | None) -> ReplayResult:
    """Tries these again, parents first; says of each that fails why."""
    names = [name for name in gate.dictionary.tables if any(i.stored.table == name for i in items)]
    parts = ((name, [item for item in items if item.stored.table == name]) for name in names)
    return _replay(gate, names, parts, actor, tell=True)


def _open_parts(gate: Gate, table: str, until: datetime) -> Iterator[list[ReplayItem]]:
    """The open rejections of a table that are older than `until`."""
    behind = (BEFORE_ALL, -1, "")
    while True:
        with gate.database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} where table_name = ? and status = 'open' and rejected_at <= ?"
                " and rejected_at >= ? and (rejected_at, position, rejection_id) > (?, ?, ?)"
                " order by rejected_at, position, rejection_id limit ?",
                [table, until, behind[0], *behind, PART],
            ).fetchall()
        if not rows:
            return
        found = [StoredRejection(*row) for row in rows]
        behind = (found[-1].rejected_at, found[-1].position, found[-1].rejection_id)
        yield [ReplayItem(each) for each in found]


def _replay(
    gate: Gate,
    tables: Sequence[str],
    parts: Iterable[tuple[str, Sequence[ReplayItem]]],
    actor: str | None,
    tell: bool = False,
) -> ReplayResult:
    if not tables:
        return ReplayResult(None)
    result = ReplayResult(str(uuid4()), {name: Tally() for name in tables})
    began = utc_now()
    loads = [
        records.LoadRecord(
            load_id=str(result.load_id),
            table_name=name,
            kind="replay",
            source=None,
            status="running",
            received=0,
            accepted=0,
            rejected=0,
            already_present=0,
            started_at=began,
            finished_at=None,
            actor=actor,
        )
        for name in tables
    ]
    gate.writer.run(lambda connection: records.write(connection, loads)).result()
    try:
        for table, part in parts:
            for _, alike in groupby(part, key=lambda item: item.is_text):
                _replay_part(gate, result, table, list(alike), actor, tell)
    except BaseException as error:
        log.exception("replay_failed", load_id=result.load_id)
        _end(gate, result, actor, "failed", f"it ended by {type(error).__name__}")
        raise
    _end(gate, result, actor, "done", None)
    return result


def _replay_part(
    gate: Gate,
    result: ReplayResult,
    table: str,
    items: list[ReplayItem],
    actor: str | None,
    tell: bool,
) -> None:
    for attempt in range(ATTEMPTS):
        try:
            batch = batch_of(gate.judges[table], items)
            insert = Insert([batch], kind="replay", actor=actor)
            insert.replay = Retries(tries_of(items), result.load_id)
            outcome = gate.writer.insert(insert).result()
            assert isinstance(outcome, Outcome)
            _count(gate, result, outcome, items, tell)
            return
        except Settled as settled:
            gone: list[str] = settled.members["rejection_ids"]
            result.settled += gone
            items = [item for item in items if item.stored.rejection_id not in gone]
            if not items:
                return
        except Unavailable:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE_SECONDS * (attempt + 1))
    raise Unavailable("others try the same rows again")


def _count(
    gate: Gate, result: ReplayResult, outcome: Outcome, items: Sequence[ReplayItem], tell: bool
) -> None:
    (verdict,) = outcome.verdicts
    table, tally = verdict.batch.table.name, result.tables[verdict.batch.table.name]
    tally.received += verdict.batch.received
    tally.accepted += verdict.accepted.num_rows
    tally.rejected += len(verdict.rejected)
    tally.already_present += len(verdict.present)
    for position, violations in sorted(verdict.rejected.items()):
        tally.failing.update({(each.column, each.rule) for each in violations})
        if tell:
            result.failed.append(FailedReplay(items[position].stored.rejection_id, violations))
    gate.metrics.judged(table, verdict.accepted.num_rows, len(verdict.rejected))


def _end(
    gate: Gate, result: ReplayResult, actor: str | None, status: str, detail: str | None
) -> None:
    now, tables = utc_now(), result.tables.values()
    counts: dict[str, Any] = {
        name: sum(getattr(tally, name) for tally in tables)
        for name in ("received", "accepted", "rejected", "already_present")
    }
    said = msgspec.json.encode(counts).decode()
    deed = records.TrailRecord(str(uuid4()), now, actor, "rejection.replay", result.load_id, said)

    def end(connection: Connection) -> None:
        connection.execute(
            "update ops.loads set status = ?, detail = ?, finished_at = ? where load_id = ?",
            [status, detail, now, result.load_id],
        )
        records.write(connection, [deed])

    gate.writer.run(end).result()
