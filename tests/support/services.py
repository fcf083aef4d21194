"""Services on warehouses that dbt has built, each on a real socket."""

import fcntl
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import msgspec
import pytest

from service.runtime.locations import Location
from service.runtime.settings import Settings
from tests.support import CHECKOUT, nursery, parsed
from tests.support.contract import Contract

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="session")
def built(shared: Path) -> Settings:
    """Settings of a warehouse that was built from the shipped seeds; copy it, do not change it."""
    nursery.nursery().built()
    return settings_in(shared / nursery.BUILT)


@pytest.fixture
def settings(built: Settings, tmp_path: Path) -> Settings:
    """Settings of a copy of the built warehouse, for this test alone."""
    return copied(built, tmp_path)


def copied(built: Settings, folder: Path) -> Settings:
    """Settings of a copy of the built warehouse, within `folder`."""
    own = settings_in(folder)
    shutil.copytree(built.seeds, own.seeds)
    shutil.copy(built.warehouse, own.warehouse)
    return own


def settings_in(folder: Path, **other: object) -> Settings:
    """Settings with everything inside `folder`."""
    (folder / "backups").mkdir(exist_ok=True)
    settings = Settings(
        project=CHECKOUT,
        warehouse=folder / "gatehouse.duckdb",
        backups=Location(folder / "backups"),
        seeds=folder / "seeds",
        port=0,
        verify_schedule="never",
        **other,  # type: ignore[arg-type]
    )
    parsed.take_over(settings)
    return settings


@contextmanager
def serving(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a real server on a real socket; afterwards the server is shut down in order."""
    from service.api.http.server import Server, configured, listening
    from service.app import create_app

    ready = threading.Event()
    with listening(settings) as listener:
        server = Server(configured(create_app(settings), settings), ready.set)
        thread = threading.Thread(target=_run, args=(server, listener, ready))
        thread.start()
        assert ready.wait(60)
        assert server.started, "the service did not start"
        port = listener.getsockname()[1]
        try:
            with client_of(f"http://127.0.0.1:{port}") as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def client_of(url: str | httpx.URL, timeout: float = 60) -> httpx.Client:
    """A client of a service without TLS: to read the system's certificates takes 40 ms."""
    return httpx.Client(base_url=url, timeout=timeout, verify=False)


def _run(server: object, listener: object, ready: threading.Event) -> None:
    try:
        server.run(sockets=[listener])  # type: ignore[attr-defined]
    finally:
        ready.set()


@pytest.fixture
def serve() -> Serve:
    """For tests that start services themselves."""
    return serving


@pytest.fixture(scope="session")
def contract(built: Settings, shared: Path) -> Contract:
    """The OpenAPI document: every answer that a test gets of `client` is checked by it."""
    folder = shared / "contract"
    folder.mkdir(exist_ok=True)
    document = folder / "schema.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not document.exists():
            own = settings_in(folder)
            shutil.copy(built.warehouse, own.warehouse)
            with serving(own) as client:
                document.write_bytes(client.get("/schema").content)
    return Contract(msgspec.json.decode(document.read_bytes()))


@contextmanager
def serving_by(contract: Contract, settings: Settings) -> Iterator[httpx.Client]:
    """As `serving`; each answer is checked by the contract."""
    with serving(settings) as client:
        client.event_hooks["response"].append(contract.check)
        yield client


@pytest.fixture
def client(settings: Settings, contract: Contract) -> Iterator[httpx.Client]:
    """A client of a service on a warehouse of this test's own."""
    with serving_by(contract, settings) as client:
        yield client


@pytest.fixture(scope="session")
def reader(
    built: Settings, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a service that all tests share: they may read, and nothing else."""
    own = settings_in(tmp_path_factory.mktemp("read"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving_by(contract, own) as client:
        yield client


@pytest.fixture(scope="session")
def truth(built: Settings) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of the warehouse that `reader` reads, asked of DuckDB itself."""

    def ask(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(built.warehouse), read_only=True) as connection:
            return connection.execute(sql, list(values)).fetchall()

    return ask
