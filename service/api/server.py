"""The HTTP server around the application."""

import gc
import ipaddress
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from service.api.app import create_app
from service.errors import Problem
from service.running import hold
from service.settings import Settings


class NotLoopback(Problem):
    """Without keys, whoever reaches the service may do everything: only this machine may."""

    slug, title = "not-loopback", "Only loopback addresses are served"


def serve(settings: Settings, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Serves until SIGTERM or SIGINT; then answers what is under way and closes the warehouse.

    `on_ready` is told the URL when requests are answered.

    Raises:
        NotLoopback: the host is not this machine's own.
        AlreadyRunning: another service has the warehouse.
        OSError: the address is taken, or not ours.
    """
    check_loopback(settings.host)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    with listening(settings) as listener:
        url = f"{settings.url.rpartition(':')[0]}:{listener.getsockname()[1]}"
        with hold(settings, url):
            Server(config, lambda: on_ready(url)).run(sockets=[listener])


class Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends in order on SIGTERM; uvicorn would let the signal kill the process after all."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and says so when it worked."""
        await super().startup(sockets)
        if self.started:
            tune_interpreter()
            self._on_ready()


def tune_interpreter() -> None:
    """Has Python look for garbage less often, and change threads more often."""
    # What is there now stays; a batch's objects made Python go through all of it time and again,
    # which was half of the time that it took.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    # DuckDB asks for the interpreter some ten times a statement; as long as a batch is judged, the
    # writer waits that long each time (0.005 s by default).
    sys.setswitchinterval(0.00002)


def listening(settings: Settings) -> socket.socket:
    """A socket that listens at the address of `settings`; port 0 takes one that is free."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server(
        (settings.host, settings.port), family=family, backlog=2048, reuse_port=False
    )


def check_loopback(host: str) -> None:
    """Raises NotLoopback unless `host` is this machine's own."""
    if host == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise NotLoopback(f"no key is configured, so {host} is not served; use 127.0.0.1")
