"""Prints the findings of dbt-project-evaluator, a line for each of its rules; any are exit 1."""

import sys

import duckdb

RULES = """
    select table_name from information_schema.tables
    where table_schema = 'main' and table_name like 'fct_%' and table_name not like '%_coverage'
    order by table_name
"""


def main(warehouse: str) -> int:
    """The number of findings; each rule's goes to standard output."""
    total = 0
    with duckdb.connect(warehouse, read_only=True) as connection:
        rules = [name for (name,) in connection.execute(RULES).fetchall()]
        if not rules:
            print("dbt-project-evaluator has left nothing to read")
            return 1
        for rule in rules:
            found = connection.execute(f"select * from main.{rule}")
            names = [column[0] for column in found.description]
            rows = found.fetchall()
            print(f"{len(rows):>4}  {rule}")
            for row in rows:
                print("      ", dict(zip(names, row, strict=True)))
            total += len(rows)
    print(f"{total:>4}  findings in all")
    return total


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1])))
