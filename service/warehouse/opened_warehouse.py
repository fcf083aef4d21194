"""Opening a warehouse: first it is compared with its journal, before anything of it is changed."""

from service.engines.duckdb import Database
from service.engines.duckdb_log import read_log
from service.errors import NotBuilt
from service.runtime.settings import Settings
from service.warehouse.commit_journal import CommitJournal
from service.warehouse.losses import Losses


def open_warehouse(settings: Settings) -> tuple[Database, Losses | None]:
    """The warehouse, and what it lacks by its journal; where it lacks anything, it is read only.

    DuckDB cuts off what it cannot read of its log. That may be what an operator wants back, and
    most often is but the transaction that a kill has cut short.

    Raises:
        NotBuilt: there is none.
        duckdb.Error: it cannot be opened.
    """
    path, is_whole = settings.warehouse, read_log(settings.warehouse).is_whole
    sizes = (settings.memory_bytes, settings.disk_floor_bytes)
    database = Database(path, *sizes, read_only=not is_whole)
    try:
        losses = _compared(database)
        if losses is None and not is_whole:
            database.close()
            database = Database(path, *sizes)
        elif losses is not None and is_whole:
            database.close()
            database = Database(path, *sizes, read_only=True)
    except BaseException:
        database.close()
        raise
    return database, losses


def losses_of(settings: Settings) -> Losses | None:
    """What the warehouse lacks by its journal, where no one has it open; None: nothing, or no one
    can tell since it was never built.

    Raises:
        duckdb.Error: it cannot be opened.
    """
    try:
        database = Database(settings.warehouse, read_only=True)
    except NotBuilt:
        return None
    try:
        return _compared(database)
    finally:
        database.close()


def _compared(database: Database) -> Losses | None:
    with database.reading() as connection:
        return CommitJournal(database.path).compare(connection)
