"""A future that the writer, in its thread, resolves for a request of an event loop."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any


class Promise:
    """An awaitable result that another thread sets.

    The writer uses it like a concurrent.futures.Future, at a third of the cost: that one's lock,
    condition and chain of callbacks are a tenth of what inserting one row takes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """`kept` is the future to await in `loop`."""
        self.loop = loop
        self.kept: asyncio.Future[Any] = loop.create_future()
        self._is_resolved = False

    def set_running_or_notify_cancel(self) -> bool:
        """Whether the request is still waiting; False once it was cancelled."""
        return not self.kept.cancelled()

    def done(self) -> bool:
        """Whether the writer has resolved it."""
        return self._is_resolved

    def set_result(self, result: Any) -> None:
        """Resolves it with a result."""
        resolve_all([(self, result)])

    def set_exception(self, error: BaseException) -> None:
        """Resolves it with an exception, which is raised where it is awaited."""
        resolve_all([(self, error)])

    def _set(self, answer: Any) -> None:
        if self.kept.done():  # it was cancelled meanwhile
            return
        if isinstance(answer, BaseException):
            self.kept.set_exception(answer)
        else:
            self.kept.set_result(answer)


def resolve_all(answers: Sequence[tuple[Promise, Any]]) -> None:
    """Resolves every promise, with a result or an exception; wakes the loop once.

    There is at least one, and all belong to one loop. If each woke the loop, it would begin to
    answer the first ones while the others are still being resolved.
    """
    for promise, _ in answers:
        promise._is_resolved = True
    with suppress(RuntimeError):  # the loop is closed: no request waits any more
        answers[0][0].loop.call_soon_threadsafe(_set_each, answers)


def _set_each(answers: Sequence[tuple[Promise, Any]]) -> None:
    for promise, answer in answers:
        promise._set(answer)
