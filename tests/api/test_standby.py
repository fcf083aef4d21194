"""Two services on one warehouse: one serves, the other waits, and takes over."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.contract import Contract
from tests.support.processes import Service
from tests.support.workers import FIRST, Inserter

pytestmark = pytest.mark.slow
WAITS = {"GATEHOUSE_STANDBY": "true"}
ENOUGH = 20 * 10  # rows
SECONDS = 60
REFUSED = (
    ("GET", "/"),
    ("GET", "/v1/tables"),
    ("GET", "/metrics"),
    ("GET", "/no/such/path"),
    ("POST", "/v1/tables/jobs/rows"),
    ("POST", "/v1/rows"),
    ("PUT", "/v1/rows"),
    ("PATCH", "/v1/rows"),
    ("DELETE", "/v1/keys/ada"),
)


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[..., Service]]:
    """Starts services on one warehouse."""
    with ExitStack() as stack:

        def start(**more: str) -> Service:
            service = Service(settings, more=more)
            stack.callback(service.kill)
            return service

        yield start


class Persistent:
    """A client that goes on with another service where one is gone, and notes what it was told."""

    def __init__(self, *services: Service) -> None:
        self.urls = [each.url for each in services]
        self.worker = Inserter(FIRST)
        self.stop = threading.Event()

    def work(self) -> None:
        while not self.stop.is_set():
            for url in self.urls:
                self.worker.work(url, self.stop)

    def until(self, rows: int) -> None:
        """Waits until so many rows have been acknowledged."""
        end = threading.Event()
        timer = threading.Timer(SECONDS, end.set)
        timer.start()
        while self.worker.acknowledged < rows:
            assert not end.wait(0.01), f"{self.worker.acknowledged} rows in {SECONDS} s"
        timer.cancel()


def test_the_standby_takes_over_from_one_that_is_killed_and_from_one_that_ends(
    start: Callable[..., Service], contract: Contract
) -> None:
    first, second = start(**WAITS), start(**WAITS)
    _refuses_all_but_says_that_it_lives(second.client, contract)
    client = Persistent(first, second)
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        stack.callback(client.stop.set)  # whatever fails
        working = pool.submit(client.work)
        client.until(ENOUGH)
        first.kill()
        client.until(client.worker.acknowledged + ENOUGH)
        assert "did not end in order" in second.client.get("/health/ready").text
        third = start(**WAITS)
        client.urls.append(third.url)
        assert third.client.get("/health/ready").status_code == 503
        assert second.stop() == 0
        client.until(client.worker.acknowledged + ENOUGH)
        client.stop.set()
        working.result()
    client.worker.check(third.client)
    assert third.client.get("/health/ready").json()["status"] == "ok"
    assert third.client.get("/v1/audit").json()["ok"]


def _refuses_all_but_says_that_it_lives(client: httpx.Client, contract: Contract) -> None:
    live, ready = client.get("/health/live"), client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert client.head("/health/live").status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert [each["name"] for each in ready.json()["checks"]] == ["standby"]
    for answer in (live, ready):
        contract.check(answer)
    for method, path in REFUSED:
        answer = client.request(method, path, json=[{"id": 1}] if method == "POST" else None)
        assert answer.status_code == 503, (method, path)
        assert answer.json()["type"] == "urn:gatehouse:problem:standby"
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_standby_that_is_told_to_end_does(start: Callable[..., Service]) -> None:
    first, second = start(), start(**WAITS)
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(30) == 0
    assert first.client.get("/health/ready").status_code == 200
