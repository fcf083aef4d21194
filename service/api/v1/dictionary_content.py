"""Makes the entries of the dictionary page, of the dictionary and of what the warehouse counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from service.api.v1.dictionary_entries import (
    BreakEntry,
    ColumnEntry,
    DataTestEntry,
    DictionaryDocument,
    ExposureEntry,
    LayerEntry,
    MartColumnEntry,
    MartEntry,
    OwnerEntry,
    ReferenceEntry,
    ReportEntry,
    RuleEntry,
    RuleKindEntry,
    TableEntry,
    TogetherEntry,
)
from service.contracts.contract_files import FORMATS
from service.dictionary import Column, Dictionary, Mart, Owner, Report, Rule, Table, first_sentence
from service.dictionary.rule_words import ROW_VIOLATIONS
from service.dictionary.rules import KINDS
from service.gate import Gate
from service.ops.violation_counts import ViolationCount, open_by_table
from service.warehouse import stored_rows

WORDS = {name: kind.words for name, kind in KINDS.items()} | {
    name: each.words for name, each in ROW_VIOLATIONS.items()
}
LAYERS = [
    LayerEntry("raw", "The lines of each file that was loaded last, as text, with their numbers."),
    LayerEntry("core", "The tables of record: each row passed every rule of its table."),
    LayerEntry("marts", "What people ask, made of the tables of record at the moment of asking."),
    LayerEntry("ops", "The books: loads, rejected rows with every reason, who did what."),
]


@dataclass(frozen=True)
class WarehouseCounts:
    """What the warehouse counts: by table, and by table, column and rule."""

    rows: Mapping[str, int]
    open_rejections: Mapping[str, int]
    violations: Sequence[ViolationCount]

    @classmethod
    def of(cls, gate: Gate, tables: Iterable[str]) -> "WarehouseCounts":
        """Those of `tables` at this moment."""
        with gate.database.reading() as connection:
            rows = stored_rows.counts(connection, tables)
            open_ones = open_by_table(connection)
            violations = gate.violation_counts.read(connection)
        return cls(rows, open_ones, violations)


def document_of(gate: Gate) -> DictionaryDocument:
    """The whole dictionary; tables parents first, the others by name."""
    dictionary = gate.dictionary
    counts = WarehouseCounts.of(gate, dictionary.tables)
    return DictionaryDocument(
        dictionary.version,
        LAYERS,
        [_table(dictionary, table, counts) for table in dictionary.tables.values()],
        [_mart(dictionary, mart) for mart in dictionary.marts.values()],
        [_report(report) for _, report in sorted(dictionary.reports.items())],
        [
            ExposureEntry(
                *(each.name, each.type, each.description, each.url),
                _owner(each.owner),
                list(each.made_of),
            )
            for each in sorted(dictionary.exposures, key=lambda each: each.name)
        ],
        [RuleKindEntry(name, said.demands, said.remedy) for name, said in sorted(WORDS.items())],
    )


def _table(dictionary: Dictionary, table: Table, counts: WarehouseCounts) -> TableEntry:
    own = [each for each in counts.violations if each.table == table.name]
    by_rule = {(each.column, each.rule): each for each in own}
    return TableEntry(
        name=table.name,
        layer="core",
        grain=table.grain,
        description=table.description,
        owner=_owner(table.owner),
        rows=counts.rows[table.name],
        open_rejections=counts.open_rejections.get(table.name, 0),
        primary_key=table.primary_key,
        key=list(table.key_names),
        columns=[_column(column, by_rule) for column in table.columns],
        together=[
            TogetherEntry(
                each.name,
                [part.name for part in each.parts],
                _rules(each.name, each.rules, by_rule),
            )
            for each in table.combined
        ],
        rules=_rules(None, table.rules, by_rule),
        references=list(_references([table])),
        referenced_by=[
            each for each in _references(dictionary.tables.values()) if each.to == table.name
        ],
        breaks=[
            BreakEntry(each.column, each.rule, _words(table, each), each.open, each.ever)
            for each in own
        ],
        marts=[mart.name for mart in dictionary.marts.values() if table.name in mart.made_of],
        contract={name: f"/v1/tables/{table.name}/schema?format={name}" for name in FORMATS},
    )


def _words(table: Table, broken: ViolationCount) -> str:
    """What was demanded; "" by a rule of a kind that is no more."""
    if column := next(
        (c for c in (*table.columns, *table.combined) if c.name == broken.column), None
    ):
        if broken.rule == "type":
            return column.type.reads
        for rule in column.rules:
            if rule.kind == broken.rule:
                return rule.words
    return first_sentence(WORDS[broken.rule].demands) if broken.rule in WORDS else ""


def _column(
    column: Column, counted: Mapping[tuple[str | None, str], ViolationCount]
) -> ColumnEntry:
    return ColumnEntry(
        name=column.name,
        type=column.type.name,
        type_words=column.type.reads,
        description=column.description,
        required=column.required,
        example=column.example,
        synonyms=list(column.synonyms),
        rules=_rules(column.name, column.rules, counted),
        default=UNSET if column.default is None else column.default,
        normalise=list(column.normalise) or UNSET,
        generated=column.is_generated or UNSET,
    )


def _rules(
    column: str | None,
    rules: Iterable[Rule],
    counted: Mapping[tuple[str | None, str], ViolationCount],
) -> list[RuleEntry]:
    """Of a column, or (None) of the row as a whole."""
    entries = []
    for rule in rules:
        found = counted.get((column, rule.kind))
        numbers = (found.open, found.ever) if found and not rule.warns else (0, 0)
        words = f"{rule.words} (a warning)" if rule.warns else rule.words
        entries.append(RuleEntry(rule.kind, words, rule.args, *numbers))
    return entries


def _references(tables: Iterable[Table]) -> Iterable[ReferenceEntry]:
    for table in tables:
        for column in table.referring_columns:
            if said := column.reference:
                yield ReferenceEntry(
                    table.name, column.name, said.args["parent"], said.args["field"]
                )


def _mart(dictionary: Dictionary, mart: Mart) -> MartEntry:
    return MartEntry(
        name=mart.name,
        layer="marts",
        grain=first_sentence(mart.description),
        description=mart.description,
        owner=_owner(mart.owner),
        key=list(mart.grain),
        columns=[
            MartColumnEntry(
                *(each.name, each.type_name, each.description),
                [DataTestEntry(test.kind, test.words, test.args) for test in each.tests],
            )
            for each in mart.columns
        ],
        made_of=list(mart.made_of),
        reports=sorted(
            name for name, report in dictionary.reports.items() if report.model == mart.name
        ),
    )


def _report(report: Report) -> ReportEntry:
    return ReportEntry(
        name=report.name,
        description=report.description,
        mart=report.model,
        parameters=list(report.parameters),
        columns=list(report.columns),
        href=f"/v1/reports/{report.name}",
    )


def _owner(owner: Owner | None) -> OwnerEntry | None:
    return OwnerEntry(owner.name, owner.email) if owner else None
