"""Who is told: an HTTP server of the test's own, which notes what it gets and answers as asked."""

import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from standardwebhooks.webhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
PATIENCE = 30  # seconds until a test gives up


@dataclass
class Message:
    """What came, with its headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> Any:
        return msgspec.json.decode(self.body)

    def verified(self, secret: str = SECRET) -> Any:
        """What it says, if it is signed: by the reference implementation of Standard Webhooks."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """A receiver; `answer` makes the status of each message, or handles it by itself (None)."""

    url: str
    answer: Callable[[BaseHTTPRequestHandler, Message], int | None] = lambda *_: 204
    messages: list[Message] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int = 1, kind: str | None = None) -> list[Message]:
        """The messages, once there are so many (of a kind)."""
        with self.came:
            assert self.came.wait_for(lambda: len(self._of(kind)) >= count, PATIENCE), self.messages
            return self._of(kind)

    def _of(self, kind: str | None) -> list[Message]:
        return [m for m in self.messages if kind is None or m.content["type"] == kind]

    def take(self, handler: BaseHTTPRequestHandler, message: Message) -> int | None:
        status = self.answer(handler, message)
        with self.came:
            self.messages.append(message)
            self.came.notify_all()
        return status


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(self, Message(self.path, headers, body))
            if status is not None:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "https" if tls else "http"
    receiver = Receiver(f"{scheme}://{host}:{server.server_address[1]}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
