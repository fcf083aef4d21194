"""Builds by dbt, inside the service: asked for, run one after the other, remembered."""

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from uuid import uuid4

from service.dbt.cancelling import Cancel
from service.dbt.runner import BuildResult, one_at_a_time, run, small_sweeps
from service.errors import Conflict, NotFound
from service.runtime.logs import get_logger
from service.runtime.settings import Settings
from service.warehouse.build_lock import BuildLock
from service.warehouse.writer import Writer

log = get_logger(__name__)
KEPT_BUILDS = 100
MAX_WAITING = 8


class Builds:
    """The service's builds: one at a time, a few may wait, the last hundred are remembered."""

    def __init__(
        self,
        settings: Settings,
        writer: Writer,
        after: Callable[[], None],
        all_cores: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """A build runs within `all_cores()`; `after` is called when it has ended, before it is
        told as ended.
        """
        self._settings, self._writer, self._after = settings, writer, after
        self._all_cores = all_cores
        self._builds: dict[str, BuildResult] = {}
        self._cancels: dict[str, Cancel] = {}  # of those that have not ended
        self._queue: queue.Queue[BuildResult | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None

    def ask(self, actor: str | None = None) -> BuildResult:
        """Asks for a build in someone's name.

        Raises:
            Conflict: too many wait.
            RowsMissing: nothing is written until an operator has decided.
        """
        self._writer.check()
        build = BuildResult(str(uuid4()), "queued", actor=actor)
        self._cancels[build.build_id] = Cancel(self._settings.build_seconds, "build_seconds")
        try:
            self._queue.put_nowait(build)
        except queue.Full:
            del self._cancels[build.build_id]
            raise Conflict(f"{MAX_WAITING} builds are waiting already") from None
        self._builds[build.build_id] = build
        for old in list(self._builds)[:-KEPT_BUILDS]:
            del self._builds[old]
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="builds", daemon=True)
            self._thread.start()
        return build

    def get(self, build_id: str) -> BuildResult:
        """One build; raises NotFound."""
        if build_id not in self._builds:
            raise NotFound("there is no such build")
        return self._builds[build_id]

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
                self._queue.get_nowait()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _loop(self) -> None:
        while (build := self._queue.get()) is not None:
            lock, cancel = BuildLock(self._writer), self._cancels[build.build_id]
            try:
                with one_at_a_time, small_sweeps(), self._all_cores():
                    run(
                        self._settings,
                        build,
                        lock,
                        on_node=lambda node: None,
                        after=self._after,
                        cancel=cancel,
                    )
            except Exception as error:
                log.exception("build_failed", build_id=build.build_id)
                build.message = build.message or f"the build ended by {type(error).__name__}"
            finally:
                del self._cancels[build.build_id]
