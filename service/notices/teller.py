"""Tells hooks what happened: a thread with a loop, in which each hook has a task of its own.

A task looks at the books, puts what is to be told into the queue, and sends what is due, one after
the other. So a receiver that is slow or away keeps nobody waiting but itself.
"""

import asyncio
import os
import shutil
import ssl
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from service.engines.duckdb import Database
from service.engines.engine import Connection
from service.errors import NoSpace, NotFound, Unavailable
from service.notices import deliveries, happenings
from service.notices.deliveries import Delivery
from service.notices.hooks_file import TEST, Hook, Kind, WrongHooks, secrets_of
from service.runtime.clock import utc_now
from service.runtime.logs import get_logger
from service.runtime.settings import Settings
from service.warehouse.writer import Writer

if TYPE_CHECKING:
    from service.notices.hook_task import HookTask

log = get_logger(__name__)
Data = Mapping[str, Any]
DISK_SECONDS = 20.0  # between two looks at the disk


class Teller:
    """The hooks of one service. `start` it once the warehouse is open, `stop` it before it closes.

    The other methods may be called from any thread; `test` and `redeliver` block.
    """

    def __init__(
        self,
        hooks: Sequence[Hook],
        database: Database,
        writer: Writer,
        columns: happenings.Columns,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`columns` gives those of a table; where it is none, nothing."""
        self.hooks = {hook.name: hook for hook in hooks}
        self._database, self._writer = database, writer
        self._columns, self._environ = columns, environ
        self._tasks: dict[str, HookTask] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._thread: threading.Thread | None = None

    def hook(self, name: str) -> Hook:
        """The hook of that name; raises NotFound."""
        if name not in self.hooks:
            raise NotFound(f"there is no hook {name!r}")
        return self.hooks[name]

    def start(self, settings: Settings) -> None:
        """Begins to tell; without hooks it does nothing.

        Raises:
            WrongHooks: a secret is missing, or not usable, or a table is not there.
        """
        if not self.hooks:
            return
        self._check_tables()
        from service.notices.hook_task import HookTask  # it imports what commands need not wait for

        known = {hook.name: secrets_of(hook, self._environ) for hook in self.hooks.values()}
        with suppress(NoSpace, Unavailable):  # each hook tries it again
            self._writer.run(self._begin).result()
        tls = ssl.create_default_context()
        self._books = books = ThreadPoolExecutor(len(self.hooks), "hooks at the books")
        look = partial(happenings.look, columns=self._columns)
        self._tasks = {
            name: HookTask(
                hook, known[name], tls, self._database, self._writer, look, books, self._begin
            )
            for name, hook in self.hooks.items()
        }
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, settings), name="hooks", daemon=True
        )
        self._thread.start()

    def _check_tables(self) -> None:
        """Raises WrongHooks where a hook would wait in vain for loads of a table."""
        for hook in self.hooks.values():
            for table in hook.tables or ():
                if not self._columns(table):
                    raise WrongHooks(f"the hook {hook.name}: there is no table {table}")

    def stop(self) -> None:
        """Ends; what is being sent is sent again by the next service."""
        if self._loop is not None and self._thread is not None:
            with suppress(RuntimeError):  # it has ended by itself: the log says why
                self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
            self._books.shutdown()  # what is being written is written before the writer ends
            self._loop = None

    def tell(self, kind: Kind, text: str, data: Data, values: Data | None = None) -> None:
        """Tells of something that is in no book, whether or not anything can be written now.

        `values` may quote rows: only hooks that are to have values are told those.
        """
        for task in [*self._tasks.values()]:
            if kind in task.hook.on:
                content = {"text": text, **data, **((values if task.hook.values else None) or {})}
                task.unwritten.append(Delivery.of(task.hook.name, kind, content, utc_now()))

    def test(self, name: str, actor: str | None) -> Delivery:
        """Puts a message into the queue of a hook, whatever it is told of.

        Raises:
            NotFound: there is no such hook.
            Problem: nothing can be written.
        """
        data = {"text": "a test: nothing happened", "actor": actor}
        delivery = Delivery.of(self.hook(name).name, TEST, data, utc_now())
        return self._put(delivery)

    def redeliver(self, name: str, delivery_id: str) -> Delivery:
        """Has a message sent again, now, under the same id.

        Raises:
            NotFound: there is no such hook or delivery.
            Problem: nothing can be written.
        """
        self.hook(name)
        with self._database.reading() as connection:
            found = deliveries.find(connection, name, delivery_id)
        again = msgspec.structs.replace(found, status="waiting", next_at=utc_now(), attempts=0)
        return self._put(again)

    def forget(self, before: datetime) -> None:
        """Forgets what was delivered, or given up, before a time (UTC)."""
        if self.hooks:
            names = list(self.hooks)
            self._writer.run(
                lambda connection: deliveries.forget(connection, before, names)
            ).result()

    def _begin(self, connection: Connection) -> None:
        happenings.begin(connection, list(self.hooks))

    def _put(self, delivery: Delivery) -> Delivery:
        def put(connection: Connection) -> None:
            self._begin(connection)
            deliveries.write(connection, [delivery])

        self._writer.run(put).result()
        if delivery.hook in self._tasks:
            self._tasks[delivery.hook].hurry()
        return delivery

    # What follows runs in the thread of the loop.

    def _run(self, loop: asyncio.AbstractEventLoop, settings: Settings) -> None:
        try:
            loop.run_until_complete(self._tell_all(settings))
        except Exception:
            log.exception("hooks_failed")
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    async def _tell_all(self, settings: Settings) -> None:
        running = [asyncio.ensure_future(task.run()) for task in self._tasks.values()]
        running.append(asyncio.ensure_future(self._watch_disk(settings)))
        await self._stopped.wait()
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _watch_disk(self, settings: Settings) -> None:
        """Tells once when the disk is low, and again only after it was not."""
        was_low = False
        while True:
            with suppress(OSError):
                free = shutil.disk_usage(settings.warehouse.parent).free
                is_low = free < settings.disk_floor_bytes
                if is_low and not was_low:
                    text = f"{free:,} bytes are free on the disk of the warehouse"
                    self.tell("disk.low", text, {"free": free, "floor": settings.disk_floor_bytes})
                was_low = is_low
            await asyncio.sleep(DISK_SECONDS)
