"""What a request of an event loop waits for while the writer, in its thread, works on it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any


class Promise:
    """An answer to come. Towards the writer like a concurrent Future, at a third of its price: a
    lock with a condition for each, and a chain of callbacks, are a tenth of what one row costs.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The `loop` awaits `kept`."""
        self.loop = loop
        self.kept: asyncio.Future[Any] = loop.create_future()
        self._is_told = False

    def set_running_or_notify_cancel(self) -> bool:
        """Whether someone still waits."""
        return not self.kept.cancelled()

    def done(self) -> bool:
        """Whether the writer has told."""
        return self._is_told

    def set_result(self, result: Any) -> None:
        """What came of it."""
        keep([(self, result)])

    def set_exception(self, error: BaseException) -> None:
        """Why nothing came of it."""
        keep([(self, error)])

    def _keep(self, answer: Any) -> None:
        if self.kept.done():  # it was cancelled meanwhile
            return
        if isinstance(answer, BaseException):
            self.kept.set_exception(answer)
        else:
            self.kept.set_result(answer)


def keep(answers: Sequence[tuple[Promise, Any]]) -> None:
    """Tells what came of each (there is one at least), or why nothing did. They are of one loop,
    which is woken once: if it were for each, it would begin to answer while others are still told.
    """
    for promise, _ in answers:
        promise._is_told = True
    with suppress(RuntimeError):  # the loop is closed: no one waits any more
        answers[0][0].loop.call_soon_threadsafe(_keep_each, answers)


def _keep_each(answers: Sequence[tuple[Promise, Any]]) -> None:
    for promise, answer in answers:
        promise._keep(answer)
