"""Builds a project on Spark twice, and writes what is there then as Parquet, to be compared.

python spark_builds.py FOLDER TABLE… (settings are environment variables)
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import cpu_seconds
from service.runtime.settings import load_settings
from service.spark.building import build_on_spark


def build() -> dict[str, Any]:
    """Builds all: seconds by the clock, of the processors (Java's too), and of each node."""
    began, used = time.perf_counter(), cpu_seconds([os.getpid()])
    built = build_on_spark(load_settings(os.environ), lambda node: None)
    if built.status != "done":
        sys.exit(str(built.message))
    return {
        "seconds": time.perf_counter() - began,
        "cpu": cpu_seconds([os.getpid()]) - used,
        "nodes": {node.name: node.seconds for node in built.nodes},
    }


def write_tables(folder: Path, tables: list[str]) -> None:
    """Writes each table, its columns as text, into a folder of its name."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    for table in tables:
        rows = spark.table(table)
        texts = [f"cast({name} as string) as {name}" for name in rows.columns if name[0] != "_"]
        rows.selectExpr(*texts).write.mode("overwrite").parquet(str(folder / table))


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    found = [build(), build()]
    write_tables(Path(sys.argv[1]), sys.argv[2:])
    print(json.dumps(found), file=answers)
