"""Structured logs on stderr: one event a line, whatever characters its values hold.

What the standard library's loggers say (uvicorn's, for one) comes out in the same form. Bind what
events belong to with ``tokens = bind(request_id=…)`` until ``unbind(**tokens)``: it follows the
thread or task.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any, TextIO

import structlog
from structlog.contextvars import bind_contextvars as bind
from structlog.contextvars import reset_contextvars as unbind
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, ExcInfo, Processor

from service.runtime.printable import printable
from service.runtime.settings import Settings

__all__ = ["bind", "configure", "get_logger", "is_told", "unbind"]

# Events of structlog and of the standard library pass these alike.
BOTH: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Libraries whose messages name values: DuckDB (of a duplicate key, say), and dbt, which repeats
# it. The exceptions listed next are about files, names and memory only. Exceptions of our own say
# so by the class attribute `carries_data`, which stays when the class is moved or derived from.
WITH_DATA = ("duckdb", "dbt_common.exceptions.base")
WITHOUT_DATA = (
    *("IOException", "FatalException", "OutOfMemoryException", "InterruptException"),
    *("CatalogException", "BinderException", "ParserException", "ConnectionException"),
)
# One list for good: loggers keep the one they first saw, and tests change it in place.
FIRST: list[Processor] = [
    structlog.stdlib.filter_by_level,
    *BOTH,
    ProcessorFormatter.wrap_for_formatter,
]


def get_logger(name: str) -> BoundLogger:
    """The logger of the module `name`: ``log.info("build finished", build_id=…, seconds=…)``."""
    return structlog.stdlib.get_logger(name)


def is_told(level: int) -> bool:
    """Whether events of that level (of `logging`) are logged at all."""
    return logging.getLogger().isEnabledFor(level)


def configure(settings: Settings) -> None:
    """Sends every event of this process to stderr, in the form and from the level of `settings`."""
    structlog.configure(
        processors=FIRST,
        wrapper_class=BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            processors=[ProcessorFormatter.remove_processors_meta, *_rendering(settings)],
            foreign_pre_chain=BOTH,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    _quieten()


def _quieten() -> None:
    # uvicorn brings handlers of its own; ours is to be the only one.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # These would log each request that `gatehouse` makes, and each statement of dbt.
    for name in ("httpx", "httpcore", "asyncio", "dbt"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _rendering(settings: Settings) -> list[Processor]:
    if settings.log_format == "json":
        return [structlog.processors.ExceptionRenderer(_traceback), _as_json]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        repr_native_str=True,  # a quoted value cannot end its line
        exception_formatter=_indented_traceback,
    )
    return [_one_line_event, console]


def _as_json(_logger: Any, _method: str, event: EventDict) -> str:
    # ASCII only: neither a line separator of Unicode nor a terminal's control code gets through.
    return json.dumps({"event": event.pop("event"), **event}, default=repr)


def _one_line_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["event"] = printable(str(event["event"]))
    return event


def _indented_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    """Every line indented, so that a message with line breaks cannot pass for an event."""
    out.writelines(f"\n  | {printable(line)}" for line in _traceback(exc_info).splitlines())


def _traceback(exc_info: ExcInfo) -> str:
    return "".join(_told(exc_info[1]))


def _told(error: BaseException) -> Iterator[str]:
    """Where it came from and what it says, unless that could be what someone has sent."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _told(before)
        yield "which led to:\n"
    yield from traceback.format_tb(error.__traceback__)
    if _carries_data(type(error)):
        yield f"{type(error).__name__}: (what it says may have data in it)\n"
    elif isinstance(error, BaseExceptionGroup):
        yield from traceback.format_exception_only(error)
        for each in error.exceptions:
            yield from _told(each)
    else:
        yield from traceback.format_exception_only(error)


def _carries_data(kind: type[BaseException]) -> bool:
    """Whether the message of an exception may hold what a client has sent."""
    of_library = kind.__module__.lstrip("_") in WITH_DATA and kind.__name__ not in WITHOUT_DATA
    return of_library or getattr(kind, "carries_data", False)
