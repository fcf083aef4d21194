"""Tells the supervisor how the server is doing, and takes up a new certificate on SIGHUP."""

import asyncio
import os
import signal
import ssl
import threading
from collections.abc import Callable

from service.runtime.logs import get_logger
from service.runtime.settings import Settings
from service.runtime.supervisor import Supervisor

log = get_logger(__name__)


class Supervision:
    """Of one server, in its event loop: `begin` when it answers, `end` when it is to end."""

    def __init__(
        self,
        settings: Settings,
        tls: ssl.SSLContext | None,
        status: str,
        is_well: Callable[[], bool],
    ) -> None:
        """`is_well` is asked before each sign of life: one that cannot do its work gives none."""
        self._settings, self._tls, self._status, self._is_well = settings, tls, status, is_well
        self._supervisor = Supervisor()
        self._loop = asyncio.get_running_loop()
        self._beating: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """It answers from now on."""
        if threading.current_thread() is threading.main_thread() and not _has_terminal():
            self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        self._supervisor.ready(self._status)
        self._beat()

    def end(self, status: str | None = None) -> None:
        """It ends; with a `status`, what comes next in this process is that."""
        if self._beating is not None:
            self._beating.cancel()
        if status is None:
            self._supervisor.stopping("answers what is under way")
        else:
            self._supervisor.opening(status)

    def _beat(self) -> None:
        if seconds := self._supervisor.beat_seconds:
            if self._is_well():
                self._supervisor.beat()
            self._beating = self._loop.call_later(seconds, self._beat)

    def _reload(self) -> None:
        """Has new connections get the certificate that is in its file now."""
        self._supervisor.reloading()
        certificate, key = self._settings.tls_certificate, self._settings.tls_key
        if self._tls is not None and certificate is not None:
            try:
                # Elsewhere first: what does not fit would leave the one in use with half of it.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
                self._tls.load_cert_chain(certificate, key)
                log.info("certificate_reloaded", certificate=str(certificate))
            except OSError as error:
                log.error("certificate_not_reloaded", error=str(error))
        self._supervisor.ready(self._status)


def _has_terminal() -> bool:
    """Whether SIGHUP may be that of a terminal which is closed: then it ends the process."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
