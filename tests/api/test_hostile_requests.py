"""Whatever comes over the wire is answered, and never by a fault of ours."""

import re
import shutil
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.services import serving, settings_in

Ask = Callable[..., int]
ODD = [
    b"",
    b"%00",
    b"%FF",
    b"%ED%A0%80",
    b"\xff\xfe",
    b"\xe2\x82\xac",
    b"%27%22%3B--",
    b"-1",
    b"9" * 30,
    b"9" * 6000,
    b"1e400",
    b"NaN",
    b"..%2F..",
    b"%2e%2e",
    b"%0d%0aX:%20y",
    b"%D9%A1",
    b"[]",
    b"W10",  # cursors, from here on: [], [1], a lone surrogate, too large, nested, far away
    b"WzFd",
    b"WyJcdWQ4MDAiXQ",
    b"WzFlNDAwXQ",
    b"W1tbW1tbXQ",
    b"WyIwMDAxLTAxLTAxVDAwOjAwOjAwIiwwLCIiXQ",
    b"WyI5OTk5LTEyLTMxVDIzOjU5OjU5KzE0OjAwIiw5MjIzMzcyMDM2ODU0Nzc1ODA4LCIiXQ",
    b"WyIyMDI2LTExLTIyVDIxOjAxOjA3KzAyOjAwIiwieCJd",
    b"WyJcdTAwMDAiXQ",
]
PLACES = [
    b"/%s",
    b"/v1/%s",
    b"/v1/tables/%s",
    b"/v1/tables/%s/rows",
    b"/v1/tables/jobs/rows/%s",
    b"/v1/loads/%s",
    b"/v1/rejections/%s",
    b"/v1/backups/%s",
    b"/v1/backups/%s/file",
    b"/v1/reports/%s",
    b"/v1/builds/%s",
    b"/v1/tables/jobs/rows?%s",
    b"/v1/tables/jobs/rows?%s=1",
    b"/v1/tables/jobs/rows?limit=%s",
    b"/v1/tables/jobs/rows?after=%s",
    b"/v1/tables/jobs/backups?after=%s",
    b"/v1/loads?after=%s",
    b"/v1/loads?table=%s",
    b"/v1/loads?status=%s",
    b"/v1/rejections?after=%s",
    b"/v1/rejections?rule=%s",
    b"/v1/rejections?load_id=%s",
    b"/v1/reports/hires_by_quarter?year=%s",
    b"/v1/backups?limit=%s",
    b"/schema?%s",
    b"/metrics?%s",
]
BODIES = [
    b"",
    b"null",
    b"[",
    b'{"a":' * 5000,
    b"[" * 60_000,
    b"\xff",
    b'{"backup_id": "\\ud800"}',
    b'{"set_id": "\\u0000"}',
    b'{"codec": 1}',
    b"Obj\x01",
    b"x" * 70_000,
]
TYPES = [b"application/json", b"application/avro", b"text/plain", b"\xff", b"", b"a/b;c=\x80"]


@pytest.fixture(scope="module")
def ask(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Sends bytes as they are, which no well-behaved client would; the status of the answer."""
    own = settings_in(tmp_path_factory.mktemp("hostile"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        yield lambda *parts, **more: _status(client, *parts, **more)


def _status(
    client: httpx.Client, method: bytes, target: bytes, body: bytes = b"", **headers: bytes
) -> int:
    lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: localhost", b"Connection: close"]
    lines += [name.replace("_", "-").encode() + b": " + value for name, value in headers.items()]
    lines.append(b"Content-Length: %d" % len(body))
    port = client.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        answer = b"".join(iter(lambda: wire.recv(1 << 16), b""))
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found, answer[:100]
    return int(found.group(1))


@pytest.mark.parametrize("place", PLACES, ids=bytes.decode)
def test_odd_words_in_the_url_are_answered(ask, place):
    for word in ODD:
        assert ask(b"GET", place % word) < 500, word


@pytest.mark.parametrize(
    "accept",
    [b"", b";;;", b"\xff\xfe", b"," * 5000, b"*", b"a/b/c;q=x", b"text/csv;q=nan", b"*/*;q=-1"],
)
def test_odd_wishes_for_a_format_are_answered(ask, accept):
    for target in (b"/v1/tables/jobs/rows", b"/v1/reports/hires_by_quarter?year=2021"):
        assert ask(b"GET", target, accept=accept) in (200, 406)


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/tables/jobs/backups",
        b"/v1/backups",
        b"/v1/tables/jobs/restore",
        b"/v1/restore",
        b"/v1/backups/x/verify",
    ],
    ids=bytes.decode,
)
def test_odd_bodies_are_answered(ask, target):
    for body in BODIES:
        for content_type in TYPES:
            for extra in ({}, {"idempotency_key": b"\xff" * 9}, {"content_encoding": b"br"}):
                status = ask(b"POST", target, body, content_type=content_type, **extra)
                assert status < 500, (body[:20], content_type, extra)


@pytest.mark.parametrize("place", [b"/v1/rejections/%s", b"/v1/backups/%s"], ids=bytes.decode)
def test_odd_things_to_remove_are_answered(ask, place):
    for word in ODD:
        assert ask(b"DELETE", place % word) in (400, 404, 405), word


@pytest.mark.parametrize("key", [b"", b"k" * 256])
def test_a_key_of_the_wrong_length_is_a_bad_request(ask, key):
    assert ask(b"POST", b"/v1/backups", idempotency_key=key) == 400


@pytest.mark.parametrize("method", [b"PUT", b"PATCH", b"DELETE", b"TRACE"])
def test_a_method_that_is_not_there_is_refused(ask, method):
    for target in (b"/v1/tables", b"/v1/rows", b"/v1/backups", b"/schema"):
        assert ask(method, target) == 405
