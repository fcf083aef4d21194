"""What the writer is asked to do, what it answers, and what one transaction is made of."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from service.engines.engine import Connection
from service.errors import KeyReused
from service.judge.admission import Verdict
from service.judge.batch import Batch
from service.judge.kept_out import payload_to_keep
from service.judge.key_index import KeyIndex
from service.ops import records
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
from service.warehouse.replays import Retries, entries, in_json


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
        return 0 if self.refused else verdict.accepted.num_rows


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


@dataclass
class Group:
    """What one transaction is going to write."""

    keys: KeyIndex
    rows: defaultdict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    row_loads: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    loads: list[records.LoadRecord] = field(default_factory=list)
    rejections: list[records.RejectionRecord] = field(default_factory=list)
    answers: dict[str, records.AnswerRecord] = field(default_factory=dict)
    replays: list[records.ReplayRecord] = field(default_factory=list)
    counted: list[records.LoadRecord] = field(default_factory=list)  # they join loads that are open
    trail: list[records.TrailRecord] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)  # rejections whose rows go in

    def counts(self) -> dict[str, int]:
        """What it adds, for the journal of commits."""
        rows = {
            name_of_table(table): sum(part.num_rows for part in parts)
            for table, parts in self.rows.items()
        }
        return rows | {
            LOADS: len(self.loads),
            ENDED: len(self.loads),
            RECEIVED: sum(load.received for load in (*self.loads, *self.counted)),
            REJECTIONS: len(self.rejections),
            REPLAYS: len(self.replays),
            TRAIL: len(self.trail),
        }

    def take(self, insert: Insert, verdicts: Sequence[Verdict], refused: bool) -> Outcome:
        """Adds what an insert that is decided brings."""
        open_load = insert.replay.load_id if insert.replay else None
        outcome = Outcome(open_load or str(uuid4()), verdicts, refused, {})
        for verdict in verdicts:
            self._take(insert, outcome, verdict)
        return outcome

    def _take(self, insert: Insert, outcome: Outcome, verdict: Verdict) -> None:
        batch, accepted = verdict.batch, outcome.accepted(verdict)
        if accepted:
            self.rows[batch.table.name].append(verdict.accepted)
            self.row_loads[batch.table.name].append(outcome.load_id or "")
        present = len(verdict.present)
        sums = batch.sums_adjusted(verdict.rejected) if accepted else (0, 0)
        load = records.LoadRecord(
            load_id=outcome.load_id or "",
            table_name=batch.table.name,
            kind=insert.kind,
            source=insert.source,
            status="refused" if outcome.refused else "done",
            received=batch.received,
            accepted=accepted,
            rejected=batch.received - accepted - present,
            already_present=present,
            started_at=insert.started_at,
            finished_at=utc_now(),
            actor=insert.actor,
            defaulted=sums[0],
            normalised=sums[1],
        )
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
