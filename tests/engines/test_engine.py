"""DuckDB's module has all that the rest of the service asks of an engine."""

import importlib.util
import sys
from types import SimpleNamespace

import duckdb as bare_duckdb
import pytest

from service.engines import duckdb
from service.engines.engine import Engine

DUCKDB: Engine = duckdb  # mypy compares the types


def test_an_engine_has_what_the_protocol_names():
    named = [name for name in vars(Engine) if not name.startswith("_")]
    assert len(named) >= 10
    assert [name for name in named if not hasattr(DUCKDB, name)] == []


@pytest.mark.skipif(importlib.util.find_spec("pandas") is not None, reason="pandas is installed")
def test_values_of_a_query_do_not_have_the_path_searched_for_pandas(
    monkeypatch: pytest.MonkeyPatch,
):
    sought = list[str]()
    finder = SimpleNamespace(find_spec=lambda name, *_: sought.append(name))
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    values = ["a", 1, 1.5, True, [1, 2], ["x"] * 9, {"a": 1}]
    with bare_duckdb.connect() as connection:
        (found,) = connection.execute(f"select {', '.join('?' for _ in values)}", values).fetchall()
    assert found[5] == ["x"] * 9
    assert "pandas" not in sought
