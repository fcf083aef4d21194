"""Connections that keep a place and do nothing with it, or more of them than there are places."""

import asyncio
import json
import select
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
import trustme

from service.access import keys_file
from service.api.http import accepting, connections, seats, server, turns
from service.api.http.seats import MAX_REFUSED, Addresses, Seats
from service.api.http.turns import Turns
from service.runtime.settings import Settings
from tests.support.files import no_more_files
from tests.support.processes import COMMAND, NEEDS_PROC, Service
from tests.support.services import serving, settings_in
from tests.support.wire import Wire, request, wired

LARGE = request(path="/v1/tables/hired_employees/rows?limit=2000")  # 200 KB
Limited = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="module")
def limited(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Limited:
    """Serves one warehouse with other settings, one service after the other."""
    own = settings_in(tmp_path_factory.mktemp("connections"))
    shutil.copy(built.warehouse, own.warehouse)
    return lambda **other: serving(msgspec.structs.replace(own, **other))


@contextmanager
def deaf(client: httpx.Client, *, answers: int = 16) -> Iterator[Wire]:
    """A client that asks, and reads nothing of what it is answered."""
    with wired(client, receive_bytes=4096) as wire:
        wire.send(LARGE * answers)
        assert wire.socket.recv(1, socket.MSG_PEEK)
        yield wire


@contextmanager
def busy(client: httpx.Client) -> Iterator[Wire]:
    """A client of which the service awaits the rest of a body."""
    head = request("POST", "/v1/tables/jobs/rows", b"", "Content-Type: application/json")
    with wired(client) as wire:
        wire.send(head[:-2] + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        assert wire.socket.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        yield wire


def is_served(client: httpx.Client) -> bool:
    """Whether a new connection is."""
    return httpx.get(f"{client.base_url}/health/live").status_code == 200


def test_who_does_not_read_is_not_waited_for(limited):
    with limited(idle_seconds=1) as client, deaf(client) as wire:
        wire.wait_for_end()
        assert is_served(client)


def test_who_does_not_read_the_last_of_it_is_not_waited_for_either(limited, monkeypatch):
    monkeypatch.setattr(server, "listening", _narrow(server.listening))
    last = request("GET", "/v1/tables/jobs/rows?limit=180", b"", "Connection: close")
    with limited(idle_seconds=1) as client, wired(client, receive_bytes=2048) as wire:
        wire.send(last)  # too little to be told that it is not read, too much for the system
        wire.wait_for_end()


def _narrow(listening: Callable[[Settings], socket.socket]) -> Callable[[Settings], socket.socket]:
    """Sockets of which the system takes no more than a few KB to send."""

    def narrow(settings: Settings) -> socket.socket:
        listener = listening(settings)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        return listener

    return narrow


@pytest.mark.parametrize("guest", [wired, deaf], ids=["idle", "deaf"])
def test_who_waits_longest_makes_room_for_who_comes(limited, guest):
    with limited(max_connections=5) as client, ExitStack() as stack:
        guests = [stack.enter_context(guest(client)) for _ in range(5)]
        newcomer = stack.enter_context(wired(client))
        while newcomer.ask(request()).status == 503:  # the service is still busy with them all
            newcomer = stack.enter_context(wired(client))
        for _ in range(10):
            assert newcomer.ask(request()).status == 200
        assert sum(each.has_ended() for each in guests) == 1


def test_who_is_at_work_stays_and_the_next_is_told(limited):
    with limited(max_connections=3) as client, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(busy(client))
        refused = stack.enter_context(wired(client))
        answer = refused.ask(request())
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        many = [stack.enter_context(wired(client)) for _ in range(MAX_REFUSED + 1)]
        many[-1].wait_for_end()  # who comes beyond those is not told
    with limited() as client:
        assert is_served(client)


def test_who_asks_while_all_are_at_work_is_served_when_one_of_them_is_done(limited, monkeypatch):
    monkeypatch.setattr(connections, "REFUSED_SECONDS", 30)
    with limited(max_connections=2) as client, ExitStack() as stack:
        at_work = [stack.enter_context(busy(client)) for _ in range(2)]
        newcomers = [stack.enter_context(wired(client)) for _ in range(2)]
        for newcomer in newcomers:
            newcomer.send(request())
        assert not any(has_come(newcomer) for newcomer in newcomers)
        at_work[0].send(b"[{}, {}] ")
        assert [newcomer.answer().status for newcomer in newcomers] == [200, 200]
        assert not at_work[1].has_ended()


def test_who_makes_room_gets_the_rest_of_its_answer(limited, monkeypatch):
    monkeypatch.setattr(connections, "REFUSED_SECONDS", 30)
    with limited(max_connections=1) as client, deaf(client, answers=1) as wire:
        with wired(client) as newcomer:
            assert newcomer.ask(request()).status == 200
        assert len(json.loads(wire.answer().body)["rows"]) > 1000


def test_what_is_sent_ahead_waits_until_others_had_their_turn(limited, monkeypatch):
    monkeypatch.setattr(turns, "AT_ONCE", 0)
    with limited() as client, wired(client) as wire:
        wire.send(request() * 3)
        assert wire.answer().status == 200
        assert is_served(client)
        assert not has_come(wire)
        monkeypatch.setattr(turns, "AT_ONCE", 4)
        assert [wire.answer().status for _ in range(2)] == [200, 200]


def test_a_turn_is_a_few_and_one_that_fails_stops_no_other():
    begun: list[object] = []

    def fail() -> None:
        begun.append("failed")
        raise ValueError

    async def all_turns() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: begun.append("told"))
        waiting = Turns()
        waiting.wait(fail)
        for number in range(turns.AT_ONCE + 1):
            waiting.wait(partial(begun.append, number))
        while turns.AT_ONCE not in begun:
            begun.append("others")
            await asyncio.sleep(0)

    asyncio.run(all_turns())
    first = [*range(turns.AT_ONCE)]
    assert begun == ["others", "failed", "told", "others", *first, "others", turns.AT_ONCE]


def has_come(wire: Wire) -> bool:
    """Whether something has come, which is not waited for."""
    return bool(select.select([wire.socket], [], [], 0)[0])


def test_a_connection_that_is_refused_does_not_stay(limited):
    with limited(max_connections=1) as client, busy(client), wired(client) as refused:
        refused.wait_for_end()  # it has asked for nothing


def test_an_address_has_so_many_connections(limited, monkeypatch):
    monkeypatch.setattr(seats, "is_loopback", lambda host: host == "127.0.0.1")
    with limited(max_connections_per_address=3) as client, ExitStack() as stack:
        guests = [stack.enter_context(wired(client, source="127.0.0.9")) for _ in range(4)]
        guests[3].wait_for_end()
        assert guests[0].ask(request()).status == 200
        assert is_served(client)
        guests[0].socket.close()
        guests[1].ask(request())  # the service has seen that the other one is gone
        again = stack.enter_context(wired(client, source="127.0.0.9"))
        assert again.ask(request()).status == 200


def test_addresses_are_counted_by_who_has_them():
    counted = Seats(Settings(max_connections_per_address=1, trusted_proxies=("10.1.0.0/16",)))
    for alone, beside in [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:203.0.113.8", "::ffff:203.0.113.8"),
        ("fe80::1%eth0", "fe80::2%eth0"),
    ]:
        place = counted.take(alone)
        assert place
        assert counted.take(beside) is None
        place.leave()
        place.leave()
        assert counted.take(beside)
    assert counted.take("2001:db8:1:3::1")
    for exempt in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.200.3"):
        assert all(counted.take(exempt) for _ in range(5))
    assert "198.51.100.1" in Addresses(("*",))
    assert "unix" not in Addresses(("10.0.0.0/8",))


def test_a_stop_does_not_wait_for_who_does_not_read(limited, monkeypatch):
    monkeypatch.setattr(connections, "LAST_SECONDS", 0.1)
    ended = threading.Event()
    with ExitStack() as stack:
        with limited(shutdown_seconds=60, idle_seconds=60) as client:
            guests = [stack.enter_context(deaf(client)) for _ in range(5)]
            assert is_served(client)
            timer = threading.Timer(30, ended.set)
            timer.start()
        timer.cancel()
        assert not ended.is_set()
        for guest in guests:
            guest.wait_for_end()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certified(authority, tmp_path) -> dict[str, object]:
    """Settings of a certificate."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    (tmp_path / "key.pem").write_bytes(issued.private_key_pem.bytes())
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    (tmp_path / "chain.pem").write_bytes(chain)
    return {"tls_certificate": tmp_path / "chain.pem", "tls_key": tmp_path / "key.pem"}


def test_a_handshake_has_its_time_and_its_place(limited, certified, authority):
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with limited(max_connections=3, header_seconds=1, **certified) as client, ExitStack() as stack:
        url = f"https://127.0.0.1:{client.base_url.port}/health/live"
        silent = [stack.enter_context(wired(client)) for _ in range(3)]
        assert httpx.get(url, verify=trusted).status_code == 200  # and the first had to go
        silent[0].wait_for_end()
        for each in silent:
            each.wait_for_end()
        broken = stack.enter_context(wired(client))
        broken.send(request())  # in the clear
        broken.wait_for_end()
        assert httpx.get(url, verify=trusted).status_code == 200


def test_who_does_not_read_by_https_is_not_waited_for(limited, certified, authority):
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with limited(idle_seconds=1, **certified) as client, wired(client, receive_bytes=4096) as wire:
        secure = trusted.wrap_socket(wire.socket, server_hostname="127.0.0.1")
        with secure:
            secure.sendall(LARGE * 16)
            Wire(secure).wait_for_end()


def test_what_could_not_be_accepted_is_accepted_later(limited, monkeypatch):
    failed, pause = threading.Event(), accepting.Acceptor._pause

    def pausing(self, error):
        pause(self, error)
        failed.set()

    monkeypatch.setattr(accepting.Acceptor, "_pause", pausing)
    with limited() as client, wired_later(client) as connect:
        with no_more_files():
            wire = connect()
            assert failed.wait(30)
        assert wire.ask(request()).status == 200


@contextmanager
def wired_later(client: httpx.Client) -> Iterator[Callable[[], Wire]]:
    """A socket that is there, to be connected later."""
    with socket.socket() as connection:
        connection.settimeout(30)

        def connect() -> Wire:
            connection.connect((client.base_url.host, client.base_url.port))
            return Wire(connection)

        yield connect


STARVED = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (250, 320)); {COMMAND}"


@NEEDS_PROC
def test_connections_leave_files_for_the_work(settings):
    secret = keys_file.create(settings.keys_file, "boss", "operator", None, None)[1]
    service = Service(settings, STARVED)
    try:
        with ExitStack() as stack:
            for _ in range(400):
                stack.enter_context(wired(service.client))
            client = stack.enter_context(httpx.Client(base_url=service.url, timeout=60))
            client.headers["Authorization"] = f"Bearer {secret}"
            ready = client.get("/health/ready")
            assert ready.status_code == 200, ready.text
            assert client.post("/v1/backups").status_code == 201
            keys_file.create(settings.keys_file, "other", "reader", None, None)
            assert client.get("/v1/audit").json()["ok"] is True
    finally:
        service.stop()


def test_few_files_left_are_told(limited):
    with limited() as client:
        client.get("/health/live")
        with no_more_files(sum(1 for _ in Path("/dev/fd").iterdir()) + 20):
            ready = client.get("/health/ready")
        assert ready.status_code == 503
        checks = {each["name"]: each["ok"] for each in ready.json()["checks"]}
        assert checks["open files"] is False
        assert client.get("/health/ready").status_code == 200
