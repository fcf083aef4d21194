"""The HTTP server around the application."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import uvicorn
from litestar import Litestar

from service.access.keyring import Keyring
from service.api.http.accepting import Acceptor
from service.api.http.connections import ClientConnection
from service.api.http.hosts import Proxies, is_loopback
from service.api.http.seats import Seat, Seats, allow_open_files
from service.api.http.shutdown import Ending
from service.api.http.supervision import Supervision
from service.api.http.turns import Turns
from service.errors import Problem
from service.gate import Gate
from service.runtime.interpreter import change_threads_more_often, collect_less
from service.runtime.logs import get_logger
from service.runtime.running import AlreadyRunning, hold
from service.runtime.settings import Settings

log = get_logger(__name__)
LAST_WORDS = 0.5  # seconds for what was cut short to say so
MAX_UNSENT_BYTES = 128 * 1024  # that the system takes for a client that reads nothing


class NotLoopback(Problem):
    """Without keys, whoever reaches the service may do everything: only this machine may."""

    slug, title = "not-loopback", "Only loopback addresses are served"


class BadCertificate(Problem):
    """There is nothing to serve HTTPS with."""

    slug, title = "bad-certificate", "The certificate or its key cannot be used"


def serve(
    app_of: Callable[[Settings], Litestar],
    settings: Settings,
    on_ready: Callable[[str], None] = lambda url: None,
    prepare: Callable[[], None] = lambda: None,
    wait: Callable[[socket.socket], bool] | None = None,
) -> None:
    """Serves the app until SIGTERM or SIGINT; then answers what is under way and closes it.

    `on_ready` is told the URL when requests are answered. `prepare` does what is to be done before
    the warehouse is opened. A standby has a `wait`, which answers at the listener until it is this
    one's turn (True), or a signal comes (False).

    Raises:
        NotLoopback: there is no key, and the host is not this machine's own.
        KeysUnreadable: the file with the keys is damaged.
        AlreadyRunning: another service has the warehouse.
        BadCertificate: the certificate or its key cannot be read, or do not fit.
        OSError: the address is taken, or not ours.
    """
    if wait is None:
        prepare()
        check_address(settings)
    allow_open_files(settings.max_connections)
    config = _loaded(app_of(settings), settings)
    with listening(settings) as listener:
        if wait is None:
            _serve_at(listener, config, settings, on_ready)
            return
        while wait(listener):
            with suppress(AlreadyRunning):  # another standby was faster
                prepare()
                check_address(settings)
                _serve_at(listener, config, settings, on_ready)
                return


def _loaded(app: Litestar, settings: Settings) -> uvicorn.Config:
    """The configuration, whose certificate is read before anything is opened."""
    config = configured(app, settings)
    try:
        config.load()
    except OSError as error:
        with_ = f"the certificate {settings.tls_certificate}, its key {settings.tls_key}"
        raise BadCertificate(f"HTTPS cannot be served: {with_}: {error}") from error
    return config


def _serve_at(
    listener: socket.socket,
    config: uvicorn.Config,
    settings: Settings,
    on_ready: Callable[[str], None],
) -> None:
    url = url_at(settings, listener)
    with hold(settings, url):
        Server(config, lambda: on_ready(url), is_process=True).run(sockets=[listener])


def configured(app: Litestar, settings: Settings) -> uvicorn.Config:
    """How uvicorn is to serve."""
    proxies = settings.trusted_proxies
    return uvicorn.Config(
        Proxies(cast(Any, app), [*proxies]) if proxies else app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


class Server(uvicorn.Server):
    """Says when it answers, and ends in time."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], is_process: bool = False
    ) -> None:
        """`is_process` where the process is there for nothing else."""
        super().__init__(config)
        self._on_ready, self._is_process = on_ready, is_process
        self._ending: Ending | None = None
        self._acceptors: list[Acceptor] = []
        self._supervision: Supervision | None = None

    @property
    def _gate(self) -> Gate:
        app = cast(Any, self.config.app)
        return getattr(app, "app", app).state.gate  # type: ignore[no-any-return]

    @property
    def _settings(self) -> Settings:
        return self._gate.settings

    def _supervised(self) -> Supervision:
        gate = self._gate
        return Supervision(gate.settings, self.config.ssl, "serves", lambda: gate.writer.alive)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves until it is told to end."""
        try:
            await super().serve(sockets)
        finally:
            if self._ending:
                self._ending.over()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers what is under way; what takes longer than `shutdown_seconds` is cut short."""
        self._stop_accepting()
        seconds = self.config.timeout_graceful_shutdown or 0
        self._ending = Ending(seconds, self._gate.cut_short, self._is_process)
        self._ending.begin()
        await self._let_go(sockets, seconds)

    def _stop_accepting(self, status: str | None = None) -> None:
        """Also tells the supervisor: that it ends, or the `status` of what comes next."""
        for acceptor in self._acceptors:
            acceptor.stop()
        if self._supervision:
            self._supervision.end(status)

    async def _let_go(self, sockets: list[socket.socket] | None, seconds: float) -> None:
        """Closes the listeners, and after so many `seconds` the connections that are left."""
        leaving = asyncio.get_running_loop().call_later(seconds + LAST_WORDS, self._abort_all)
        await super().shutdown(sockets)
        leaving.cancel()
        self._abort_all()

    def _abort_all(self) -> None:
        for connection in [*self.server_state.connections]:
            cast(ClientConnection, connection).end()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends in order on SIGTERM; uvicorn would let the signal kill the process after all."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and says so when it worked."""
        await super().startup([])  # of uvicorn, which does not count connections, no listener
        if self.started:
            self._listen(sockets or [])
            collect_less()
            change_threads_more_often()
            if self._is_process:
                self._supervision = self._supervised()
                self._supervision.begin()
            self._on_ready()

    def _listen(self, sockets: list[socket.socket]) -> None:
        settings = self._settings
        places, turns = Seats(settings), Turns()

        def connection_of(place: Seat) -> ClientConnection:
            state = self.lifespan.state
            return ClientConnection(settings, turns, place, self.config, self.server_state, state)

        tls, seconds = self.config.ssl, settings.header_seconds
        self._acceptors = [Acceptor(each, places, connection_of, tls, seconds) for each in sockets]
        for acceptor in self._acceptors:
            acceptor.start()


def url_at(settings: Settings, listener: socket.socket) -> str:
    """The URL at which a client on this machine reaches a service that listens there."""
    return f"{settings.url.rpartition(':')[0]}:{listener.getsockname()[1]}"


def listening(settings: Settings) -> socket.socket:
    """A socket that listens at the address of `settings`; port 0 takes one that is free."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.create_server(
        (settings.host, settings.port), family=family, backlog=2048, reuse_port=False
    )
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # of Linux; connections take it over
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)
    return listener


def check_address(settings: Settings) -> None:
    """Raises NotLoopback unless there are keys, or only this machine can reach the service."""
    if Keyring(settings.keys_file).configured:
        if not settings.tls_certificate and not is_loopback(settings.host):
            log.warning("keys_travel_in_the_clear", host=settings.host)
        return
    create = "`gatehouse keys create NAME --role operator` makes one"
    if settings.require_keys:
        raise NotLoopback(f"there is no key, and require_keys is set; {create}")
    if not is_loopback(settings.host):
        raise NotLoopback(f"there is no key, so {settings.host} is not served; {create}")
