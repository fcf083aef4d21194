"""Rules between stored rows, asked in SQL: ``unique`` and ``relationships``, of any rows.

Rows are named as SQL has them: a table of record, or a subquery of what a restore would make of it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from service.dictionary import Column, Dictionary, Rule, Table
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.errors import DanglingReferences
from service.judge.findings import FIRST_IDS, Breach, raise_if_broken
from service.runtime.wording import counted


def check_unique(
    connection: Connection, table: Table, columns: Iterable[Column], rows: str
) -> None:
    """Whether no two of `rows` (as SQL names them) have the same value in one of the columns.

    Raises:
        RulesBroken: they have.
    """
    breaches, key = [], quoted(table.primary_key)
    for column in columns:
        name = quoted(column.name)
        repeated = (
            f"select {name}, count(*) as times from {rows}"
            f" where {name} is not null group by {name} having count(*) > 1"
        )
        count = one_row(connection, f"select coalesce(sum(times - 1), 0) from ({repeated})")[0]
        if count:
            ids = first_ids(
                connection,
                f"select distinct {key} from {rows}"
                f" where {name} in (select {name} from ({repeated}))",
            )
            breaches.append(Breach(Rule("unique", column.name), count, ids))
    raise_if_broken(table, breaches)


def one_row(connection: Connection, query: str) -> tuple[Any, ...]:
    """The one row that `query` gives."""
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


def first_ids(connection: Connection, query: str) -> list[Any]:
    """The lowest values of the one column of `query`."""
    found = connection.execute(f"{query} order by 1 limit {FIRST_IDS}").fetchall()
    return [row[0] for row in found]


def dangling_rows(
    connection: Connection,
    dictionary: Dictionary,
    child: Table,
    column: Column,
    rows_of: Callable[[Table], str],
) -> dict[str, Any] | None:
    """The rows of `child` whose reference by `column` leads nowhere; None if there are none.

    `rows_of` gives the rows of a table as SQL names them. The members of the result are ``rule``,
    ``table``, ``column``, ``parent``, ``count`` and ``first_ids`` (primary keys).
    """
    assert column.reference is not None
    parent, field = column.reference.args["parent"], column.reference.args["field"]
    rows, parents = rows_of(child), rows_of(dictionary.tables[parent])
    name = quoted(column.name)
    # Each value once: there are mostly far fewer than rows.
    missing = (
        f"select {name} from (select distinct {name} from {rows} where {name} is not null) as child"
        f" where not exists (select 1 from {parents} as parent"
        f" where parent.{quoted(field)} = child.{name})"
    )
    orphans = f"from {rows} as child where child.{name} in ({missing})"
    (any_missing,) = one_row(connection, f"select count(*) from ({missing})")
    if not any_missing:
        return None
    (count,) = one_row(connection, f"select count(*) {orphans}")
    ids = first_ids(connection, f"select child.{quoted(child.primary_key)} {orphans}")
    said = {"rule": "relationships", "table": child.name, "column": column.name, "parent": parent}
    return {**said, "count": count, "first_ids": ids}


def dangling(found: Sequence[dict[str, Any]]) -> DanglingReferences:
    """The problem of rows, each of the members of `dangling_rows`, whose references lead nowhere:
    the members of the first; all of them are among its ``references``.
    """
    first = found[0]
    return DanglingReferences(
        f"{counted(first['count'], 'row')} of {first['table']} would refer"
        f" by {first['column']} to rows of {first['parent']} that are not there,"
        f" first those with ids {', '.join(map(str, first['first_ids']))}",
        **first,
        references=found,
    )
