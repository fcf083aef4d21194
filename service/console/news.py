"""What the overview renews by itself: what runs, and what came in last."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.api.v1 import builds, loads, tasks
from service.doors.tasks import is_running
from service.gate import Gate
from service.ops import queries

SHOWN_LOADS = 8
ENDED = ("done", "failed")
KEPT_SECONDS = 1.0


@dataclass(frozen=True)
class Activity:
    """What runs at the moment, and what came in last."""

    running_loads: Sequence[loads.Load]
    running_builds: Sequence[builds.Build]
    running_tasks: Sequence[tasks.RunningTask]
    last_loads: Sequence[loads.Load]
    last_build: builds.Build | None

    @property
    def is_busy(self) -> bool:
        """Whether anything runs."""
        return bool(self.running_loads or self.running_builds or self.running_tasks)


def activity(gate: Gate) -> Activity:
    """How it is now."""
    with gate.database.reading() as connection:
        last = queries.loads(connection, SHOWN_LOADS).entries
        running = queries.loads(connection, 20, status="running").entries
    all_builds = [builds.page_of(each, gate.builds) for each in gate.builds.newest_first()]
    return Activity(
        [loads.with_progress(gate, loads.page_of(each)) for each in running],
        [each for each in all_builds if each.status in ("queued", "running")],
        [tasks.page_of(each) for each in gate.tasks.newest_first() if is_running(each)],
        [loads.page_of(each) for each in last],
        next((each for each in all_builds if each.status in ENDED and not each.dry_run), None),
    )


class News:
    """The news as they were less than a second ago, told to all who ask meanwhile.

    To find out and to write it takes 15 ms of the interpreter, which inserts need: with ten people
    who look on, it was asked for five times a second. Threads may share it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._told: tuple[float, str] | None = None

    def told(self, write: Callable[[], str]) -> str:
        """What `write` has written, or writes now; who comes meanwhile waits for it."""
        with self._lock:
            now = self._clock()
            if self._told is None or now - self._told[0] >= KEPT_SECONDS:
                self._told = now, write()
            return self._told[1]
