"""A small dictionary and a real DuckDB file with its tables, made without dbt."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import pyarrow as pa

from service.backups.catalogue import Entry
from service.backups.restoring import RestoreResult
from service.dictionary import Column, Dictionary, Rule, Table
from service.dictionary.column_types import type_of
from service.engines.sql import quoted
from tests.support import CHECKOUT

# What the fixtures `take` and `put` are: they back tables up by name, and restore entries.
Take = Callable[..., list[Entry]]
Put = Callable[..., list[RestoreResult]]
MACROS = CHECKOUT / "dbt_project" / "macros"


def column(name: str, type_name: str, **rules: dict[str, Any]) -> Column:
    """A column with the rules named; their arguments follow the names."""
    kinds = tuple(Rule(kind, name, args) for kind, args in rules.items())
    return Column(name, type_of(type_name), f"The {name} of the row.", kinds)


def key(name: str = "id", type_name: str = "integer") -> Column:
    """A primary key."""
    return column(name, type_name, not_null={}, unique={})


def reference(name: str, parent: str) -> Column:
    """A required column that names a row of `parent`."""
    to = {"to": f"ref('{parent}')", "parent": parent, "field": "id"}
    return column(name, "integer", not_null={}, relationships=to)


def table(name: str, *columns: Column) -> Table:
    """A table whose first column is its primary key."""
    return Table(name, f"One row per row of {name}.", columns[0].name, columns)


DEPARTMENTS = table(
    "departments", key(), column("department", "varchar", not_null={}, not_blank={})
)
JOBS = table("jobs", key(), column("job", "varchar", not_null={}, max_length={"length": 50}))
HIRED = table(
    "hired_employees",
    key(),
    column("name", "varchar", not_null={}, not_blank={}),
    column("datetime", "timestamp", not_null={}, utc_datetime={}),
    reference("department_id", "departments"),
    reference("job_id", "jobs"),
)
SAMPLES = table(
    "samples",
    key(type_name="bigint"),
    column("small", "integer"),
    column("ratio", "double"),
    column("yes", "boolean"),
    column("text", "varchar"),
    column("day", "date"),
    column("moment", "timestamp"),
    column("code", "varchar", unique={}),
)


def dictionary(*tables: Table) -> Dictionary:
    """A dictionary of `tables`, parents first; without any, of all those of this module."""
    chosen = tables or (DEPARTMENTS, JOBS, HIRED, SAMPLES)
    return Dictionary({each.name: each for each in chosen}, {})


def create(connection: duckdb.DuckDBPyConnection, *tables: Table) -> None:
    """Makes the tables of record, as dbt would, and the books that macros/ops/books.sql makes."""
    connection.execute(_books())
    for each in tables:
        columns = ", ".join(f'"{c.name}" {c.type.name}' for c in each.columns)
        keyed = f'{columns}, primary key ("{each.primary_key}")'
        connection.execute(f'create or replace table core."{each.name}" ({keyed})')


@cache
def _books() -> str:
    """The statements that dbt would execute."""
    engine = sorted((MACROS / "engines" / "duckdb").glob("*.sql"))
    files = [MACROS / "engines" / "_dispatch.sql", *engine, MACROS / "ops" / "books.sql"]
    text = "".join(file.read_text() for file in files)
    adapter = SimpleNamespace(
        quote=quoted, dispatch=lambda name: getattr(macros, f"duckdb__{name}")
    )
    notes: dict[str, Any] = {}
    known = {
        "adapter": adapter,
        "notes_of_run": lambda: notes,
        "return": lambda text: text,
        "execute": True,
        "run_query": lambda query: SimpleNamespace(rows=[]),  # of an empty file
    }
    template = jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(text)
    macros: Any = template.make_module(known)
    return str(macros.create_ops_tables())


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """A few rows in each table, with what is hard to keep among them."""
    for name in ("departments", "jobs"):
        connection.execute(f"insert into core.{name} values (1, 'one'), (2, 'two'), (3, 'three')")
    connection.execute(
        """
        insert into core.hired_employees values
            (1, 'Ana', '2021-07-27 16:02:08', 1, 1),
            (2, 'José Ñ. 👩‍🔬', '2021-01-01 00:00:00', 2, 1),
            (3, 'Wei', '0001-01-01 00:00:00', 2, 2),
            (4, 'a"b,c', '9999-12-31 23:59:59.999999', 1, 1)
        """
    )
    connection.execute(
        """
        insert into core.samples values
            (1, null, null, null, null, null, null, null),
            (-9223372036854775808, -2147483648, -1.7976931348623157e308, false, '',
             '0001-01-01', '0001-01-01 00:00:00', 'a'),
            (9223372036854775807, 2147483647, 5e-324, true, 'tab\tline\nnul' || chr(1) || '🎉',
             '9999-12-31', '9999-12-31 23:59:59.999999', 'b'),
            (0, 0, -0.0, true, 'é' || 'é', '1970-01-01', '1969-12-31 23:59:59.999999', null)
        """
    )


def rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    """Everything in a table of record, by its first column."""
    return connection.execute(f'select * from core."{name}" order by 1').fetchall()


def everything(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    """The content of every table of the warehouse, to compare it before and after.

    It is the number of rows and the sum of their hashes, in whatever order they are: to bring all
    rows into Python takes four times as long.
    """
    names = connection.execute(
        "select schema_name, table_name from duckdb_tables() where schema_name in ('core', 'ops')"
    ).fetchall()
    return contents(connection, *names)


def contents(
    connection: duckdb.DuckDBPyConnection, *names: tuple[str, str]
) -> dict[str, tuple[int, int]]:
    """Of tables by schema and name, the number of rows and the sum of their hashes."""
    each = (
        f"select '{schema}.{name}', count(*), coalesce(sum(hash(this_row)), 0)"
        f' from {schema}."{name}" as this_row'
        for schema, name in names
    )
    found = connection.execute(" union all ".join(each)).fetchall()
    return {name: (rows, hashes) for name, rows, hashes in found}


@contextmanager
def snapshot(root: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in a read transaction, as Database.reading() gives it."""
    connection = root.cursor()
    try:
        connection.execute("begin transaction read only")
        yield connection
    finally:
        connection.close()


@contextmanager
def writing(root: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in a transaction that is committed, or rolled back if the block fails."""
    connection = root.cursor()
    connection.execute("begin")
    try:
        yield connection
        connection.execute("commit")
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def batch(of: Table, *values: Sequence[Any]) -> pa.RecordBatch:
    """Rows of a table as a record batch."""
    schema = of.arrow_schema
    columns = [[row[i] for row in values] for i in range(len(schema))]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, to compare it before and after."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def change(warehouse: duckdb.DuckDBPyConnection) -> None:
    """One row changed, one removed, two added in samples."""
    warehouse.execute("update core.samples set text = 'changed' where id = 0")
    warehouse.execute("delete from core.samples where id = 1")
    warehouse.execute("insert into core.samples (id) values (5), (6)")
