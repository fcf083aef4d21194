"""Rows of requests on their way into the tables: read, judged, handed to the writer.

A body is judged in one of four ways, whichever costs others least: in the worker process, in a
thread of its own where it is large, in one go with small ones that come at the same time, or alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar
from uuid import uuid4

from service.engines.engine import Connection
from service.errors import Problem, UnknownTable, WrongNumberOfRows
from service.formats.bodies.body_rows import PACKED, by_table, media_type, rows_of
from service.judge.batch import Batch
from service.judge.judge import check_number
from service.judge.process.process_client import WorkerProcess
from service.judge.rulebook import Rulebook
from service.ops import records
from service.runtime.clock import utc_now
from service.runtime.metrics import Metrics
from service.runtime.resolutions import OF_REQUESTS, OnConflict
from service.warehouse.warned_rows import told_of
from service.warehouse.work import Idempotency, Insert, Outcome, StoredAnswer
from service.warehouse.writer import Writer

T = TypeVar("T")
LARGE = 1 << 20  # bytes; a body from here on is judged in a thread, so that others are served


@dataclass(slots=True)
class RefusedRequest:
    """A request of no rows, or of too many: it is on record as the load `load_id`."""

    load_id: str
    error: WrongNumberOfRows


Answer: TypeAlias = Outcome | RefusedRequest | StoredAnswer


def _ignore(_: Iterable[str]) -> None: ...


@dataclass(slots=True, kw_only=True)
class InsertOptions:
    """How rows are to go in; `render` makes the answer that is stored for a repeat."""

    render: Callable[[Outcome | RefusedRequest], records.AnswerRecord]
    strict: bool = False
    dry_run: bool = False
    on_conflict: OnConflict = OF_REQUESTS
    may_change: bool = True  # of a replay: whether rows that are there may be changed
    actor: str | None = None
    idempotency: Idempotency | None = None
    check: Callable[[Iterable[str]], None] = _ignore  # refuses tables that are not to be touched


class Inserts:
    """The door of inserts, for the requests of one event loop."""

    def __init__(
        self,
        writer: Writer,
        metrics: Metrics,
        worker: WorkerProcess,
        rulebook: Callable[[], Rulebook],
        max_rows: int,
    ) -> None:
        """`rulebook` gives the current one; a request has at most `max_rows` rows."""
        self._writer, self._metrics, self._worker = writer, metrics, worker
        self._rulebook, self._max_rows = rulebook, max_rows
        self._large_bodies = ThreadPoolExecutor(1, "large bodies")

    def close(self) -> None:
        """Ends the worker process, and the thread for large bodies."""
        self._worker.close()
        self._large_bodies.shutdown(wait=False)

    async def insert(
        self, table: str, body: bytes, content_type: str, options: InsertOptions
    ) -> Answer:
        """Inserts the rows of a decompressed body into one table; returns after the commit.

        Raises:
            UnknownTable: there is no such table.
            MalformedBody, UnsupportedFormat: the rows cannot be read.
            WrongNumberOfRows: of a dry run; otherwise that is a RefusedRequest.
            Unavailable, NoSpace: nothing was written.
        """
        judged = self._judge(table, body, content_type)
        return await self._insert_judged(judged, table, options)

    async def insert_many(self, body: bytes, content_type: str, options: InsertOptions) -> Answer:
        """Inserts the rows of several tables in one transaction, parents first; as `insert`."""
        judged = self._judge_many(body, content_type, options.check)
        return await self._insert_judged(judged, "", options)

    async def _judge(self, table: str, body: bytes, content_type: str) -> list[Batch]:
        rulebook, max_rows = self._rulebook(), self._max_rows
        judge = rulebook.judge(table)
        if len(body) > LARGE:
            rows = partial(rows_of, body, content_type, judge.table)
            return [await self._in_thread(lambda: judge.judge(rows(), max_rows))]
        batch = await self._worker.judge(rulebook.judges, table, body, content_type, max_rows)
        # So that neither a predicate nor many rows in few bytes hold the event loop up.
        apart = judge.table.asks_sql or media_type(content_type) in PACKED
        if batch is None and apart:
            rows = partial(rows_of, body, content_type, judge.table)
            batch = await self._in_thread(lambda: judge.judge(rows(), max_rows))
        if batch is None:
            batcher = rulebook.micro_batchers[table]
            batch = await batcher.judge(rows_of(body, content_type, judge.table), max_rows)
        return [batch]

    async def _judge_many(
        self, body: bytes, content_type: str, check: Callable[[Iterable[str]], None]
    ) -> list[Batch]:
        rulebook = self._rulebook()

        def judge() -> list[Batch]:
            return _judged_by_table(rulebook, body, content_type, self._max_rows, check)

        is_long = len(body) > LARGE or rulebook.asks_sql
        return await self._in_thread(judge) if is_long else judge()

    async def _in_thread(self, judge: Callable[[], T]) -> T:
        """Judges a large body when its turn comes, in the one thread for such.

        One of millions of tiny rows takes a gigabyte before they are counted.
        """
        run = partial(copy_context().run, _without_frames, judge)  # the context: what logs say
        return await asyncio.get_running_loop().run_in_executor(self._large_bodies, run)

    async def _insert_judged(
        self, judged: Awaitable[list[Batch]], table: str, options: InsertOptions
    ) -> Answer:
        try:
            batches = await judged
        except WrongNumberOfRows as error:
            if options.dry_run:
                raise
            return await self._refuse(error, table, options)
        insert = Insert(
            batches,
            strict=options.strict,
            dry_run=options.dry_run,
            on_conflict=options.on_conflict,
            actor=options.actor,
            idempotency=options.idempotency,
            render=options.render,
        )
        done = await self._writer.answer(insert)
        if isinstance(done, Outcome) and not options.dry_run:
            self._count(done)
        return done

    async def _refuse(
        self, error: WrongNumberOfRows, table: str, options: InsertOptions
    ) -> RefusedRequest | StoredAnswer:
        """Puts on record that a request of no or of too many rows was refused."""
        refused = RefusedRequest(str(uuid4()), error)
        load = _refused_load(refused, table, options.actor)

        def record(connection: Connection) -> RefusedRequest:
            records.write(connection, [load])
            return refused

        done = self._writer.run_once(record, (), options.idempotency, options.render)
        return await asyncio.wrap_future(done)

    def _count(self, outcome: Outcome) -> None:
        for verdict in outcome.verdicts:
            name = verdict.batch.table.name
            self._metrics.judged(name, outcome.counts(verdict))
            if verdict.batch.warnings and not outcome.refused:
                self._metrics.warned(name, sum(1 for _ in told_of(verdict)))


def _judged_by_table(
    rulebook: Rulebook,
    body: bytes,
    content_type: str,
    max_rows: int,
    check: Callable[[Iterable[str]], None],
) -> list[Batch]:
    judges, tables = rulebook.judges, by_table(body, content_type)
    check(tables)
    for name in tables:
        if name not in judges:
            raise UnknownTable(name, list(judges))
    check_number(sum(map(len, tables.values())), max_rows)
    return [judges[name].judge(tables[name]) for name in judges if name in tables]


def _refused_load(refused: RefusedRequest, table: str, actor: str | None) -> records.LoadRecord:
    received, now = refused.error.members["received"], utc_now()
    return records.LoadRecord(
        load_id=refused.load_id,
        table_name=table,
        kind="batch",
        status="refused",
        received=received,
        rejected=received,
        started_at=now,
        finished_at=now,
        actor=actor,
    )


def _without_frames(judge: Callable[[], T]) -> T:
    """What `judge` returns; a Problem is raised without its frames.

    They hold all the rows, and the next body may be judged before anyone handles the problem.
    """
    try:
        return judge()
    except Problem as error:
        error.__context__ = None
        raise error.with_traceback(None) from None
