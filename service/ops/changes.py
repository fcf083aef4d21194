"""Where it is said what an open transaction changes: the outbox listens, if there is a lake.

Who changes rows of record or of the books in a transaction says so here. Where nobody listens, it
costs a look into an empty dictionary. Records that `records.write` adds are told by it.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias
from weakref import WeakKeyDictionary

import pyarrow as pa

from service.engines.engine import Connection

Operation: TypeAlias = Literal["insert", "update", "delete", "upsert", "reset"]
Rows: TypeAlias = pa.Table | pa.RecordBatchReader


class Listener(Protocol):
    """Who is told what one transaction changes."""

    def add(
        self, table: str, operation: Operation, rows: Rows, load_ids: pa.Array | str | None = None
    ) -> None:
        """Rows of a table (or of a book: ``_loads``) that were changed alike.

        `load_ids` are theirs, an array as long as they are; or one for all; None: not known.
        """

    def rows_changed(
        self, book: str, where: str, values: Sequence[Any] = (), rows: Any = None
    ) -> None:
        """Rows of a book were changed: those that the condition finds before the commit.

        It may name ``arrow_rows``, given Arrow `rows`. That it finds others, too, does no harm.
        """


_listening: WeakKeyDictionary[Any, Listener] = WeakKeyDictionary()


def listen(connection: Connection, listener: Listener) -> None:
    """Has `listener` told of what the transaction that has just begun changes."""
    _listening[connection] = listener


def end_listening(connection: Connection) -> None:
    """The transaction has ended."""
    _listening.pop(connection, None)


def listener_of(connection: Connection) -> Listener | None:
    """Who is to be told of the open transaction; None where nobody listens."""
    return _listening.get(connection) if _listening else None


def rows_changed(
    connection: Connection, book: str, where: str, values: Sequence[Any] = (), rows: Any = None
) -> None:
    """As `Listener.rows_changed`, if anyone listens."""
    if (listener := listener_of(connection)) is not None:
        listener.rows_changed(book, where, values, rows)
