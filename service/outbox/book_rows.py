"""Rows of the books as the feed has them."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from service.dictionary import Dictionary
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.outbox.content import BOOKS, DICTIONARY

READ_ROWS = 1 << 16  # at a time


def select_book(book: str, where: str) -> str:
    """A query for the rows of a book (``_loads``), the first ones first."""
    columns = ", ".join(map(quoted, BOOKS[book].names))
    return f"select {columns} from ops.{book[1:]} where {where} order by number"


def rows_of_book(
    connection: Connection, book: str, where: str, values: Sequence[Any] = (), rows: Any = None
) -> pa.Table:
    """The rows that a condition finds; it may name ``arrow_rows``, given Arrow `rows`."""
    query = select_book(book, where)
    if rows is None:
        found = connection.execute(query, list(values))
    else:
        found = query_arrow(connection, query, rows, values)
    return found.to_arrow_reader(READ_ROWS).read_all().cast(BOOKS[book])


def dictionary_rows(connection: Connection, dictionary: Dictionary) -> pa.Table:
    """The row that says what the dictionary is: its version and its content, in JSON."""
    ((content,),) = connection.execute("select content from ops.dictionary").fetchall()
    row = {"dictionary": dictionary.version, "content": content}
    return pa.Table.from_pylist([row], schema=BOOKS[DICTIONARY])
