"""GET /tasks/{id}: a backup or a restore that takes long, until it has ended."""

import asyncio
from collections.abc import Awaitable, Callable
from types import NoneType
from typing import Any, TypeAlias, TypeVar

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.describing import Schema, described, described_part
from service.api.http.negotiation import HTML
from service.api.http.parameters import only_known
from service.api.v1.tasks import page_of
from service.backups.entry import Entry
from service.backups.restoring import RestoreResult
from service.console.forms import see_other
from service.console.pages import fragment, page, url
from service.doors.tasks import Begun, Task
from service.gate import Gate

PATIENCE_SECONDS = 1.0  # how long a page waits for an end before it shows how far it is
Work: TypeAlias = Callable[[Begun], Awaitable[Any]]
T = TypeVar("T")
_under_way: set["asyncio.Future[Any]"] = set()  # the loop itself keeps no task alive


class TaskPages(Controller):
    """Tasks."""

    path = "/tasks"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/{task_id:str}",
        operation_id="show_task_page",
        sync_to_thread=False,
        opt=described(answers={200: {HTML: Schema.TEXT}, 303: NoneType}, page=True),
    )
    def show_task_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], task_id: FromPath[str]
    ) -> Response[Any]:
        """Shows how far a backup or a restore is; leads on to what came of it."""
        task = gate.tasks.get(task_id)
        if (end := _end_of(task)) is not None:
            return see_other(end)
        return page(request, "task.html", **_shown(task))

    @get(
        "/{task_id:str}/state",
        operation_id="show_task_state",
        sync_to_thread=False,
        opt=described_part(polled=True),
    )
    def show_task_state(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], task_id: FromPath[str]
    ) -> Response[Any]:
        """The part of its page that is renewed while it runs, until it leads on."""
        task = gate.tasks.get(task_id)
        answer = fragment(request, "_task.html", **_shown(task))
        if (end := _end_of(task)) is not None:
            answer.headers["HX-Redirect"] = end
        return answer


def _end_of(task: Task) -> str | None:
    """The page of what came of a task; None while it runs, and where that is its own page."""
    if task.kind == "backup" and task.outcome:
        return made_page(task.outcome)
    if task.kind == "restore" and task.outcome and len(task.outcome) == 1:
        return restored_page(task.outcome[0])
    return None


def _shown(task: Task) -> dict[str, Any]:
    restored = task.outcome if task.kind == "restore" and task.outcome else []
    undo = [each.safety_backup_id for each in restored if each.safety_backup_id]
    return {"task": page_of(task), "results": restored, "undo": undo}


def made_page(entries: list[Entry]) -> str:
    """Where backups are that were just made."""
    return url("/backups", made=entries[0].set_id or entries[0].backup_id)


def restored_page(result: RestoreResult) -> str:
    """The page of a restore of one table that is done."""
    at = f"/tables/{result.table}/restore"
    return url(at, done=result.load_id, undo=result.safety_backup_id)


async def led_to(work: Work, where: Callable[[Any], str]) -> Response[Any]:
    """Has `work` done, and leads to `where` one sees what came of it.

    If that takes long it goes on, whether anyone waits or not, and this leads to its page.

    Raises:
        Problem: it failed soon.
    """
    loop = asyncio.get_running_loop()
    begun: asyncio.Future[Task] = loop.create_future()

    def note(task: Task) -> None:
        loop.call_soon_threadsafe(begun.set_result, task)

    doing = asyncio.ensure_future(work(note))
    _under_way.add(doing)
    doing.add_done_callback(over)
    await asyncio.wait({doing}, timeout=PATIENCE_SECONDS)
    if not doing.done():
        await asyncio.wait({doing, begun}, return_when=asyncio.FIRST_COMPLETED)
    if doing.done():
        return see_other(where(doing.result()))
    return see_other(f"/tasks/{begun.result().task_id}")


def over(doing: "asyncio.Future[Any]") -> None:
    """Forgets what has ended; why it failed, its task says."""
    _under_way.discard(doing)
    if not doing.cancelled():
        doing.exception()
