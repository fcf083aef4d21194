"""What requests may take: bytes in memory, places for uploads, turns per key, and time."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.types import Receive, ReceiveMessage

from service.errors import SlowBody, TooManyRequests, Unavailable
from service.runtime.settings import Settings

BODY = "gatehouse.body"  # where the middleware leaves it in the scope
TIMER = "gatehouse.timer"  # and the time limit of a request that only reads
MAX_KEYS = 10_000  # more than there are; so that they cannot fill the memory


class Limits:
    """What the requests of one event loop have taken of a service."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.buffered = 0  # bytes of bodies that are in memory
        self._uploads = 0
        self._turns: dict[str | None, float] = {}

    def take_bytes(self, size: int) -> None:
        """Raises Unavailable when bodies would take too much memory."""
        limit = self.settings.max_buffered_bytes
        if self.buffered + size > limit and self.buffered:  # one body alone is never too much
            raise Unavailable("bodies of other requests fill the memory; try again")
        self.buffered += size

    @contextmanager
    def upload(self) -> Iterator[None]:
        """One of the places for uploads; raises Unavailable when all are taken."""
        if self._uploads >= self.settings.max_uploads:
            raise Unavailable("as many files as there may be are being sent", retry_after=5)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    def take_turn(self, name: str | None) -> None:
        """Raises TooManyRequests when the key of that name has none left.

        A bucket of `rate_burst` tokens which fills again with `rate_per_key` a second; kept is
        when it will be full.
        """
        rate, now = self.settings.rate_per_key, time.monotonic()
        if not rate:
            return
        full_at = max(self._turns.get(name, now), now) + 1 / rate
        late = full_at - now - self.settings.rate_burst / rate
        if late > 1e-9:
            raise TooManyRequests(f"{rate} requests a second are allowed", int(late) + 1)
        if len(self._turns) >= MAX_KEYS:
            self._turns.clear()
        self._turns[name] = full_at


class in_time:  # noqa: N801 - reads as a statement
    """A time limit in seconds for the block; None: no limit.

    Raises:
        Unavailable: it took longer.
    """

    def __init__(self, seconds: float | None) -> None:
        self._timer = asyncio.timeout(seconds)

    async def __aenter__(self) -> asyncio.Timeout:
        return await self._timer.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        try:
            await self._timer.__aexit__(kind, error, trace)
            if not (isinstance(error, TimeoutError) and self._timer.expired()):
                return
        except TimeoutError:
            pass
        detail = "it took longer than a request may; it may have been done all the same"
        raise Unavailable(detail, retry_after=10) from None


class RequestBody:
    """The body of one request as it arrives: in time, and counted if it stays in memory."""

    def __init__(
        self,
        receive: Receive,
        limits: Limits,
        stays: bool,
        timer: asyncio.Timeout,
        seconds: float | None,
    ) -> None:
        """`stays` if it stays in memory; `timer` is set to `seconds` once it is here."""
        self._receive, self._limits, self._stays = receive, limits, stays
        self._timer, self._seconds = timer, seconds
        self._may_take: float = limits.settings.body_seconds  # of waiting for it
        self.arrived = False  # whether all of it is here
        self.taken = 0  # bytes that are to be given back

    async def receive(self) -> ReceiveMessage:
        """The next piece.

        Raises:
            Unavailable: there is no room for it.
            SlowBody: it does not come.
        """
        if self.arrived:
            return await self._receive()
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._may_take):
                message = await self._receive()
        except TimeoutError:
            raise SlowBody("the body did not arrive in time") from None
        if message["type"] == "http.request":
            self._count(len(message["body"]), time.monotonic() - began)
            if not message.get("more_body"):
                self._arrive()
        return message

    async def all(self, max_bytes: int) -> bytes:
        """The whole body; as Request.body, which takes as long as to judge a row.

        Raises:
            RequestEntityTooLarge: it has more than `max_bytes`.
            InternalServerException: the client has gone.
        """
        pieces: list[bytes] = []
        size = 0
        while not self.arrived:
            message: Any = await self.receive()
            if message["type"] == "http.disconnect":
                raise InternalServerException("client disconnected prematurely")
            pieces.append(message["body"])
            size += len(pieces[-1])
            if size > max_bytes:
                raise RequestEntityTooLarge
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _arrive(self) -> None:
        self.arrived = True
        if self._seconds is not None:
            self._timer.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def _count(self, size: int, waited: float) -> None:
        self._may_take += size / self._limits.settings.body_rate - waited
        if self._stays:
            self.take(size)

    def take(self, size: int) -> None:
        """Counts bytes as in memory until the request is answered; raises Unavailable."""
        self._limits.take_bytes(size)
        self.taken += size

    def give_back(self) -> None:
        """The request is answered."""
        self._limits.buffered -= self.taken
        self.taken = 0


def body_of(request: Request[Any, Any, Any]) -> RequestBody:
    """The body of a request, for what becomes of it to be counted too."""
    return cast(Any, request.scope)[BODY]  # type: ignore[no-any-return]


def without_limit(request: Request[Any, Any, Any]) -> None:
    """Lets the answer to a reader take as long as it takes: it is sent piece by piece."""
    timer: asyncio.Timeout | None = cast(Any, request.scope).get(TIMER)
    if timer is not None:
        timer.reschedule(None)
