"""What a client may not take more of than its share: memory, places, turns, time."""

import gzip
import json
import select
import socket
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager

import msgspec
import pytest
import zstandard
from litestar.testing import TestClient

from service.access import keys_file
from service.api.http.authentication import ANYONE
from service.app import create_app
from tests.support.answers import is_problem

ROWS = "/v1/tables/jobs/rows"
FILES = "/v1/tables/jobs/files"
JSON, CSV = "application/json", "text/csv"


@pytest.fixture
def limited(settings, serve):
    """Serves with other settings."""
    with ExitStack() as stack:
        yield lambda **other: stack.enter_context(serve(msgspec.structs.replace(settings, **other)))


@contextmanager
def talking(client):
    """A connection, to say on it what no client would."""
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=30) as connection:
        yield connection


def answer_on(connection):
    """All that comes, until the other side closes."""
    said = b""
    while piece := connection.recv(65536):
        said += piece
    return said.decode()


def begin(connection, size, path=ROWS, media_type=JSON):
    """Announces a body of `size` bytes; returns when the service asks for it."""
    connection.sendall(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {size}\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")


def test_a_key_has_so_many_requests_a_second_and_others_have_theirs(settings, limited):
    secrets = [
        keys_file.create(settings.keys_file, name, "operator", None, None)[1] for name in "ab"
    ]
    client = limited(rate_per_key=1, rate_burst=3)

    def ask(secret):
        return client.get("/v1/tables", headers={"Authorization": f"Bearer {secret}"})

    answers = [ask(secrets[0]) for _ in range(6)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:3] == [200, 200, 200]
    assert 429 in statuses[3:]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert is_problem(refused, 429, "too-many-requests")
    assert int(refused.headers["retry-after"]) >= 1
    assert ask(secrets[1]).status_code == 200
    assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_a_body_that_grows_too_much_is_refused(limited, encoding, compress):
    client = limited(max_ratio=50)
    bomb = compress(b" " * (8 << 20) + b"[]")
    headers = {"Content-Encoding": encoding, "Content-Type": JSON}
    assert is_problem(client.post(ROWS, content=bomb, headers=headers), 413, "too-large")
    rows = json.dumps([{"id": 9000 + n, "job": f"job {n}"} for n in range(1000)]).encode()
    assert client.post(ROWS, content=compress(rows), headers=headers).status_code == 201


def test_a_body_that_does_not_come_is_not_waited_for(limited):
    client = limited(body_seconds=1)
    with talking(client) as connection:
        begin(connection, 100)
        connection.sendall(b"[")
        said = answer_on(connection)
    assert said.startswith("HTTP/1.1 408 ")
    assert "urn:gatehouse:problem:slow-body" in said
    assert client.get("/v1/loads?limit=1").json()["loads"][0]["kind"] == "history"


def test_a_file_that_does_not_come_is_not_waited_for_and_leaves_nothing(limited, settings):
    client = limited(body_seconds=1)
    with talking(client) as connection:
        begin(connection, 100, FILES, CSV)
        assert list(settings.spool.iterdir())
        said = answer_on(connection)
    assert said.startswith("HTTP/1.1 408 ")
    assert not list(settings.spool.iterdir())


def test_a_head_that_does_not_come_is_not_waited_for(limited):
    client = limited(header_seconds=1)
    with talking(client) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: local")
        assert answer_on(connection).startswith("HTTP/1.1 408 ")
    with talking(client) as connection:
        assert answer_on(connection) == ""  # nothing was asked


def test_the_head_of_an_answer_comes_with_its_body(limited):
    with talking(limited()) as connection:
        for _ in range(20):
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            assert f"content-length: {len(body)}" in head.decode()


def test_a_head_has_a_largest_size(limited):
    client = limited()
    with talking(client) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        connection.sendall(b"X: " + b"x" * (64 << 10))
        assert answer_on(connection).startswith("HTTP/1.1 431 ")


def test_a_connection_that_asks_for_nothing_more_is_closed(limited):
    client = limited(idle_seconds=1)
    with talking(client) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer_on(connection).startswith("HTTP/1.1 200 ")  # and came to its end


def test_bodies_take_so_much_memory_and_the_next_is_told_when_to_come_again(limited):
    client = limited(max_buffered_bytes=1 << 20)
    body = b"[" + b" " * (600 << 10) + b"]"

    def ask(until, beside=None):
        """The first answer that is not of status `until`; None if `beside` is answered sooner."""
        while beside is None or not select.select([beside], [], [], 0)[0]:
            answer = client.post(ROWS, content=body, headers={"Content-Type": JSON})
            if answer.status_code != until:
                return answer
        return None

    refused = None
    while refused is None:  # if both come at the same time, either is refused
        with talking(client) as connection:
            begin(connection, len(body) + 1)
            connection.sendall(body)
            refused = ask(until=422, beside=connection)  # no rows: until the other is in memory
    assert is_problem(refused, 503, "unavailable")
    assert refused.headers["retry-after"]
    assert ask(until=503).status_code == 422  # the other one is gone, and so is what it took


def test_so_many_files_may_be_sent_at_a_time(limited):
    client = limited(max_uploads=1)
    with talking(client) as connection:
        begin(connection, 1000, FILES, CSV)
        headers = {"Content-Type": CSV}
        refused = client.post(FILES, content=b"id,job\n9001,a\n", headers=headers)
        assert is_problem(refused, 503, "unavailable")
        assert refused.headers["retry-after"] == "5"


def test_an_answer_that_takes_too_long_is_not_waited_for(settings):
    app = create_app(msgspec.structs.replace(settings, request_seconds=1), ANYONE)
    with TestClient(app) as client:
        with app.state.gate.writer.lock:
            answer = client.post(ROWS, json=[{"id": 9001, "job": "a"}])
        assert is_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "10"
        assert client.get("/v1/tables").status_code == 200


def test_so_many_requests_may_wait_for_the_writer(settings):
    app = create_app(msgspec.structs.replace(settings, queue_requests=1), ANYONE)
    with TestClient(app) as client, ThreadPoolExecutor(4) as pool:
        with app.state.gate.writer.lock:  # one is in its hands, one may wait
            rows = [[{"id": 9000 + number, "job": "a"}] for number in range(4)]
            asked = [pool.submit(client.post, ROWS, json=each) for each in rows]
            refused = next(as_completed(asked, timeout=60)).result()
            assert is_problem(refused, 503, "unavailable")
            assert int(refused.headers["retry-after"]) >= 1
        statuses = {each.result(60).status_code for each in asked}
    assert statuses == {201, 503}
