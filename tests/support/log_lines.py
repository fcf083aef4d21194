"""What a service in this process logs."""

import contextlib
import io
import logging
import queue
from collections.abc import Iterator
from typing import Any

import structlog

from service.runtime import logs
from service.runtime.settings import Settings


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

    def so_far(self) -> list[str]:
        """Those that are there, each only once."""
        return [self._lines.get_nowait() for _ in range(self._lines.qsize())]


def log_plainly() -> None:
    """Has this process log as structlog does by itself, but for the variables of a traceback.

    To draw those of one exception takes seconds, where dbt's manifest is among them.
    """
    structlog.reset_defaults()
    *others, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, plain])


@contextlib.contextmanager
def logging_to_lines(**settings: Any) -> Iterator[Lines]:
    """Within it, this process logs into what it gives, by these settings."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = Lines()
    with contextlib.redirect_stderr(lines):
        logs.configure(Settings(**settings))
    # As the service runs: it was told before that uvicorn is not to log each request, too.
    logging.getLogger("uvicorn.access").propagate = False
    try:
        yield lines
    finally:
        root.handlers[:], root.level = handlers, level
        log_plainly()
