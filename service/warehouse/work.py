"""What the writer is asked to do, what it answers, and what one transaction is made of."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from service.dictionary import Table
from service.engines.engine import Connection
from service.errors import KeyReused
from service.judge.admission import Verdict
from service.judge.batch import Batch
from service.judge.columns import KeysOf
from service.judge.generated_keys import Ids, ids_of
from service.judge.kept_out import payload_to_keep
from service.judge.key_index import KeyIndex
from service.ops import records
from service.ops.sequences import name_of_sequence
from service.ops.stored_counts import (
    ENDED,
    LOADS,
    RECEIVED,
    REJECTIONS,
    REPLAYS,
    TRAIL,
    name_of_table,
)
from service.runtime.clock import utc_now
from service.runtime.resolutions import OF_REQUESTS, OnConflict
from service.warehouse.replays import Retries, entries, in_json
from service.warehouse.warned_rows import warnings_of


@dataclass(frozen=True)
class Idempotency:
    """The client's key and a digest of what it asks for; and that of versions before, of path and
    body only: the answers that they have kept are given again.
    """

    key: str
    request: str
    request_before: str = ""


@dataclass
class Insert:
    """A request for rows to go in: `batches` of different tables, parents first."""

    batches: Sequence[Batch]
    strict: bool = False
    dry_run: bool = False
    on_conflict: OnConflict = OF_REQUESTS
    kind: str = "batch"
    source: str | None = None
    actor: str | None = None
    idempotency: Idempotency | None = None
    render: "Callable[[Outcome], records.AnswerRecord] | None" = (
        None  # the answer to keep for a repeat
    )
    started_at: datetime = field(default_factory=utc_now)
    replay: Retries | None = None  # whose rows the rows of the one batch are

    @property
    def is_usual(self) -> bool:
        """Whether nothing but the rows of one table is to go in."""
        plain = not self.dry_run and self.idempotency is None and self.replay is None
        return len(self.batches) == 1 and plain


@dataclass
class Outcome:
    """What became of an Insert. `load_id` is None after a dry run."""

    load_id: str | None
    verdicts: Sequence[Verdict]
    refused: bool
    rejection_ids: dict[tuple[str, int], str]  # by table and position

    def accepted(self, verdict: Verdict) -> int:
        """How many rows of a table went in (or would)."""
        return self.counts(verdict)["accepted"]

    def counts(self, verdict: Verdict) -> dict[str, int]:
        """How many rows of a table became (or would) accepted, changed, rejected, already_present.

        A refused request counts all its rows as rejected.
        """
        accepted = changed = present = 0
        if not self.refused:
            accepted, changed = verdict.accepted.num_rows, len(verdict.changed)
            present = len(verdict.present)
        return {
            "accepted": accepted,
            "changed": changed,
            "rejected": verdict.batch.received - accepted - changed - present,
            "already_present": present,
        }

    def ids(self, verdict: Verdict) -> list[int | None] | None:
        """The id of each row of the request that is in; None of the others.

        None in place of all where the client gives the keys, and where nothing was written.
        """
        is_written = self.load_id is not None and not self.refused
        return ids_of(verdict.batch, verdict.rejected) if is_written else None

    def adjusted(self, verdict: Verdict) -> tuple[int, int]:
        """Of the rows that go in: how many values are defaults, and how many were normalised."""
        if self.refused or not (verdict.accepted.num_rows or verdict.changed):
            return 0, 0
        return verdict.batch.sums_adjusted(verdict.rejected, verdict.present)


@dataclass
class StoredAnswer:
    """The stored response for a repeated Idempotency-Key."""

    answer: records.AnswerRecord


@dataclass
class WriterTask:
    """A change of another kind, in a transaction of its own.

    The keys of `touches` are read anew, unless it `keeps_keys`: then the function says in the layer
    that it is given which keys come and go.
    """

    function: Callable[[Connection, KeyIndex], Any]
    touches: Iterable[str] = ()
    keeps_keys: bool = False
    idempotency: Idempotency | None = None
    render: Callable[[Any], records.AnswerRecord] | None = None


@dataclass(frozen=True)
class Changes:
    """Rows of a table as they become, by which load, and who asked for it; each key is once."""

    table: Table
    rows: pa.Table
    load_id: str
    actor: str | None


@dataclass
class Group:
    """What one transaction is going to write.

    `rows`, `row_loads` and `changes` are what is not written yet; `added` counts all of the rows.
    """

    keys: KeyIndex
    ids: Ids
    rows: defaultdict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    row_loads: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    changes: list[Changes] = field(default_factory=list)
    changed: dict[str, set[Any]] = field(default_factory=dict)  # primary keys, by table
    added: Counter[str] = field(default_factory=Counter)
    touched: set[str] = field(default_factory=set)  # tables
    loads: list[records.LoadRecord] = field(default_factory=list)
    rejections: list[records.RejectionRecord] = field(default_factory=list)
    answers: dict[str, records.AnswerRecord] = field(default_factory=dict)
    replays: list[records.ReplayRecord] = field(default_factory=list)
    warnings: list[records.WarningRecord] = field(default_factory=list)
    counted: list[records.LoadRecord] = field(default_factory=list)  # they join loads that are open
    trail: list[records.TrailRecord] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)  # rejections whose rows go in

    def counts(self) -> dict[str, int]:
        """What it adds, for the journal of commits."""
        return {name_of_table(table): count for table, count in self.added.items()} | {
            LOADS: len(self.loads),
            ENDED: len(self.loads),
            RECEIVED: sum(load.received for load in (*self.loads, *self.counted)),
            REJECTIONS: len(self.rejections),
            REPLAYS: len(self.replays),
            TRAIL: len(self.trail),
            **{name_of_sequence(table): count for table, count in self.ids.given.items()},
        }

    def has_changed(self, table: Table, keys: Iterable[Any]) -> bool:
        """Whether a request of the group has changed rows of the table with some of these keys."""
        changed = self.changed.get(table.name, set())
        return bool(changed) and not changed.isdisjoint(keys)

    def waits_for(self, table: Table, keys: Iterable[Any] | None) -> bool:
        """Whether rows of the table with some of these keys (None: any) are not written yet."""
        own = [*self.rows.get(table.name, ())]
        own += [each.rows for each in self.changes if each.table.name == table.name]
        if not own or keys is None:
            return bool(own)
        wanted, name = set(keys), table.primary_key
        return any(not wanted.isdisjoint(KeysOf(table, rows)[name]) for rows in own)

    def take(self, insert: Insert, verdicts: Sequence[Verdict], refused: bool) -> Outcome:
        """Adds what an insert that is decided brings."""
        open_load = insert.replay.load_id if insert.replay else None
        outcome = Outcome(open_load or str(uuid4()), verdicts, refused, {})
        for verdict in verdicts:
            self._take(insert, outcome, verdict)
        return outcome

    def _take(self, insert: Insert, outcome: Outcome, verdict: Verdict) -> None:
        batch, table = verdict.batch, verdict.batch.table
        counts = outcome.counts(verdict)
        if counts["accepted"]:
            self.rows[table.name].append(verdict.accepted)
            self.row_loads[table.name].append(outcome.load_id or "")
            self.added[table.name] += counts["accepted"]
        if counts["changed"]:
            by = outcome.load_id or "", insert.actor
            self.changes += [Changes(table, rows, *by) for rows in verdict.changes]
            for rows in verdict.changes:
                self.changed.setdefault(table.name, set()).update(
                    KeysOf(table, rows)[table.primary_key]
                )
        if counts["accepted"] or counts["changed"]:
            self.touched.add(table.name)
        defaulted, normalised = outcome.adjusted(verdict)
        load = records.LoadRecord(
            load_id=outcome.load_id or "",
            table_name=table.name,
            kind=insert.kind,
            source=insert.source,
            status="refused" if outcome.refused else "done",
            received=batch.received,
            **counts,  # type: ignore[arg-type]
            started_at=insert.started_at,
            finished_at=utc_now(),
            actor=insert.actor,
            on_conflict=None if insert.on_conflict == OF_REQUESTS else insert.on_conflict,
            defaulted=defaulted,
            normalised=normalised,
        )
        if batch.warnings and not outcome.refused:
            self.warnings += warnings_of(verdict, load)
        if insert.replay:
            self._take_replay(insert.replay, outcome, verdict, load)
            return
        self.loads.append(load)
        self._take_rejections(outcome, verdict, load)

    def _take_rejections(
        self, outcome: Outcome, verdict: Verdict, load: records.LoadRecord
    ) -> None:
        batch = verdict.batch
        for position, violations in sorted(verdict.rejected.items()):
            rejection_id = f"{load.load_id}-{len(outcome.rejection_ids)}"
            outcome.rejection_ids[load.table_name, position] = rejection_id
            self.rejections.append(
                records.RejectionRecord(
                    rejection_id=rejection_id,
                    load_id=load.load_id,
                    table_name=load.table_name,
                    source=load.source,
                    position=position,
                    payload=payload_to_keep(batch, position, violations),
                    violations=in_json(violations),
                    rejected_at=load.finished_at or utc_now(),
                    is_text=batch.rows is not None and batch.rows.from_text,
                )
            )

    def _take_replay(
        self, replay: Retries, outcome: Outcome, verdict: Verdict, load: records.LoadRecord
    ) -> None:
        """A row that fails again stays the rejection that it is; no other is opened."""
        replayed_at = load.finished_at or utc_now()
        tried = entries(verdict, replay, load, replayed_at)
        outcome.rejection_ids = first_ids(replay, verdict)
        self.replays += tried
        self.settled |= {each.rejection_id for each in tried if each.outcome != "rejected"}
        if replay.load_id:  # many are tried, and whoever does it says so
            self.counted.append(load)
            return
        self.loads.append(load)
        self.trail += [
            records.TrailRecord(
                entry_id=str(uuid4()),
                happened_at=replayed_at,
                actor=load.actor,
                action="rejection.replay",
                subject=each.rejection_id,
                detail=f"{each.outcome} in load {load.load_id}",
            )
            for each in tried
        ]


def first_ids(replay: Retries, verdict: Verdict) -> dict[tuple[str, int], str]:
    """The rejections of the rows that are tried again, by table and position."""
    return {
        (verdict.batch.table.name, position): each.rejection_id
        for position, each in enumerate(replay.tries)
    }


def stored_answer(before: records.AnswerRecord, asked: Idempotency) -> StoredAnswer | KeyReused:
    """The first answer under the same key, or the complaint that the request was another."""
    if before.request not in (asked.request, asked.request_before):
        return KeyReused("this Idempotency-Key came before with another request")
    return StoredAnswer(before)
