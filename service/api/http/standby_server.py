"""A second service on the same warehouse: it says so to whoever asks, and waits for its turn.

Whose turn it is, the lock of the warehouse says (runtime/running.py), which the kernel takes from a
process however it ends.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from litestar import Litestar

from service.api.http.server import Server, configured, url_at
from service.api.http.supervision import Supervision
from service.errors import Unavailable
from service.runtime.logs import get_logger
from service.runtime.running import AlreadyRunning, find
from service.runtime.settings import Settings

log = get_logger(__name__)
LOOK_SECONDS = 0.2
RETRY_SECONDS = 2  # to take over takes about as long
GRACE_SECONDS = 1  # for answers that are on their way


class OnStandby(Unavailable):
    """Another service has the warehouse; this one would take over if that ended."""

    slug, title = "standby", "A standby"

    def __init__(self) -> None:
        detail = "another service has the warehouse; this one is its standby"
        super().__init__(detail, retry_after=RETRY_SECONDS)


class StandbyServer(Server):
    """Serves the app of a standby until no service has the warehouse, or a signal comes."""

    def __init__(self, app: Litestar, settings: Settings, on_ready: Callable[[], None]) -> None:
        super().__init__(configured(app, settings), on_ready, is_process=True)
        self.config.timeout_graceful_shutdown = GRACE_SECONDS
        self._own = settings
        self.has_turn = False
        self._looking: asyncio.TimerHandle | None = None

    @property
    def _settings(self) -> Settings:
        return self._own

    def _supervised(self) -> Supervision:
        return Supervision(self._own, self.config.ssl, "waits as a standby", lambda: True)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and looks from now on."""
        await super().startup(sockets)
        self._look()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Makes room at once: whoever waits is better off with the service that comes."""
        if self._looking:
            self._looking.cancel()
        self._stop_accepting("opens the warehouse" if self.has_turn else None)
        await self._let_go(sockets, GRACE_SECONDS)

    def _look(self) -> None:
        if is_taken(self._own):
            self._looking = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        else:
            self.has_turn = self.should_exit = True


def is_taken(settings: Settings) -> bool:
    """Whether a service has the warehouse."""
    try:
        return find(settings) is not None
    except AlreadyRunning:
        return True


def wait(
    app: Litestar, settings: Settings, listener: socket.socket, on_waiting: Callable[[str], None]
) -> bool:
    """Answers as a standby while another service has the warehouse; False: a signal came first.

    `on_waiting` is told the URL when it answers.
    """
    if not is_taken(settings):
        return True
    log.warning("standby", warehouse=str(settings.warehouse))
    url = url_at(settings, listener)
    server = StandbyServer(app, settings, lambda: on_waiting(url))
    with contextlib.closing(listener.dup()) as own:
        server.run(sockets=[own])
    if server.has_turn:
        log.warning("standby_takes_over", warehouse=str(settings.warehouse))
    return server.has_turn
