"""What a service in this process logs."""

import contextlib
import io
import logging
import queue
from collections.abc import Iterator
from typing import Literal

import structlog

from service import logs
from service.settings import Settings


class Lines(io.TextIOBase):
    """A stream whose lines are waited for: a request is logged after its answer."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def write(self, text: str, /) -> int:
        for line in text.split("\n")[:-1]:
            self._lines.put(line)
        return len(text)

    def until(self, word: str) -> Iterator[str]:
        """The lines up to the first with that word."""
        while word not in (line := self._lines.get(timeout=30)):
            yield line
        yield line


@contextlib.contextmanager
def logging_to_lines(form: Literal["json", "console"]) -> Iterator[Lines]:
    """Within it, this process logs into what it gives."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = Lines()
    with contextlib.redirect_stderr(lines):
        logs.configure(Settings(log_format=form))
    # As the service runs: it was told before that uvicorn is not to log each request, too.
    logging.getLogger("uvicorn.access").propagate = False
    try:
        yield lines
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
