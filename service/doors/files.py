"""CSV files of any size into a table: taken in whole, then loaded one at a time through dbt.

Inserts go on meanwhile. A file that was accepted is on record in ``ops.files`` until its load has
ended. What a killed service leaves is taken up by the next, after the last line that was committed.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from service.dbt.cancelling import Cancel
from service.dbt.landing import PART, CsvSource
from service.dbt.runner import (
    BUILD,
    BuildFailed,
    BuildResult,
    Node,
    one_at_a_time,
    parse,
    run,
    small_sweeps,
)
from service.doors.file_load import CANCELLED, FileLoad, Progress, TrialResult, Upload
from service.engines.duckdb import Database
from service.errors import Problem, Unavailable
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import Dialect, UnreadableFile, expected_columns
from service.formats.csv.opening import limit_of
from service.ops import pending_files, records
from service.ops.pending_files import PendingFile
from service.runtime.clock import utc_now
from service.runtime.durable_files import put_in_place
from service.runtime.logs import get_logger
from service.runtime.settings import Settings
from service.warehouse.build_lock import BuildLock
from service.warehouse.writer import Writer

log = get_logger(__name__)
KEPT_TRIALS = 100
MAX_WAITING = 1000
# What dbt does for the seed and the table of record that a file is of.
TEST = ("test",)
WITHOUT_TESTS = (*BUILD, "test")  # at the end of BUILD stands what is left out
UNFINISHED = ".tmp"  # ends the name of a file that is still being received


class FileLoads:
    """The service's file loads: a queue, and a thread that loads one file after the other."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        writer: Writer,
        all_cores: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Each file is loaded within ``all_cores()``."""
        self._settings, self._database, self._writer = settings, database, writer
        self._all_cores = all_cores
        self._loads: dict[str, FileLoad] = {}
        self._queue: queue.Queue[FileLoad | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._stopping = self._was_cut_short = False
        self._current: FileLoad | None = None
        self._cancel: Cancel | None = None

    def resume(self) -> None:
        """Takes up what a service before left; removes files that no load is on record for."""
        with self._database.reading() as connection:
            left = pending_files.pending(connection)
        trials = [file.load_id for file in left if file.is_trial]
        self._writer.run(lambda connection: pending_files.forget(connection, trials)).result()
        files = [file for file in left if not file.is_trial]
        expected = {Path(file.path) for file in files}
        for path in self._settings.spool.glob("*") if self._settings.spool.is_dir() else ():
            if path not in expected:
                path.unlink()
        for file in files:
            self._begin(FileLoad.of(file))

    def path_to_receive(self, upload: Upload) -> Path:
        """Where a file is to be received before it is handed to `take`; nothing is there."""
        return self._settings.spool / f"{upload.load_id}.csv{UNFINISHED}"

    def take(self, received: Path, upload: Upload) -> FileLoad:
        """Puts a received file on record and in the queue; it then belongs to its load.

        Raises:
            UnreadableFile: no sense can be made of it; unless it is a trial, that is on record.
            Unavailable: too many wait.
            NoSpace: what is to be recorded does not fit on the disk.
        """
        dialect = self._dialect(received, upload)
        path = received.with_name(received.name.removesuffix(UNFINISHED))
        said = msgspec.json.encode(dialect).decode()
        file = upload.pending(path, said, upload.digest_of(received))
        try:
            put_in_place(received, path)  # the file is on the disk before it is on record
            return self._accept(file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def get(self, load_id: str) -> FileLoad | None:
        """The load, if it is in progress, or was a trial not long ago."""
        return self._loads.get(load_id)

    def cancel(self, load_id: str) -> bool:
        """Has a load end soon, as failed; what is committed of it stays. False: none runs."""
        load = self._loads.get(load_id)
        if load is None or load.status != "running":
            return False
        load.is_cancelled = True  # before the next run of dbt looks
        if self._current is load and self._cancel:
            self._cancel.ask(CANCELLED)
        return True

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

    def _dialect(self, path: Path, upload: Upload) -> Dialect:
        expected = expected_columns(upload.table)
        try:
            return detect_dialect(path, expected, upload.options, self._max_bytes(path))
        except UnreadableFile as error:
            detail = f"{upload.source}: {error.detail}"
            if upload.is_trial:
                raise UnreadableFile(detail) from error
            self._refuse(upload.pending(path, "").load, error.detail)
            raise UnreadableFile(detail, load_id=upload.load_id) from error

    def _refuse(self, load: records.LoadRecord, why: str) -> None:
        refused = msgspec.structs.replace(load, status="refused", finished_at=utc_now(), detail=why)
        self._writer.run(lambda connection: records.write(connection, [refused])).result()

    def _accept(self, file: PendingFile) -> FileLoad:
        if self._queue.full() or self._stopping:
            raise Unavailable("too many files are waiting to be loaded", retry_after=60)
        load = FileLoad.of(file)
        self._writer.run(lambda connection: pending_files.add(connection, file)).result()
        self._begin(load)
        return load

    def _begin(self, load: FileLoad) -> None:
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
        self._current = load
        with one_at_a_time, small_sweeps(), self._all_cores():
            project = parse(self._settings, self._writer.dictionary.declared)
            current = self._writer.run(
                lambda connection: pending_files.make_current(connection, load.load_id)
            )
            last_judged = current.result()
            source = self._opened(load, last_judged)
            try:
                self._load_parts(load, source, project, is_begun=last_judged > 0)
            finally:
                source.close()

    def _max_bytes(self, path: Path) -> int:
        return limit_of(path, self._settings.max_file_bytes, self._settings.max_ratio)

    def _opened(self, load: FileLoad, last_judged: int) -> CsvSource:
        def count(size: int) -> None:
            load.progress.bytes += size

        return CsvSource(
            load.path,
            load.dialect,
            self._writer.dictionary.tables[load.file.table_name].column_names,
            self._max_bytes(load.path),
            after=last_judged,
            counted=count,
            at_once=load.file.is_trial,  # a row may repeat one that is far above
        )

    def _load_parts(
        self, load: FileLoad, source: CsvSource, project: Any, *, is_begun: bool
    ) -> None:
        """Each part is judged and committed by a run of its own; the tests follow the last one.

        A file of one part is loaded and tested by one run.
        """
        is_one_part = not load.file.is_trial and not is_begun and load.dialect.rows < PART
        command = BUILD if is_one_part else WITHOUT_TESTS
        while not self._stopping:
            load.progress.phase = "reading"
            failed = self._dbt(load, source, project, command)
            if source.exhausted:
                if not load.file.is_trial and command == WITHOUT_TESTS:
                    load.progress.phase = "testing"
                    failed = self._dbt(load, source, project, TEST)
                self._finish(load, failed)
                return
            command = WITHOUT_TESTS

    def _dbt(
        self, load: FileLoad, source: CsvSource, project: Any, command: tuple[str, ...]
    ) -> str | None:
        """Runs a dbt command for the table; what the data tests complain of, None if nothing.

        When a data test fails the rows are in, and it may not be about them.

        Raises:
            BuildFailed: the rows did not go in; with what dbt says.
        """
        build = BuildResult(load.load_id, "queued")
        self._cancel = Cancel(self._settings.build_seconds, "build_seconds")
        if load.is_cancelled:
            self._cancel.ask(CANCELLED)
        run(
            self._settings,
            build,
            _ShownLock(self._writer, load.progress),
            _ignore,
            what=[*command, "--select", f"raw_{load.file.table_name}", load.file.table_name],
            project=project,
            cancel=self._cancel,
            files={load.load_id: source},
        )
        if build.status == "done":
            return None
        message = _without_paths(build.message or "dbt failed", self._settings, load)
        models = [node for node in build.nodes if node.kind == "model"]
        if command != WITHOUT_TESTS and all(node.status == "success" for node in models):
            return f"the data tests fail: {message}"
        raise BuildFailed(message)

    def _finish(self, load: FileLoad, failed_tests: str | None) -> None:
        if load.file.is_trial:
            with self._database.reading() as connection:
                result = pending_files.result_of_trial(connection, load.load_id)
            load.result = msgspec.json.decode(result, type=TrialResult)
        self._end(load, "done", failed_tests)

    def _end(self, load: FileLoad, status: str, detail: str | None) -> None:
        now = utc_now()
        self._writer.run(
            lambda connection: pending_files.end(connection, load.load_id, status, detail, now)
        ).result()
        load.path.unlink(missing_ok=True)  # one that a killed service leaves, `resume` removes
        load.detail, load.finished_at, load.status = detail, now, status


class _ShownLock(BuildLock):
    """The writer's lock for a load, whose progress shows when it is taken."""

    def __init__(self, writer: Writer, progress: Progress) -> None:
        super().__init__(writer)
        self._progress = progress

    def take(self, cancel: Cancel) -> None:
        self._progress.phase = "judging"
        super().take(cancel)


def _ignore(_: Node) -> None: ...


def _without_paths(message: str, settings: Settings, load: FileLoad) -> str:
    """dbt's message without paths of this machine."""
    plain = message.replace(str(load.path), load.file.source)
    return plain.replace(f"{settings.project}/", "")
