"""What a connection writes to: few system calls, and an end even where no one reads."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

MAX_HELD_BYTES = 1024  # bytes
AT_ONCE = struct.pack("ii", 1, 0)  # of SO_LINGER: what is left is dropped


def reset(transport: asyncio.Transport) -> None:
    """Closes at once. The system, too, drops what it holds for a client that does not read it."""
    connection = transport.get_extra_info("socket")
    with suppress(OSError, ValueError):  # it is closed already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    transport.abort()


class HeadWithBody:
    """A transport that sends the head of a response together with its body.

    Two system calls are a tenth of what a request of one row costs, and its client would wake up
    twice.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, close_seconds: float
    ) -> None:
        """`close_seconds`: how long `close` waits for a client to read what was sent to it."""
        self._transport, self._loop, self._close_seconds = transport, loop, close_seconds
        self._held = b""  # at most one small piece, until the next one or the next turn of the loop
        self._aborting: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends the data; a small first piece is held back until the next one."""
        if not self._held and len(data) <= MAX_HELD_BYTES:
            self._held = data
            self._loop.call_soon(self.flush)
            return
        held, self._held = self._held, b""
        self._transport.writelines((held, data))  # the body may be large: it is not copied

    def flush(self) -> None:
        """Sends what is held back."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def close(self) -> None:
        """Sends what is held back, and closes; what is not read in time is given up."""
        self.flush()
        if not self._transport.is_closing():
            self._transport.close()
            self._aborting = self._loop.call_later(self._close_seconds, reset, self._transport)

    def hurry(self, seconds: float) -> None:
        """From now on, `close` waits for so long only."""
        self._close_seconds = seconds
        if self._aborting is not None:
            self._aborting.cancel()
            self._aborting = self._loop.call_later(seconds, reset, self._transport)

    def over(self) -> None:
        """It is closed: nothing is left to give up."""
        if self._aborting is not None:
            self._aborting.cancel()
            self._aborting = None


class Flow(FlowControl):
    """Reads no further while requests wait that were read already.

    uvicorn reads on whenever an application asks for its body, and keeps all that it finds.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.is_behind = False  # whether more was read than is served

    def resume_reading(self) -> None:
        """Reads on, unless it is behind."""
        if not self.is_behind:
            super().resume_reading()
