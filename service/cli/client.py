"""A client of the API: over HTTP where a service runs, else of the same app in this process.

The requests are the same either way, and so are a command's answers.
"""

import asyncio
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from service.cli import output
from service.cli.failures import Refused, Unreachable
from service.runtime.running import find
from service.runtime.settings import Settings

# Builds and backups take their time; only a connection has to come quickly.
TIMEOUT = httpx.Timeout(None, connect=5)
# How often a request is sent before it fails, and how long to wait for a warehouse that another
# command has open.
ATTEMPTS, PATIENCE_SECONDS = 4, 5.0
PAGE = 10_000


class Client:
    """Sends one request at a time; answers are decoded from JSON.

    Every method raises Refused for a problem document, and Unreachable where no one answers.
    """

    def __init__(self, portal: BlockingPortal, http: httpx.AsyncClient, is_here: bool) -> None:
        """`is_here` says whether it asks an app in this process, which ends with the command."""
        self._portal = portal
        self._http = http
        self.is_here = is_here

    def get(self, path: str, **parameters: Any) -> Any:
        """Sends GET; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self.send("GET", path, params=given or None).json()

    def post(self, path: str, content: Any = None, **parameters: Any) -> Any:
        """Sends POST with `content` as JSON."""
        body = {} if content is None else {"json": content}
        return self.send("POST", path, params=parameters or None, **body).json()

    def delete(self, path: str, **parameters: Any) -> None:
        """Sends DELETE; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        self.send("DELETE", path, params=given or None)

    def pages(self, path: str, member: str, limit: int, **parameters: Any) -> list[Any]:
        """Reads a paged list: the first `limit` entries under `member`, page after page."""
        found: list[Any] = []
        after = None
        while len(found) < limit:
            size = min(limit - len(found), PAGE)
            page = self.get(path, limit=size, after=after, **parameters)
            found += page[member]
            after = page.get("next")
            if after is None:
                break
        return found

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """Sends a request, again if the connection breaks or the service is busy (429, 503).

        Attempts share an Idempotency-Key, so that a repeated request writes nothing twice.
        """
        key = {"Idempotency-Key": str(uuid.uuid4())} if method != "GET" else {}
        options["headers"] = {**key, **(headers or {})}
        for attempt in range(1, ATTEMPTS):
            answer = self._try(method, path, options)
            if answer is not None and not _is_busy(answer):
                return _checked(answer)
            time.sleep(_pause(answer, attempt))
        return _checked(self._portal.call(partial(self._send, method, path, options)))

    def _try(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response | None:
        """The answer; None if the connection broke."""
        try:
            return self._portal.call(partial(self._send, method, path, options))
        except _Lost:
            return None

    async def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        try:
            return await self._http.request(method, path, **options)
        except httpx.ConnectError as error:
            hint = "`gatehouse serve` starts one; GATEHOUSE_URL or --url says where one is"
            raise Unreachable(f"no service answers at {self._http.base_url}", hint) from error
        except httpx.TransportError as error:
            hint = "it may have done what was asked: `gatehouse loads` and `trail` say what it did"
            raise _Lost(f"{self._http.base_url} broke off before it answered", hint) from error


class _Lost(Unreachable):
    """The connection broke before the answer came; the request may have been carried out."""


def _is_busy(answer: httpx.Response) -> bool:
    return answer.status_code in (429, 503) and "Retry-After" in answer.headers


def _pause(answer: httpx.Response | None, attempt: int) -> float:
    """Seconds to wait before the next attempt."""
    asked = answer.headers["Retry-After"] if answer is not None else ""
    return min(float(asked), 10.0) if asked.isdigit() else 0.2 * attempt


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "title" not in problem:
        why = f"{answer.status_code} {answer.reason_phrase}".rstrip()
        problem = {"detail": f"{answer.url} answers {why}; is that a Gatehouse service?"}
    is_repeated = "Idempotency-Replayed" in answer.headers
    raise Refused(answer.status_code, problem, is_repeated)


@contextmanager
def connect(settings: Settings, url: str | None = None) -> Iterator[Client]:
    """A client of the service at `url`, or of the one that has the warehouse of `settings`.

    Raises:
        Unreachable: no service runs, and the warehouse cannot be opened here either.
    """
    with start_blocking_portal() as portal, ExitStack() as stack:
        opened = portal.wrap_async_context_manager(_opened(settings, url))
        http, is_here = opened.__enter__()
        # The app is closed in order, whatever the command raised.
        stack.callback(opened.__exit__, None, None, None)
        yield Client(portal, http, is_here)


def _our_own(settings: Settings, url: str) -> ssl.SSLContext | bool:
    """A TLS context that trusts the certificate of the service on this machine, for any name.

    Without TLS there is none: to read the certificates of the system takes 40 ms.
    """
    if url.startswith("http:"):
        return False
    context = ssl.create_default_context()
    if settings.tls_certificate:
        context.load_verify_locations(settings.tls_certificate)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
    return context


@asynccontextmanager
async def _opened(
    settings: Settings, url: str | None
) -> AsyncIterator[tuple[httpx.AsyncClient, bool]]:
    headers = {"Authorization": f"Bearer {settings.key}"} if settings.key else {}
    async with AsyncExitStack() as stack:
        transport: httpx.AsyncBaseTransport | None = None  # by way of a proxy, if there is one
        trusted: ssl.SSLContext | bool = False  # a transport has its own
        if url is None:
            url, transport = await _here(settings, stack)
        else:
            trusted = await asyncio.to_thread(ssl.create_default_context)
        http = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            headers=headers,
            timeout=TIMEOUT,
            verify=trusted,
        )
        is_here = isinstance(transport, httpx.ASGITransport)
        yield await stack.enter_async_context(http), is_here


async def _here(settings: Settings, stack: AsyncExitStack) -> tuple[str, httpx.AsyncBaseTransport]:
    """URL and transport of the service that has the warehouse, or of the app in this process."""
    until = None
    while True:
        if found := find(settings):
            # It may be just starting.
            return found, httpx.AsyncHTTPTransport(retries=3, verify=_our_own(settings, found))
        from service.cli.inside import Locked, opened_app

        try:
            app = await stack.enter_async_context(opened_app(settings))
        except Locked as locked:
            if until is None:
                until = time.monotonic() + PATIENCE_SECONDS
                output.note(
                    f"{locked.message}; waiting up to {PATIENCE_SECONDS:.0f} seconds for it"
                )
            elif time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)
        else:
            return settings.url, httpx.ASGITransport(app, raise_app_exceptions=False)
