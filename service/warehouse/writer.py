"""The one writer: a thread that owns the write connection and commits in groups.

Requests wait in a queue; the writer takes as many as there are, writes them in one transaction,
and answers each after the commit. A group that fails is rolled back and done again one by one,
so that what fails, fails alone (DuckDB has no savepoints).

What becomes of each request of a group is decided in decisions.py. The rest is one module of more
than 300 lines since it is one loop: taking work, grouping, writing, and what is done when a group
fails all hang on the one connection and its transaction.
"""

import asyncio
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from service.dictionary import Dictionary
from service.engines.duckdb import (
    Database,
    DatabaseError,
    FatalError,
    as_problem,
    is_key_conflict,
)
from service.engines.engine import Connection
from service.engines.sql import count_rows
from service.errors import KeyReused, Problem, Unavailable
from service.judge.generated_keys import Ids
from service.judge.key_index import KeyIndex
from service.judge.key_reading import Beside
from service.judge.micro_batches import SMALL
from service.ops import records
from service.ops.erased_rows import ErasedKeys
from service.ops.replays import record
from service.ops.sequences import last_ids, move_on
from service.ops.stored_counts import stored_counts
from service.outbox.outbox import Outbox
from service.runtime.logs import get_logger
from service.warehouse.arrivals import Arrivals
from service.warehouse.commit_journal import CommitJournal, NotNoted
from service.warehouse.decisions import Answer, Decisions
from service.warehouse.group_rows import write_rows
from service.warehouse.losses import Losses
from service.warehouse.promise import Promise, resolve_all
from service.warehouse.work import (
    Group,
    Idempotency,
    Insert,
    Outcome,
    StoredAnswer,
    WriterTask,
    stored_answer,
)

T = TypeVar("T")
log = get_logger(__name__)


CONFLICTS = 5  # how often a request is judged again since a key came in meanwhile
Work = tuple[Insert | WriterTask, "Future[Any] | Promise"]


class Writer:
    """Start it with `start`, hand it work with `insert` and `run`, end it with `stop`."""

    def __init__(
        self,
        database: Database,
        dictionary: Dictionary,
        waiting: int,
        group_rows: int,
        losses: Losses | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        """At most `waiting` requests wait; at most about `group_rows` rows share a commit.

        Where there are `losses`, it writes nothing. What it commits is recorded in the `outbox`.
        """
        self.outbox = outbox
        self._database = database
        self.journal = CommitJournal(database.path)
        self.losses = losses
        self._queue: queue.Queue[Work | None] = queue.Queue(waiting)
        self._group_rows = group_rows
        self._stale: set[str] = set()  # tables whose keys are to be read anew
        self._grown: set[str] = set()  # tables that are stale if they have more rows than keys
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._stopping = False
        self._lost = False  # whether the connection is of no use any more
        self._adopting: Future[None] | None = None  # done when the saved dictionary is taken up
        self.erased = ErasedKeys()  # what was erased, and is kept out
        self._erased_outdated = True
        self._uncounted = False  # whether more is committed than the journal has been told
        self._taking = threading.Lock()  # so that nothing is queued behind the end
        self._left_over: Work | None = None
        self._arrivals = Arrivals()
        # Held for each transaction; a build holds it while dbt writes a table of record.
        self.lock = threading.Lock()
        self.dictionary = dictionary
        self.keys = KeyIndex(dictionary)
        self._beside = Beside(database.reading)
        self._ids = Ids({})  # of generated keys
        self._ids_outdated = False  # a build may have given some, whether it failed or not
        # How often each table of record may have changed since the start: what was read while the
        # number was another may be out of date.
        self.versions: Counter[str] = Counter()

    def start(self) -> None:
        """Reads the keys and begins to write."""
        self._connection = self._database.connect()
        if self.losses is None:
            self.journal.begin(self._connection)
        with self._database.all_cores():
            self.keys.load(self._connection, self.dictionary.tables, self._beside)
            self._load_ids()
        self._thread.start()

    def stop(self) -> None:
        """Takes no more work, finishes what waits, and ends."""
        with self._taking:
            self._stopping = True
        self._queue.put(None)
        self._thread.join()
        self.keys.stop()
        self._connection.close()
        self.journal.close()

    @property
    def alive(self) -> bool:
        """Whether it can take work."""
        return self._thread.is_alive() and not self._stopping

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._queue.qsize()

    def insert(self, insert: Insert) -> "Future[Outcome | StoredAnswer]":
        """Hands rows in; the future is done after the commit that they were part of.

        Raises:
            Unavailable: too many requests wait already, or the writer ends.
        """
        future: Future[Any] = Future()
        self._submit(insert, future)
        return future

    def answer(self, insert: Insert) -> "asyncio.Future[Outcome | StoredAnswer]":
        """As `insert`, for the event loop that runs."""
        promise = Promise(asyncio.get_running_loop())
        self._submit(insert, promise)
        self._arrivals.count += 1
        return promise.kept

    def run(self, function: Callable[[Connection], T], touches: Iterable[str] = ()) -> "Future[T]":
        """Has `function` change the warehouse in a transaction of its own.

        Whatever it raises rolls everything back and is the future's exception. `touches` names
        the tables of record that it may change.
        """
        return self._run(WriterTask(_without_keys(function), tuple(touches)))

    def change(
        self,
        function: Callable[[Connection, KeyIndex], T],
        *tables: str,
        idempotency: Idempotency | None = None,
        render: Callable[[T], records.AnswerRecord] | None = None,
    ) -> "Future[T | StoredAnswer]":
        """As `run_once`, of a few rows of tables: the function adds and removes their keys in the
        layer that it is given, and no others are read anew.
        """
        return self._run(
            WriterTask(function, tables, keeps_keys=True, idempotency=idempotency, render=render)
        )

    def run_once(
        self,
        function: Callable[[Connection], T],
        touches: Iterable[str],
        idempotency: Idempotency | None,
        render: Callable[[T], records.AnswerRecord],
    ) -> "Future[T | StoredAnswer]":
        """As `run`, but a repeat under the same Idempotency-Key gets the first answer."""
        plain = _without_keys(function)
        task = WriterTask(plain, tuple(touches), idempotency=idempotency, render=render)
        return self._run(task)

    def check(self) -> None:
        """Raises RowsMissing when nothing is to be written until an operator has decided."""
        if self.losses:
            raise self.losses.problem()

    def erased_changed(self) -> None:
        """Has it read anew what was erased; call within a task."""
        self._erased_outdated = True

    def may_have_grown(self, table: str) -> None:
        """Has the keys of `table` read anew if rows were added to it; call with `lock` held."""
        self._grown.add(table)
        self.versions[table] += 1

    def note_build(self) -> None:
        """Notes what a build has committed; call with `lock` held."""
        self._ids_outdated = True
        if self.outbox:
            self.outbox.outdate()  # what cannot be looked at now is, before the next is recorded
        try:
            with self._database.reading() as connection:
                if self.outbox:
                    self.outbox.look(connection)
                self.journal.note(stored_counts(connection))
        except (DatabaseError, Problem):
            log.exception("journal_failed")
            self._uncounted = True

    def adopt(self, dictionary: Dictionary) -> "Future[None]":
        """Judges by another dictionary from now on."""
        return self.run(self._taking_up(dictionary))

    def adopt_next(self) -> "Future[None]":
        """Judges by the dictionary that is saved now, before it does anything else: the tables are
        its tables already. Call with `lock` held, and let go of it before the result is asked for.
        """
        self._adopting = adopted = Future[None]()
        with suppress(queue.Full):  # then it has something to do, and comes to it at once
            self._queue.put_nowait((WriterTask(lambda connection, keys: None, ()), Future()))
        return adopted

    def _taking_up(self, dictionary: Dictionary) -> Callable[[Connection], None]:
        def take_up(connection: Connection) -> None:
            keys = KeyIndex(dictionary)
            keys.load(connection, dictionary.tables, self._beside)
            ids = Ids(last_ids(connection, dictionary.tables.values()))
            if self.outbox:
                self.outbox.take_dictionary(connection, dictionary)
            self.keys.stop()
            self.dictionary, self.keys, self._ids = dictionary, keys, ids

        return take_up

    def _run(self, run: WriterTask) -> "Future[Any]":
        future: Future[Any] = Future()
        self._submit(run, future)
        return future

    def _submit(self, work: Insert | WriterTask, future: "Future[Any] | Promise") -> None:
        self.check()
        with self._taking:
            if not self.alive:
                raise Unavailable("the service is shutting down")
            try:
                self._queue.put_nowait((work, future))
            except queue.Full:
                raise Unavailable("too many requests are waiting to be written") from None

    # What follows runs in the writer's thread.

    def _loop(self) -> None:
        while (work := self._next()) is not None:
            try:
                self._let_others_come(work)
                with self.lock:
                    self._take_up_next()
                    if isinstance(work[0], WriterTask):
                        self._do(work[0], work[1])
                    else:
                        self._write(self._group(work))
            except BaseException as error:
                log.exception("writer_failed")
                if not work[1].done():
                    work[1].set_exception(error)

    def _take_up_next(self) -> None:
        """Where it fails, the next work begins with it again: there is no other dictionary."""
        if (adopted := self._adopting) is None:
            return
        self._grown.clear()
        self._stale.clear()  # their names are those of before, and all keys are read anew
        try:
            dictionary = self._database.dictionary()
        except Exception as error:  # noqa: BLE001 - it is told to whom it concerns
            adopted.set_exception(error)
        else:
            self._do(WriterTask(_without_keys(self._taking_up(dictionary)), ()), adopted)
        self._adopting = Future() if adopted.exception() else None

    def _next(self) -> Work | None:
        left_over, self._left_over = self._left_over, None
        if left_over is not None:
            return left_over
        while (work := self._queue.get()) is not None:
            if _begun(work):
                return work
        return None

    def _let_others_come(self, first: Work) -> None:
        """Small requests that come at the same time share a commit."""
        insert, promise = first
        if (
            isinstance(insert, WriterTask)
            or not isinstance(promise, Promise)
            or _rows(first) > SMALL
        ):
            return
        self._arrivals.wait(promise.loop)

    def _group(self, first: Work) -> list[Work]:
        group, rows = [first], _rows(first)
        while rows < self._group_rows:
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                break
            if work is None:
                self._queue.put(None)
                break
            if isinstance(work[0], WriterTask):
                self._left_over = work if _begun(work) else None
                break
            if not _begun(work):
                continue
            group.append(work)
            rows += _rows(work)
        return group

    def _write(self, group: list[Work]) -> None:
        try:
            self._refresh()
            answers = self._transaction([work for work, _ in group])  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - it is told to whom it concerns
            self._roll_back(error)
            self._write_one_by_one(group, error)
            return
        _tell(group, answers)

    def _write_one_by_one(self, group: list[Work], error: Exception) -> None:
        if len(group) > 1:
            for work in group:
                self._write([work])
            return
        insert, future = group[0]
        assert isinstance(insert, Insert)
        for _ in range(CONFLICTS):
            if not is_key_conflict(error) or self._stale:
                break
            # A key came in that the bitmaps do not know: read them anew and judge again. More
            # than once, since whoever wrote it may be about to commit, and not be seen yet.
            self._stale.update(batch.table.name for batch in insert.batches)
            try:
                self._refresh()
                _tell(group, self._transaction([insert]))
                return
            except Exception as again:  # noqa: BLE001 - as above
                self._roll_back(again)
                error = again
        told = as_problem(error)
        why = told.detail if isinstance(told, Problem) else None
        log.error("write_failed", told=why, exc_info=None if isinstance(error, Problem) else error)
        future.set_exception(told)

    def _refresh(self) -> None:
        self._database.check_room()
        self.journal.make_room()
        if self._lost:
            self._connection = self._database.connect()
            self._lost = False
            self._stale.update(self.dictionary.tables)
            self.losses = self.journal.compare(self._connection)
            self._uncounted = True
        self.check()
        if self._uncounted:
            self.journal.note(stored_counts(self._connection))
            self._uncounted = False
        if self._erased_outdated:
            self.erased = ErasedKeys.read(self._connection)
            self._erased_outdated = False
        if self._grown:
            known = self.keys.counts()
            self._stale |= {
                name
                for name in self._grown
                if count_rows(self._connection, name) != known[name] or self._may_change(name)
            }
            self._grown.clear()
        self.keys.take_in()
        self._stale |= self.keys.worn()
        if self._stale:
            self.keys.load(self._connection, self._stale, self._beside)
        if self._stale or self._ids_outdated:
            self._load_ids()
            self._stale.clear()
            self._ids_outdated = False

    def _load_ids(self) -> None:
        self._ids = Ids(last_ids(self._connection, self.dictionary.tables.values()))

    def _may_change(self, name: str) -> bool:
        """Whether a build may have changed unique values of rows, which leaves their number."""
        return len(self.dictionary.tables[name].unique_columns) > 1

    def _roll_back(self, error: Exception) -> None:
        with suppress(DatabaseError):  # there may be no transaction left
            self._connection.rollback()
        self.keys.forget()
        if self.outbox:
            self.outbox.rolled_back(self._connection)
        self.versions.update(self.dictionary.tables.keys())  # who knows what was committed
        if isinstance(error, FatalError):
            self._database.has_failed(error)
            self._connection.close()
            self._lost = True

    def _transaction(self, inserts: Sequence[Insert]) -> list[Answer]:
        group = Group(KeyIndex(self.dictionary, base=self.keys), self._ids.layer())
        self._begin()
        answers = Decisions(self._connection, self.dictionary, self.erased, group).of(inserts)
        write_rows(self._connection, group)
        records.write(self._connection, group.loads)
        records.write(self._connection, group.rejections)
        records.write(self._connection, group.warnings)
        records.write(self._connection, list(group.answers.values()))
        if group.replays:
            record(self._connection, group.replays, group.counted)
            records.write(self._connection, group.trail)
        move_on(self._connection, {table: group.ids.last(table) for table in group.ids.given})
        self._commit()  # the commit point: from here on it is so
        self.keys.absorb(group.keys)
        self._ids.absorb(group.ids)
        self.versions.update(group.touched)
        if problem := self.journal.add(group.counts()):
            return [problem if _has_written(answer) else answer for answer in answers]
        return answers

    def _begin(self) -> None:
        self._connection.begin()
        if self.outbox:
            self.outbox.begin(self._connection)

    def _commit(self) -> None:
        if self.outbox:
            self.outbox.record(self._connection)
        self._connection.commit()
        if self.outbox:
            self.outbox.committed()

    def _do(self, run: WriterTask, future: "Future[Any] | Promise") -> None:
        try:
            self._refresh()
            layer = KeyIndex(self.dictionary, base=self.keys)
            self._begin()
            result = self._once(run, layer)
            self._commit()  # the commit point
        except Exception as error:  # noqa: BLE001 - it is told to whom it concerns
            self._roll_back(error)
            future.set_exception(as_problem(error))
            return
        if run.keeps_keys:
            self.keys.absorb(layer)
        else:
            self._stale.update(run.touches)
        self.versions.update(run.touches)
        problem = self._note(run.touches)
        with suppress(DatabaseError, Problem):  # it is done; the next one tries to read them again
            self._refresh()
        if problem:
            future.set_exception(problem)
        else:
            future.set_result(result)

    def _note(self, touched: Iterable[str]) -> NotNoted | None:
        try:
            return self.journal.note(stored_counts(self._connection, touched))
        except DatabaseError:
            log.exception("journal_failed")
            self._uncounted = True
            return NotNoted("it was written; but what is there now could not be counted")

    def _once(self, run: WriterTask, layer: KeyIndex) -> Any:
        if run.idempotency is None or run.render is None:
            return run.function(self._connection, layer)
        before = records.answer_to(self._connection, run.idempotency.key)
        if before is not None:
            answer = stored_answer(before, run.idempotency)
            if isinstance(answer, KeyReused):
                raise answer
            return answer
        result = run.function(self._connection, layer)
        records.write(self._connection, [run.render(result)])
        return result


def _without_keys(function: Callable[[Connection], T]) -> Callable[[Connection, KeyIndex], T]:
    return lambda connection, _: function(connection)


def _begun(work: Work) -> bool:
    """Whether the work is still wanted; from here on, it can no longer be cancelled."""
    return work[1].set_running_or_notify_cancel()


def _tell(group: Sequence[Work], answers: Sequence[Answer]) -> None:
    promised: list[tuple[Promise, Answer]] = []
    for (_, future), answer in zip(group, answers, strict=True):
        if isinstance(future, Promise):
            promised.append((future, answer))
        elif isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
    if promised:
        resolve_all(promised)


def _has_written(answer: Answer) -> bool:
    """Whether something that was committed is told by it."""
    is_trial = isinstance(answer, Outcome) and answer.load_id is None
    return not (is_trial or isinstance(answer, Problem))


def _rows(work: Work) -> int:
    insert = work[0]
    assert isinstance(insert, Insert)
    return sum(batch.received for batch in insert.batches)
