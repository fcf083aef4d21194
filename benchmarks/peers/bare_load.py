"""A limit: DuckDB reads a history into typed columns, and judges nothing.

python bare_load.py FILE
"""

import json
import sys
import time
from pathlib import Path

import duckdb

LOAD = """
    create table hired_employees as
    select * from read_csv(
        '{file}', header = true, ignore_errors = true, columns = {{
            'id': 'integer', 'name': 'varchar', 'datetime': 'timestamp',
            'department_id': 'integer', 'job_id': 'integer'
        }}
    )
"""

if __name__ == "__main__":
    warehouse = Path(sys.argv[1]).with_suffix(".bare.duckdb")
    began = time.perf_counter()
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(LOAD.format(file=sys.argv[1]))
    print(json.dumps({"seconds": time.perf_counter() - began}))
    warehouse.unlink()
