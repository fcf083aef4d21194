"""Has large bodies judged by a process of their own, so that judging and writing, which take turns
at one Python interpreter, go on at the same time.

Nothing depends on it: whatever it cannot judge (it is not there yet, it has ended, it has enough
to do), the service judges by itself. It is started when a body is large enough for it.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextvars import Context
from itertools import count
from typing import Any, cast

from service.errors import Problem
from service.formats.bodies.body_rows import LazyRows
from service.judge.batch import Batch
from service.judge.judge import Judge
from service.judge.process.frames import DICTIONARY, HEADER, as_told, batch_of, frame, said_in
from service.runtime.logs import get_logger

log = get_logger(__name__)

WORTH = 16 * 1024  # bytes; to judge a smaller body takes no longer than to send it
MAX_WAITING = 4 << 20  # bytes that may wait to be sent; with more, it has enough to do
PAUSE_SECONDS = 10.0  # before it is started again
WORKER = "service.judge.process.worker"
PATIENCE_SECONDS = 10.0  # with a process that does not answer; a body takes it milliseconds


class WorkerProcess(asyncio.Protocol):
    """The other process, as one event loop sees it."""

    def __init__(self, wanted: bool) -> None:
        """Without being `wanted`, or with one core, there is no other process."""
        self._wanted = wanted and cores() > 1
        self.patience = PATIENCE_SECONDS
        self._process: subprocess.Popen[bytes] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._start_again_at = 0.0
        self.ready = asyncio.Event()  # set while it judges
        self._numbers = count(DICTIONARY + 1)
        self._forget()

    def _forget(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._known: Mapping[str, Judge] | None = None  # whose tables it has
        self.ready.clear()
        self._waiting: dict[int, asyncio.Future[tuple[Any, bytes]]] = {}
        self._came = bytearray()

    @property
    def process_id(self) -> int | None:
        """Of the process, where there is one that judges."""
        return self._process.pid if self._process and self.ready.is_set() else None

    async def judge(
        self, judges: Mapping[str, Judge], table: str, body: bytes, content_type: str, max_rows: int
    ) -> Batch | None:
        """As that one of the `judges` judges the rows of `body`; None where it has to.

        Raises:
            MalformedBody, UnsupportedFormat, WrongNumberOfRows: as rows_of and Judge.judge.
        """
        transport = self._connected(judges) if self._wanted and len(body) >= WORTH else None
        if transport is None or transport.get_write_buffer_size() > MAX_WAITING:
            return None
        number, told = next(self._numbers), asyncio.get_running_loop().create_future()
        self._waiting[number] = told
        transport.writelines(frame(number, (table, content_type, max_rows), body))
        try:
            async with asyncio.timeout(self.patience):
                said, data = await told
        except TimeoutError:  # it hangs; once it has ended, the others judge, too
            if self._process:
                self._process.kill()
            return None
        finally:
            self._waiting.pop(number, None)
        if isinstance(said, Problem):
            raise said
        if said is None:
            return None
        return batch_of(
            said, data, judges[table], LazyRows(body, content_type, judges[table].table)
        )

    def close(self) -> None:
        """Ends the process; it keeps nothing, so it need not be asked."""
        self._wanted = False
        if self._process:
            self._process.kill()
            self._process.wait()

    def _connected(self, judges: Mapping[str, Judge]) -> asyncio.WriteTransport | None:
        """The way to the process, if it can judge by the dictionary of `judges`."""
        if self.ready.is_set():
            if judges is not self._known:
                self._tell(judges)
            return self._transport
        idle = self._transport is None and self._starting is None
        if idle and time.monotonic() >= self._start_again_at:
            # Not as part of the request that happens to be the first.
            self._starting = asyncio.create_task(self._start(judges), context=Context())
        return None

    def _tell(self, judges: Mapping[str, Judge]) -> None:
        assert self._transport is not None
        tables = {name: as_told(judge.table) for name, judge in judges.items()}
        self._transport.writelines(frame(DICTIONARY, tables))
        self._known = judges

    async def _start(self, judges: Mapping[str, Judge]) -> None:
        self._start_again_at = time.monotonic() + PAUSE_SECONDS
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = _started(theirs.fileno())
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
            self._tell(judges)
        except OSError as error:
            log.warning("judging_process_not_started", error=str(error))
        finally:
            self._starting = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there, and will say when it knows the dictionary."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Tells whoever waits for an answer that is complete."""
        self._came += data
        while len(self._came) >= HEADER.size:
            number, *sizes = HEADER.unpack_from(self._came)
            middle, end = HEADER.size + sizes[0], HEADER.size + sum(sizes)
            if len(self._came) < end:
                return
            said = said_in(self._came[HEADER.size : middle])
            rows = bytes(self._came[middle:end])
            del self._came[:end]
            self._take(number, said, rows)

    def _take(self, number: int, said: Any, rows: bytes) -> None:
        if number == DICTIONARY:
            self.ready.set()
        elif (told := self._waiting.get(number)) and not told.done():
            told.set_result((said, rows))

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended: who waits for an answer judges."""
        waiting = self._waiting
        self._forget()
        for told in waiting.values():
            if not told.done():
                told.set_result((None, b""))
        if self._wanted and self._process:
            self._process.kill()
            log.warning("judging_process_ended", code=self._process.wait())


def cores() -> int:
    """How many this process may use."""
    ours = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(ours(0)) if ours else os.cpu_count() or 1


def _started(descriptor: int) -> "subprocess.Popen[bytes]":
    """The worker, which speaks by the socket `descriptor`; raises OSError where it cannot start.

    It imports from where this process does. ``-P`` keeps its working directory out of that: there
    may be a folder named like one of our packages.
    """
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", WORKER, str(descriptor)],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[descriptor],
    )
