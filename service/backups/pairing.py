"""Keeps the second place of backups as the primary one is, in a thread."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from service.backups.catalogue import Catalogue
from service.backups.copying import copy, not_copied
from service.backups.entry import Entry
from service.backups.retention import Keep, expired
from service.errors import DamagedBackup, NotFound, Problem
from service.runtime.logs import get_logger
from service.runtime.metrics import Metrics

log = get_logger(__name__)
AGAIN_SECONDS = 60  # after a failure


class _CutShort(Exception):
    """The service ends: what is copied now is copied by the next one."""


class CopyState(msgspec.Struct, frozen=True):
    """How far the copies are: how many backups wait, since when (ISO 8601), and the last failure.

    `waiting` is None until it was looked at.
    """

    waiting: int | None = None
    since: str | None = None
    failure: str | None = None


class Pairing:
    """Copies what the primary place has and the second lacks, whenever it is woken.

    What is expired in both places goes from the second, too; what someone removes by hand is
    removed there by whoever does it.
    """

    def __init__(self, primary: Catalogue, second: Catalogue, keep: Keep, metrics: Metrics) -> None:
        self._primary, self._second = primary, second
        self._keep, self._metrics = keep, metrics
        self._woken, self._ended, self._hurry = (threading.Event() for _ in range(3))
        self._thread: threading.Thread | None = None
        self._swept = False
        self.state = CopyState()
        self.on_failure: Callable[[str], object] = lambda why: None  # told when one begins
        self.copied: frozenset[str] = frozenset()  # ids that the second place has

    def wake(self) -> None:
        """Has it look for what is to be copied, now."""
        self._woken.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="copies of backups")
            self._thread.start()

    def cut_short(self) -> None:
        """Ends a copy that is under way; nothing of it stays."""
        self._hurry.set()

    def stop(self) -> None:
        """Ends the thread, once what it was woken for is copied."""
        self._ended.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            self._woken.wait(AGAIN_SECONDS if self.state.failure else None)
            self._woken.clear()
            self.run()
            if self._ended.is_set() and (self.state.failure or not self._woken.is_set()):
                return

    def run(self) -> None:
        """Copies what is to be copied; a failure is logged, counted, and tried again later."""
        try:
            failures = self._round()
        except _CutShort:
            return
        except (Problem, OSError) as error:
            failures = [_said(error)]
            log.error("backup_copies_failed", store=self._second.store.name, reason=failures[0])
            self._metrics.backup_copies.labels("failed").inc()
        failure = "; ".join(failures) or None
        if failure and failure != self.state.failure:
            self.on_failure(failure)
        self.state = msgspec.structs.replace(self.state, failure=failure)

    def _round(self) -> Sequence[str]:
        """What failed of backups that are damaged; any other failure is raised."""
        self._second.before_change()
        if not self._swept:
            self._second.sweep()
            self._swept = True
        waiting = not_copied(self._primary, self._second)
        failures = []
        self._tell(waiting)
        for entries in [*waiting]:
            try:
                copy(entries, self._primary, self._second, self._pause)
            except DamagedBackup as error:
                if not self._is_there(entries):  # someone has removed it meanwhile
                    waiting.remove(entries)
                    continue
                log.error("backup_not_copied", backup_id=entries[0].backup_id, reason=error.detail)
                self._metrics.backup_copies.labels("failed").inc()
                failures.append(error.detail)
            else:
                waiting.remove(entries)
                self._metrics.backup_copies.labels("done").inc(len(entries))
            self._tell(waiting)
        self._tidy()
        return failures

    def _tidy(self) -> None:
        """Removes copies of what is kept no longer, and is gone from the primary place."""
        there = {entry.backup_id for entry in self._primary.list()}
        copies = self._second.list()
        gone = {each.backup_id for each in expired(copies, self._keep)} - there
        for backup_id in gone:
            self._second.discard(backup_id)
        self.copied = frozenset(entry.backup_id for entry in copies) - gone

    def _is_there(self, entries: Sequence[Entry]) -> bool:
        try:
            return all(self._primary.get(entry.backup_id) for entry in entries)
        except NotFound:
            return False

    def _pause(self) -> None:
        if self._hurry.is_set():
            raise _CutShort

    def _tell(self, waiting: Sequence[Sequence[Entry]]) -> None:
        entries = [entry for each in waiting for entry in each]
        since = min((entry.created_at for entry in entries), default=None)
        self.state = CopyState(len(entries), since, self.state.failure)

    def lag(self) -> float:
        """For how long the oldest backup that is not copied has been waiting, in seconds."""
        if self.state.since is None:
            return 0.0
        return (datetime.now(UTC) - datetime.fromisoformat(self.state.since)).total_seconds()


def _said(error: Problem | OSError) -> str:
    return error.detail if isinstance(error, Problem) else f"{error.strerror}"
