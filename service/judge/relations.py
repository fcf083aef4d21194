"""Rules between stored rows, asked in SQL: ``unique`` and ``relationships``, of any rows.

Rows are named as SQL has them: a table of record, or a subquery of what a restore would make of it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from service.dictionary import Column, Dictionary, Rule, Table
from service.engines.column_sql import (
    is_same,
    is_there,
    listed,
    shown_column_value,
    value_of,
)
from service.engines.engine import Connection
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
    breaches = []
    for column in columns:
        names, there = listed(column), is_there(column)
        repeated = (
            f"select {value_of(column)} as repeated, count(*) as times from {rows}"
            f" where {there} group by {names} having count(*) > 1"
        )
        count = one_row(connection, f"select coalesce(sum(times - 1), 0) from ({repeated})")[0]
        if count:
            found = f"{value_of(column)} in (select repeated from ({repeated}))"
            ids = first_keys(connection, table, f"(select * from {rows} where {there} and {found})")
            breaches.append(Breach(Rule("unique", column.name), count, ids))
    raise_if_broken(table, breaches)


def one_row(connection: Connection, query: str) -> tuple[Any, ...]:
    """The one row that `query` gives."""
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


def first_keys(connection: Connection, table: Table, rows: str) -> list[Any]:
    """The lowest primary keys of `rows` as SQL names them: as the engine has them, of several
    columns as they are shown.
    """
    key = table.key
    names = listed(key)
    shown = shown_column_value(key) if key.combines else names
    found = connection.execute(
        f"select {shown} from (select distinct {names} from {rows} as found)"
        f" order by {names} limit {FIRST_IDS}"
    ).fetchall()
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
    parent = column.reference.args["parent"]
    field = dictionary.tables[parent].column(column.reference.args["field"])
    rows, parents = rows_of(child), rows_of(dictionary.tables[parent])
    names, there = listed(column), is_there(column)
    # Each value once: there are mostly far fewer than rows.
    missing = (
        f"select {value_of(column)} from (select distinct {names} from {rows} where {there})"
        f" as child where not exists (select 1 from {parents} as parent"
        f" where {is_same(field, 'parent', column, 'child')})"
    )
    orphans = f"from {rows} as child where {there} and {value_of(column)} in ({missing})"
    (any_missing,) = one_row(connection, f"select count(*) from ({missing})")
    if not any_missing:
        return None
    (count,) = one_row(connection, f"select count(*) {orphans}")
    ids = first_keys(connection, child, f"(select * {orphans})")
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
