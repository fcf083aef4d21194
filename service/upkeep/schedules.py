"""What the service does by the clock: backups, their retention, and checks of old ones.

Schedules (cron) are in UTC. A run that was missed, because the service was down or the clock was
set, is made up for once. Where the clock has gone back behind the last run, the next one is due as
if that had been when this was noticed.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cronsim import CronSim

from service.backups.retention import Keep
from service.doors.backups import Backups
from service.ops import trail
from service.runtime.logs import get_logger
from service.runtime.metrics import Metrics
from service.runtime.settings import NEVER, Settings
from service.spark.apart import BuildsApart
from service.warehouse.writer import Writer

log = get_logger(__name__)
ACTOR = "schedule"
TICK_SECONDS = 20  # a schedule has minutes


@dataclass(frozen=True)
class Job:
    """Work on a cron schedule; `last` gives when it was last done (UTC), None if never."""

    name: str
    cron: str
    last: Callable[[], datetime | None]
    run: Callable[[], object]


class Schedules:
    """The scheduled jobs of one service, run one after the other in a thread."""

    def __init__(
        self,
        settings: Settings,
        backups: Backups,
        writer: Writer,
        metrics: Metrics,
        housekeeping: Callable[[], None],
        audit: Callable[[], object],
        spark: BuildsApart,
    ) -> None:
        """`housekeeping` is done every hour, besides what the settings ask for.

        `audit` tells by itself what it finds.
        """
        self._settings, self._backups = settings, backups
        self._writer, self._metrics, self._spark = writer, metrics, spark
        self._began = datetime.now(UTC)
        self._tried: dict[str, datetime] = {}
        self._went_back: dict[str, datetime] = {}  # when it was noticed, by job
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="schedules")
        self._jobs = [
            Job("backup", settings.backup_schedule, self._last_backup, self._back_up),
            Job("self-check", settings.verify_schedule, self._last_check, self._check),
            Job("audit", settings.audit_schedule, lambda: None, audit),
            Job("spark-begins", settings.spark_schedule, spark.last, spark.begin),
            Job("housekeeping", "0 * * * *", lambda: None, housekeeping),
        ]

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread; a backup under way is finished first, a build on Spark is ended."""
        self._stop.set()
        self._spark.stop()
        if self._thread.is_alive():
            self._thread.join()
            self._spark.stop()

    def due(self, now: datetime) -> list[str]:
        """The names of the jobs that are due."""
        return [job.name for job in self._due(now)]

    def run_due(self, now: datetime) -> None:
        """Runs what is due; a failure is logged and counted, and tried again when next due."""
        for job in self._due(now):
            self._tried[job.name] = now
            try:
                job.run()
            except Exception as error:
                log.exception("schedule_failed", job=job.name)
                self._metrics.runs.labels(job.name, "failed").inc()
                self._record_failure(job.name, error)
            else:
                self._metrics.runs.labels(job.name, "done").inc()
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
        done = self._tried.get(job.name) or job.last() or self._began
        if done <= now:
            self._went_back.pop(job.name, None)
            return done
        self._went_back[job.name] = min(now, self._went_back.get(job.name, now))
        return self._went_back[job.name]

    def _last_backup(self) -> datetime | None:
        scheduled = (e for e in self._backups.catalogue.list() if e.kind == "scheduled")
        newest = next(scheduled, None)
        return datetime.fromisoformat(newest.created_at) if newest else None

    def _last_check(self) -> datetime | None:
        return next(reversed(self._backups.last_checks(ACTOR).values()), None)

    def _back_up(self) -> None:
        """Backs every table up as one set, reads it again, and removes what is kept no longer."""
        entries = self._backups.back_up_all(ACTOR, kind="scheduled")
        taken_at = datetime.fromisoformat(entries[0].created_at)
        self._metrics.last_backup.set(taken_at.timestamp())
        if all(self._backups.check(entry, ACTOR) for entry in entries):
            self._remove_expired({entry.table for entry in entries})

    def _remove_expired(self, good: set[str]) -> None:
        """Removes what is kept no longer, of tables of which a `good` backup stays."""
        self._backups.remove_expired(Keep.of(self._settings), good, ACTOR)

    def _check(self) -> None:
        """Reads backups again, those first that were not checked for longest.

        It ends when all were read, or after `verify_seconds`: the next run goes on from there.
        """
        catalogue, checked = self._backups.catalogue, self._backups.last_checks(ACTOR)
        turns = {backup_id: turn for turn, backup_id in enumerate(checked)}
        waiting = sorted(catalogue.list(), key=lambda e: turns.get(e.backup_id, -1))
        until = time.monotonic() + self._settings.verify_seconds
        damaged = len(catalogue.unreadable())
        for entry in waiting:
            if self._stop.is_set() or time.monotonic() > until:
                break
            if not self._backups.check(entry, ACTOR):
                damaged += 1
        self._metrics.damaged_backups.set(damaged)

    def _record_failure(self, job: str, error: Exception) -> None:
        action, why = f"{job}.failed", type(error).__name__
        self._writer.run(
            lambda connection: trail.record(connection, ACTOR, action, None, why)
        ).result()
