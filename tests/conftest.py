"""Real parts for every test: a warehouse that dbt has built, a server on a socket."""

import fcntl
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.dbt.runner import build_offline
from service.runtime.settings import Settings
from tests import parsed
from tests.hostile import chance

CHECKOUT = Path(__file__).parent.parent
CHALLENGE = CHECKOUT.parent / "shared" / "data" / "challenge"
sys.path.insert(0, str(CHECKOUT / "seeds"))

# They take a minute and more each, the longest first.
LONGEST = (
    "faults/test_killed_in_the_middle.py",
    "dbt_project/test_history.py",
    "test_builds_under_load.py",
    "api/test_loading_files.py",
    "cli/test_recover_command.py",
    "test_large_file.py",
    "cli/test_build_command.py",
    "hostile/test_damaged_avro_files.py",
    "hostile/test_every_call.py",
    "hostile/test_insert_door.py",
    "dbt_project/test_accounting.py",
    "test_killed_while_loading.py",
    "test_benchmarks.py",
)
HEADERS = {
    "departments": "id,department",
    "jobs": "id,job",
    "hired_employees": "id,name,datetime,department_id,job_id",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the longest files begin first, then those with slow
    tests: so that none has a long one left at the end.
    """
    if not hasattr(config, "workerinput"):
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    turn = {CHECKOUT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (turn.get(item.path, len(turn)), item.path not in slow))


# Hostile input: processes that run tests side by side draw from one seed, and tell how much they
# have tried. (The hooks are here since the first process loads no other conftest.)


def pytest_configure(config: pytest.Config) -> None:
    """Takes the seed over from the first process."""
    given = getattr(config, "workerinput", {})
    if "chance" in given:
        chance.SEED, chance.TIMES = given["chance"]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hands the seed to another process."""
    node.workerinput["chance"] = (chance.SEED, chance.TIMES)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Another process has ended."""
    chance.done.update(getattr(node, "workeroutput", {}).get("done", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tells the first process what was tried."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["done"] = dict(chance.done)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says at the end what was tried, and how to try the same again."""
    if not chance.done:
        return
    terminalreporter.section("hostile input")
    for name, number in sorted(chance.done.items()):
        terminalreporter.line(f"{number:>8,} {name}")
    terminalreporter.line(f"{chance.done.total():>8,} cases in all ({chance.repeat()})")


@pytest.fixture(scope="session", autouse=True)
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    parsed.folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return parsed.folder


@pytest.fixture(scope="session")
def built(shared: Path) -> Settings:
    """Settings of a warehouse that was built from the shipped seeds; copy it, do not change it.

    One process builds it, the others wait.
    """
    folder = shared / "built"
    folder.mkdir(exist_ok=True)
    settings = settings_in(folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not settings.warehouse.exists():
            shutil.copytree(CHECKOUT / "seeds", settings.seeds)
            build = build_offline(settings)
            assert build.status == "done", build.message
            parsed.keep(settings)
    return settings


@pytest.fixture
def settings(built: Settings, tmp_path: Path) -> Settings:
    """Settings of a copy of the built warehouse, for this test alone."""
    own = settings_in(tmp_path)
    shutil.copytree(built.seeds, own.seeds)
    shutil.copy(built.warehouse, own.warehouse)
    parsed.take_over(own)
    return own


def settings_in(folder: Path, **other: object) -> Settings:
    """Settings with everything inside `folder`."""
    (folder / "backups").mkdir(exist_ok=True)
    return Settings(
        project=CHECKOUT,
        warehouse=folder / "gatehouse.duckdb",
        backups=folder / "backups",
        seeds=folder / "seeds",
        port=0,
        verify_schedule="never",
        **other,  # type: ignore[arg-type]
    )


@contextmanager
def serving(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a real server on a real socket; afterwards the server is shut down in order."""
    from service.api.http.server import Server, configured, listening

    ready = threading.Event()
    with listening(settings) as listener:
        server = Server(configured(settings), ready.set)
        thread = threading.Thread(target=_run, args=(server, listener, ready))
        thread.start()
        assert ready.wait(60)
        assert server.started, "the service did not start"
        port = listener.getsockname()[1]
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def _run(server: object, listener: object, ready: threading.Event) -> None:
    try:
        server.run(sockets=[listener])  # type: ignore[attr-defined]
    finally:
        ready.set()


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a service on a warehouse of this test's own."""
    with serving(settings) as client:
        yield client


@pytest.fixture
def serve() -> Callable[[Settings], AbstractContextManager[httpx.Client]]:
    """For tests that start services themselves."""
    return serving


@pytest.fixture(scope="session")
def challenge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real history, with headers; skips the test where it is not there."""
    if not CHALLENGE.exists():
        pytest.skip("the real history is not here")
    folder = tmp_path_factory.mktemp("challenge")
    for table, header in HEADERS.items():
        text = (CHALLENGE / f"{table}.csv").read_text()
        (folder / f"{table}.csv").write_text(f"{header}\n{text}")
    return folder
