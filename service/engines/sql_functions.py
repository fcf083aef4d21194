"""What the dictionary needs of DuckDB and DuckDB has not: functions of SQL, in Python."""

from functools import cache

import duckdb
import msgspec
import pyarrow as pa

from service.dictionary.adjusting import normalised_text
from service.dictionary.exact_values import document_from_text
from service.dictionary.written_values import Unreadable
from service.engines.sandbox import PredicateFailed, sandbox

CHUNK_SECONDS = 300.0  # for 2,048 lines of a build, which nobody waits for
JSON, NORMALISED, HOLDS = "gatehouse_json", "gatehouse_normalised", "gatehouse_holds"


def add_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Adds them for all connections to the warehouse; those that are there stay."""
    if _are_there(connection):
        return
    kinds = {"type": "arrow", "null_handling": "special"}
    texts = ["VARCHAR"]  # DuckDB's stubs know no names of types and kinds
    connection.create_function(JSON, _documents, texts, "VARCHAR", **kinds)  # type: ignore[call-overload]
    connection.create_function(NORMALISED, _normalised, texts * 2, "VARCHAR", **kinds)  # type: ignore[call-overload]
    connection.create_function(HOLDS, _held, None, "BOOLEAN", **kinds)  # type: ignore[call-overload]


class AskedPredicate(msgspec.Struct, frozen=True):
    """What `HOLDS` is asked, as JSON: `types` are those of the columns of its rows."""

    predicate: str
    types: dict[str, str]
    if_null: bool


_asked = cache(msgspec.json.Decoder(AskedPredicate).decode)


def _held(said: pa.ChunkedArray, rows: pa.ChunkedArray) -> pa.ChunkedArray:
    """The predicate for each of the rows, which are structs; null where it fails."""
    if len(rows) == 0:
        return pa.chunked_array([], pa.bool_())
    asked = _asked(said[0].as_py())
    table = pa.Table.from_struct_array(rows)
    expressions = [f"coalesce((\n{asked.predicate}\n), {asked.if_null})"]
    try:
        return sandbox().evaluate(expressions, table, asked.types, CHUNK_SECONDS)[0]
    except PredicateFailed:
        return sandbox().evaluate_each(expressions, table, asked.types, CHUNK_SECONDS)[0]


def _are_there(connection: duckdb.DuckDBPyConnection) -> bool:
    """By a call: the list of all functions takes DuckDB 40 ms, and a build asks for each node."""
    try:
        connection.execute(f"select {NORMALISED}(null, null) where false")
    except duckdb.CatalogException:
        return False
    return True


def _documents(texts: pa.ChunkedArray) -> pa.Array:
    """The documents in their canonical form; null for what is no JSON, or the value null."""
    return pa.array(map(_document, texts.to_pylist()), pa.string())


def _normalised(texts: pa.ChunkedArray, steps: pa.ChunkedArray) -> pa.Array:
    """The texts after steps of `adjusting`, which are named with commas between."""
    named = steps[0].as_py().split(",") if len(steps) else []
    kept = (None if text is None else normalised_text(text, named) for text in texts.to_pylist())
    return pa.array(kept, pa.string())


def _document(text: str | None) -> str | None:
    try:
        return None if text is None else document_from_text(text)
    except Unreadable:
        return None
