"""One webhook, sent: signed by Standard Webhooks (https://www.standardwebhooks.com). Knows HTTP."""

import asyncio
import base64
import hashlib
import hmac
import logging
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress

import httpx

from service import __version__
from service.notices.addresses import NotReachable, addresses_of
from service.notices.deliveries import Answer, Delivery
from service.notices.hooks_file import Hook, Secrets

MAX_ANSWER_BYTES = 64 * 1024  # of what a receiver says no more is read
# They log URLs and headers, which have secrets in them.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)
GONE = 410  # by Standard Webhooks: no more of these


def signed_headers(keys: Sequence[bytes], delivery_id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers; `at` in seconds since 1970. With several keys each signs."""
    said = f"{delivery_id}.{at}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(key, said, hashlib.sha256)).decode() for key in keys
    ]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


async def post(hook: Hook, secrets: Secrets, delivery: Delivery, tls: ssl.SSLContext) -> Answer:
    """Posts it once, at an address that was looked at. No redirect is followed, and no proxy asked.

    Raises:
        NotReachable: as `addresses_of`, or no address takes a connection.
        httpx.HTTPError: the connection failed.
        TimeoutError: it took longer than the hook has time for, all in all.
    """
    url, body = httpx.URL(secrets.url), delivery.payload.encode()
    host, port = url.raw_host.decode(), url.port or (443 if url.scheme == "https" else 80)
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": "application/json",
        "User-Agent": f"gatehouse/{__version__}",
        **signed_headers(secrets.keys, delivery.delivery_id, int(time.time()), body),
    }
    async with asyncio.timeout(hook.timeout_seconds):
        addresses = await addresses_of(host, port, private=hook.private)
        options = {"trust_env": False, "verify": tls, "timeout": None}  # the block has one
        async with httpx.AsyncClient(**options) as client:  # type: ignore[arg-type]
            for address in addresses:
                request = client.build_request(
                    "POST",
                    url.copy_with(host=address),
                    headers=headers,
                    content=body,
                    extensions={"sni_hostname": host},  # whose the certificate has to be
                )
                with suppress(httpx.ConnectError):
                    return await _answer_to(client, request)
    raise NotReachable("the receiver takes no connection, or has not the certificate of its name")


async def _answer_to(client: httpx.AsyncClient, request: httpx.Request) -> Answer:
    answer = await client.send(request, stream=True)
    try:
        await _look_at(answer)
    finally:
        await answer.aclose()
    status = answer.status_code
    if answer.is_success:
        return Answer(done=True, status=status)
    return Answer(
        done=False,
        status=status,
        error=f"the receiver answered {status}",
        is_final=status == GONE,
    )


async def _look_at(answer: httpx.Response) -> None:
    """Reads what there is of the answer, up to a limit; nothing of it counts."""
    size = 0
    async for piece in answer.aiter_raw():
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            return
