"""Keys of large tables are read beside the work. Until they are, any value may be among them, and
the table is asked: a service takes rows at once, however many it has.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from typing import TypeAlias

from service.dictionary import Column
from service.engines.column_sql import is_there, shown_column_value
from service.engines.duckdb import DatabaseError
from service.engines.engine import Connection
from service.engines.sql import core, count_rows
from service.judge.stored_keys import StoredKeys, Values
from service.runtime.logs import get_logger

log = get_logger(__name__)

AT_ONCE = 250_000  # rows: a quarter of a second
READ_ROWS = 1 << 13  # at a time: the interpreter is held meanwhile, some milliseconds


def read_keys(connection: Connection, table: str, column: Column) -> Iterator[Values]:
    """The values of a column, some at a time."""
    kind = column.type
    found = connection.execute(
        f"select {shown_column_value(column)} as key from {core(table)} where {is_there(column)}"
    )
    for batch in found.to_arrow_reader(READ_ROWS):
        values = batch.column(0)
        yield values.to_numpy() if kind.is_whole else kind.texts(values)


@dataclass(frozen=True)
class KeyColumn:
    """A column whose keys are to be read: into `read`, for `stored`, which expects them."""

    table: str
    column: Column
    stored: StoredKeys
    read: StoredKeys


Begin: TypeAlias = Callable[[Callable[[], None]], None]


def in_a_thread(work: Callable[[], None]) -> None:
    """Begins `work` and does not wait for it."""
    threading.Thread(target=work, name="keys", daemon=True).start()


@dataclass(frozen=True)
class Beside:
    """How keys are read beside the work: in a snapshot of their own, where a table has more than
    `at_once` rows.
    """

    reading: Callable[[], AbstractContextManager[Connection]]
    at_once: int = AT_ONCE
    begin: Begin = in_a_thread


class KeyReading:
    """Reads key columns as they are committed when it is made; what is read waits in `done`."""

    def __init__(self, columns: Sequence[KeyColumn], beside: Beside) -> None:
        self.done: deque[KeyColumn] = deque()
        self._columns = columns
        self._is_stopped = False
        self._ended = threading.Event()
        with ExitStack() as opened:
            self._connection = opened.enter_context(beside.reading())
            count_rows(self._connection, columns[0].table)  # from now on it sees no later commit
            self._opened = opened.pop_all()
        beside.begin(self._read)

    def _read(self) -> None:
        try:
            with self._opened:
                for each in self._columns:
                    if not each.stored.is_replaced:
                        each.read.fill(len(each.stored), self._values(each))
                        self.done.append(each)
        except Exception:
            if not self._is_stopped:
                log.exception("keys_not_read")
            for each in self._columns:
                each.stored.is_unreadable = True
        finally:
            self._ended.set()

    def _values(self, of: KeyColumn) -> Iterator[Values]:
        for values in read_keys(self._connection, of.table, of.column):
            if self._is_stopped:
                raise InterruptedError
            if of.stored.is_replaced:
                break
            yield values

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be in `done`."""
        return self._ended.is_set()

    def stop(self) -> None:
        """Reads no further, and waits until the connection is closed."""
        self._is_stopped = True
        with suppress(DatabaseError):  # it may have ended
            self._connection.interrupt()
        self._ended.wait()
