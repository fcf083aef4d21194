"""One mail: to a real server, which wants TLS and a password."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import msgspec
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from service.notices import hook_task, mails
from service.notices.deliveries import Answer, Delivery
from service.notices.hooks_file import Elsewhere, Hook, Mail, Secrets
from service.runtime.clock import utc_now

DELIVERY = Delivery.of(
    "duty", "load.failed", {"text": "load of jobs:\nBcc: someone@example.org ü"}, utc_now()
)
HERE = ["127.0.0.1"]


class Box:
    """Takes mails."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def served(authority: trustme.CA) -> Iterator[tuple[Controller, Box]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.example").configure_cert(context)
    box = Box()

    def known(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"right", handled=False)

    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=known,
        auth_required=True,
    )
    controller.start()
    yield controller, box
    controller.stop()


def send(
    served: tuple[Controller, Box], authority: trustme.CA, password: str = "right", **said: Any
) -> Answer:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    basic: dict[str, Any] = {"server": "mail.example", "to": ["a@example.org", "b@example.org"]}
    basic |= {"sender": "Gatehouse <g@example.org>", "user": "g", "password": Elsewhere(env="P")}
    port = served[0].port
    mail = Mail(**{**basic, "port": port, **said})
    hook = Hook(name="duty", on=["load.failed"], mail=mail, timeout_seconds=5)
    return mails.send(hook, Secrets(password=password), DELIVERY, HERE, tls)


def test_a_mail_is_delivered_by_tls_as_plain_text(served: Any, authority: trustme.CA):
    assert send(served, authority).done
    assert send(served, authority).done  # again: the same mail
    (to, first), (_, second) = served[1].mails
    assert to == ["a@example.org", "b@example.org"]
    mail, again = (message_from_bytes(each, policy=default) for each in (first, second))
    assert mail["Message-ID"] == again["Message-ID"] == f"<{DELIVERY.delivery_id}@example.org>"
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[Gatehouse] load of jobs:\\nBcc: someone@example.org ü"
    assert mail.get_content_type() == "text/plain"
    assert '"type": "load.failed"' in mail.get_content()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"password": "wrong"}, smtplib.SMTPAuthenticationError),
        ({"server": "other.example"}, ssl.SSLError),
        ({"starttls": False}, smtplib.SMTPException),
    ],
)
def test_a_server_that_is_another_or_knows_us_not_gets_nothing(
    served: Any, authority: trustme.CA, said: Any, error: type[Exception]
):
    before = len(served[1].mails)
    with pytest.raises(error) as refused:
        send(served, authority, **said)
    assert "right" not in str(refused.value)
    assert len(served[1].mails) == before


def test_what_no_server_could_take_is_an_attempt_like_any_other(
    served: Any, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
):
    async def here(*_: Any, **__: Any) -> list[str]:
        return HERE

    monkeypatch.setattr(hook_task, "addresses_of", here)
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    mail = Mail(
        server="mail.example",
        port=served[0].port,
        to=["a@example.org"],
        sender="g@example.org",
        user="g",
        password=Elsewhere(env="P"),
    )
    hook = Hook(name="duty", on=["load.failed"], mail=mail)
    nothing: Any = None

    def attempt(hook: Hook, password: str) -> Answer:
        task = hook_task.HookTask(hook, Secrets(password=password), tls, *[nothing] * 5)
        return asyncio.run(task._attempt(DELIVERY))

    answer = attempt(hook, "ünsägbar")  # SMTP's login takes ASCII
    assert (answer.done, answer.error) == (False, "it was not delivered (UnicodeEncodeError)")
    to = msgspec.structs.replace(mail, to=["a@"])  # no header can be made of it
    answer = attempt(msgspec.structs.replace(hook, mail=to), "right")
    assert not answer.done
    assert answer.error == "it was not delivered (IndexError)"
