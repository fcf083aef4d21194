"""One connection of a client: its place, and the time that each step may take.

uvicorn limits the time between two requests. How long the first one, or the rest of a head, or a
body that no one wants any more may take, and how slowly a response may be read, is seen to here.
"""

import asyncio
from typing import Any, cast

from service.api.http.framing import Framing
from service.api.http.seats import Seat
from service.api.http.transports import HeadWithBody, reset
from service.api.http.turns import Turns
from service.runtime.settings import Settings

REFUSED_SECONDS = 1  # for a connection beyond the most to ask, and for a place to become free
MIN_RATE = 1024  # bytes a second that a client has to read
LAST_SECONDS = 5  # for a client to begin to read, when the service is to end


class ClientConnection(Framing):
    """One connection of a client."""

    def __init__(
        self, settings: Settings, turns: Turns, place: Seat, *args: Any, **kwargs: Any
    ) -> None:
        self.close_seconds, self.turns = settings.idle_seconds, turns
        super().__init__(*args, **kwargs)
        self._settings, self._place = settings, place
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._unsent = 0  # bytes that waited to be read when `_sending` was set
        self._asked = b""  # what came before there was a place

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes it up, for a moment only where there are too many."""
        super().connection_made(transport)
        self._place.end, self._place.enter = self.give_way, self._enter
        refused = self._place.is_refused
        self._set_timer(REFUSED_SECONDS if refused else self._settings.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops its timers, and leaves its place."""
        self._stop_timer()
        self._stop_sending()
        super().connection_lost(exc)
        self._place.leave()

    def data_received(self, data: bytes) -> None:
        """Takes what arrived, usually a whole request."""
        if self.transport.is_closing():
            return
        if self._place.is_refused:
            self._asked += data
            self.transport.pause_reading()
            self._place.stand()
            return
        self.take(data)
        self.settle()

    def _enter(self) -> None:
        asked, self._asked = self._asked, b""
        self._stop_timer()
        self._set_timer(self._settings.header_seconds)
        self.transport.resume_reading()
        self.data_received(asked)

    def settle(self) -> None:
        """Something was parsed: it is to be answered, or more is waited for."""
        if self.transport.is_closing():
            return
        if self.is_answering and not self._in_head:
            self._stop_timer()
            if not self.flow.write_paused:
                self._place.work()
        # A head, the empty lines before one, or what is left of a body that was answered already.
        elif self.timeout_keep_alive_task is None:
            self._set_timer(self._settings.header_seconds)

    def on_response_complete(self) -> None:
        """A response is sent; the rest of its request may still be arriving."""
        body_is_left = self._serving is not None and self._serving.more_body
        super().on_response_complete()
        if self.is_answering:  # the next one
            return
        self._place.wait()
        if body_is_left and not self.transport.is_closing():
            self._set_timer(self._settings.header_seconds)

    # A client that does not read.

    def pause_writing(self) -> None:
        """The client reads more slowly than it is sent to."""
        super().pause_writing()
        self._place.wait()
        self._watch(self._settings.idle_seconds)

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._stop_sending()
        if self.is_answering:
            self._place.work()

    def _watch(self, seconds: float) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._sending = self.loop.call_later(seconds, self._check_rate, seconds)

    def _check_rate(self, seconds: float) -> None:
        if self._unsent - self.transport.get_write_buffer_size() < MIN_RATE * seconds:
            reset(self.transport)
        else:
            self._watch(seconds)

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def give_way(self) -> None:
        """Closes for another one; who reads gets the rest of the answer."""
        if self.flow.write_paused or not self.transport.get_write_buffer_size():
            self.end()
        else:
            self._hurry(REFUSED_SECONDS)
            self.transport.close()

    def end(self) -> None:
        """Closes at once."""
        if self.flow.write_paused or self.transport.is_closing():
            reset(self.transport)
        else:
            self.transport.abort()

    def shutdown(self) -> None:
        """The service is to end: what is under way is answered, to those who read it."""
        self._hurry(LAST_SECONDS)
        if self._sending is not None:
            self._stop_sending()
            self._watch(LAST_SECONDS)
        super().shutdown()

    def _hurry(self, seconds: float) -> None:
        cast(HeadWithBody, self.transport).hurry(seconds)

    # A client that does not send.

    def _set_timer(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self.is_answering:
            return
        if self._asked:
            detail = "there are as many connections as there may be"
            self.refuse(503, "unavailable", "Unavailable", detail)
        elif self._in_head:
            self.refuse(408, "slow-head", "The request came too slowly", "send the head at once")
        else:
            self.transport.close()
