"""The data dictionary: tables, columns and rules, as dbt's YAML says them.

It is one module although it is long: its classes name each other.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import pyarrow as pa

from service.dictionary.adjusting import normalised_text
from service.dictionary.column_types import ColumnType
from service.dictionary.combined_columns import parts_of, split, text_of
from service.dictionary.rule import Rule, SqlRule
from service.runtime.resolutions import OF_FILES, OnConflict

__all__ = [
    "Column",
    "DataTest",
    "Dictionary",
    "DictionaryError",
    "Exposure",
    "Mart",
    "MartColumn",
    "Owner",
    "Report",
    "ReportChart",
    "ReportParameter",
    "Rule",
    "SqlRule",
    "Table",
]


class DictionaryError(Exception):
    """The dictionary says something that no door could follow; names model, column and rule."""


def first_sentence(text: str) -> str:
    """Up to the first full stop that white space follows; all of `text` where there is none."""
    return re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0]


@dataclass(frozen=True)
class Owner:
    """Who answers for a model: the owner of its group in dbt."""

    name: str
    email: str | None = None


@dataclass(frozen=True)
class Column:
    """One column of a table of record."""

    name: str
    type: ColumnType
    description: str
    rules: tuple[Rule, ...]
    example: Any = None
    synonyms: tuple[str, ...] = ()  # other names that files have for it
    default: str | None = None  # the value where there is none, as a file would write it
    normalise: tuple[str, ...] = ()  # steps of `adjusting`, for texts
    is_generated: bool = False  # whether the service gives each new row its value
    combines: tuple["Column", ...] = ()  # of what is no column: those that it is, together
    renamed_from: tuple[str, ...] = ()  # what it was called before, the last name first

    @cached_property
    def parts(self) -> tuple["Column", ...]:
        """The columns that it is made of; of a column itself that one."""
        return self.combines or (self,)

    def parts_of(self, value: Any) -> list[Any]:
        """What a value is made of, by `parts`, each as its type reads it.

        Raises:
            Unreadable: it is not of them.
        """
        return parts_of([part.type for part in self.parts], value) if self.combines else [value]

    def texts_of(self, text: str) -> dict[str, str]:
        """The columns of `parts`, each with what a value that is written as a text says of it."""
        texts = split(text) if self.combines else [text]
        return dict(zip((part.name for part in self.parts), texts, strict=True))

    @cached_property
    def names_in_files(self) -> tuple[str, ...]:
        """Other names that files have for it, those of before among them."""
        return tuple(dict.fromkeys((*self.synonyms, *self.renamed_from)))

    @cached_property
    def default_read(self) -> Any:
        """The default as its type reads it; None where there is none."""
        return None if self.default is None else self.type.from_text(self.default)

    @cached_property
    def must_be_sent(self) -> bool:
        """Whether a row needs a value here of its own: it is required, and nobody else gives it."""
        return self.required and self.default is None and not self.is_generated

    @property
    def is_adjusted(self) -> bool:
        """Whether values may be kept that were not sent so."""
        return self.default is not None or bool(self.normalise)

    def adjusted(self, value: Any) -> Any:
        """A value that was read, None where there is none, as it is kept."""
        if value is None:
            return self.default_read
        return normalised_text(value, self.normalise) if self.normalise else value

    @cached_property
    def required(self) -> bool:
        """Whether a row must have a value here."""
        return any(rule.kind == "not_null" and rule.by_itself for rule in self.rules)

    @cached_property
    def own_rules(self) -> tuple[Rule, ...]:
        """The rules that a row is judged by on its own, and kept out by."""
        return _own(self.rules)

    @cached_property
    def rules_of_sent(self) -> tuple[Rule, ...]:
        """The rules that a row is judged by as it is sent, before it is given what it lacks."""
        is_lacking = self.is_generated
        return tuple(r for r in self.own_rules if not (is_lacking and r.kind == "not_null"))

    @cached_property
    def is_unique(self) -> bool:
        """Whether no two rows may have the same value here."""
        return any(rule.kind == "unique" for rule in self.rules)

    @cached_property
    def reference(self) -> Rule | None:
        """The ``relationships`` rule, where the column names a row of another table."""
        return next((rule for rule in self.rules if rule.kind == "relationships"), None)


def _own(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if not rule.needs_other_rows and not rule.warns)


@dataclass(frozen=True)
class Table:
    """One table of record; `columns` are in the order of the dictionary.

    `primary_key` is a column, or one of `combined`: columns that are unique, or refer to a row,
    together. `rules` are those of the row as a whole.
    """

    name: str
    description: str
    primary_key: str
    columns: tuple[Column, ...]
    owner: Owner | None = None
    on_conflict: OnConflict = OF_FILES  # of files and history, where nobody says otherwise
    rules: tuple[Rule, ...] = ()
    combined: tuple[Column, ...] = ()
    renamed_from: tuple[str, ...] = ()  # what it was called before, the last name first

    def column(self, name: str) -> Column:
        """The column, or the combined one, of that name; KeyError if there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in (*self.columns, *self.combined)}

    def named_in(self, name: str) -> tuple[str, ...]:
        """The columns that a violation is about which names a column, perhaps a combined one, or
        what is none.
        """
        column = self._by_name.get(name)
        return tuple(part.name for part in column.parts) if column else (name,)

    @cached_property
    def key(self) -> Column:
        """The primary key: a column, or a combined one."""
        return self.column(self.primary_key)

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return tuple(part.name for part in self.key.parts)

    def key_of(self, row: Mapping[str, Any]) -> Any:
        """The primary key of a row whose values, by column, are as they are shown."""
        if not self.key.combines:
            return row[self.primary_key]
        return text_of(row[name] for name in self.key_names)

    @cached_property
    def key_columns(self) -> tuple[Column, ...]:
        """Those, combined ones too, whose values other rows are looked at for."""
        return tuple(
            column
            for column in (*self.columns, *self.combined)
            if column.is_unique or column.reference
        )

    @cached_property
    def unique_columns(self) -> tuple[Column, ...]:
        """Those of `key_columns` in which no two rows agree."""
        return tuple(column for column in self.key_columns if column.is_unique)

    @cached_property
    def referring_columns(self) -> tuple[Column, ...]:
        """Those of `key_columns` that name a row of a table, perhaps of this one."""
        return tuple(column for column in self.key_columns if column.reference)

    @cached_property
    def exact_columns(self) -> tuple[str, ...]:
        """Those that are read from what was written: no decoder has room for all their values."""
        return tuple(
            column.name
            for column in self.columns
            if column.type.exactly or column.type.name == "bigint"
        )

    @cached_property
    def former_names(self) -> Mapping[str, str]:
        """The columns' names by what they were called before."""
        return {was: column.name for column in self.columns for was in column.renamed_from}

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """In the order of the dictionary."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The schema of Arrow data that holds rows of the table; columns as in `columns`."""
        return pa.schema([(column.name, column.type.arrow) for column in self.columns])

    @property
    def grain(self) -> str:
        """What one row is: the first sentence of the description."""
        return first_sentence(self.description)

    @cached_property
    def own_rules(self) -> tuple[Rule, ...]:
        """The rules that a row is judged by on its own, of its columns and as a whole."""
        return (*(rule for c in self.columns for rule in c.own_rules), *_own(self.rules))

    @cached_property
    def rules_of_sent(self) -> tuple[Rule, ...]:
        """As `own_rules`, of a row as it is sent."""
        return (*(rule for c in self.columns for rule in c.rules_of_sent), *_own(self.rules))

    @cached_property
    def generated(self) -> Column | None:
        """The primary key, where the service gives it to new rows (``meta.key: generated``)."""
        return next((column for column in self.columns if column.is_generated), None)

    @cached_property
    def warnings(self) -> tuple[Rule, ...]:
        """The rules that are told of a row that breaks them, and keep no row out."""
        return tuple(rule for rule in self.all_rules if rule.warns)

    @cached_property
    def all_rules(self) -> tuple[Rule, ...]:
        """Those of the columns, in their order, of several together, then those of the row."""
        columns = (*self.columns, *self.combined)
        return (*(rule for c in columns for rule in c.rules), *self.rules)

    @cached_property
    def asks_sql(self) -> bool:
        """Whether DuckDB is asked about its rows before they go in."""
        return any(rule.sql or rule.where for rule in self.all_rules)

    @cached_property
    def parents(self) -> frozenset[str]:
        """The tables that rows of this one refer to, itself among them where they do."""
        return frozenset(
            column.reference.args["parent"] for column in self.referring_columns if column.reference
        )

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a column, a type or a rule does: 16 hexadecimal digits."""
        compiled = [rule.sql.predicate for rule in self.all_rules if rule.sql]
        return self._digest(*([compiled] if compiled else []))

    @cached_property
    def declared(self) -> str:
        """As `fingerprint`, but for what a build has compiled: known before it."""
        return self._digest()

    def _digest(self, *more: object) -> str:
        said: list[Any] = [
            (c.name, c.type.name, [r.described() for r in c.rules]) for c in self.columns
        ]
        said += [(c.name, c.default, c.normalise) for c in self.columns if c.is_adjusted]
        said += [(c.name, "generated") for c in self.columns if c.is_generated]
        together = [rule.described() for column in self.combined for rule in column.rules]
        rows = [[*together, *(rule.described() for rule in self.rules)]]
        rows = rows if rows[0] else []
        everything = msgspec.json.encode([self.name, said, *rows, *more])
        return hashlib.sha256(everything).hexdigest()[:16]


@dataclass(frozen=True)
class DataTest:
    """A data test of a mart: as a rule, but no row is judged by it, and it may be of any kind."""

    kind: str
    args: dict[str, Any]
    words: str  # as those of a rule


@dataclass(frozen=True)
class MartColumn:
    """One column of a mart."""

    name: str
    type_name: str  # as the YAML says it; "" where it says none
    description: str
    tests: tuple[DataTest, ...] = ()


@dataclass(frozen=True)
class Mart:
    """A model that is made of the tables of record.

    `grain` are the columns that together name one row, () where no data test says so. `made_of` are
    the models that it reads, and sources as ``schema.table``.
    """

    name: str
    description: str
    columns: tuple[MartColumn, ...]
    grain: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    owner: Owner | None = None


@dataclass(frozen=True)
class Exposure:
    """Who uses what is here, as dbt's YAML says; `made_of` as that of a mart."""

    name: str  # for people
    type: str
    description: str = ""
    url: str | None = None
    made_of: tuple[str, ...] = ()
    owner: Owner | None = None


@dataclass(frozen=True)
class ReportParameter:
    """What a report asks for: a value (or `several`) that `column` of its mart is compared with."""

    name: str
    type: str  # text, number, year, or that of a column
    column: str
    compare: str = "eq"  # or gt, gte, lt, lte
    description: str = ""
    required: bool = True
    several: bool = False
    choices: tuple[Any, ...] = ()  # the only values it takes; (): any
    lists_values: bool = False  # whether the values that the column has are shown to choose from


@dataclass(frozen=True)
class ReportChart:
    """How a report is drawn: ``bars``, or a ``line`` over what `label` says.

    `values` are numeric columns, each a part of a bar or a line of its own; or one, and `parts`
    the column that names the parts. Rows of one label are summed. `mean` is a scalar.
    """

    kind: str
    label: tuple[str, ...]
    values: tuple[str, ...]
    parts: str | None = None
    mean: str | None = None
    by_label: bool = False  # whether bars stand in the order of the rows, not the longest first


@dataclass(frozen=True)
class ReportSort:
    """A column that a report is sorted by; rows without a value come last, unless said."""

    column: str
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True)
class Report:
    """A question answered from a mart, as the mart's YAML says (``meta.reports``)."""

    name: str
    description: str
    model: str
    takes: tuple[ReportParameter, ...]
    columns: tuple[str, ...]
    order_by: tuple[ReportSort, ...]  # ends with the grain of the mart: no two rows are alike in it
    where: str | None = None
    scalars: dict[str, Any] = field(default_factory=dict)  # name -> value when there are no rows
    chart: ReportChart | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of what it takes."""
        return tuple(each.name for each in self.takes)


@dataclass(frozen=True)
class Dictionary:
    """Everything the service derives its types, schemas and words from."""

    tables: Mapping[str, Table]  # parents before children
    reports: Mapping[str, Report]
    marts: Mapping[str, Mart] = field(default_factory=dict)
    exposures: tuple[Exposure, ...] = ()

    @cached_property
    def version(self) -> str:
        """Changes when any table does: 16 hexadecimal digits."""
        return _digest_of(table.fingerprint for table in self.tables.values())

    @cached_property
    def declared(self) -> str:
        """As `version`, but for what a build has compiled: known before it."""
        return _digest_of(table.declared for table in self.tables.values())

    @cached_property
    def former_names(self) -> Mapping[str, str]:
        """The tables' names by what they were called before."""
        return {was: table.name for table in self.tables.values() for was in table.renamed_from}

    def name_now(self, table: str) -> str:
        """What a table is called now that may have had another name; that where it has not."""
        return table if table in self.tables else self.former_names.get(table, table)

    def children(self, name: str) -> list[tuple[Table, Column]]:
        """The columns, of this table too, that refer to this one."""
        return [
            (table, column)
            for table in self.tables.values()
            for column in table.referring_columns
            if column.reference and column.reference.args["parent"] == name
        ]


def _digest_of(fingerprints: Iterable[str]) -> str:
    return hashlib.sha256("".join(sorted(fingerprints)).encode()).hexdigest()[:16]
