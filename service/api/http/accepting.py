"""Accepts connections, counted from that moment on; the handshake of TLS has its time."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from service.api.http.seats import Seat, Seats
from service.runtime.logs import get_logger

log = get_logger(__name__)
AT_ONCE = 16  # connections that are accepted before the others have their turn
PAUSE_SECONDS = 0.1  # where the system has no descriptor or memory for one


class Acceptor:
    """Accepts the connections of one listener, each with a place."""

    def __init__(
        self,
        listener: socket.socket,
        places: Seats,
        connection_of: Callable[[Seat], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        seconds: float,
    ) -> None:
        """`seconds` are for the handshake, where there is `tls`, and for its end."""
        self._listener, self._places, self._connection_of = listener, places, connection_of
        self._tls, self._seconds = tls, seconds
        self._loop = asyncio.get_running_loop()
        self._connecting: dict[asyncio.Task[None], socket.socket] = {}
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
        for client in self._connecting.values():
            _hang_up(client)

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

    def _begin(self, client: socket.socket, place: Seat) -> None:
        client.setblocking(False)
        task = self._loop.create_task(self._connect(client, place))
        place.end = partial(_hang_up, client)  # until there is a connection
        self._connecting[task] = client
        task.add_done_callback(self._connecting.pop)

    async def _connect(self, client: socket.socket, place: Seat) -> None:
        """Hands the socket to a connection, which gives the place back when it is lost.

        This is never cancelled: a connection that is made then would not be told that it is lost.
        """
        tls, seconds = self._tls, self._seconds if self._tls else None
        connection = self._connection_of(place)
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                client,
                ssl=tls,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=seconds,
            )
        except OSError:  # the client is gone, does not speak TLS, or is too slow
            place.leave()
            _hang_up(client)


def _hang_up(client: socket.socket) -> None:
    """Has a socket come to its end, whoever reads it."""
    with suppress(OSError):  # it has come to it already
        client.shutdown(socket.SHUT_RDWR)
