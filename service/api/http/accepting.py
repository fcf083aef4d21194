"""Accepts connections, counted from that moment on; the handshake of TLS has its time."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from service.api.http.places import Place, Places
from service.runtime.logs import get_logger

log = get_logger(__name__)
AT_ONCE = 16  # connections that are accepted before the others have their turn
PAUSE_SECONDS = 0.1  # where the system has no descriptor or memory for one


class Acceptor:
    """Accepts the connections of one listener, each with a place."""

    def __init__(
        self,
        listener: socket.socket,
        places: Places,
        connection_of: Callable[[Place], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        seconds: float,
    ) -> None:
        """`seconds` are for the handshake, where there is `tls`, and for its end."""
        self._listener, self._places, self._connection_of = listener, places, connection_of
        self._tls, self._seconds = tls, seconds
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._resuming: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Accepts from now on."""
        self._resuming = None
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def stop(self) -> None:
        """Accepts no more."""
        self._loop.remove_reader(self._listener.fileno())
        if self._resuming is not None:
            self._resuming.cancel()
        for task in self._tasks:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            place = self._places.take(address[0])
            if place is None:
                client.close()
            else:
                self._begin(client, place)

    def _pause(self, error: OSError) -> None:
        log.warning("not_accepted", error=error.strerror)
        self._loop.remove_reader(self._listener.fileno())
        self._resuming = self._loop.call_later(PAUSE_SECONDS, self.start)

    def _begin(self, client: socket.socket, place: Place) -> None:
        client.setblocking(False)
        task = self._loop.create_task(self._connect(client, place))
        place.end = task.cancel  # until there is a connection
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, client: socket.socket, place: Place) -> None:
        """Hands the socket to a connection, which gives the place back when it is lost."""
        tls, seconds = self._tls, self._seconds if self._tls else None
        connection = self._connection_of(place)
        try:
            with suppress(OSError):  # the client is gone, does not speak TLS, or is too slow
                await self._loop.connect_accepted_socket(
                    lambda: connection,
                    client,
                    ssl=tls,
                    ssl_handshake_timeout=seconds,
                    ssl_shutdown_timeout=seconds,
                )
                return
            place.leave()
        except BaseException:
            place.leave()
            raise
