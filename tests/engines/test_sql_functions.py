"""Functions of SQL that the dictionary adds to DuckDB."""

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow as pa

from service.engines.sql_functions import add_functions
from tests.support.macros import macros_of

ASKED = """select gatehouse_json('{"b": 1, "a": 2}'), gatehouse_normalised(' A ', 'trim,lower')"""


def test_they_are_added_once_for_all_connections_to_a_warehouse(tmp_path: Path) -> None:
    path = str(tmp_path / "a.duckdb")
    with duckdb.connect(path) as first, duckdb.connect(path) as second:
        for connection in (first, second, second.cursor(), first):
            add_functions(connection)
            assert connection.execute(ASKED).fetchall() == [('{"a":2,"b":1}', "a")]


def test_a_transaction_goes_on_when_they_are_there_already(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        add_functions(connection)
        connection.execute("begin; create table kept as select 1 as one")
        add_functions(connection)
        connection.execute("commit")
        assert connection.execute("from kept").fetchall() == [(1,)]


def test_texts_that_python_makes_are_whole_whatever_sql_makes_of_them() -> None:
    """DuckDB gives back the memory of such a text when coalesce() has taken it."""
    macros = macros_of(
        "engines/duckdb/values.sql",
        "history/read.sql",
        meta_of=lambda column: column.meta,
        adapter=SimpleNamespace(quote=lambda name: f'"{name}"'),
        text_literal=lambda text: f"'{text}'",
    )
    macros = macros_of("engines/duckdb/values.sql", **macros)
    meta = {"normalise": ["trim", "upper"], "default": "NONE"}
    kept = macros["duckdb__as_kept"](SimpleNamespace(name="note", meta=meta), "")
    document = macros["duckdb__json_document"]("note")
    texts = [None, " straße", "👍" * 5, "x" * 300, "é" * 255, '"' + "y" * 40 + '"', "[1,2]"] * 1000
    with duckdb.connect() as connection:
        add_functions(connection)
        rows = pa.table({"place": range(len(texts)), "note": pa.array(texts, pa.string())})
        found = connection.execute(
            f"select {kept}, case when length({kept}) > 0 then {kept} end,"
            f" coalesce(cast({document} as varchar), 'none') from rows order by place"
        ).fetchall()
    assert rows.num_rows == len(found)
    assert found == [
        (
            upper := (text or "NONE").strip().upper(),
            upper,
            text if text and text[0] in '"[' else "none",
        )
        for text in texts
    ]
