"""The same long, dirty history built on DuckDB and on Spark, and what both have then compared."""

import json
import resource
from pathlib import Path
from sys import executable
from typing import Any

from benchmarks.bench import Bench, in_words
from benchmarks.contestants.contestant import BENCHMARKS, CHECKOUT
from benchmarks.contestants.gatehouse import build, environ, open_warehouse
from benchmarks.histories import write_history
from benchmarks.processes import Failed, timed

MASTER = "local[2]"
TABLES = {
    "core.hired_employees": "id, name, datetime, department_id, job_id",
    "core.jobs": "id, job",
    "core.departments": "id, department",
    "ops.rejections": "rejection_id, table_name, raw",
}
COLUMNS = ("", "s", "CPU, s", "rows/s")
NOTE = (
    "The whole of `gatehouse build`, once each: landing, judging, core, marts, data tests. Again:"
    " the same history, nothing new. {compared} rows of {tables} are the same on both."
)


def run(bench: Bench) -> None:
    """Each size in a warehouse and a lake of its own."""
    for hires in bench.sizes:
        folder = bench.folder / f"spark-{hires}"
        if not folder.exists():
            write_history(folder / "seeds", hires)
        found = {
            "DuckDB": [_on_duckdb(folder), _on_duckdb(folder)],
            f"Spark, {MASTER}": _on_spark(folder),
        }
        compared = sum(_equal(folder, table, columns) for table, columns in TABLES.items())
        rows = [
            [f"{name}{again}", each["seconds"], each["cpu"], round(hires / each["seconds"])]
            for name, builds in found.items()
            for again, each in zip(("", ", again"), builds, strict=True)
        ]
        note = NOTE.format(compared=in_words(compared), tables=", ".join(TABLES))
        bench.report.table(
            f"History of {in_words(hires)} rows, both engines", COLUMNS, rows, found, note
        )


def _on_duckdb(folder: Path) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, _ = build(folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": used}


def _on_spark(folder: Path) -> list[dict[str, Any]]:
    settings = {
        "GATEHOUSE_LAKE": str(folder / "lake"),
        "GATEHOUSE_SPARK_MASTER": MASTER,
        "GATEHOUSE_SPARK_MEMORY": "2g",
        "GATEHOUSE_SPARK_PARTITIONS": "2",
        "GATEHOUSE_SPARK_JARS": str(CHECKOUT / "jars"),
    }
    program = BENCHMARKS / "peers" / "spark_builds.py"
    _, _, printed = timed(
        [executable, program, folder / "written", *TABLES], environ(folder) | settings
    )
    return json.loads(printed)  # type: ignore[no-any-return]


def _equal(folder: Path, table: str, columns: str) -> int:
    """How many rows the table has on both engines.

    Raises:
        Failed: it has others on one of them.
    """
    with open_warehouse(folder) as connection:
        connection.execute("set TimeZone = 'UTC'")
        texts = ", ".join(f"cast({name} as varchar) as {name}" for name in columns.split(", "))
        there = f"select {columns} from read_parquet('{folder}/written/{table}/*.parquet')"
        connection.execute(f"create temp view here as select {texts} from {table}")
        connection.execute(f"create temp view there as {there}")
        differing = connection.sql(
            "(from here except all from there) union all (from there except all from here)"
        ).fetchall()
        rows = connection.sql("select count(*) from here").fetchall()[0][0]
    if differing:
        raise Failed(f"{table}: {len(differing)} rows differ, as {differing[:3]}")
    return int(rows)
