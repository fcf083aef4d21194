"""The dictionary, for clients: which tables there are, and what their rows have to be like."""

from typing import Any

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from service.api.http.describing import described
from service.api.http.parameters import only_known
from service.dictionary import Column, Dictionary, Table
from service.gate import Gate
from service.warehouse import stored_rows

DICTIONARY = described(public="public_dictionary")


class TableSummary(msgspec.Struct):
    """A table, in one line; `columns` is their number.

    `key` are the columns of the primary key; `primary_key` are the same, with commas between.
    """

    name: str
    description: str
    rows: int
    primary_key: str
    key: list[str]
    columns: int
    href: str


class ColumnPage(msgspec.Struct):
    """A column and its rules, each with the arguments that the dictionary gives it."""

    name: str
    type: str
    description: str
    nullable: bool
    rules: list[dict[str, Any]]
    synonyms: list[str]  # other names that the header of a file may have for it
    default: str | UnsetType = UNSET  # the value where none is sent
    normalise: list[str] | UnsetType = UNSET  # what is done to a text before it is judged
    generated: bool | UnsetType = UNSET  # whether new rows are given their value


class Reference(msgspec.Struct):
    """A column whose values are those of the column `field` of another table."""

    table: str
    column: str
    field: str


class TablePage(msgspec.Struct):
    """All that the dictionary says of a table.

    `key` are the columns of the primary key; `primary_key` are the same, with commas between.
    `rules` are those of several columns together, and of the row as a whole. `references` names the
    tables that it refers to; `referenced_by` those that refer to this one, and their columns.
    Several columns that refer to a row together have commas between.
    """

    name: str
    description: str
    rows: int
    primary_key: str
    key: list[str]
    columns: list[ColumnPage]
    rules: list[dict[str, Any]]
    references: list[Reference]
    referenced_by: list[Reference]


class TableController(Controller):
    """The dictionary."""

    path = "/v1/tables"
    tags = ("tables",)
    guards = (only_known,)

    @get("/", operation_id="list_tables", sync_to_thread=True, opt=DICTIONARY)
    def list_tables(self, gate: NamedDependency[Gate]) -> list[TableSummary]:
        """Lists the tables, parents before children."""
        tables = gate.dictionary.tables
        with gate.database.reading() as connection:
            rows = stored_rows.counts(connection, tables)
        return [
            TableSummary(
                name=name,
                description=table.description,
                rows=rows[name],
                primary_key=table.primary_key,
                key=list(table.key_names),
                columns=len(table.columns),
                href=f"/v1/tables/{name}",
            )
            for name, table in tables.items()
        ]

    @get("/{table:str}", operation_id="show_table", sync_to_thread=True, opt=DICTIONARY)
    def show_table(self, gate: NamedDependency[Gate], table: FromPath[str]) -> TablePage:
        """Shows a table's columns and their rules."""
        dictionary, found = gate.dictionary, gate.table(table)
        with gate.database.reading() as connection:
            rows = stored_rows.counts(connection, [found.name])[found.name]
        return _page(dictionary, found, rows)


def _page(dictionary: Dictionary, table: Table, rows: int) -> TablePage:
    return TablePage(
        name=table.name,
        description=table.description,
        rows=rows,
        primary_key=table.primary_key,
        key=list(table.key_names),
        columns=[_column(column) for column in table.columns],
        rules=[
            rule.described()
            for rules in (*(column.rules for column in table.combined), table.rules)
            for rule in rules
        ],
        references=[
            Reference(column.reference.args["parent"], column.name, column.reference.args["field"])
            for column in table.referring_columns
            if column.reference
        ],
        referenced_by=[
            Reference(child.name, column.name, column.reference.args["field"])
            for child, column in dictionary.children(table.name)
            if column.reference
        ],
    )


def _column(column: Column) -> ColumnPage:
    return ColumnPage(
        name=column.name,
        type=column.type.name,
        description=column.description,
        nullable=not column.required,
        rules=[rule.described() for rule in column.rules],
        synonyms=list(column.synonyms),
        default=UNSET if column.default is None else column.default,
        normalise=list(column.normalise) or UNSET,
        generated=column.is_generated or UNSET,
    )
