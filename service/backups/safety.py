"""The backup that is taken of tables before a restore replaces them."""

from collections.abc import Sequence

from service.backups.backing_up import back_up
from service.backups.catalogue import Catalogue, Entry
from service.backups.preparing import state_of
from service.dictionary import Table
from service.engines.engine import Connection
from service.runtime.progress import RowProgress


class Safety:
    """The safety backup: exactly what a restore replaces, mostly taken before the writer waits.

    `take` it from a snapshot, beside the writer; `renew` it in the restore's transaction, which
    takes it anew if the tables have changed meanwhile; `discard` it unless `needed`.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        catalogue: Catalogue,
        codec: str,
        dictionary_version: str,
        progress: RowProgress | None = None,
    ) -> None:
        self._progress = progress
        self._tables, self._catalogue = tables, catalogue
        self._codec, self._version = codec, dictionary_version
        self.entries: list[Entry] = []
        self.needed = False

    def take(self, connection: Connection) -> None:
        """Backs the tables up as `connection`, in a transaction, sees them.

        Raises:
            NoSpace: they do not fit on the disk.
        """
        self._state = state_of(connection, self._tables)
        self.entries = back_up(
            connection,
            self._tables,
            self._catalogue,
            self._codec,
            dictionary_version=self._version,
            kind="safety",
            progress=self._progress,
        )

    def renew(self, connection: Connection) -> None:
        """Makes sure that the backup is of what `connection`, in a transaction, sees.

        Raises:
            NoSpace: as `take`.
        """
        if state_of(connection, self._tables) != self._state:
            self.discard()
            self.take(connection)

    def discard(self) -> None:
        """Removes the backup, which nothing needs."""
        for entry in self.entries:
            self._catalogue.discard(entry.backup_id)
        self.entries = []
