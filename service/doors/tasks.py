"""Backups, restores and comparisons that are under way, and the last that were: how far they are.

They are kept in memory: what was done stays on the trail and in the loads.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from service.errors import NotFound
from service.runtime.clock import utc_now
from service.runtime.progress import RowProgress
from service.warehouse.deeds import described

TaskKind: TypeAlias = Literal["backup", "restore", "comparison"]
TaskStatus: TypeAlias = Literal["running", "done", "failed"]
KEPT = 100  # that have ended


@dataclass
class Task:
    """Work on backups of `tables`; `subjects` are their ids, times are UTC without a zone."""

    kind: TaskKind
    tables: Sequence[str]
    subjects: Sequence[str]
    actor: str | None
    task_id: str = field(default_factory=lambda: str(uuid4()))
    progress: RowProgress = field(default_factory=RowProgress)
    status: TaskStatus = "running"
    message: str | None = None  # why it failed
    outcome: Any = None  # what came of it: backups, or what was restored
    started_at: datetime = field(default_factory=utc_now)
    finished_at: datetime | None = None


Begun: TypeAlias = Callable[[Task], object]  # is told of a task when it has begun


def unnoticed(_task: Task) -> None:
    """Is told of a task, and does nothing."""


def is_running(task: Task) -> bool:
    """Whether it has not ended."""
    return task.status == "running"


class Tasks:
    """All tasks of the service. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def begin(
        self, kind: TaskKind, tables: Sequence[str], subjects: Sequence[str], actor: str | None
    ) -> Task:
        """A task that runs from now on; to be ended by `end`."""
        task = Task(kind, tuple(tables), tuple(subjects), actor)
        with self._lock:
            self._tasks[task.task_id] = task
            ended = [each for each in self._tasks.values() if not is_running(each)]
            for old in ended[: max(0, len(ended) - KEPT)]:
                del self._tasks[old.task_id]
        return task

    def end(self, task: Task, outcome: Any = None, error: BaseException | None = None) -> None:
        """Ends it: by `error`, if there is one, which is told as clients are told of it."""
        with self._lock:
            task.outcome, task.finished_at = outcome, utc_now()
            task.message = None if error is None else described(error)
            task.status = "done" if error is None else "failed"
            self._lock.notify_all()

    @contextmanager
    def doing(
        self, kind: TaskKind, tables: Sequence[str], subjects: Sequence[str], actor: str | None
    ) -> Iterator[Task]:
        """The block is the task, and says its `outcome`; what it raises, it has failed by."""
        task = self.begin(kind, tables, subjects, actor)
        try:
            yield task
        except BaseException as error:
            self.end(task, error=error)
            raise
        self.end(task, task.outcome)

    def wait(self) -> None:
        """Returns when none runs."""
        with self._lock:
            self._lock.wait_for(lambda: not any(map(is_running, self._tasks.values())))

    def newest_first(self) -> list[Task]:
        """Those that run, and the last that have ended."""
        with self._lock:
            return list(reversed(self._tasks.values()))

    def get(self, task_id: str) -> Task:
        """The task of that id; raises NotFound."""
        with self._lock:
            if (task := self._tasks.get(task_id)) is None:
                raise NotFound(f"there is no task {task_id!r} since the service was started")
            return task
