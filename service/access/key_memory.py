"""What the warehouse knows of keys: the trail says what became of each, also when the file is lost.

So a lost file does not open the doors: that there were keys is remembered (`had_keys`) until an
operator says on the machine that none are needed any more (``key.disable``).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

from service.access import keys_file
from service.access.keys_file import Key
from service.access.roles import in_words
from service.engines.duckdb import Database
from service.errors import Problem
from service.ops import trail
from service.ops.records import BEFORE_ALL, TrailRecord
from service.runtime.logs import get_logger
from service.warehouse.writer import Writer

log = get_logger(__name__)
DISABLE = "key.disable"
_HAD_KEYS = """
    select count(*) > 0 from ops.trail
    where action = 'key.create' and number > (
        select coalesce(max(number), ?) from ops.trail where action = ?
    )
"""


class KeyMemory:
    """Keeps the trail of keys, which others make and revoke in their file."""

    def __init__(self, path: Path, database: Database, writer: Writer) -> None:
        self._path, self._database, self._writer = path, database, writer
        self._kept: set[str] = set()

    def had_keys(self) -> bool:
        """Whether keys are needed, as far as the warehouse knows."""
        return had_keys(self._database)

    def keep(self) -> None:
        """Returns when it is on the trail what became of all keys in the file, if it can be.

        A file that cannot be read says nothing, and is told elsewhere.
        """
        try:
            keys = keys_file.read(self._path)
        except (OSError, keys_file.DamagedKeys):
            return
        if (keeping := self.keep_soon(keys)) is not None:
            keeping.exception()

    def keep_soon(self, keys: Sequence[Key]) -> "Future[None] | None":
        """The same of keys that were just read, without waiting; None where nothing is to be done.

        What cannot be written now, the next time does.
        """
        new = [each for each in deeds_of(keys) if each.entry_id not in self._kept]
        if not new:
            return None

        def kept(keeping: "Future[None]") -> None:
            if (error := keeping.exception()) is None:
                self._kept |= {each.entry_id for each in new}
            else:
                _tell(error)

        try:
            keeping = self._writer.run(lambda connection: trail.take_up(connection, new))
        except Problem as error:
            _tell(error)
            return None
        keeping.add_done_callback(kept)
        return keeping


def had_keys(database: Database) -> bool:
    """Whether there were keys, and no operator has said since that none are needed."""
    with database.reading() as connection:
        ((had,),) = connection.execute(_HAD_KEYS, [BEFORE_ALL, DISABLE]).fetchall()
    return bool(had)


def deeds_of(keys: Sequence[Key]) -> Iterator[TrailRecord]:
    """What became of keys: whoever made or revoked them, by whatever way."""
    for key in keys:
        made = _naive(key.created_at)
        may = in_words(key.role, key.tables, key.only)
        entry_id = f"key/{key.name}/{made.isoformat()}"
        yield TrailRecord(entry_id, made, key.created_by, "key.create", key.name, may)
        if key.revoked_at is not None:
            ended = _naive(key.revoked_at)
            yield TrailRecord(f"{entry_id}/revoked", ended, key.revoked_by, "key.revoke", key.name)


def _tell(error: BaseException) -> None:
    log.warning("keys_not_on_the_trail_yet", error=type(error).__name__)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
