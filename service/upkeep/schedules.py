"""What the service does by the clock: backups, their retention, and looking at old ones again.

Moments of the schedules (cron) are in UTC. A run that was missed, because the service was down or
the clock was set, is made up for once.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from cronsim import CronSim

from service.backups.backing_up import back_up, verify
from service.backups.catalogue import Entry
from service.backups.retention import Keep, expired
from service.errors import NotFound
from service.gate import Gate
from service.ops import records
from service.ops.records import TrailRecord
from service.runtime.clock import utc_now
from service.runtime.logs import get_logger
from service.runtime.settings import NEVER

log = get_logger(__name__)
ACTOR = "schedule"
TICK_SECONDS = 20  # a schedule has minutes


@dataclass(frozen=True)
class Job:
    """Something to do by the clock; `last` says when it was last done, if it ever was."""

    name: str
    cron: str
    last: Callable[[], datetime | None]
    run: Callable[[], None]


class Schedules:
    """The jobs of one service, done one after the other in a thread."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._began = datetime.now(UTC)
        self._tried: dict[str, datetime] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="schedules")
        settings = gate.settings
        self._jobs = [
            Job("backup", settings.backup_schedule, self._last_backup, self._back_up),
            Job("self-check", settings.verify_schedule, self._last_check, self._check),
            Job("housekeeping", "0 * * * *", lambda: None, gate.forget_old_answers),
        ]

    def start(self) -> None:
        """Begins to look at the clock."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when nothing is under way any more; a backup comes to its end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def due(self, now: datetime) -> list[str]:
        """The names of the jobs that are to be done."""
        return [job.name for job in self._due(now)]

    def run_due(self, now: datetime) -> None:
        """Does what is due; what fails is told, counted, and done again at its next moment."""
        for job in self._due(now):
            self._tried[job.name] = now
            try:
                job.run()
            except Exception as error:
                log.exception("schedule_failed", job=job.name)
                self._gate.metrics.runs.labels(job.name, "failed").inc()
                self._record([_deed(f"{job.name}.failed", None, type(error).__name__)])
            else:
                self._gate.metrics.runs.labels(job.name, "done").inc()
            if self._stop.is_set():
                return

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.run_due(datetime.now(UTC))
            except Exception:  # the disk is full, say: there is always a next time
                log.exception("schedules_failed")
            self._stop.wait(TICK_SECONDS)

    def _due(self, now: datetime) -> Iterable[Job]:
        for job in self._jobs:
            if job.cron != NEVER and next(CronSim(job.cron, self._reference(job, now))) <= now:
                yield job

    def _reference(self, job: Job, now: datetime) -> datetime:
        """When it was last done or tried; never later than now: the clock may have been set."""
        done = [moment for moment in (job.last(), self._tried.get(job.name)) if moment]
        return min(max(done, default=self._began), now)

    def _last_backup(self) -> datetime | None:
        scheduled = (e for e in self._gate.catalogue.list() if e.kind == "scheduled")
        newest = next(iter(scheduled), None)
        return datetime.fromisoformat(newest.created_at) if newest else None

    def _last_check(self) -> datetime | None:
        return max(self._checked().values(), default=None)

    def _checked(self) -> dict[str, datetime]:
        """When backups were last read again by the schedule."""
        with self._gate.database.reading() as connection:
            found = connection.execute(
                "select subject, max(happened_at) from ops.trail"
                " where action = 'backup.verify' and actor = ? group by subject",
                [ACTOR],
            ).fetchall()
        return {subject: moment.replace(tzinfo=UTC) for subject, moment in found}

    def _back_up(self) -> None:
        """Backs every table up as one set, reads it again, and removes what is kept no longer."""
        gate = self._gate
        with gate.database.all_cores(), gate.database.reading() as connection:
            entries = back_up(
                connection,
                list(gate.dictionary.tables.values()),
                gate.catalogue,
                gate.settings.codec,
                dictionary_version=gate.dictionary.version,
                set_id=gate.catalogue.new_set_id(),
                kind="scheduled",
            )
        gate.metrics.last_backup.set(datetime.fromisoformat(entries[0].created_at).timestamp())
        self._record([_deed("backup.create", entry.backup_id) for entry in entries])
        if all(self._is_good(entry) for entry in entries):
            self._remove_expired({entry.table for entry in entries})

    def _remove_expired(self, good: set[str]) -> None:
        """Removes what is kept no longer, of tables of which a `good` backup stays."""
        settings = self._gate.settings
        keep = Keep(
            settings.backup_keep_last, settings.backup_keep_daily, settings.backup_keep_weekly
        )
        for entry in expired(self._gate.catalogue.list(), keep):
            if entry.table in good:
                self._gate.catalogue.remove(entry.backup_id)
                self._record([_deed("backup.delete", entry.backup_id, "kept for long enough")])

    def _check(self) -> None:
        """Reads backups again, those first that were not looked at for longest.

        It ends when all were read, or after `verify_seconds`: the next run goes on from there.
        """
        checked, never = self._checked(), datetime.min.replace(tzinfo=UTC)
        waiting = sorted(self._gate.catalogue.list(), key=lambda e: checked.get(e.backup_id, never))
        until = utc_now() + timedelta(seconds=self._gate.settings.verify_seconds)
        damaged = [*self._gate.catalogue.unreadable()]
        for entry in waiting:
            if self._stop.is_set() or utc_now() > until:
                break
            damaged += [entry.backup_id] * (not self._is_good(entry))
        self._gate.metrics.damaged_backups.set(len(damaged))

    def _is_good(self, entry: Entry) -> bool:
        """Whether a backup can be read to its end; that is put on record."""
        table = self._gate.dictionary.tables.get(entry.table)
        if table is None:  # there is no such table any more
            return True
        try:
            self._gate.catalogue.get(entry.backup_id)
        except NotFound:  # removed meanwhile
            return True
        found = verify(entry, table, self._gate.catalogue)
        said = "ok" if found.ok else "; ".join(found.problems)
        self._record([_deed("backup.verify", entry.backup_id, said)])
        self._gate.metrics.verifications.labels("ok" if found.ok else "damaged").inc()
        if not found.ok:
            log.error("backup_damaged", backup_id=entry.backup_id, problems=said)
        return found.ok

    def _record(self, deeds: list[TrailRecord]) -> None:
        self._gate.writer.run(lambda connection: records.write(connection, deeds)).result()


def _deed(action: str, subject: Any, detail: str | None = None) -> TrailRecord:
    return TrailRecord(str(uuid4()), utc_now(), ACTOR, action, subject, detail)
