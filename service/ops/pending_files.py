"""Files on their way into a table: the table ``ops.files`` and the records of their loads.

A file is on record from when it was accepted until its load has ended, so that what a killed
service leaves is taken up by the next.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

import msgspec
import pyarrow as pa

from service.engines.duckdb import insert_arrow
from service.engines.engine import Connection
from service.ops import records
from service.ops.changes import rows_changed
from service.runtime.resolutions import OF_FILES


class PendingFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is to be loaded, or only judged (`is_trial`); timestamps are UTC, naive."""

    load_id: str
    table_name: str
    path: str  # of the file on this machine
    source: str  # its name, as whoever sent it calls it
    shape: str  # its dialect, in JSON
    behind: int = 0  # the last line that was judged and committed
    is_trial: bool
    actor: str | None
    asked_at: datetime
    on_conflict: str | None = None  # what becomes of rows whose key is there; None: OF_FILES
    digest: str | None = None  # of its bytes, where its lines are given ids

    @property
    def load(self) -> records.LoadRecord:
        """The load of the file as it is while nothing of it has been read."""
        return records.LoadRecord(
            load_id=self.load_id,
            table_name=self.table_name,
            kind="file",
            source=self.source,
            status="running",
            started_at=self.asked_at,
            actor=self.actor,
            on_conflict=None if self.on_conflict == OF_FILES else self.on_conflict,
        )

    @classmethod
    def from_row(cls, row: Sequence[object]) -> Self:
        """The file of a selected row, whose values are in the order of the fields."""
        return msgspec.convert(dict(zip(cls.__struct_fields__, row, strict=True)), cls)


_COLUMNS = ", ".join(PendingFile.__struct_fields__)


def pending(connection: Connection) -> list[PendingFile]:
    """All that are on record, the first accepted first."""
    found = connection.execute(f"select {_COLUMNS} from ops.files order by number")
    return [PendingFile.from_row(row) for row in found.fetchall()]


def add(connection: Connection, file: PendingFile) -> None:
    """Puts a file on record, and its load unless it is only to be judged."""
    if not file.is_trial:
        records.write(connection, [file.load])
    row = pa.RecordBatch.from_pylist([{**msgspec.structs.asdict(file), "is_current": False}])
    insert_arrow(connection, "ops.files by name", row)


def make_current(connection: Connection, load_id: str) -> int:
    """Has the macros of dbt load this file; the last of its lines that was judged.

    A build of the table may have judged lines of it meanwhile.
    """
    connection.execute("update ops.files set is_current = (load_id = ?)", [load_id])
    query = "select behind from ops.files where load_id = ?"
    (last_judged,) = connection.execute(query, [load_id]).fetchall()[0]
    return int(last_judged)


def result_of_trial(connection: Connection, load_id: str) -> str:
    """What judging a file has found, in JSON."""
    query = "select result from ops.files where load_id = ?"
    (result,) = connection.execute(query, [load_id]).fetchall()[0]
    return str(result)


def end(
    connection: Connection, load_id: str, status: str, detail: str | None, now: datetime
) -> None:
    """Says how the load of a file has ended, and forgets the file."""
    connection.execute(
        "update ops.loads set status = ?, detail = ?, finished_at = ? where load_id = ?",
        [status, detail, now, load_id],
    )
    rows_changed(connection, "_loads", "load_id = ?", [load_id])
    forget(connection, [load_id])


def forget(connection: Connection, load_ids: Sequence[str]) -> None:
    """Takes files off the record."""
    connection.execute(
        "delete from ops.files where load_id in (select unnest(?))", [list(load_ids)]
    )
