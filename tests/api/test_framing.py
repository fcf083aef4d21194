"""Requests as bytes: where each begins and ends, and what stands between."""

import json
import random
import shutil
from collections.abc import Iterator

import httpx
import pytest

from service.api.http.framing import MAX_HEAD_BYTES, MAX_PIPELINED
from service.runtime.settings import Settings
from tests.support.chance import chance
from tests.support.services import serving, settings_in
from tests.support.wire import chunked, request, wired

JOBS = "/v1/tables/jobs/rows"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
OFFERS = {
    "h2c": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    "websocket": ("Connection: keep-alive, upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"),
    "two": ("Upgrade: TLS/1.2", "Connection: upgrade", "Upgrade: h2c"),
}


@pytest.fixture(scope="module")
def client(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    own = settings_in(tmp_path_factory.mktemp("framing"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        yield client


def insert(rows: int, *lines: str, first: int = 5000, dry_run: bool = True) -> bytes:
    """An insert of so many rows."""
    body = json.dumps([{"id": first + n, "job": f"job {n}"} for n in range(rows)]).encode()
    return request("POST", f"{JOBS}?dry_run={str(dry_run).lower()}", body, JSON, *lines)


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("kind", ["length", "chunked", "expected"])
def test_a_body_comes_along_whatever_other_protocol_is_offered(client, offer, kind):
    body = b'[{"id": 5000, "job": "x"}, {"id": 5001, "job": "y"}]'
    more = {"length": (), "chunked": (CHUNKED,)}.get(kind, ("Expect: 100-continue",))
    asked = request("POST", f"{JOBS}?dry_run=true", b"", JSON, *offer, *more)
    if kind == "chunked":
        asked += chunked(body[:9], body[9:])
    else:
        asked = asked[:-2] + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with wired(client) as wire:
        answer = wire.ask(asked)
        assert (answer.status, json.loads(answer.body)["received"]) == (200, 2)
        assert wire.ask(request()).status == 200  # and what follows is a request


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_a_request_within_a_body_is_none(client, offer):
    within = request(path="/v1/tables/smuggled")
    with wired(client) as wire:
        wire.send(request("GET", "/health/live", within, *offer), request(path="/v1/tables/no"))
        first, second = wire.answer(), wire.answer()
    assert (first.status, second.status) == (200, 404)
    assert b"smuggled" not in second.body


def test_requests_are_answered_in_their_order_however_they_are_cut(client):
    random_ = chance("framing")
    for _ in range(60):
        asked, expected = [], []
        for _ in range(random_.randint(1, 6)):
            one, rows = _any_request(random_)
            asked.append(one)
            expected.append(rows)
        with wired(client) as wire:
            wire.send(*_cut(b"".join(asked), random_))
            answers = [wire.answer() for _ in asked]
        received = [json.loads(each.body).get("received") for each in answers]
        assert received == expected, b"".join(asked)


def _any_request(random_: random.Random) -> tuple[bytes, int | None]:
    """A request, and how many rows it has."""
    offer = random_.choice([(), *OFFERS.values()])
    kind = random_.choice(["get", "length", "chunked", "expected"])
    if kind == "get":
        return request("GET", "/health/live", b"", *offer), None
    rows = random_.choice([1, 2, 5, 200])
    if kind == "length":
        return insert(rows, *offer), rows
    if kind == "expected":
        return insert(rows, *offer, "Expect: 100-continue"), rows
    _, _, body = insert(rows).partition(b"\r\n\r\n")
    cuts = sorted(random_.sample(range(1, len(body)), 3))
    chunks = [body[at:to] for at, to in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    lines = (JSON, *offer, CHUNKED)
    trailers = random_.choice(["", "X-T: 1\r\nIdempotency-Key: q\r\n"])
    extension = random_.choice(["", ";a=b"])
    head = request("POST", f"{JOBS}?dry_run=true", b"", *lines)
    return head + chunked(*chunks, trailers=trailers, extension=extension), rows


def _cut(text: bytes, random_: random.Random) -> list[bytes]:
    step = random_.choice([1, 7, 100, len(text)])
    if step == 1:
        step = max(1, len(text) // 500)
    return [text[at : at + step] for at in range(0, len(text), step)]


def test_a_trailer_is_no_header(client):
    head = request("POST", JOBS, b"", JSON, CHUNKED)
    trailers = "Prefer: handling=strict\r\nIdempotency-Key: trailed\r\nContent-Encoding: gzip\r\n"
    with wired(client) as wire:
        for number in range(2):
            body = b'[{"id": %d, "job": "x"}, {"id": 0}]' % (6000 + number)
            answer = wire.ask(head + chunked(body, trailers=trailers))
            assert answer.status == 207, answer.body
            assert answer.headers.get("preference-applied") != "handling=strict"
            assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize(
    "endless",
    [b"X: " + b"x" * 997 + b"\r\n", b"\r\n" * 500, b"x" * 1000],
    ids=["lines", "nothing", "one line"],
)
@pytest.mark.parametrize(
    "before",
    [
        b"",
        request()[:-2],
        request("POST", JOBS, b"", JSON, CHUNKED) + b"0\r\n",
    ],
    ids=["nothing", "head", "trailers"],
)
def test_what_is_no_body_has_an_end(client, before, endless):
    with wired(client) as wire:
        answers = _sent_until_closed(wire, before, endless)
    # The first empty line ends a head: its answer may be under way when the rest is refused, and
    # is then the last one.
    answered = [200] if before.startswith(b"GET") and endless.startswith(b"\r\n") else []
    assert [each.status for each in answers][-1:] in ([], [400], [431], answered)


def _sent_until_closed(wire, before, endless):
    """What is answered to someone who does not stop."""
    sent = 0
    wire.send(before)
    try:
        while sent <= 1000 * MAX_HEAD_BYTES:
            wire.send(endless)
            sent += len(endless)
    except ConnectionError:
        return wire.answers()
    raise AssertionError("it was all taken")


def test_a_refused_body_may_have_trailers_without_end_and_they_are_not_kept(client):
    head = request("POST", "/v1/nothing", b"", CHUNKED)
    with wired(client) as wire:
        assert wire.ask(head + b"1\r\nx\r\n").status == 404
        assert _sent_until_closed(wire, b"0\r\n", b"X: " + b"x" * 997 + b"\r\n") == []


def test_so_many_requests_may_wait_for_the_first(client):
    with wired(client) as wire:
        wire.send(request() * MAX_PIPELINED)
        assert [wire.answer().status for _ in range(MAX_PIPELINED)] == [200] * MAX_PIPELINED
        assert wire.ask(request()).status == 200  # who has read them may go on


def test_who_sends_more_is_answered_those_and_no_more(client):
    with wired(client) as wire:
        wire.send(request() * 100)  # less than is read at once: what was answered gets through
        answers = wire.answers()
    assert [each.status for each in answers] == [200] * (MAX_PIPELINED + 1)
    assert answers[-1].headers["connection"] == "close"


@pytest.mark.parametrize("wrong", [b"\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nX y\r\n\r\n"])
def test_what_is_no_http_is_told_behind_the_answer_that_is_under_way(client, wrong):
    with wired(client) as wire:
        wire.send(insert(200) + wrong)
        answers = wire.answers()
        assert [each.status for each in answers] == [200]
    with wired(client) as wire:
        wire.send(wrong)
        (answer,) = wire.answers()
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/problem+json"


def test_behind_a_request_that_is_the_last_there_is_none(client):
    with wired(client) as wire:
        wire.send(request("GET", "/health/live", b"", "Connection: close") + request() * 3)
        assert [each.status for each in wire.answers()] == [200]


def test_connect_is_for_proxies(client):
    with wired(client) as wire:
        wire.send(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n" + request())
        (answer,) = wire.answers()
    assert answer.status == 501


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost/v1/tables", "evil.example", 200),
        ("HTTP://127.0.0.1:80/v1/tables?", "localhost", 200),
        ("http://evil.example/v1/tables", "localhost", 421),
        ("http://localhost@evil.example/v1/tables", "localhost", 400),
        ("http:///v1/tables", "localhost", 400),
        ("localhost/v1/tables", "localhost", 400),
        ("*", "localhost", 404),
    ],
)
def test_the_host_of_a_whole_url_counts(client, target, host, status):
    with wired(client) as wire:
        assert wire.ask(request("GET", target, host=host)).status == status


def test_what_cannot_be_read_is_told_though_the_body_before_came_late(client):
    """The request before was answered when its head was there."""
    late = request("POST", JOBS, b"", JSON, JSON, "Content-Length: 2")
    with wired(client) as wire:
        assert wire.ask(late).status == 400
        wire.send(b"[]", request("GET", "/health/live", b"", "X: \x1b"))
        assert wire.answer().status == 400
