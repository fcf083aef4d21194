"""A limit: DuckDB fed from Arrow in one process, with a primary key and nothing before it.

python duckdb_arrow.py ROWS SECONDS FILE      rows of a transaction, how long, where
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

TABLE = """
    create table hired_employees (
        id integer primary key, name varchar not null, datetime timestamp not null,
        department_id integer not null, job_id integer not null
    )
"""


def batch(rows: int) -> pa.Table:
    """Rows whose ids count from 0."""
    numbers = range(rows)
    moment = datetime(2021, 7, 27, 16, 2, 8, tzinfo=UTC).replace(tzinfo=None)
    columns = {
        "id": pa.array(numbers, pa.int32()),
        "name": pa.array([f"Name Surname {i}" for i in numbers]),
        "datetime": pa.array([moment] * rows, pa.timestamp("us")),
        "department_id": pa.array([i % 12 + 1 for i in numbers], pa.int32()),
        "job_id": pa.array([i % 183 + 1 for i in numbers], pa.int32()),
    }
    return pa.table(columns)


def fill(connection: duckdb.DuckDBPyConnection, rows: int, seconds: float, first: int) -> float:
    """Inserts batches for so long, ids from `first`; answers rows a second."""
    given, done = batch(rows), 0
    began = time.perf_counter()
    while (used := time.perf_counter() - began) < seconds:
        ids = pc.add(given["id"], pa.scalar(first + done, pa.int32()))
        connection.register("given", given.set_column(0, "id", ids))
        connection.execute("insert into hired_employees select * from given")  # a transaction
        connection.unregister("given")
        done += rows
    return done / used


if __name__ == "__main__":
    rows, seconds, file = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
    with duckdb.connect(str(file)) as connection:
        connection.execute(TABLE)
        fill(connection, rows, min(1, seconds), 1)  # warm
        print(json.dumps({"rows_per_second": fill(connection, rows, seconds, 1_000_000_000)}))
    file.unlink()
