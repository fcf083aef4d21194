"""One mail, sent. Knows SMTP."""

import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime

from service.notices.deliveries import Answer, Delivery
from service.notices.hooks_file import Hook, Mail, Secrets
from service.runtime.printable import printable

SUBJECT_LETTERS = 150
STEPS = 3  # a mail takes several answers: so many times the time of one


class _PinnedSMTP(smtplib.SMTP):
    """Connects to addresses that were found before; by the name it knows the certificate.

    After `STEPS` times `timeout` it is over, however slowly the server talks.
    """

    def __init__(self, mail: Mail, addresses: Sequence[str], timeout: float) -> None:
        self._addresses = addresses
        self._watch = threading.Timer(timeout * STEPS, self._cut)
        self._watch.daemon = True
        self._watch.start()
        try:
            super().__init__(mail.server, mail.port, timeout=timeout)
        except BaseException:
            self._watch.cancel()
            raise

    def close(self) -> None:
        self._watch.cancel()
        super().close()

    def _cut(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        for address in self._addresses[:-1]:
            with suppress(OSError):
                return socket.create_connection((address, port), timeout)
        return socket.create_connection((self._addresses[-1], port), timeout)


def send(
    hook: Hook,
    secrets: Secrets,
    delivery: Delivery,
    addresses: Sequence[str],
    tls: ssl.SSLContext,
) -> Answer:
    """Hands one mail to its server, at one of its `addresses`; blocks.

    Raises:
        OSError, smtplib.SMTPException: it was not taken.
    """
    mail = hook.mail
    assert mail is not None
    with _PinnedSMTP(mail, addresses, hook.timeout_seconds) as server:
        if mail.starttls:
            server.starttls(context=tls)
        if mail.user is not None:
            server.login(mail.user, secrets.password)
        server.send_message(message(mail, delivery))
    return Answer(done=True)


def message(mail: Mail, delivery: Delivery) -> EmailMessage:
    """The mail, in plain text. Each attempt has the same Message-ID."""
    content = json.loads(delivery.payload)
    text = printable(content["data"]["text"])
    made = EmailMessage()
    made["From"], made["To"] = mail.sender, ", ".join(mail.to)
    made["Subject"] = f"[Gatehouse] {text[:SUBJECT_LETTERS]}"
    made["Date"] = format_datetime(delivery.happened_at)
    made["Message-ID"] = f"<{delivery.delivery_id}@{mail.sender.rpartition('@')[2].strip('> ')}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(f"{text}\n\n{json.dumps(content, indent=2, ensure_ascii=False)}\n")
    return made
