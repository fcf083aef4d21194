"""Many rejected rows that are tried again, in small inserts, as one load of kind ``replay``."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeAlias
from uuid import uuid4

import msgspec

from service.doors.file_load import CANCELLED
from service.engines.engine import Connection
from service.errors import Conflict, Unavailable
from service.formats.bodies.rows_protocol import Rows
from service.formats.bodies.stored import TextRows, json_rows
from service.judge.batch import Batch, Broken, Violation
from service.judge.judge import Judge
from service.judge.rulebook import Rulebook
from service.ops import records, trail
from service.ops.changes import rows_changed
from service.ops.stored_rejections import StoredRejection
from service.ops.trail import Ended
from service.runtime.clock import utc_now
from service.runtime.logs import get_logger
from service.runtime.metrics import Metrics
from service.runtime.resolutions import OF_FILES, OF_REQUESTS, OnConflict
from service.warehouse.replays import Retries, Retry, Settled
from service.warehouse.work import Insert, Outcome
from service.warehouse.writer import Writer

log = get_logger(__name__)
ATTEMPTS, PAUSE_SECONDS = 5, 0.1  # where the writer is busy, or the dictionary has just changed


@dataclass(frozen=True)
class Correction:
    """What to try in place of a rejected row: `row` in JSON, or `text` by column, or the same."""

    rejection_id: str
    row: bytes | None = None
    text: dict[str, str | None] | None = None

    def json(self) -> str | None:
        """The corrected row in JSON; None where the same row is tried."""
        if self.text is not None:
            return msgspec.json.encode(self.text).decode()
        return None if self.row is None else self.row.decode()


@dataclass(frozen=True)
class ReplayItem:
    """A rejection and the row to try."""

    stored: StoredRejection
    correction: Correction
    may_change: bool = True  # whether whoever tries it may change rows

    @property
    def is_text(self) -> bool:
        """Whether the values of the row are text."""
        if self.correction.row is None and self.correction.text is None:
            return self.stored.is_text
        return self.correction.text is not None

    @property
    def on_conflict(self) -> OnConflict:
        """What becomes of the row if its key is there: as its load had it.

        A line of a file is ignored if it is there already; but a corrected one is a row that
        someone sends, which is judged as by an insert. Who may change no rows cannot by a replay.
        """
        if self.stored.on_conflict == "merge" and not self.may_change:
            return "ignore"
        is_line = self.stored.by_file and self.correction.json() is None
        return self.stored.on_conflict or (OF_FILES if is_line else OF_REQUESTS)

    def retry(self) -> Retry:
        """As the writer has to know it."""
        return Retry(self.stored.rejection_id, self.correction.json(), self.stored.violations)


# Rows of one table that are tried in one transaction.
Part: TypeAlias = tuple[str, Sequence[ReplayItem]]


@dataclass
class Tally:
    """What became of the rows of one table; `failing` counts rows by column and rule."""

    received: int = 0
    accepted: int = 0
    changed: int = 0
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
    """What became of all rows; `not_tried` says why, by the id of the rejection.

    `load_id` is None where there was nothing to try; `failed` lists rows of corrections only.
    """

    load_id: str | None
    tables: dict[str, Tally] = field(default_factory=dict)
    failed: list[FailedReplay] = field(default_factory=list)
    not_tried: list[tuple[str, str]] = field(default_factory=list)
    matched: int = 0  # rejections of the filter, where there was one

    def counts(self) -> dict[str, int]:
        """The sums over all tables: received, accepted, changed, rejected and already_present."""
        names = ("received", "accepted", "changed", "rejected", "already_present")
        return {name: sum(getattr(tally, name) for tally in self.tables.values()) for name in names}


class ReplayRun:
    """Many rows that are tried again, part by part, as one load."""

    def __init__(
        self,
        writer: Writer,
        metrics: Metrics,
        rulebook: Callable[[], Rulebook],
        tables: Sequence[str],
        actor: str | None,
        is_trial: bool = False,
    ) -> None:
        """`tables` are those that the load is of, whatever comes of their rows.

        A trial only judges: nothing is written, and there is no load.
        """
        self._writer, self._metrics, self._rulebook = writer, metrics, rulebook
        self._actor, self._is_trial = actor, is_trial
        self._load_id = str(uuid4())
        self._result = ReplayResult(
            None if is_trial else self._load_id, {name: Tally() for name in tables}
        )
        self.lists_failed = False  # whether the result names each row that fails
        self._is_cancelled = False

    @property
    def load_id(self) -> str:
        """Of the load, as ``ops.loads`` has it."""
        return self._load_id

    def cancel(self) -> None:
        """Has it end before its next part, as failed; what went in stays."""
        self._is_cancelled = True

    def run(self, parts: Iterable[Part]) -> ReplayResult:
        """Tries all parts; what a failure leaves undone, it leaves as it was.

        Raises:
            Unavailable: the writer had too much to do, again and again.
            Conflict: it was cancelled.
        """
        if self._is_trial:
            self._try_all(parts)
            return self._result
        self._begin()
        try:
            self._try_all(parts)
        except BaseException as error:
            log.exception("replay_failed", load_id=self._load_id)
            self._end("failed", f"it ended by {type(error).__name__}")
            raise
        if self._is_cancelled:
            self._end("failed", CANCELLED)
            raise Conflict("the replay was cancelled", load_id=self._load_id)
        self._end("done", None)
        return self._result

    def _begin(self) -> None:
        began = utc_now()
        loads = [
            records.LoadRecord(
                load_id=self._load_id,
                table_name=name,
                kind="replay",
                status="running",
                started_at=began,
                actor=self._actor,
            )
            for name in self._result.tables
        ]

        intents = trail.intents(self._actor, "rejection.replay", [self._load_id])
        self._on_trail = [each.entry_id for each in intents]

        def begin(connection: Connection) -> None:
            records.write(connection, loads)
            records.write(connection, intents)

        self._writer.run(begin).result()

    def _try_all(self, parts: Iterable[Part]) -> None:
        for table, part in parts:
            if self._is_cancelled:
                break
            for _, alike in groupby(part, key=lambda item: (item.is_text, item.on_conflict)):
                self._try(table, list(alike))

    def _try(self, table: str, items: list[ReplayItem]) -> None:
        """Tries rows in one transaction, without those that went in meanwhile."""
        for attempt in range(ATTEMPTS):
            try:
                self._count(self._insert(table, items), items)
                return
            except Settled as settled:
                gone: list[str] = settled.members["rejection_ids"]
                self._result.not_tried += [(each, "its row has gone in") for each in gone]
                items = [item for item in items if item.stored.rejection_id not in gone]
                if not items:
                    return
            except Unavailable:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE_SECONDS * (attempt + 1))
        raise Unavailable("others try the same rows again")

    def _insert(self, table: str, items: Sequence[ReplayItem]) -> Outcome:
        batch = judged_again(self._rulebook().judges[table], items)
        retries = Retries([item.retry() for item in items], self._load_id)
        insert = Insert(
            [batch],
            dry_run=self._is_trial,
            on_conflict=items[0].on_conflict,
            kind="replay",
            actor=self._actor,
            replay=retries,
        )
        outcome = self._writer.insert(insert).result()
        assert isinstance(outcome, Outcome)
        return outcome

    def _count(self, outcome: Outcome, items: Sequence[ReplayItem]) -> None:
        (verdict,) = outcome.verdicts
        table = verdict.batch.table.name
        tally = self._result.tables[table]
        tally.received += verdict.batch.received
        for name, count in outcome.counts(verdict).items():
            setattr(tally, name, getattr(tally, name) + count)
        for position, violations in sorted(verdict.rejected.items()):
            tally.failing.update({(each.column, each.rule) for each in violations})
            if self.lists_failed:
                failed = FailedReplay(items[position].stored.rejection_id, violations)
                self._result.failed.append(failed)
        if not self._is_trial:
            self._metrics.judged(table, outcome.counts(verdict))

    def _end(self, status: str, detail: str | None) -> None:
        now, load_id = utc_now(), self._load_id
        counts = msgspec.json.encode(self._result.counts()).decode()

        def end(connection: Connection) -> None:
            connection.execute(
                "update ops.loads set status = ?, detail = ?, finished_at = ? where load_id = ?",
                [status, detail, now, load_id],
            )
            rows_changed(connection, "_loads", "load_id = ?", [load_id])
            outcome: Ended = "done" if status == "done" else "failed"
            trail.end(connection, self._on_trail, outcome, counts)

        self._writer.run(end).result()


def judged_again(judge: Judge, items: Sequence[ReplayItem]) -> Batch:
    """The rows of `items`, all of one table and all text or none, judged on their own."""
    batch = judge.judge(_rows(items))
    for position, item in enumerate(items):
        is_same = item.correction.json() is None
        if item.is_text and is_same and not item.stored.payload.startswith("{"):
            # A line that could not be read is none that could be judged.
            before = msgspec.json.decode(item.stored.violations, type=list[Violation])
            batch.broken[position] = Broken(before, {})
    return batch


def _rows(items: Sequence[ReplayItem]) -> Rows:
    if items[0].is_text:
        return TextRows([_text(item) for item in items])
    return json_rows([_json(item) for item in items])


def _json(item: ReplayItem) -> bytes:
    row = item.correction.row
    return item.stored.payload.encode() if row is None else row


def _text(item: ReplayItem) -> Any:
    """A row of text as it is on record, or as it came; then an empty one is no value."""
    if item.correction.text is None:
        return msgspec.json.decode(item.stored.payload)
    return {name: value or None for name, value in item.correction.text.items()}
