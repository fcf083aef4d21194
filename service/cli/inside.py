"""The service's app inside this process, for when no service runs."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import duckdb
import msgspec

from service import logs
from service.api.app import create_app
from service.cli.failures import Unreachable
from service.dictionary import DictionaryError
from service.errors import NotBuilt, Problem
from service.settings import Settings
from service.warehouse.database import Database

# httpx and Litestar each describe ASGI in types of their own.
App = Any


class Locked(Unreachable):
    """Another process has the warehouse open."""

    def __init__(self, settings: Settings) -> None:
        message = f"another process has {settings.warehouse} open"
        super().__init__(message, "end it, or give its address with --url")


def quieten(settings: Settings) -> None:
    """Logs of warnings only (unless debugging): a command says itself what it does."""
    quiet = "warning" if settings.log_level == "info" else settings.log_level
    logs.configure(msgspec.structs.replace(settings, log_level=quiet))


def is_built(settings: Settings) -> bool:
    """Whether there is a warehouse that a build has finished.

    Raises:
        Locked: another process has it.
        Unreachable: it cannot be read.
    """
    with _told_as_unreachable(settings):
        try:
            database = Database(settings.warehouse)
        except NotBuilt:
            return False
        try:
            database.dictionary()
        except NotBuilt:
            return False
        finally:
            database.close()
    return True


@asynccontextmanager
async def opened_app(settings: Settings) -> AsyncIterator[App]:
    """The app with its warehouse open.

    Raises:
        Locked: another process has the warehouse.
        Unreachable: it is not built, or cannot be read.
    """
    quieten(settings)
    async with AsyncExitStack() as stack:
        with _told_as_unreachable(settings):
            app = create_app(settings)
            await stack.enter_async_context(app.lifespan())
        yield app


@contextmanager
def _told_as_unreachable(settings: Settings) -> Iterator[None]:
    try:
        with _unwrapped():
            yield
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise Locked(settings) from error
        raise Unreachable(f"{settings.warehouse} cannot be opened: {error}") from error
    except Problem as error:
        raise Unreachable(error.detail) from error
    except DictionaryError as error:
        raise Unreachable(
            f"{settings.warehouse}: {error}",
            "`gatehouse build` takes up a dictionary that was put right",
        ) from error


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Litestar opens an app within a task group, which wraps whatever is raised."""
    try:
        yield
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        raise error from None
