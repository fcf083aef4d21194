"""One hook at work: it looks at the books, keeps what is to be told, and sends what is due."""

import asyncio
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from service.engines.duckdb import Database, DatabaseError
from service.engines.engine import Connection
from service.errors import Problem
from service.notices import deliveries, happenings, mails, webhooks
from service.notices.addresses import NotReachable, addresses_of
from service.notices.deliveries import Answer, BookPlace, Delivery, TriedDelivery
from service.notices.hooks_file import Hook, Secrets
from service.runtime.clock import utc_now
from service.runtime.logs import get_logger
from service.warehouse.writer import Writer

T = TypeVar("T")
Look = Callable[[Connection, Hook, BookPlace], tuple[list[Delivery], BookPlace]]
log = get_logger(__name__)
LOOK_SECONDS = 1.0  # between two looks at the books
AT_ONCE = 20  # deliveries between two looks
JITTER = 0.2  # of a wait, by which it is longer or shorter
UNWRITTEN = 100  # messages that are kept in memory while nothing can be written
PLACE_SECONDS = 30.0  # where nothing is told, how far it has read is written no more often


class HookTask:
    """The work of one hook, in a loop of its own thread; `unwritten` takes messages of any."""

    def __init__(
        self,
        hook: Hook,
        secrets: Secrets,
        tls: ssl.SSLContext,
        database: Database,
        writer: Writer,
        look: Look,
        books: Executor,
        begin: Callable[[Connection], None],
    ) -> None:
        """`look` says what a hook is to be told; `books` has the threads that wait for the
        warehouse, one for each hook; `begin` makes the queue, in a transaction.
        """
        self.hook = hook
        self._secrets, self._tls = secrets, tls
        self._database, self._writer = database, writer
        self._look, self._books, self._begin = look, books, begin
        self.unwritten: deque[Delivery] = deque(maxlen=UNWRITTEN)
        self._answered: dict[str, TriedDelivery] = {}  # what came of them is not written yet
        self._place: BookPlace | None = None
        self._place_written = 0.0
        self._trouble = ""  # that was logged last
        self._pause_until = 0.0  # the receiver is away
        self._failures = 0  # in a row

    async def run(self) -> None:
        """Works until it is cancelled."""
        while True:
            # What is in memory is sent also where nothing can be written.
            went_well = await self._guarded(self._at_the_books(self._take_up))
            if await self._guarded(self._send_due()) and went_well:
                self._trouble = ""
            await asyncio.sleep(LOOK_SECONDS)

    async def _guarded(self, step: Awaitable[None]) -> bool:
        """Whether a step went well; if not, the log says so, and it is taken again."""
        try:
            await step
        except (Problem, DatabaseError) as error:
            self._tell_trouble(error)
            return False
        except Exception:
            log.exception("hook_failed", hook=self.hook.name)
            return False
        return True

    def hurry(self) -> None:
        """Has it try again now, though the receiver was away."""
        self._pause_until = 0.0

    async def _at_the_books(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._books, work)

    def _tell_trouble(self, error: Exception) -> None:
        """Says in the log what is wrong, once while it lasts."""
        trouble = type(error).__name__
        if trouble != self._trouble:
            log.warning("hook_waits", hook=self.hook.name, error=trouble)
        self._trouble = trouble

    # The books and the queue; in a thread, since it waits for the writer.

    def _take_up(self) -> None:
        """Puts into the queue what is to be told, and what came of attempts."""
        if self._writer.losses:
            return  # nothing is written: what is told is in memory
        before = self._place or self._first_place()
        with self._database.reading() as connection:
            found: list[Delivery] = []
            place = before
            if not self._is_nothing_new(connection, before):
                found, place = self._look(connection, self.hook, before)
        fresh, answered = [*self.unwritten], dict(self._answered)
        is_late = time.monotonic() - self._place_written > PLACE_SECONDS
        if found or fresh or answered or (place != before and is_late):
            self._write([*found, *fresh], [*answered.values()], place)
            for each in fresh:
                with suppress(ValueError):  # there are too many: it was dropped meanwhile
                    self.unwritten.remove(each)
            for delivery_id in answered:
                del self._answered[delivery_id]
        self._place = place

    def _first_place(self) -> BookPlace:
        """How far it had read when the service began; that of a new hook is written then."""
        self._writer.run(self._begin).result()
        with self._database.reading() as connection:
            place = deliveries.place_of(connection, self.hook.name)
        assert place is not None
        return place

    def _is_nothing_new(self, connection: Connection, place: BookPlace) -> bool:
        return not (place.loads or place.deeds) and happenings.newest(connection) == place.number

    def _write(
        self, new: Sequence[Delivery], attempts: Sequence[TriedDelivery], place: BookPlace
    ) -> None:
        def write(connection: Connection) -> None:
            deliveries.write(connection, new)
            deliveries.note(connection, attempts)
            deliveries.set_place(connection, self.hook.name, place)

        self._writer.run(write).result()  # the commit point: what is told, and that it was seen
        self._place_written = time.monotonic()

    def _due(self) -> list[Delivery]:
        now = utc_now()
        kept = [each for each in [*self.unwritten] if each.next_at and each.next_at <= now]
        if self._writer.losses:
            return kept
        with self._database.reading() as connection:
            found = deliveries.due(connection, self.hook.name, now, AT_ONCE)
        return [*kept, *(each for each in found if each.delivery_id not in self._answered)]

    # Sending.

    async def _send_due(self) -> None:
        if time.monotonic() < self._pause_until:
            return
        for delivery in await self._at_the_books(self._due):
            answer = await self._attempt(delivery)
            self._note(delivery, answer)
            if not answer.done:  # the others would fare no better just now
                self._failures += 1
                pause = self._wait(self._failures)
                self._pause_until = time.monotonic() + min(pause, 60.0)
                return
            self._failures, self._pause_until = 0, 0.0

    async def _attempt(self, delivery: Delivery) -> Answer:
        """Sends one message once; whatever goes wrong is an answer, in words without secrets."""
        try:
            if self.hook.mail is None:
                return await webhooks.post(self.hook, self._secrets, delivery, self._tls)
            mail, private = self.hook.mail, self.hook.private
            found = await addresses_of(mail.server, mail.port, private=private)
            send = partial(mails.send, self.hook, self._secrets, delivery, found, self._tls)
            return await asyncio.wrap_future(_in_a_thread(send))
        except NotReachable as error:
            said = str(error)
        except TimeoutError:
            said = f"the receiver took longer than {self.hook.timeout_seconds:g} seconds"
        except Exception as error:  # noqa: BLE001 - also ValueErrors: of headers, of passwords
            said = f"it was not delivered ({type(error).__name__})"
        return Answer(done=False, error=said)

    def _note(self, delivery: Delivery, answer: Answer) -> None:
        after = delivery.answered(answer, self._next_at(delivery.attempts))
        try:
            self.unwritten.remove(delivery)  # others may put one in meanwhile
        except ValueError:
            self._answered[delivery.delivery_id] = TriedDelivery(delivery, after)
        else:
            if after.next_at or not self._writer.losses:  # else there is no log to keep it in
                self.unwritten.append(after)
        if not answer.done:
            log.warning(
                "hook_not_delivered",
                hook=self.hook.name,
                delivery_id=delivery.delivery_id,
                attempts=after.attempts,
                reason=answer.error,
            )

    def _next_at(self, attempts: int) -> datetime | None:
        """When to try again after so many attempts before this one; None: not any more."""
        if attempts >= len(self.hook.retry_seconds):
            return None
        return utc_now() + timedelta(seconds=self._wait(attempts + 1))

    def _wait(self, attempts: int) -> float:
        """Seconds to wait after so many failures, with jitter."""
        waits = self.hook.retry_seconds or (0.0,)
        wait = waits[min(attempts, len(waits)) - 1]
        return wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


def _in_a_thread(work: Callable[[], T]) -> "Future[T]":
    """What `work` returns, of a thread that no one has to wait for when the service ends."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # so that it can have a result, whoever has gone

    def do() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is the future's
            done.set_exception(error)

    threading.Thread(target=do, name="mail of a hook", daemon=True).start()
    return done
