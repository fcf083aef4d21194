"""Rejected rows, tried again: one, some that were corrected, or all that are open.

Many are tried in small inserts, one after the other, so that others go on writing.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

from service.doors.inserts import InsertOptions
from service.doors.replay_changes import ReplayTry, changed
from service.doors.replay_runs import (
    Correction,
    Part,
    ReplayItem,
    ReplayResult,
    ReplayRun,
    judged_again,
)
from service.engines.duckdb import Database
from service.errors import Conflict
from service.formats.bodies.body_rows import rows_of
from service.formats.bodies.stored import in_names_of_now
from service.judge.rulebook import Rulebook
from service.ops import rejection_filters, stored_rejections
from service.ops.rejection_filters import RejectionFilter
from service.ops.stored_rejections import StoredRejection
from service.runtime.metrics import Metrics
from service.warehouse.replays import Retries
from service.warehouse.work import Insert, Outcome, StoredAnswer
from service.warehouse.writer import Writer

PART = 1000  # rows that are tried in one transaction


class Replays:
    """The door of replays. Its methods block: call them in a thread."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        metrics: Metrics,
        rulebook: Callable[[], Rulebook],
    ) -> None:
        """`rulebook` gives the current one."""
        self._database, self._writer, self._metrics = database, writer, metrics
        self._rulebook = rulebook
        self._all_under_way = threading.Lock()
        self._running: dict[str, ReplayRun] = {}

    def replay_one(
        self, rejection_id: str, body: bytes, content_type: str, options: InsertOptions
    ) -> "Future[Outcome | StoredAnswer]":
        """Tries one row again, the one of `body` or (empty) the same; done after the commit.

        Raises:
            NotFound: there is no such rejection, or no longer a table for its row.
            MalformedBody, UnsupportedFormat, WrongNumberOfRows: there is no row in the body.
        """
        with self._database.reading() as connection:
            found = self._as_of_now(stored_rejections.by_id(connection, rejection_id))
        judge = self._rulebook().judge(found.table)
        if body:
            batch = judge.judge(rows_of(body, content_type, judge.table), 1)
            correction = Correction(rejection_id, batch.payload(0).encode())
            item = ReplayItem(found, correction, options.may_change)
        else:
            item = ReplayItem(found, Correction(rejection_id), options.may_change)
            batch = judged_again(judge, [item])
        insert = Insert(
            [batch],
            dry_run=options.dry_run,
            on_conflict=item.on_conflict,
            kind="replay",
            actor=options.actor,
            idempotency=options.idempotency,
            render=options.render,
            replay=Retries([item.retry()]),
        )
        return self._writer.insert(insert)

    def replay_filtered(self, wanted: RejectionFilter, asked: ReplayTry) -> ReplayResult:
        """Tries the open rejections of a filter again: parents first, oldest first.

        Raises:
            Conflict: someone does that already, or there are not as many as are expected.
        """
        if not self._all_under_way.acquire(blocking=False):
            raise Conflict("all open rejections are being tried again already")
        try:
            with self._database.reading() as connection:
                until = stored_rejections.last_number(connection)  # what comes later is left out
                matched = rejection_filters.count(connection, wanted)
                with_open = stored_rejections.tables_with(connection, wanted)
            rejection_filters.check_expected(matched, asked.expected)
            names = [name for name in self._rulebook().judges if name in with_open]
            parts = (
                part
                for name in names
                for part in self._open_parts(replace(wanted, table=name), until, asked)
            )
            result = self._run(names, parts, asked)
            result.matched = matched
            return result
        finally:
            self._all_under_way.release()

    def cancel(self, load_id: str) -> bool:
        """Has a replay of many rows end soon, as failed; what went in stays. False: none runs."""
        run = self._running.get(load_id)
        if run:
            run.cancel()
        return run is not None

    def replay_corrected(self, corrections: Sequence[Correction], asked: ReplayTry) -> ReplayResult:
        """Tries the rows of these rejections again, parents first; says of each that fails why.

        A dry run only judges them.
        """
        items, not_tried = self._matched(corrections, asked.may_change)
        tables = {item.stored.table for item in items}
        names = [name for name in self._rulebook().judges if name in tables]
        parts = ((name, [item for item in items if item.stored.table == name]) for name in names)
        result = self._run(names, parts, asked, lists_failed=True)
        result.not_tried = not_tried + result.not_tried
        return result

    def _open_parts(self, wanted: RejectionFilter, until: int, asked: ReplayTry) -> Iterator[Part]:
        assert wanted.table is not None
        for part in stored_rejections.open_parts(self._database, wanted, until, PART):
            of_now = map(self._as_of_now, part)
            corrected = ((each, changed(each, asked.changes)) for each in of_now)
            yield wanted.table, [ReplayItem(*each, asked.may_change) for each in corrected]

    def _matched(
        self, corrections: Sequence[Correction], may_change: bool
    ) -> tuple[list[ReplayItem], list[tuple[str, str]]]:
        """The corrections with their rejections; and why others cannot be tried, by their ids."""
        with self._database.reading() as connection:
            ids = [each.rejection_id for each in corrections]
            there = stored_rejections.by_ids(connection, ids)
        items: dict[str, ReplayItem] = {}
        not_tried: list[tuple[str, str]] = []
        for each in corrections:
            found = there.get(each.rejection_id)
            if why := self._why_not(found, each.rejection_id in items):
                not_tried.append((each.rejection_id, why))
            elif found:
                items[each.rejection_id] = ReplayItem(self._as_of_now(found), each, may_change)
        return list(items.values()), not_tried

    def _as_of_now(self, stored: StoredRejection) -> StoredRejection:
        """A rejection whose columns may have been renamed since, by their names of now."""
        table = self._rulebook().dictionary.tables.get(stored.table)
        if table is None:
            return stored
        return replace(stored, payload=in_names_of_now(stored.payload, table.former_names))

    def _why_not(self, found: StoredRejection | None, is_repeated: bool) -> str | None:
        if found is None:
            return "there is no such rejection"
        if is_repeated:
            return "it stands twice; the first was tried"
        if found.table not in self._rulebook().judges:
            return f"there is no table {found.table} now"
        return "its row has gone in" if found.status == "accepted" else None

    def _run(
        self,
        tables: Sequence[str],
        parts: Iterable[Part],
        asked: ReplayTry,
        lists_failed: bool = False,
    ) -> ReplayResult:
        if not tables:
            return ReplayResult(None)
        run = ReplayRun(
            self._writer, self._metrics, self._rulebook, tables, asked.actor, asked.dry_run
        )
        run.lists_failed = lists_failed
        self._running[run.load_id] = run
        try:
            return run.run(parts)
        finally:
            del self._running[run.load_id]
