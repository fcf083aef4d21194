"""Builds by dbt, inside the service: asked for, run one after the other, remembered."""

import queue
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, suppress
from typing import TypeAlias
from uuid import uuid4

from service.dbt.cancelling import Cancel, Cancelled
from service.dbt.runner import (
    BuildFailed,
    BuildResult,
    look_ahead,
    one_at_a_time,
    run,
    small_sweeps,
)
from service.dictionary import Dictionary, DictionaryError
from service.doors.plans import BuildPlan
from service.errors import Conflict, NotFound
from service.evolution.evolving import read_dictionary_text
from service.ops.trail import Ended
from service.runtime.clock import utc_now
from service.runtime.logs import get_logger
from service.runtime.settings import Settings
from service.warehouse.build_lock import BuildLock
from service.warehouse.deeds import Deeds
from service.warehouse.writer import Writer

log = get_logger(__name__)
KEPT_BUILDS = 100
MAX_WAITING = 8
# A new dictionary, and what may be lost: what a build by it would change.
Ahead: TypeAlias = Callable[[Dictionary, Collection[str]], BuildPlan]
LOOK_SECONDS = 0.1  # between looks at whether a build that waits is cancelled


class Builds:
    """The service's builds: one at a time, a few may wait, the last hundred are remembered."""

    def __init__(
        self,
        settings: Settings,
        writer: Writer,
        deeds: Deeds,
        after: Callable[[], None],
        all_cores: Callable[[], AbstractContextManager[None]],
        ahead: Ahead,
    ) -> None:
        """A build runs within `all_cores()`; `after` is called when it has ended, before it is
        told as ended. `ahead` says what a build by a dictionary would change.
        """
        self._ahead, self._plans = ahead, dict[str, BuildPlan]()
        self._settings, self._writer, self._after = settings, writer, after
        self._deeds, self._asking = deeds, threading.Lock()
        # Of those that have not ended: their entries on the trail, and when those are there.
        self._on_trail: dict[str, tuple[list[str], Future[None]]] = {}
        self._all_cores = all_cores
        self._builds: dict[str, BuildResult] = {}
        self._cancels: dict[str, Cancel] = {}  # of those that have not ended
        self._queue: queue.Queue[BuildResult | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None

    def ask(
        self, actor: str | None = None, dry_run: bool = False, allowed: Collection[str] = ()
    ) -> BuildResult:
        """Asks for a build in someone's name. It begins when that is on record, which is not waited
        for here: the build before may be writing. A dry run is on no record: it only says what
        would change. What is `allowed` may be lost (``drop:table`` and ``drop:table.column``).

        Raises:
            Conflict: too many wait.
            RowsMissing: nothing is written until an operator has decided.
            Unavailable: too many requests wait for the writer.
        """
        self._writer.check()
        build = BuildResult(
            *(str(uuid4()), "queued"), actor=actor, dry_run=dry_run, allowed=tuple(allowed)
        )
        with self._asking:
            if self._queue.full():
                raise Conflict(f"{MAX_WAITING} builds are waiting already")
            if not dry_run:
                said = ", ".join(allowed) or None
                on_trail = self._deeds.begin_soon(actor, "build", [build.build_id], said)
                self._on_trail[build.build_id] = on_trail
            self._begin(build)
        return build

    def on_record(self, build_id: str) -> "Future[None]":
        """Done when it is on record that the build was asked for."""
        if (on_trail := self._on_trail.get(build_id)) is not None:
            return on_trail[1]
        written: Future[None] = Future()  # it has ended
        written.set_result(None)
        return written

    def _begin(self, build: BuildResult) -> None:
        self._cancels[build.build_id] = Cancel(self._settings.build_seconds, "build_seconds")
        self._builds[build.build_id] = build
        self._queue.put_nowait(build)
        for old in list(self._builds)[:-KEPT_BUILDS]:
            del self._builds[old]
            self._plans.pop(old, None)
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="builds", daemon=True)
            self._thread.start()

    def get(self, build_id: str) -> BuildResult:
        """One build; raises NotFound."""
        if build_id not in self._builds:
            raise NotFound("there is no such build")
        return self._builds[build_id]

    def plan_of(self, build_id: str) -> BuildPlan | None:
        """What a dry run has said would change; None of one that has not ended, and of a build."""
        return self._plans.get(build_id)

    def cancel(self, build_id: str) -> None:
        """Has a build end soon, as failed; raises NotFound, or Conflict when it has ended."""
        self.get(build_id)
        cancel = self._cancels.get(build_id)
        if cancel is None:
            raise Conflict("the build has ended", build_id=build_id)
        cancel.ask("cancelled on request")

    def cut_short(self) -> None:
        """Has the build that runs end soon."""
        for cancel in [*self._cancels.values()]:
            cancel.ask("cancelled: the service was stopped")

    def newest_first(self) -> list[BuildResult]:
        """All that are remembered."""
        return list(reversed(self._builds.values()))

    def stop(self) -> None:
        """Waits for the build that runs; those that wait are dropped."""
        with suppress(queue.Empty):
            while True:
                if dropped := self._queue.get_nowait():
                    self._end_on_trail(dropped.build_id, "failed", "the service was stopped")
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _loop(self) -> None:
        while (build := self._queue.get()) is not None:
            lock, cancel = BuildLock(self._writer, self._after), self._cancels[build.build_id]
            try:
                with one_at_a_time, small_sweeps(), self._all_cores():
                    self._wait_until_on_record(build.build_id, cancel)
                    if build.dry_run:
                        self._look_ahead(build, lock, cancel)
                        continue
                    run(
                        self._settings,
                        build,
                        lock,
                        on_node=lambda node: None,
                        after=self._after,
                        cancel=cancel,
                    )
            except Cancelled as error:
                build.status, build.message, build.finished_at = "failed", str(error), utc_now()
            except Exception as error:
                log.exception("build_failed", build_id=build.build_id)
                build.message = build.message or f"the build ended by {type(error).__name__}"
                if build.status != "failed":  # it could not be put on record, or looked ahead
                    build.status, build.finished_at = "failed", utc_now()
            finally:
                del self._cancels[build.build_id]
                done: Ended = "done" if build.status == "done" else "failed"
                self._end_on_trail(build.build_id, done, build.message)

    def _look_ahead(self, build: BuildResult, lock: BuildLock, cancel: Cancel) -> None:
        build.status, build.started_at = "running", utc_now()
        try:
            new = read_dictionary_text(look_ahead(self._settings, build, lock, cancel))
            self._plans[build.build_id] = self._ahead(new, build.allowed)
        except (BuildFailed, DictionaryError) as error:
            build.message = str(error)
        build.finished_at = utc_now()
        build.status = "failed" if build.message else "done"

    def _wait_until_on_record(self, build_id: str, cancel: Cancel) -> None:
        """Raises Cancelled where it is cancelled before, or what kept it from being written."""
        on_record = self.on_record(build_id)
        while not wait([on_record], LOOK_SECONDS).done:
            cancel.check()
        on_record.result()

    def _end_on_trail(self, build_id: str, outcome: Ended, detail: str | None) -> None:
        if on_trail := self._on_trail.pop(build_id, None):
            self._deeds.end_soon(on_trail[0], outcome, detail)
