"""The journal of commits beside the warehouse: what was there after each, so that a loss is found.

Each commit is in the warehouse first, then in the journal, and only then answered. So after a kill
the warehouse may be ahead of its journal, by what no one was answered; it is never behind, unless
something was lost: the log, a part of it, or the file in whose place an old copy is.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from service.engines.duckdb_log import log_of
from service.engines.engine import Connection
from service.errors import Unavailable
from service.ops.stored_counts import gone_tables, journal_of, set_journal, stored_counts
from service.runtime.clock import utc_now
from service.runtime.durable_files import disk_may_be_full, sync_folder
from service.runtime.journal_file import DamagedJournal, JournalFile
from service.runtime.logs import get_logger
from service.warehouse.losses import Losses, is_ahead

log = get_logger(__name__)
GONE = "the journal of commits is gone, so that no one can say whether rows are missing"
DAMAGED = "the journal of commits cannot be read, so that no one can say whether rows are missing"
OTHERS = "the journal of commits is another warehouse's"
OLDER = "the journal of commits is an older one, so that no one can say whether rows are missing"


class NotNoted(Unavailable):
    """It is in the warehouse, and not in its journal."""

    slug, title = "not-noted", "Written, and not noted"


class CommitJournal:
    """The journal of one warehouse; `open` it first, then `note` each commit."""

    def __init__(self, warehouse: Path) -> None:
        """Of the warehouse at that path."""
        self.path = path_of_journal(warehouse)
        self._warehouse = warehouse
        self._log: tuple[int | None, int] = None, 0  # its inode and its bytes
        self.counts: dict[str, int] = {}  # of the last entry
        self._file: JournalFile | None = None

    def compare(self, connection: Connection) -> Losses | None:
        """What the warehouse has less than its journal says, or why that cannot be told.

        None where nothing is missing, or there has never been a journal.
        """
        of_warehouse = journal_of(connection)
        try:
            file = JournalFile.read(self.path)
        except DamagedJournal:
            return Losses(DAMAGED)
        if file is None:
            return Losses(GONE) if of_warehouse else None
        id_, number, names = file.head
        if of_warehouse and of_warehouse[0] != id_:
            return Losses(OTHERS)
        found = stored_counts(connection)
        gone = gone_tables(connection)
        entries = [
            (moment, {name: n for name, n in zip(names, counts, strict=False) if name not in gone})
            for moment, *counts in file.entries
        ]
        if losses := Losses.between(entries, found):
            return losses
        if of_warehouse and of_warehouse[1] > number:
            return Losses(OLDER)
        if entries and is_ahead(entries[-1][1], found):
            log.info("ahead_of_journal", last_noted=entries[-1][0])
        return None

    def last_noted(self) -> dict[str, int]:
        """What was there after the last commit that was noted; nothing where that is not known."""
        try:
            file = JournalFile.read(self.path)
        except DamagedJournal:
            return {}
        if file is None or not file.entries:
            return {}
        return dict(zip(file.head[2], file.entries[-1][1:], strict=False))

    def begin(self, connection: Connection) -> None:
        """Goes on with the journal that is there, or begins one, by what the warehouse has now.

        To be called where `compare` has found nothing. What is in the warehouse of a journal is
        never beyond the journal itself, whenever this is killed.

        Raises:
            NoSpace, Unavailable: it cannot be written.
        """
        file = JournalFile.read(self.path) or JournalFile(self.path, [str(uuid4()), 0, []], [])
        file.head[1] += 1
        self._begin(connection, file)

    def begin_anew(self, connection: Connection) -> None:
        """Begins a new journal, by what the warehouse has now, whatever was there before.

        Raises:
            NoSpace, Unavailable: it cannot be written.
        """
        self._begin(connection, JournalFile(self.path, [str(uuid4()), 1, []], []))

    def _begin(self, connection: Connection, file: JournalFile) -> None:
        self._file, self.counts = file, stored_counts(connection)
        self._take_names()
        entry = self._entry()
        if not file.entries or file.entries[-1][1:] != entry[1:]:
            file.entries.append(entry)
        with _told():
            file.rewrite()
            sync_folder(self.path.parent.parent)  # a build may have made the folder just now
        connection.execute("begin")
        set_journal(connection, *file.head[:2])
        connection.execute("commit")

    def _take_names(self) -> None:
        """Tables that are new have a place in each entry from now on, and in those before."""
        assert self._file
        names = self._file.head[2]
        if more := [name for name in self.counts if name not in names]:
            names += more
            nothing = [0] * len(more)
            self._file.entries = [[*entry, *nothing] for entry in self._file.entries]
            self._file.close()  # so that it is written anew

    def make_room(self) -> None:
        """To be called before a transaction, so that it can be noted when it is committed.

        Raises:
            NoSpace, Unavailable: it could not.
        """
        if self._file:
            with _told():
                self._file.make_room(self._entry())

    def note(self, changed: Mapping[str, int]) -> NotNoted | None:
        """Notes what is there after a commit, durably; the problem, if it could not."""
        if self._file is None:
            return None
        counts = {**self.counts, **changed}
        is_news, self.counts = counts != self.counts, counts
        try:
            self._settle_log()
            if is_news:
                self._take_names()
                self._file.append(self._entry())
        except OSError:
            log.exception("journal_failed")
            return NotNoted("it was written; but the journal, which proves it, could not be")
        return None

    def _settle_log(self) -> None:
        """Fsyncs the folder when DuckDB has made its log anew: it does not itself.

        A log that has become smaller is another one, though it may have the inode of the last.
        """
        try:
            found = log_of(self._warehouse).stat()
            inode, size = found.st_ino, found.st_size
        except FileNotFoundError:  # a checkpoint was made
            inode, size = None, 0
        before, size_before = self._log
        if inode is not None and (inode != before or size < size_before):
            sync_folder(self.path.parent)
        self._log = inode, size

    def add(self, added: Mapping[str, int]) -> NotNoted | None:
        """As `note`, of what a commit has added."""
        return self.note({name: self.counts.get(name, 0) + n for name, n in added.items()})

    def _entry(self) -> list[Any]:
        assert self._file
        moment = utc_now().isoformat() + "Z"
        return [moment, *(self.counts.get(name, 0) for name in self._file.head[2])]

    def close(self) -> None:
        """Lets go of the file."""
        if self._file:
            self._file.close()


@contextmanager
def _told() -> Iterator[None]:
    """What the operating system says, as clients are told."""
    try:
        with disk_may_be_full("journal of commits"):
            yield
    except OSError as error:
        log.exception("journal_failed")
        said = "the journal of commits cannot be written; nothing was"
        raise Unavailable(said) from error


def path_of_journal(warehouse: Path) -> Path:
    """Where the journal of the warehouse at a path is."""
    return warehouse.with_name(f"{warehouse.name}.journal")
