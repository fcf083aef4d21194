"""Functions of SQL that the dictionary adds to DuckDB."""

from pathlib import Path

import duckdb

from service.engines.sql_functions import add_functions

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
