"""What was answered is there, however the service ends. A real process, under load, is killed."""

import os
import resource
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import duckdb
import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.answers import is_problem
from tests.support.nursery import Child
from tests.support.processes import in_fork
from tests.support.rows import Row, department, hire
from tests.support.services import client_of

SERVE = (
    "from service.app import create_app; from service.api.http.server import serve;"
    " from service.runtime import logs;"
    " from service.runtime.settings import load_settings; settings = load_settings();"
    " logs.configure(settings); serve(create_app, settings, lambda url: print(url, flush=True))"
)
CLIENTS, BATCH = 6, 20


@contextmanager
def process(settings: Settings) -> Iterator[tuple[Child, str]]:
    """The service in a process of its own, and where it answers."""
    said = {name: getattr(settings, name) for name in ("project", "warehouse", "backups", "seeds")}
    environment = {f"GATEHOUSE_{name.upper()}": str(path) for name, path in said.items()}
    quiet = {"GATEHOUSE_PORT": "0", "GATEHOUSE_LOG_LEVEL": "warning"}
    running, out = in_fork(SERVE, {**os.environ, **environment, **quiet})
    try:
        with out:
            url = out.readline().strip()
        assert url, "the service did not start"
        yield running, url
    finally:
        running.kill()
        running.wait()


@dataclass
class Load:
    """Clients that insert until the service is gone, and what they were told."""

    numbers: "count[int]" = field(default_factory=lambda: count(1_000_000))
    told: list[int] = field(default_factory=list)  # ids that the service said are in
    unanswered: list[tuple[str, list[Row]]] = field(default_factory=list)  # key and rows
    enough: threading.Event = field(default_factory=threading.Event)
    answers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def insert(self, url: str, answers: int) -> "Run":
        """Starts to insert; `enough` is set when so many answers have come."""
        self.enough.clear()
        self.answers = -answers
        return Run(self, url)

    def client(self, url: str, who: int) -> None:
        with client_of(url) as client:
            for turn in count():
                with self._lock:
                    ids = [next(self.numbers) for _ in range(1 if (who + turn) % 3 else BATCH)]
                rows = [department(number, f"batch {ids[0]} of {len(ids)}") for number in ids]
                if not self.ask(client, f"key {ids[0]}", rows):
                    return

    def ask(self, client: httpx.Client, key: str, rows: list[Row]) -> bool:
        """Whether the service answered; it must have taken the rows, then."""
        headers = {"idempotency-key": key}
        parents = {"departments": rows, "hired_employees": [hire(r["id"], r["id"]) for r in rows]}
        try:
            answer = client.post("/v1/rows", json=parents, headers=headers)
        except httpx.TransportError:
            with self._lock:
                self.unanswered.append((key, rows))
            return False
        assert answer.status_code == 201, answer.text
        with self._lock:
            self.told += [row["id"] for row in rows]
            self.answers += 1
            if self.answers >= 0:
                self.enough.set()
        return True

    def ask_again(self, url: str) -> None:
        """Repeats what was not answered: it was done, or is done now."""
        again, self.unanswered = self.unanswered, []
        with client_of(url) as client:
            assert all(self.ask(client, key, rows) for key, rows in again)


class Run:
    """The clients of a load at work; leaving the block waits until all of them have given up."""

    def __init__(self, load: Load, url: str) -> None:
        self.load = load
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._pool.submit(load.client, url, who) for who in range(CLIENTS)]

    def __enter__(self) -> None:
        assert self.load.enough.wait(60)

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.result(60)
        self._pool.shutdown()


def kept(settings: Settings) -> list[int]:
    """The ids that are in both tables; every batch must be whole, every count right."""
    with duckdb.connect(str(settings.warehouse)) as connection:

        def ask(query: str) -> list[tuple[int, ...]]:
            return connection.execute(query).fetchall()

        torn = ask(
            "select department from core.departments where id >= 1000000 group by 1"
            " having count(*) != cast(split_part(department, ' of ', 2) as int)"
        )
        assert torn == []
        ids = [i for (i,) in ask("select id from core.departments where id >= 1000000 order by 1")]
        hires = ask("select id from core.hired_employees where id >= 1000000 order by 1")
        assert ids == [i for (i,) in hires]
        assert len(ids) == len(set(ids))
        loads = ask(
            "select count(distinct load_id), sum(accepted) from ops.loads where kind = 'batch'"
        )
        assert loads == [(ask("select count(*) from ops.idempotency_keys")[0][0], 2 * len(ids))]
        return ids


def test_a_full_disk_is_told_and_costs_nothing_that_was_answered(settings):
    log = settings.warehouse.with_name(f"{settings.warehouse.name}.wal")
    batches = [
        [department(n, "x" * 250) for n in range(s, s + 500)] for s in (10_000, 20_000, 30_000)
    ]
    with process(settings) as (running, url), client_of(url) as client:

        def insert(rows: list[Row]) -> httpx.Response:
            return client.post("/v1/tables/departments/rows", json=rows)

        def let_files_grow_to(size: int) -> None:
            resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        assert insert(batches[0]).status_code == 201
        let_files_grow_to(log.stat().st_size + 5000)
        for batch in (*batches[1:], batches[1]):
            assert is_problem(insert(batch), 507, "no-space")
        let_files_grow_to(resource.RLIM_INFINITY)
        assert [insert(batch).status_code for batch in batches] == [422, 201, 201]
        running.send_signal(signal.SIGKILL)
        running.wait()
    with duckdb.connect(str(settings.warehouse)) as connection:
        query = "select id from core.departments where id >= 10000 order by 1"
        ids = [number for (number,) in connection.execute(query).fetchall()]
    assert ids == [row["id"] for batch in batches for row in batch]


def test_what_was_answered_survives_a_kill_and_a_repeat_does_not_double_it(settings):
    load = Load()
    for answers in (1, 40, 120, 250):
        with process(settings) as (running, url):
            load.ask_again(url)
            with load.insert(url, answers):
                running.send_signal(signal.SIGKILL)
            assert running.wait(60) == -signal.SIGKILL
        ids = kept(settings)
        assert set(load.told) <= set(ids)
        in_flight = {row["id"] for _, rows in load.unanswered for row in rows}
        assert set(ids) <= set(load.told) | in_flight
    with process(settings) as (_, url):
        load.ask_again(url)
    assert kept(settings) == sorted(load.told)
    assert len(load.told) == len(set(load.told))


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_answers_all_that_was_taken_and_leaves_in_order(settings, signal_):
    load = Load()
    with process(settings) as (running, url):
        with load.insert(url, 60):
            running.send_signal(signal_)
        assert running.wait(60) == 0
    left = {path.name for path in settings.warehouse.parent.glob("gatehouse.duckdb*")}
    # No log that is still to be replayed, no mark of a service.
    assert left == {"gatehouse.duckdb", "gatehouse.duckdb.journal"}
    assert kept(settings) == sorted(load.told)
