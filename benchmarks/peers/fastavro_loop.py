"""The plain way to back a table up and to restore it, with fastavro.

python fastavro_loop.py backups|restore WAREHOUSE FILE
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import fastavro
import pyarrow as pa

TABLE, BATCH = "core.hired_employees", 100_000
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "hired_employees",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "name", "type": "string"},
            {"name": "datetime", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "department_id", "type": "long"},
            {"name": "job_id", "type": "long"},
        ],
    }
)


def back_up(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Writes the table into an Avro file; answers the number of rows."""
    found = connection.execute(f"select * from {TABLE} order by id")
    names = [column[0] for column in found.description or ()]
    rows = found.fetchall()
    with path.open("wb") as file:
        records = (dict(zip(names, row, strict=True)) for row in rows)
        fastavro.writer(file, SCHEMA, records, codec="deflate")
    return len(rows)


def restore(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Puts the rows of an Avro file into a new table with its primary key, one transaction."""
    connection.execute("begin")
    connection.execute(
        "create table core.restored (id integer primary key, name varchar, datetime timestamp,"
        " department_id integer, job_id integer)"
    )
    count = 0
    with path.open("rb") as file:
        for batch in _batches(fastavro.reader(file)):
            given = pa.Table.from_pylist(batch)
            connection.execute("insert into core.restored select * from given")
            count += given.num_rows
    connection.execute("commit")
    return count


def _batches(records: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(records)
    while batch := list(islice(remaining, BATCH)):
        yield batch


if __name__ == "__main__":
    action = {"backups": back_up, "restore": restore}[sys.argv[1]]
    with duckdb.connect(sys.argv[2]) as connection:
        began = time.perf_counter()
        rows = action(connection, Path(sys.argv[3]))
        print(json.dumps({"rows": rows, "seconds": time.perf_counter() - began}))
