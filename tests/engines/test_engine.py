"""DuckDB's module has all that the rest of the service asks of an engine."""

from service.engines import duckdb
from service.engines.engine import Engine

DUCKDB: Engine = duckdb  # mypy compares the types


def test_an_engine_has_what_the_protocol_names():
    named = [name for name in vars(Engine) if not name.startswith("_")]
    assert len(named) >= 10
    assert [name for name in named if not hasattr(DUCKDB, name)] == []
