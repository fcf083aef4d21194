"""A gate that lives, and Spark behind it: what comes of the feed is what the warehouse has.

`make lake-compare` runs it, which takes minutes: LIVE_ROWS says how many rows are sent, WORKERS how
many workers a cluster of this machine has that builds (0: Spark in one process).
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import pytest

from service.runtime.locations import Location
from service.runtime.settings import Settings
from tests.support.live_gate import live
from tests.support.services import copied, serving
from tests.support.spark import SparkProcess, cluster, differences, said

ROWS = int(os.environ.get("LIVE_ROWS", "") or 0)
WORKERS = int(os.environ.get("WORKERS", "") or 0)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ROWS, reason="LIVE_ROWS is not set: `make lake-compare` sets it"),
]
COUNTS = "received, accepted, rejected, already_present, changed, removed"


@dataclass(frozen=True)
class Pair:
    """A warehouse, and Spark that has built what the gate has shipped of it."""

    warehouse: Path
    spark: SparkProcess

    def is_equal(self, table: str, columns: str = "") -> None:
        """Asserts that both have the same rows, each as text."""
        with duckdb.connect(str(self.warehouse)) as connection:
            described = connection.sql(f"describe {table}").fetchall()
        names = columns or ", ".join(row[0] for row in described)
        assert differences(self.warehouse, self.spark, table, names) == set()


@pytest.fixture(scope="module")
def pair(
    built: Settings, tmp_path_factory: pytest.TempPathFactory, spark: SparkProcess
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("live")
    own = msgspec.structs.replace(copied(built, folder), lake=Location(folder / "lake"))
    with serving(own) as client:
        live(client, ROWS)
        shipped = client.post("/v1/lake/ship", timeout=600).json()
        assert shipped["waiting"] == 0
        assert client.get("/v1/audit").json()["ok"]
    with cluster(WORKERS) as master:
        began = time.monotonic()
        result = spark.build(said(own, folder / "lake", master, WORKERS or 1))
        seconds = time.monotonic() - began
        assert result["status"] == "done", result["message"]
        assert {*result["nodes"].values()} == {"success", "pass"}
        print(
            f"{master}: {len(result['nodes'])} nodes in {seconds:.0f} s;"
            f" {ROWS:,} live rows, {shipped['shipped']:,} changes"
        )
        yield Pair(own.warehouse, spark)


@pytest.mark.parametrize("table", ["departments", "jobs", "hired_employees"])
def test_tables_of_record_are_those_of_the_gate(pair: Pair, table: str) -> None:
    pair.is_equal(f"core.{table}")


@pytest.mark.parametrize("mart", ["hires_by_department", "hires_by_month", "hires_by_quarter"])
def test_reports_are_those_of_the_gate(pair: Pair, mart: str) -> None:
    pair.is_equal(f"marts.{mart}")


def test_books_and_the_ids_of_rejections_are_those_of_the_gate(pair: Pair) -> None:
    pair.is_equal("ops.rejections", "rejection_id, table_name, position, payload, status")
    pair.is_equal("ops.loads", f"load_id, table_name, kind, status, {COUNTS}")
