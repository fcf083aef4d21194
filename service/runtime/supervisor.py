"""What starts the service and watches it: systemd, or nothing. Knows the protocol of sd_notify(3).

A message is lines of ``NAME=value`` in one datagram to the Unix socket that ``NOTIFY_SOCKET``
names. A service that nothing supervises tells no one.
"""

import os
import socket
import time
from collections.abc import Mapping

from service.runtime.logs import get_logger

log = get_logger(__name__)
BEATS = 2  # within the time after which a service that says nothing is ended
PATIENCE_SECONDS = 3600  # while a warehouse is opened, which may take as long as its log is


class Supervisor:
    """The one of this process, as its environment says."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address_of(environ.get("NOTIFY_SOCKET", ""))
        self._watch_seconds = _watch_of(environ) if self._address else 0.0

    @property
    def beat_seconds(self) -> float:
        """How often it wants to hear that the service is alive, in seconds; 0: not at all."""
        return self._watch_seconds / BEATS

    def ready(self, status: str) -> None:
        """It answers; `status` is shown by `systemctl status`."""
        self._tell(READY="1", STATUS=status, **self._watched_for(self._watch_seconds))

    def opening(self, status: str) -> None:
        """What comes now may take its time, without a sign of life."""
        self._tell(STATUS=status, **self._watched_for(PATIENCE_SECONDS))

    def reloading(self) -> None:
        """It takes up what has changed; `ready` says that it has."""
        self._tell(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))

    def stopping(self, status: str) -> None:
        """It ends."""
        self._tell(STOPPING="1", STATUS=status)

    def beat(self) -> None:
        """It is alive."""
        self._tell(WATCHDOG="1")

    def _watched_for(self, seconds: float) -> dict[str, str]:
        return {"WATCHDOG_USEC": str(int(seconds * 1e6))} if self._watch_seconds else {}

    def _tell(self, **said: str) -> None:
        if not self._address:
            return
        message = "\n".join(f"{name}={value}" for name, value in said.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.sendto(message.encode(), self._address)
        except OSError as error:  # a service does not end because no one listens
            log.warning("supervisor_not_told", error=error.strerror or str(error))


def _address_of(said: str) -> str:
    """A path, or the name of an abstract socket; empty for what is neither."""
    if said.startswith("@"):
        return "\0" + said[1:]
    return said if said.startswith("/") else ""


def _watch_of(environ: Mapping[str, str]) -> float:
    """Seconds without a sign of life after which this process is ended; 0: it is not watched."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    said = environ.get("WATCHDOG_USEC", "")
    return int(said) / 1e6 if said.isdecimal() else 0.0
