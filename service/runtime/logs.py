"""Structured logs on stderr: one event a line, whatever characters its values hold.

Events of the standard library's loggers (uvicorn's, for one) have the same form. Values that
belong to all events of a thread or task are bound by ``tokens = bind(request_id=…)`` and released
by ``unbind(**tokens)``.
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

# Processors of all events, of structlog and of the standard library.
BOTH: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Modules whose exceptions quote values of rows: DuckDB names a duplicate key, dbt repeats DuckDB.
# WITHOUT_DATA lists those of them that are only about files, names and memory. Our own exceptions
# set the class attribute `carries_data`, which survives moving and subclassing.
WITH_DATA = ("duckdb", "dbt_common.exceptions.base")
WITHOUT_DATA = (
    *("IOException", "FatalException", "OutOfMemoryException", "InterruptException"),
    *("CatalogException", "BinderException", "ParserException", "ConnectionException"),
)
# Never replaced: loggers keep the list that they first saw, and tests change it in place.
FIRST: list[Processor] = [
    structlog.stdlib.filter_by_level,
    *BOTH,
    ProcessorFormatter.wrap_for_formatter,
]


def get_logger(name: str) -> BoundLogger:
    """The logger of the module `name`: ``log.info("build finished", build_id=…, seconds=…)``."""
    return structlog.stdlib.get_logger(name)


def is_told(level: int) -> bool:
    """Whether events of `level` (a number of `logging`) are logged."""
    return logging.getLogger().isEnabledFor(level)


def configure(settings: Settings) -> None:
    """Sends this process's events to stderr, in the format and from the level of `settings`."""
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
    # uvicorn installs handlers of its own; ours replaces them.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # Otherwise each request that `gatehouse` sends is logged, and each statement of dbt.
    for name in ("httpx", "httpcore", "asyncio", "dbt"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _rendering(settings: Settings) -> list[Processor]:
    if settings.log_format == "json":
        return [structlog.processors.ExceptionRenderer(_traceback), _as_json]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        repr_native_str=True,  # a quoted value cannot break the line
        exception_formatter=_indented_traceback,
    )
    return [_one_line_event, console]


def _as_json(_logger: Any, _method: str, event: EventDict) -> str:
    # ASCII only: no line separator of Unicode and no control code of a terminal gets through.
    return json.dumps({"event": event.pop("event"), **event}, default=repr)


def _one_line_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event["event"] = printable(str(event["event"]))
    return event


def _indented_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    """Indents every line, so that a message with line breaks cannot pass for an event."""
    out.writelines(f"\n  | {printable(line)}" for line in _traceback(exc_info).splitlines())


def _traceback(exc_info: ExcInfo) -> str:
    return "".join(_told(exc_info[1]))


def _told(error: BaseException) -> Iterator[str]:
    """The traceback and message, causes first; without the message if it may quote a row."""
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
    """Whether messages of this exception may quote what a client has sent."""
    of_library = kind.__module__.lstrip("_") in WITH_DATA and kind.__name__ not in WITHOUT_DATA
    return of_library or getattr(kind, "carries_data", False)
