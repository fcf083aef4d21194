"""A file that is found to be damaged while it is landed: what was landed before stays as it was."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.utils import TargetConfig, TargetLocation

from service.dbt.cancelling import Cancel
from service.dbt.landing import CsvSource
from service.dbt.plugin import Plugin
from service.dbt.run_context import RunContext
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import DialectOptions, ExpectedColumn

EXPECTED = (
    ExpectedColumn("id", "integer", True),
    ExpectedColumn("department", "varchar", True),
)
TABLE = (
    "raw.departments (line bigint, _lines bigint, id text, department text,"
    " _rest text, _problem text, _text text)"
)


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[CsvSource]:
    """Its dialect was found while it was whole."""
    path = tmp_path / "departments.csv.gz"
    lines = "".join(f"{i},Some name\n" for i in range(200_000))
    content = bytearray(gzip.compress(f"id,department\n{lines}".encode(), mtime=0))
    path.write_bytes(content)
    dialect = detect_dialect(path, EXPECTED, DialectOptions(), 1 << 30)
    content[-4] ^= 1  # the length at its end
    path.write_bytes(content)
    source = CsvSource(path, dialect, ("id", "department"), 1 << 30)
    with RunContext(Cancel(), {"load": source}).in_progress():
        yield source
    source.close()


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize(
    "before", [f"create or replace table {TABLE}", "delete from raw.departments"]
)
def test_nothing_of_a_part_is_landed_if_it_is_damaged_further_on(
    before: str, tmp_path: Path
) -> None:
    load: dict[str, Any] = {"load_id": "load", "before": [before], "target": "raw.departments"}
    plugin = Plugin("gatehouse", {}, DuckDBCredentials.from_dict({"path": str(tmp_path / "none")}))
    with duckdb.connect() as connection:
        connection.execute(f"create schema raw; create table {TABLE}")
        connection.execute("insert into raw.departments (line, id) values (2, '7')")
        plugin.configure_connection(connection)
        plugin.store(TargetConfig(None, [], load, TargetLocation("", "csv")))  # type: ignore[arg-type]
        assert load["refused"] == "its gzip data is damaged or incomplete"
        landed = connection.execute("select line, id from raw.departments").fetchall()
    assert landed == [(2, "7")]
