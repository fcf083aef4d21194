"""The app in this process, for commands when no service runs."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import msgspec

from service.access import keys_file
from service.access.first_key import make_first_key
from service.access.key_memory import DISABLE, deeds_of
from service.api.http.authentication import local_caller
from service.app import create_app
from service.backups.catalogue import Catalogue
from service.backups.entry import Entry
from service.backups.owner_mark import BackupsOwner
from service.backups.ownership import Ownership
from service.cli.failures import Unreachable, WrongSettings
from service.dictionary import DictionaryError
from service.engines.duckdb import Database, DatabaseError, InUseError
from service.errors import NotBuilt, Problem, StoreUnavailable
from service.gate import places_of
from service.lake.lake_owner import LakeOwner
from service.lake.opened_lake import lake_of_warehouse, open_place
from service.notices.hooks_file import WrongHooks
from service.ops import trail
from service.runtime import logs
from service.runtime.durable_files import remove_durably
from service.runtime.running import find
from service.runtime.settings import Settings
from service.warehouse.losses import Losses
from service.warehouse.opened_warehouse import losses_of

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
            database = Database(settings.warehouse, read_only=True)
        except NotBuilt:
            return False
        try:
            database.dictionary()
        except NotBuilt:
            return False
        finally:
            database.close()
    return True


def table_names(settings: Settings) -> Sequence[str]:
    """The tables of a warehouse that no one else has open.

    Raises:
        Locked: another process has it.
        Unreachable: it cannot be read, or is not there.
    """
    with _told_as_unreachable(settings):
        database = Database(settings.warehouse, read_only=True)
        try:
            return [*database.dictionary().tables]
        finally:
            database.close()


@contextmanager
def alone(settings: Settings) -> Iterator[Database]:
    """The warehouse, which no one else has open; no service runs on it.

    Raises:
        Unreachable: a service has it, or it cannot be read.
    """
    if url := find(settings):
        raise Unreachable(f"a service has this warehouse: {url}", "stop it first")
    with _told_as_unreachable(settings):
        database = Database(settings.warehouse)
        try:
            database.dictionary()
            yield database
        finally:
            database.close()


def make_ready(settings: Settings) -> None:
    """Makes the first key, where one is set and there was none.

    Raises:
        Unreachable: the folder of the backups is another warehouse's, a service has this one, or
            the place of the lake cannot be used as it is said.
    """
    with alone(settings) as database:
        open_place(settings)
        make_first_key(settings, database)
        ownership = Ownership(places_of(settings).primary, database)
        ownership.claim()
        ownership.release()


def adopt_backups(settings: Settings) -> BackupsOwner | None:
    """Makes the folder of the backups this warehouse's; whose it was, if that is known.

    Raises:
        Unreachable: a service has this warehouse, or the one whose the backups are.
    """
    with alone(settings) as database, database.connect() as connection:
        places = places_of(settings)
        before = []
        for catalogue in filter(None, (places.primary, places.second)):
            ownership = Ownership(catalogue, database)
            before.append(ownership.adopt())
            ownership.release()
        detail = f"of the warehouse {before[0].warehouse}" if before[0] else None
        name = str(settings.backups).rpartition("/")[2]
        trail.record(connection, local_caller().name, "backups.adopt", name, detail)
        return before[0]


def adopt_lake(settings: Settings) -> LakeOwner | None:
    """Makes the lake this warehouse's; whose it was, if that is known.

    Raises:
        WrongSettings: no lake is said.
        Unreachable: a service has this warehouse.
        LakeInUse: the gate whose it is writes into it.
    """
    place = open_place(settings)
    if place is None:
        raise WrongSettings("no lake is said", "GATEHOUSE_LAKE says where it is")
    with alone(settings) as database, database.connect() as connection:
        before = lake_of_warehouse(database, place, settings).take_over()
        detail = f"of the warehouse {before.warehouse}" if before else None
        trail.record(connection, local_caller().name, "lake.adopt", place.name, detail)
        return before


def disable_keys(settings: Settings) -> None:
    """Drops all keys, and has the warehouse forget that there were some.

    Raises:
        Unreachable: a service has this warehouse, or it cannot be read.
    """
    with alone(settings) as database, database.connect() as connection:
        actor = local_caller().name
        with suppress(OSError, keys_file.DamagedKeys):  # it is dropped in any case
            trail.take_up(connection, deeds_of(keys_file.read(settings.keys_file)))
        trail.record(connection, actor, DISABLE, settings.keys_file.name)  # the commit point
    remove_durably(settings.keys_file)


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


def losses_here(settings: Settings) -> Losses | None:
    """What the warehouse lacks by its journal of commits.

    Raises:
        Locked: another process has it.
        Unreachable: it cannot be read.
    """
    with _told_as_unreachable(settings):
        return losses_of(settings)


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
    except WrongHooks as error:
        raise WrongSettings(str(error), "docs/hooks.md explains the file") from error
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
