"""The part of a restore that needs no writer: reading, judging and comparing its backups."""

from collections.abc import Sequence
from typing import TypeAlias

from service.backups.catalogue import Catalogue, Entry
from service.backups.comparing import staged
from service.backups.staging import create_staged, stage
from service.dictionary import Dictionary, Table
from service.engines.duckdb import insert_arrow
from service.engines.engine import Connection
from service.engines.sql import count_rows
from service.runtime.progress import RowProgress

State: TypeAlias = list[tuple[object, ...]]
COPIED_ROWS = 1 << 17  # at a time
COMPARING = "comparing"  # what progress calls it


def state_of(connection: Connection, tables: Sequence[Table]) -> State:
    """What tells that the tables are as they were, as `connection`, in a transaction, sees them.

    Rows of record come in, so that there are more of them. Whatever else is done to them is in the
    books: restores, and how many rows other loads have changed or removed.
    """
    return [
        (
            table.fingerprint,
            count_rows(connection, table.name),
            *connection.execute(
                "select count(*) filter (kind = 'restore'), max(number) filter (kind = 'restore'),"
                " sum(changed), sum(removed) from ops.loads where table_name = ?",
                [table.name],
            ).fetchall(),
        )
        for table in tables
    ]


class Prepared:
    """The differences between backups and their tables, found beside the writer.

    It is good for as long as the tables stay as they were; else the restore finds out anew.
    """

    def __init__(
        self,
        connection: Connection,
        dictionary: Dictionary,
        entries: Sequence[Entry],
        catalogue: Catalogue,
        progress: RowProgress,
    ) -> None:
        """Reads and compares as `connection`, in a transaction, sees the tables.

        Raises:
            DamagedBackup, RulesBroken: as `restore`.
        """
        self._connection = connection
        self._backups = {entry.table: entry.backup_id for entry in entries}
        tables = [dictionary.tables[entry.table] for entry in entries]
        self._state = state_of(connection, tables)
        progress.begin(COMPARING, sum(entry.rows for entry in entries))
        # What the columns of each backup are to those of its table.
        self.columns = {
            table.name: stage(connection, table, entry, catalogue, progress)
            for table, entry in zip(tables, entries, strict=True)
        }

    def holds(
        self,
        connection: Connection,
        dictionary: Dictionary,
        entries: Sequence[Entry],
    ) -> bool:
        """Whether the tables, as the transaction of `connection` sees them, are unchanged."""
        if {entry.table: entry.backup_id for entry in entries} != self._backups:
            return False
        tables = [dictionary.tables[entry.table] for entry in entries]
        return state_of(connection, tables) == self._state

    def hand_over(self, connection: Connection, table: Table) -> None:
        """Gives `connection` the staged differences of a table, as `stage` would."""
        create_staged(connection, table)
        name = staged(table.name)
        found = self._connection.execute(f"from {name}").to_arrow_reader(COPIED_ROWS)
        insert_arrow(connection, name, found)
