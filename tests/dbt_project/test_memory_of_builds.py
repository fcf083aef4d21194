"""How much memory DuckDB may use in a build that no service runs."""

import os

import duckdb
import msgspec
import pytest

from service.dbt.plugin import LEAST_MEMORY, memory_for
from service.dbt.runner import build_offline

pytestmark = pytest.mark.slow


def test_a_build_keeps_within_the_memory_that_it_is_given(settings):
    build = build_offline(msgspec.structs.replace(settings, memory_bytes=1_000_000))
    assert build.status == "failed"
    assert "Out of Memory" in str(build.message)
    again = build_offline(settings)
    assert again.status == "done", again.message


def test_a_large_history_has_more_and_none_has_more_than_there_is(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEHOUSE_SEEDS", str(tmp_path))
    monkeypatch.delenv("GATEHOUSE_MEMORY_BYTES", raising=False)
    with duckdb.connect() as connection:
        connection.execute("set global memory_limit = '20 GB'")
        assert memory_for(connection) == LEAST_MEMORY
        (tmp_path / "jobs.csv").touch()
        os.truncate(tmp_path / "jobs.csv", LEAST_MEMORY)  # a file of nothing but a length
        assert memory_for(connection) == 4 * LEAST_MEMORY
        connection.execute("set global memory_limit = '3 GB'")
        assert memory_for(connection) == pytest.approx(3_000_000_000, rel=0.1)
        monkeypatch.setenv("GATEHOUSE_MEMORY_BYTES", "123")
        assert memory_for(connection) == 123
