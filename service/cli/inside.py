"""The app in this process, for commands when no service runs."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import msgspec

from service.api.http.authentication import local_caller
from service.app import create_app
from service.backups.catalogue import Catalogue
from service.backups.entry import Entry
from service.cli.failures import Unreachable
from service.dictionary import DictionaryError
from service.engines.duckdb import Database, DatabaseError, InUseError
from service.errors import NotBuilt, Problem, StoreUnavailable
from service.gate import places_of
from service.runtime import logs
from service.runtime.settings import Settings

# httpx and Litestar each describe ASGI in types of their own.
App = Any


class Locked(Unreachable):
    """Another process has the warehouse open."""

    def __init__(self, settings: Settings) -> None:
        message = f"another process has {settings.warehouse} open"
        super().__init__(message, "end it, or give its address with --url")


class Damaged(Unreachable):
    """The warehouse file is damaged: DuckDB cannot open it."""

    def __init__(self, settings: Settings, error: Exception) -> None:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        super().__init__(f"{settings.warehouse} cannot be opened: {why}", _way_out(settings))


def _way_out(settings: Settings) -> str:
    """A hint that names the last backup of each table."""
    newest: dict[str, str] = {}
    for entry in _listed(settings):
        newest.setdefault(entry.table, entry.created_at)
    there = ", ".join(f"{table} of {moment}" for table, moment in newest.items())
    backups = f"the last backups: {there}" if there else "there are no backups"
    return f"`gatehouse recover` makes it anew from the history and the backups; {backups}"


def _listed(settings: Settings) -> Sequence[Entry]:
    try:
        return places_of(settings).find(None, Catalogue.list).entries
    except StoreUnavailable:
        return []


def quieten(settings: Settings) -> None:
    """Logs warnings only (unless debugging): a command itself says what it does."""
    quiet = "warning" if settings.log_level == "info" else settings.log_level
    logs.configure(msgspec.structs.replace(settings, log_level=quiet))


def is_built(settings: Settings) -> bool:
    """Whether there is a warehouse in which a build has finished.

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


def damage(settings: Settings) -> str | None:
    """Why the warehouse cannot be opened; None when it can.

    Raises:
        Locked: another process has it.
    """
    try:
        return None if is_built(settings) else "no build has finished there"
    except Locked:
        raise
    except Unreachable as error:
        return error.message


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
            app = create_app(settings, local_caller())
            await stack.enter_async_context(app.lifespan())
        yield app


@contextmanager
def _told_as_unreachable(settings: Settings) -> Iterator[None]:
    try:
        with _unwrapped():
            yield
    except InUseError as error:
        if "Could not set lock" in str(error):
            raise Locked(settings) from error
        raise Damaged(settings, error) from error
    except (DatabaseError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Damaged(settings, error) from error
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
