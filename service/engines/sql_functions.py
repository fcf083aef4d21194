"""What the dictionary needs of DuckDB and DuckDB has not: functions of SQL, in Python."""

import duckdb
import pyarrow as pa

from service.dictionary.exact_values import document_from_text
from service.dictionary.written_values import Unreadable

JSON = "gatehouse_json"


def add_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Adds them for all connections to the warehouse; those that are there stay."""
    there = f"select 1 from duckdb_functions() where function_name = '{JSON}'"
    if not connection.execute(there).fetchall():
        # DuckDB's stubs know no names of such kinds.
        connection.create_function(  # type: ignore[call-overload]
            JSON, _documents, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special"
        )


def _documents(texts: pa.ChunkedArray) -> pa.Array:
    """The documents in their canonical form; null for what is no JSON, or the value null."""
    return pa.array(map(_document, texts.to_pylist()), pa.string())


def _document(text: str | None) -> str | None:
    try:
        return None if text is None else document_from_text(text)
    except Unreadable:
        return None
