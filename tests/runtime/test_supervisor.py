"""What a supervisor hears, over a socket of the kind that systemd has."""

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from service.runtime.settings import Settings
from service.runtime.supervisor import Supervisor
from tests.support.processes import Service

# SIGHUP is for those without a terminal, which the tests may have.
PROGRAM = "import os; os.setsid()\nfrom service.cli import main\nmain()"


class Listener:
    """The socket of a supervisor."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(60)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def next(self) -> dict[str, str]:
        """What the next message says."""
        lines = self._socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def after_beats(self) -> tuple[dict[str, str], int]:
        """The next message that is no sign of life, and how many there were before it."""
        beats = 0
        while (said := self.next()) == {"WATCHDOG": "1"}:
            beats += 1
        return said, beats

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "s") if request.param == "path" else f"@gatehouse-{os.getpid()}"


@pytest.fixture
def listener(address: str) -> Iterator[Listener]:
    listener = Listener(address)
    yield listener
    listener.close()


def test_each_message_is_that_of_sd_notify(listener: Listener) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "3000000"})
    assert supervisor.beat_seconds == 1.5
    supervisor.ready("serves")
    assert listener.next() == {"READY": "1", "STATUS": "serves", "WATCHDOG_USEC": "3000000"}
    supervisor.beat()
    assert listener.next() == {"WATCHDOG": "1"}
    supervisor.reloading()
    said = listener.next()
    assert (said["RELOADING"], said["MONOTONIC_USEC"].isdecimal()) == ("1", True)
    supervisor.opening("opens")
    assert listener.next() == {"STATUS": "opens", "WATCHDOG_USEC": "3600000000"}
    supervisor.stopping("ends")
    assert listener.next() == {"STOPPING": "1", "STATUS": "ends"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/nowhere"},
    ],
)
def test_where_no_one_watches_or_listens_nothing_happens(environ: dict[str, str]) -> None:
    supervisor = Supervisor(environ)
    assert supervisor.beat_seconds == 0
    supervisor.ready("serves")
    supervisor.stopping("ends")


def _certify(authority: trustme.CA, folder: Path) -> None:
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "chain.pem").write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))


def _shown_at(url: str) -> str:
    host, port = url.removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


def test_a_service_tells_how_it_is_and_takes_up_a_new_certificate(
    settings: Settings, tmp_path: Path
) -> None:
    authority = trustme.CA()
    _certify(authority, tmp_path)
    listener = Listener(str(tmp_path / "notify"))
    said = {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "400000"}
    tls = {
        "GATEHOUSE_TLS_CERTIFICATE": str(tmp_path / "chain.pem"),
        "GATEHOUSE_TLS_KEY": str(tmp_path / "key.pem"),
    }
    service = Service(settings, PROGRAM, {**said, **tls})
    try:
        assert listener.next()["READY"] == "1"
        assert listener.next() == {"WATCHDOG": "1"}
        first = _shown_at(service.url)
        _certify(authority, tmp_path)
        os.kill(service.process.pid, 1)
        assert listener.after_beats()[0]["RELOADING"] == "1"
        assert listener.after_beats()[0]["READY"] == "1"
        assert (second := _shown_at(service.url)) != first
        (tmp_path / "chain.pem").write_text("no certificate")
        os.kill(service.process.pid, 1)
        assert listener.after_beats()[0]["RELOADING"] == "1"
        assert listener.after_beats()[0]["READY"] == "1"
        assert _shown_at(service.url) == second
        service.process.terminate()
        assert listener.after_beats()[0]["STOPPING"] == "1"
        assert service.process.wait(60) == 0
    finally:
        service.kill()
        listener.close()
