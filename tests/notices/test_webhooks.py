"""One webhook: how it is signed, where it goes, and what a receiver cannot do to us."""

import asyncio
import socket
import ssl
import time
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
import trustme

from service.notices import webhooks
from service.notices.addresses import NotReachable
from service.notices.deliveries import Answer, Delivery
from service.notices.hooks_file import Elsewhere, Hook, Secrets, secrets_of
from service.runtime.clock import utc_now
from tests.support.receivers import SECRET, Message, receiving

KEYS = secrets_of(
    Hook(name="a", on=["disk.low"], url="https://a.org", secret=Elsewhere(env="S")), {"S": SECRET}
).keys
DELIVERY = Delivery.of("a", "disk.low", {"text": "ü"}, utc_now())


def sent(url: str, tls: ssl.SSLContext | None = None, **options: Any) -> Answer:
    said: dict[str, Any] = {"private": True, **options}
    hook = Hook(name="a", on=["disk.low"], url=url, **said)
    context = tls or ssl.create_default_context()
    return asyncio.run(webhooks.post(hook, Secrets(url=url, keys=KEYS), DELIVERY, context))


def test_it_is_signed_as_standard_webhooks_verifies():
    with receiving() as receiver:
        assert sent(receiver.url) == Answer(done=True, status=204)
    (message,) = receiver.messages
    assert message.verified() == message.content
    assert message.id == DELIVERY.delivery_id
    message.body += b" "
    with pytest.raises(Exception, match="signature"):
        message.verified()


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 410, 429, 500, 503])
def test_what_is_no_2xx_is_not_delivered_and_leads_nowhere(status: int):
    def answer(handler: BaseHTTPRequestHandler, message: Message) -> None:
        handler.send_response(status)
        handler.send_header("location", f"{receiver.url}/elsewhere")
        handler.send_header("content-length", "0")
        handler.end_headers()

    with receiving() as receiver:
        receiver.answer = answer
        got = sent(receiver.url)
    assert (got.done, got.status, got.is_final) == (False, status, status == 410)
    assert [message.path for message in receiver.messages] == ["/hook"]


def _drips_a_head(handler: BaseHTTPRequestHandler, _: Message) -> None:
    for _number in range(100):
        handler.wfile.write(b"H")
        time.sleep(0.05)


def _drips_a_body(handler: BaseHTTPRequestHandler, _: Message) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _number in range(100):
        handler.wfile.write(b".")
        time.sleep(0.05)


@pytest.mark.parametrize("slow", [_drips_a_head, _drips_a_body])
def test_who_talks_slowly_is_not_listened_to_for_longer_than_there_is_time(slow: Any):
    with receiving() as receiver:
        receiver.answer = slow
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            sent(receiver.url, timeout_seconds=0.3)
        assert time.monotonic() - began < 3


def test_who_talks_without_end_is_not_read_to_the_end():
    written = 0

    def answer(handler: BaseHTTPRequestHandler, _: Message) -> None:
        nonlocal written
        handler.send_response(200)
        handler.end_headers()
        try:
            while written < 1 << 28:
                written += handler.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    with receiving() as receiver:
        receiver.answer = answer
        assert sent(receiver.url).done
    assert written < 1 << 26


def test_it_connects_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch):
    real, asked = socket.getaddrinfo, []

    def once(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        assert asked.count("rebound.example") <= 1, "it is asked for a second time"
        return real("127.0.0.1" if host == "rebound.example" else host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "rebound.example")
        assert sent(url).done
        asked.clear()
        with pytest.raises(NotReachable, match="not public"):
            sent(url, private=False)
    assert receiver.messages[0].headers["host"] == url.split("/")[2]


def _here(real: Any, _: str, *rest: Any, **more: Any) -> Any:
    return real("127.0.0.1", *rest, **more)


def test_the_certificate_has_to_be_that_of_the_name():
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(ours)
    authority.issue_cert("hooks.example").configure_cert(theirs)
    with receiving(theirs) as receiver, pytest.MonkeyPatch.context() as patch:
        real = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", partial(_here, real))
        assert sent(receiver.url.replace("127.0.0.1", "hooks.example"), ours).done
        with pytest.raises(NotReachable):
            sent(receiver.url.replace("127.0.0.1", "other.example"), ours)


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with receiving() as receiver:
        assert sent(receiver.url).done


def test_who_is_not_there_is_told_so():
    with receiving() as receiver:
        url = receiver.url
    with pytest.raises((NotReachable, httpx.HTTPError)):
        sent(url)
