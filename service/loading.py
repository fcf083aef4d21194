"""Files of any size on their way into a table: one at a time, through dbt, while inserts go on.

A file that was accepted is on record in ``ops.files`` until its load has ended. What a killed
service leaves is taken up by the next, behind the last line that was committed.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from service.builds import (
    BuildFailed,
    BuildResult,
    HeldFromWriter,
    Node,
    one_at_a_time,
    parse,
    run,
    small_sweeps,
)
from service.cancelling import Cancel
from service.dictionary import Table
from service.errors import Problem, Unavailable
from service.files.detection import shape_of
from service.files.landing import PART, Source, under_way
from service.files.shape import Options, Shape, wanted_by
from service.logs import get_logger
from service.settings import Settings
from service.warehouse import books
from service.warehouse.database import Database
from service.warehouse.work import utc_now
from service.warehouse.writer import Writer

log = get_logger(__name__)
KEPT_TRIALS = 100
MOST_WAITING = 1000


class Progress(msgspec.Struct):
    """How far a load is: `bytes` of the file's `of_bytes` are read."""

    phase: str  # waiting, reading, judging or testing
    bytes: int
    of_bytes: int


class LineRejected(msgspec.Struct):
    """A line that a trial would keep out."""

    line: int
    violations: list[dict[str, Any]]


class TrialResult(msgspec.Struct):
    """What a load would do, and the first lines that it would keep out."""

    received: int = 0
    accepted: int = 0
    rejected: int = 0
    already_present: int = 0
    rejections: list[LineRejected] = msgspec.field(default_factory=list)


@dataclass
class FileLoad:
    """A file to load, or (`is_trial`) only to judge; times are UTC without time zone."""

    load_id: str
    table_name: str
    path: Path
    source: str
    is_trial: bool
    actor: str | None
    shape: Shape = field(init=False)
    behind: int = 0  # the last line that was committed when its load began here
    asked_at: datetime = field(default_factory=utc_now)
    progress: Progress = field(default_factory=lambda: Progress("waiting", 0, 0))
    status: str = "running"
    detail: str | None = None
    finished_at: datetime | None = None
    result: TrialResult | None = None


class Loads:
    """The service's file loads."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        writer: Writer,
        all_cores: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._settings, self._database, self._writer = settings, database, writer
        self._all_cores = all_cores
        self._loads: dict[str, FileLoad] = {}
        self._queue: queue.Queue[FileLoad | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._stopping = self._was_cut_short = False
        self._cancel: Cancel | None = None

    def resume(self) -> None:
        """Takes up what a service before left; removes files that no load is on record for."""
        with self._database.reading() as connection:
            left = connection.execute(
                "select load_id, table_name, path, source, is_trial, actor, shape, asked_at"
                " from ops.files order by asked_at"
            ).fetchall()
        loads = [_left(*row) for row in left]
        trials = [load.load_id for load in loads if load.is_trial]
        self._writer.run(lambda connection: _forget(connection, trials)).result()
        wanted = {load.path for load in loads if not load.is_trial}
        for path in self._settings.spool.glob("*") if self._settings.spool.is_dir() else ():
            if path not in wanted:
                path.unlink()
        for load in loads:
            if not load.is_trial:
                self._begin(load)

    def shape(self, path: Path, table: Table, options: Options) -> Shape:
        """The shape of a file for a table; raises UnreadableFile."""
        return shape_of(path, wanted_by(table), options, self._settings.max_file_bytes)

    def refuse(self, load: FileLoad, why: str) -> None:
        """Puts on record that a file made no sense."""
        refused = msgspec.structs.replace(
            _record(load), status="refused", finished_at=utc_now(), detail=why
        )
        self._writer.run(lambda connection: books.write(connection, [refused])).result()

    def accept(self, load: FileLoad) -> None:
        """Puts the load on record and in the queue; its file now belongs to it.

        Raises:
            Unavailable: too many wait.
        """
        if self._queue.full() or self._stopping:
            raise Unavailable("too many files are waiting to be loaded", retry_after=60)
        self._writer.run(lambda connection: _write(connection, load)).result()
        self._begin(load)

    def get(self, load_id: str) -> FileLoad | None:
        """The load, if it is under way, or was a trial not long ago."""
        return self._loads.get(load_id)

    def stop(self) -> None:
        """Waits for the part of a file that is being written; the rest is for the next start."""
        self._stopping = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def cut_short(self) -> None:
        """Gives the part that is being written up: it is done again at the next start."""
        self._stopping = self._was_cut_short = True
        if self._cancel:
            self._cancel.ask("cancelled: the service was stopped")

    def _begin(self, load: FileLoad) -> None:
        load.progress.of_bytes = load.path.stat().st_size if load.path.exists() else 0
        self._loads[load.load_id] = load
        ended = [each for each in self._loads.values() if each.status != "running"]
        for old in ended[:-KEPT_TRIALS]:
            del self._loads[old.load_id]
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="loads", daemon=True)
            self._thread.start()
        self._queue.put(load)

    # What follows runs in the thread of the loads.

    def _loop(self) -> None:
        while (load := self._queue.get()) is not None and not self._stopping:
            try:
                self._load(load)
            except Exception as error:
                if self._was_cut_short:
                    return  # it is still on record
                log.exception("load_failed", load_id=load.load_id)
                known = isinstance(error, BuildFailed | Problem)
                self._end(load, "failed", str(error) if known else "the log says why")

    def _load(self, load: FileLoad) -> None:
        names = self._writer.dictionary.tables[load.table_name].column_names
        with one_at_a_time, small_sweeps(), self._all_cores():
            project = parse(self._settings, self._writer.dictionary.version)
            current = self._writer.run(lambda connection: _make_current(connection, load))
            load.behind = current.result()
            source = Source(
                *(load.path, load.shape, names, self._settings.max_file_bytes, load.behind),
                counted=lambda size: self._count(load, size),
                at_once=load.is_trial,  # a row may repeat one that is far above
            )
            under_way[load.load_id] = source
            try:
                self._run_parts(load, source, project)
            finally:
                del under_way[load.load_id]
                source.close()

    def _run_parts(self, load: FileLoad, source: Source, project: Any) -> None:
        """Each part is judged and committed by a run of its own; the tests come behind the last."""
        whole = not load.is_trial and not load.behind and load.shape.rows < PART
        while not self._stopping:
            load.progress.phase = "reading"
            failed = self._dbt(load, project, "build" if whole else "run")
            if source.exhausted:
                if not load.is_trial and not whole:
                    load.progress.phase = "testing"
                    failed = self._dbt(load, project, "test")
                self._finish(load, failed)
                return
            whole = False

    def _count(self, load: FileLoad, size: int) -> None:
        load.progress.bytes += size

    def _dbt(self, load: FileLoad, project: Any, command: str) -> str | None:
        """What the data tests complain of: the rows are in, and it may not be theirs.

        Raises:
            BuildFailed: the rows did not go in; with what dbt says.
        """
        build = BuildResult(load.load_id, "queued")
        lock = _Told(self._writer, load.progress)
        what = [command, "--select", load.table_name]
        self._cancel = cancel = Cancel(self._settings.build_seconds, "build_seconds")
        run(self._settings, build, lock, _ignore, what=what, project=project, cancel=cancel)
        if build.status == "done":
            return None
        message = _without(build.message or "dbt failed", self._settings, load)
        if command != "run" and all(
            node.status == "success" for node in build.nodes if node.kind == "model"
        ):
            return f"the data tests fail: {message}"
        raise BuildFailed(message)

    def _finish(self, load: FileLoad, failed_tests: str | None) -> None:
        if load.is_trial:
            with self._database.reading() as connection:
                query = "select result from ops.files where load_id = ?"
                (result,) = connection.execute(query, [load.load_id]).fetchall()[0]
            load.result = msgspec.json.decode(result, type=TrialResult)
        self._end(load, "done", failed_tests)

    def _end(self, load: FileLoad, status: str, detail: str | None) -> None:
        finished = utc_now()

        def end(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute(
                "update ops.loads set status = ?, detail = ?, finished_at = ? where load_id = ?",
                [status, detail, finished, load.load_id],
            )
            _forget(connection, [load.load_id])

        self._writer.run(end).result()
        load.path.unlink(missing_ok=True)
        load.detail, load.finished_at, load.status = detail, finished, status


class _Told(HeldFromWriter):
    """The writer's lock for a load, which then is no longer reading."""

    def __init__(self, writer: Writer, progress: Progress) -> None:
        super().__init__(writer)
        self._progress = progress

    def take(self, cancel: Cancel) -> None:
        self._progress.phase = "judging"
        super().take(cancel)


def _ignore(_: Node) -> None: ...


def _left(
    load_id: str,
    table: str,
    path: str,
    source: str,
    is_trial: bool,
    actor: str | None,
    shape: str,
    asked_at: datetime,
) -> FileLoad:
    """A load that an earlier service has left."""
    load = FileLoad(load_id, table, Path(path), source, is_trial, actor)
    load.shape = msgspec.json.decode(shape, type=Shape)
    load.asked_at = asked_at
    return load


def _without(message: str, settings: Settings, load: FileLoad) -> str:
    """dbt's message without paths of this machine."""
    return message.replace(str(load.path), load.source).replace(f"{settings.project}/", "")


def _record(load: FileLoad) -> books.Load:
    return books.Load(
        *(load.load_id, load.table_name, "file", load.source, "running"),
        *(0, 0, 0, 0),
        *(load.asked_at, None, load.actor),
    )


def _write(connection: duckdb.DuckDBPyConnection, load: FileLoad) -> None:
    if not load.is_trial:
        books.write(connection, [_record(load)])
    connection.execute(
        "insert into ops.files values (?, ?, ?, ?, ?, 0, ?, false, ?, ?, null)",
        [
            *(load.load_id, load.table_name, str(load.path), load.source),
            *(msgspec.json.encode(load.shape).decode(), load.is_trial, load.actor, load.asked_at),
        ],
    )


def _make_current(connection: duckdb.DuckDBPyConnection, load: FileLoad) -> int:
    """Has dbt load this file; the last of its lines that was judged, maybe by a build meanwhile."""
    connection.execute("update ops.files set is_current = (load_id = ?)", [load.load_id])
    query = "select behind from ops.files where load_id = ?"
    return int(connection.execute(query, [load.load_id]).fetchall()[0][0])


def _forget(connection: duckdb.DuckDBPyConnection, load_ids: list[str]) -> None:
    connection.execute("delete from ops.files where load_id in (select unnest(?))", [load_ids])
