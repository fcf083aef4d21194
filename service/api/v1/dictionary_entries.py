"""What the dictionary page says, as JSON; the page for people is made of the same."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class OwnerEntry(msgspec.Struct):
    """Who answers for a table or a mart: the owner of its group in dbt."""

    name: str
    email: str | None


class RuleEntry(msgspec.Struct):
    """A rule of a column: in words with its arguments, and how many rejected rows broke it.

    `open` are those that are still kept out, `ever` all there were.
    """

    rule: str
    words: str
    arguments: dict[str, Any]
    open: int
    ever: int


class ColumnEntry(msgspec.Struct):
    """A column of a table. `type_words` say what a value is; `rules` have each rule in words.

    Where there are any: `default`, the value where none is sent, and the steps of `normalise`.
    `generated` says that new rows are given their value.
    """

    name: str
    type: str
    type_words: str
    description: str
    required: bool
    example: Any
    synonyms: list[str]
    rules: list[RuleEntry]
    default: str | UnsetType = UNSET
    normalise: list[str] | UnsetType = UNSET
    generated: bool | UnsetType = UNSET


class ReferenceEntry(msgspec.Struct):
    """`column` of `table` has values of the column `field` of the table `to`."""

    table: str
    column: str
    to: str
    field: str


class BreakEntry(msgspec.Struct):
    """How many rejected rows broke a rule, or came with what is no column (`column` is null).

    `words` say what was demanded: the rule's words, else the type's, else those of the reason.
    """

    column: str | None
    rule: str
    words: str
    open: int
    ever: int


class TogetherEntry(msgspec.Struct):
    """Columns that are unique, or refer to a row, together; `name` has commas between theirs."""

    name: str
    columns: list[str]
    rules: list[RuleEntry]


class TableEntry(msgspec.Struct, tag_field="kind", tag="table"):
    """A table of record: what a row is (`grain`), its columns and rules, and what breaks them most.

    `key` are the columns of the primary key, and `primary_key` the same with commas between.
    `rules` are those of the row as a whole.
    `marts` are those that read it; `contract` where its contract is, by format.
    """

    name: str
    layer: str
    grain: str
    description: str
    owner: OwnerEntry | None
    rows: int
    open_rejections: int
    primary_key: str
    key: list[str]
    columns: list[ColumnEntry]
    together: list[TogetherEntry]
    rules: list[RuleEntry]
    references: list[ReferenceEntry]
    referenced_by: list[ReferenceEntry]
    breaks: list[BreakEntry]
    marts: list[str]
    contract: dict[str, str]


class DataTestEntry(msgspec.Struct):
    """A data test of a mart's column."""

    test: str
    words: str
    arguments: dict[str, Any]


class MartColumnEntry(msgspec.Struct):
    """A column of a mart."""

    name: str
    type: str
    description: str
    tests: list[DataTestEntry]


class MartEntry(msgspec.Struct, tag_field="kind", tag="mart"):
    """A mart: a model made of tables of record. `key` are the columns that together name a row."""

    name: str
    layer: str
    grain: str
    description: str
    owner: OwnerEntry | None
    key: list[str]
    columns: list[MartColumnEntry]
    made_of: list[str]
    reports: list[str]


class ReportEntry(msgspec.Struct):
    """A report, and the mart that it is of."""

    name: str
    description: str
    mart: str
    parameters: list[str]
    columns: list[str]
    href: str


class ExposureEntry(msgspec.Struct):
    """Who uses what is here."""

    name: str
    type: str
    description: str
    url: str | None
    owner: OwnerEntry | None
    made_of: list[str]


class LayerEntry(msgspec.Struct):
    """A layer of the warehouse: a schema of tables that are of one kind."""

    name: str
    description: str


class RuleKindEntry(msgspec.Struct):
    """A kind of rule, or another reason to keep a row out: what it demands, what mends a row."""

    rule: str
    demands: str
    remedy: str


class DictionaryDocument(msgspec.Struct):
    """The whole dictionary; `version` changes when a column, a type or a rule does."""

    version: str
    layers: list[LayerEntry]
    tables: list[TableEntry]
    marts: list[MartEntry]
    reports: list[ReportEntry]
    exposures: list[ExposureEntry]
    rules: list[RuleKindEntry]
