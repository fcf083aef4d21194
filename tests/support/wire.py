"""Raw connections: for what no well-behaved client would say, and how it is answered."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx

SECONDS = 30  # after which what is waited for will not come


class Answer(NamedTuple):
    """A response as it was read."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection to a service."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._read = b""

    def send(self, *pieces: bytes) -> None:
        """Sends them, each by itself."""
        for piece in pieces:
            self.socket.sendall(piece)

    def ask(self, request: bytes) -> Answer:
        """What a request is answered."""
        self.send(request)
        return self.answer()

    def answer(self) -> Answer:
        """The next response; `100 Continue` is passed over. Raises EOFError where none comes."""
        head = self._until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        if status == 100:
            return self.answer()
        named = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in named}
        return Answer(status, headers, self._exactly(int(headers["content-length"])))

    def answers(self) -> list[Answer]:
        """All responses until the other side closes."""
        found = []
        try:
            while True:
                found.append(self.answer())
        except (EOFError, ConnectionError):
            return found

    def wait_for_end(self) -> None:
        """Reads nothing, and returns when the other side has closed or reset the connection."""
        assert self.has_ended(SECONDS), "it is still open"

    def has_ended(self, seconds: float = 0) -> bool:
        """Whether the other side has closed or reset it, or does so in time."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(seconds * 1000))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            self._more()
        found, _, self._read = self._read.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        found, self._read = self._read[:size], self._read[size:]
        return found

    def _more(self) -> None:
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError
        self._read += piece


@contextmanager
def wired(
    client: httpx.Client, receive_bytes: int | None = None, source: str = ""
) -> Iterator[Wire]:
    """A connection to the service of a client.

    `receive_bytes` is how much the system reads ahead for it; `source` is its address.
    """
    with socket.socket() as connection:
        connection.settimeout(SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.bind((source, 0))
        connection.connect((client.base_url.host, client.base_url.port))
        yield Wire(connection)


def request(
    method: str = "GET",
    path: str = "/health/live",
    body: bytes = b"",
    *lines: str,
    host: str = "localhost",
) -> bytes:
    """A request; a body has its length."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *lines]
    if body:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*head, "", "")).encode("latin-1") + body


def chunked(*chunks: bytes, trailers: str = "", extension: str = "") -> bytes:
    """A body in chunks."""
    pieces = [b"%x%s\r\n%s\r\n" % (len(each), extension.encode(), each) for each in chunks]
    return b"".join((*pieces, b"0\r\n", trailers.encode(), b"\r\n"))
