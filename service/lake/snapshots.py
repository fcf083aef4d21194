"""All tables and books as they are at one sequence, as rows of the feed."""

from collections.abc import Iterator

import pyarrow as pa

from service.dictionary import Dictionary, Table
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.lake.lake import TableChanges
from service.ops.changes import Operation
from service.outbox.book_rows import dictionary_rows, select_book
from service.outbox.content import BOOK_KEYS, BOOKS, DICTIONARY, reset_row, schema_of, with_leading

READ_ROWS = 1 << 16  # at a time


class Snapshot:
    """What the open transaction of `connection` sees, as if it had come at one sequence.

    There is nothing from `first` on to before that.
    """

    def __init__(
        self, connection: Connection, dictionary: Dictionary, first: int, sequence: int
    ) -> None:
        self._connection, self._dictionary = connection, dictionary
        self.first, self.sequence = first, sequence

    def tables(self) -> Iterator[TableChanges]:
        """Each table and book, to be read in this order."""
        for table in self._dictionary.tables.values():
            yield self._changes(table.name, schema_of(table), self._rows_of(table))
        for book in BOOK_KEYS:
            rows = self._reset(BOOKS[book], "upsert", select_book(book, "true"))
            yield self._changes(book, BOOKS[book], rows)
        yield self._changes(DICTIONARY, BOOKS[DICTIONARY], self._rows_of_dictionary())

    def _changes(
        self, table: str, columns: pa.Schema, rows: Iterator[pa.RecordBatch]
    ) -> TableChanges:
        return TableChanges(table, self.first, self.sequence, columns, rows)

    def _rows_of(self, table: Table) -> Iterator[pa.RecordBatch]:
        columns = ", ".join(map(quoted, table.column_names))
        return self._reset(schema_of(table), "insert", f"select {columns} from {core(table.name)}")

    def _reset(
        self, columns: pa.Schema, operation: Operation, query: str
    ) -> Iterator[pa.RecordBatch]:
        """The row that empties the table, and then its rows."""
        yield reset_row(self.sequence, columns)
        number = 1
        for batch in self._connection.execute(query).to_arrow_reader(READ_ROWS):
            yield with_leading(batch.cast(columns), self.sequence, number, operation)
            number += batch.num_rows

    def _rows_of_dictionary(self) -> Iterator[pa.RecordBatch]:
        (batch,) = dictionary_rows(self._connection, self._dictionary).to_batches()
        yield reset_row(self.sequence, batch.schema)
        yield with_leading(batch, self.sequence, 1, "upsert")
