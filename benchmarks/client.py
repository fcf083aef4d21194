"""The service's other calls, for suites that are not about inserting."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from benchmarks.contestants.contestant import Served


class NotServed(Exception):
    """The service of this checkout does not know the call."""


class Client:
    """Calls a service that is under way; each answer as JSON with the seconds that it took."""

    def __init__(self, served: Served) -> None:
        base = f"http://127.0.0.1:{served.target.port}"
        self._client = httpx.Client(base_url=base, timeout=3600)

    def get(self, path: str, **query: Any) -> tuple[Any, float]:
        """GET; raises as `_call` does."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Any = None) -> tuple[Any, float]:
        """POST of JSON; raises as `_call` does."""
        return self._call("POST", path, json=body)

    def _call(self, method: str, path: str, **arguments: Any) -> tuple[Any, float]:
        """One call.

        Raises:
            NotServed: 404 or 405.
            httpx.HTTPStatusError: any other failure.
        """
        began = time.perf_counter()
        answer = self._client.request(method, path, **arguments)
        seconds = time.perf_counter() - began
        if answer.status_code in (404, 405):
            raise NotServed(f"{method} {path}")
        return answer.raise_for_status().json(), seconds


@contextmanager
def told_when_not_served(say: Any) -> Iterator[None]:
    """Says so instead of failing."""
    try:
        yield
    except NotServed as missing:
        say(f"Not measured: the service does not know {missing} yet.")
