"""The backup that is taken of tables before a restore replaces them."""

from collections.abc import Sequence

import duckdb

from service.backups.backing_up import back_up
from service.backups.catalogue import Catalogue, Entry
from service.dictionary import Table
from service.warehouse.database import count_rows


class Safety:
    """Holds exactly what a restore replaces, and is mostly taken before the writer has to wait.

    `take` it from a snapshot, beside the writer; `renew` it in the restore's transaction, which
    takes it anew if the tables have changed meanwhile; `discard` it unless `needed`.
    """

    def __init__(
        self, tables: Sequence[Table], catalogue: Catalogue, codec: str, dictionary_version: str
    ) -> None:
        self._tables, self._catalogue = tables, catalogue
        self._codec, self._version = codec, dictionary_version
        self.entries: list[Entry] = []
        self.needed = False

    def take(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Backs the tables up as `connection`, in a transaction, sees them.

        Raises:
            NoSpace: they do not fit on the disk.
        """
        self._state = self._now(connection)
        self.entries = back_up(
            connection,
            self._tables,
            self._catalogue,
            self._codec,
            dictionary_version=self._version,
            kind="safety",
        )

    def renew(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes sure that the backup is of what `connection`, in a transaction, sees.

        Raises:
            NoSpace: as `take`.
        """
        if self._now(connection) != self._state:
            self.discard()
            self.take(connection)

    def discard(self) -> None:
        """Removes the backup, which nothing needs."""
        for entry in self.entries:
            self._catalogue.discard(entry.backup_id)
        self.entries = []

    def _now(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
        # Rows of record only ever come in, by inserts and builds, so that there are more of them;
        # but for restores, which are in the books.
        return [
            (
                count_rows(connection, table.name),
                *connection.execute(
                    "select count(*), max(finished_at) from ops.loads"
                    " where kind = 'restore' and table_name = ?",
                    [table.name],
                ).fetchall(),
            )
            for table in self._tables
        ]
