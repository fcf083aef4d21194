"""How far backups and restores are: those that run, and the last that have ended."""

from typing import Any

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.parameters import only_known
from service.api.http.times import Timestamp, in_utc
from service.doors.tasks import Task, TaskKind, TaskStatus
from service.gate import Gate


class TaskProgress(msgspec.Struct):
    """How many of the rows of a phase are done; `phase` is null before the first one."""

    phase: str | None
    rows_done: int
    rows: int


class RunningTask(msgspec.Struct):
    """A backup, a restore, or a comparison (a dry run of a restore), and how far it is.

    `backup_ids` are those that are made, restored or compared; `message` says why it failed.
    """

    task_id: str
    kind: TaskKind
    tables: list[str]
    backup_ids: list[str]
    status: TaskStatus
    started_at: Timestamp
    finished_at: Timestamp | None
    actor: str | None
    message: str | None
    progress: TaskProgress


class TaskList(msgspec.Struct):
    """The tasks that run, and the last that have ended, newest first."""

    tasks: list[RunningTask]
    next: str | None = None  # they are few: there is one page


class TaskController(Controller):
    """Tasks."""

    path = "/v1/tasks"
    tags = ("backups",)
    guards = (only_known,)

    @get("/", operation_id="list_tasks", sync_to_thread=False)
    def list_tasks(self, gate: NamedDependency[Gate]) -> TaskList:
        """Lists backups and restores that run, and the last that have ended, newest first."""
        return TaskList([page_of(task) for task in gate.tasks.newest_first()])

    @get("/{task_id:str}", operation_id="show_task", sync_to_thread=False)
    def show_task(self, gate: NamedDependency[Gate], task_id: FromPath[str]) -> RunningTask:
        """Shows how far a backup or a restore is."""
        return page_of(gate.tasks.get(task_id))


def page_of(task: Task) -> RunningTask:
    """A task, as clients see it."""
    said: dict[str, Any] = {
        name: getattr(task, name) for name in ("task_id", "kind", "status", "actor", "message")
    }
    return RunningTask(
        **said,
        tables=list(task.tables),
        backup_ids=list(task.subjects),
        started_at=in_utc(task.started_at),
        finished_at=None if task.finished_at is None else in_utc(task.finished_at),
        progress=TaskProgress(*task.progress.now()),
    )
