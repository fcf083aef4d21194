"""Two hundred clients that each send the largest body slowly: memory stays bounded."""

import selectors
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from service.runtime.settings import MiB, Settings
from tests.support.processes import NEEDS_PROC, Service

pytestmark = pytest.mark.slow
CLIENTS, BODY, PIECE = 200, 16 * MiB, 64 * 1024
BUFFERED = 64 * MiB
MOST_MORE = 4 * BUFFERED  # pieces are joined, and the kernel's buffers are read in turns


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    more = {"GATEHOUSE_MAX_BUFFERED_BYTES": str(BUFFERED)}
    service = Service(settings, more=more, new_python=True)
    yield service
    service.stop()


class Client:
    """A connection that sends one piece of its body whenever it may."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setblocking(False)
        head = (
            f"POST /v1/tables/jobs/rows HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n"
        )
        self.waiting = f"{head}Content-Type: application/json\r\n\r\n".encode()
        self.waiting += b"[" * PIECE
        self.left, self.answer = BODY - PIECE, b""

    def go_on(self, events: int) -> bool:
        """Reads and sends what it can; whether it is done."""
        try:
            if events & selectors.EVENT_READ:
                piece = self.socket.recv(65536)
                self.answer += piece
                return True
            self.waiting = self.waiting[self.socket.send(self.waiting) :]
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        if not self.waiting and self.left:
            self.waiting = b" " * min(PIECE, self.left)
            self.left -= len(self.waiting)
        return False


@NEEDS_PROC
def test_memory_stays_bounded_whatever_many_clients_send(service: Service) -> None:
    place = urlsplit(service.url)
    before = service.peak_bytes
    answers = send_all(
        [Client((str(place.hostname), int(place.port or 0))) for _ in range(CLIENTS)]
    )
    statuses = {answer[9:12] for answer in answers if answer}
    assert b"503" in statuses
    assert statuses <= {b"503", b"400"}  # what came whole was no JSON
    assert service.peak_bytes - before < MOST_MORE
    rows = [{"id": 9001, "job": "after"}]
    assert httpx.post(f"{service.url}/v1/tables/jobs/rows", json=rows).status_code == 201


@NEEDS_PROC
def test_bodies_of_millions_of_tiny_rows_are_refused_before_rows_are_made(service: Service) -> None:
    body, kind = b"[" + b"1," * (2 * MiB) + b"1]", {"Content-Type": "application/json"}

    def ask(_: int) -> int:
        answer = httpx.post(
            f"{service.url}/v1/tables/jobs/rows", content=body, headers=kind, timeout=60
        )
        return answer.status_code

    before = service.peak_bytes
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {422}
    assert service.peak_bytes - before < MOST_MORE


def send_all(clients: list[Client]) -> list[bytes]:
    """What the clients were answered, each of which takes its turn."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            selector.register(client.socket, both, client)
        while selector.get_map():
            for key, events in selector.select():
                if not key.data.waiting and events == selectors.EVENT_WRITE:
                    selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                elif key.data.go_on(events):
                    selector.unregister(key.fileobj)
                    key.data.socket.close()
    return [client.answer for client in clients]
