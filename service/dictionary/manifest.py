"""dbt's manifest, the one place that knows its form.

Reads what macros/ops/saved_dictionary.sql keeps in ``ops.dictionary`` (the same nodes as in
``manifest.json``: https://schemas.getdbt.com/dbt/manifest/v12.json).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from service.dictionary import (
    Column,
    Dictionary,
    DictionaryError,
    Mart,
    Report,
    Rule,
    Table,
)
from service.dictionary.adjusting import problem_of_steps
from service.dictionary.column_types import ColumnType, UnknownType, type_of
from service.dictionary.combined_columns import name_of
from service.dictionary.combined_rules import KINDS as COMBINED_KINDS
from service.dictionary.combined_rules import combined_of
from service.dictionary.file_options import WrongOption, read_files, read_on_conflict
from service.dictionary.key_nodes import key_names, with_ids, with_key
from service.dictionary.mart_nodes import owner_of, read_exposure, read_mart
from service.dictionary.renaming import WrongName, check_former_names, read_former_names
from service.dictionary.report_nodes import read_report
from service.dictionary.rule_nodes import read_rule
from service.dictionary.type_names import TypeName, read_type_name
from service.dictionary.written_values import Unreadable
from service.runtime.resolutions import OnConflict

# Data tests that are about a table as a whole and judge no row.
TABLE_TESTS = {"history_accounted_for"}
Node = Mapping[str, Any]


def read_saved(saved: Mapping[str, Any]) -> Dictionary:
    """The dictionary that was saved in a warehouse; an older one has no groups and exposures.

    Raises:
        DictionaryError: as `read_dictionary`.
    """
    return read_dictionary(saved["nodes"], saved.get("groups", {}), saved.get("exposures", ()))


def read_dictionary(
    nodes: Mapping[str, Node],
    groups: Mapping[str, Node] | None = None,
    exposures: Sequence[Node] = (),
    own_kinds: Collection[str] = (),
) -> Dictionary:
    """The dictionary that the manifest's `nodes` (by unique id) and `groups` (by name) describe.

    `own_kinds` are the project's own kinds of rules, where no build has compiled them yet.

    Raises:
        DictionaryError: a type or a rule is not known, or could not be judged at every door.
    """
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    tests: dict[str, list[Node]] = {key: [] for key in models}
    for node in nodes.values():
        if node["resource_type"] == "test" and node["attached_node"] in models:
            tests[node["attached_node"]].append(node)
    core, marts = (
        {node["name"]: (node, tests[key]) for key, node in models.items() if node["schema"] == name}
        for name in ("core", "marts")
    )
    for own in tests.values():
        own.sort(key=_in_order)
    tables = {name: _table(*said, groups or {}, own_kinds) for name, said in core.items()}
    _check_names("core", {table.name: table.renamed_from for table in tables.values()})
    _check_references(tables)
    made = {name: read_mart(*marts[name], groups or {}) for name in sorted(marts)}
    return Dictionary(
        {name: tables[name] for name in _parents_first(tables)},
        _reports(models.values(), made),
        made,
        tuple(map(read_exposure, exposures)),
    )


def _in_order(test: Node) -> tuple[str, str]:
    """As macros/dictionary/graph.sql sorts them: the order of dbt's graph is not a promise."""
    return test["test_metadata"]["name"], test.get("name") or ""


def _reports(models: Iterable[Node], marts: Mapping[str, Mart]) -> dict[str, Report]:
    return {
        name: read_report(
            name, node["name"], said, marts[node["name"]].grain if node["name"] in marts else ()
        )
        for node in models
        for name, said in node["config"]["meta"].get("reports", {}).items()
    }


def _table(
    node: Node, own: Sequence[Node], groups: Mapping[str, Node], own_kinds: Collection[str]
) -> Table:
    synonyms = _check_files(node)
    columns = [
        _column(node["name"], said, own, synonyms[name], own_kinds)
        for name, said in node["columns"].items()
    ]
    _check_names(node["name"], {column.name: column.renamed_from for column in columns})
    table = with_key(
        Table(
            node["name"],
            node["description"],
            name_of(key_names(node)),
            tuple(columns),
            owner_of(node, groups),
            _on_conflict(node),
            _row_rules(node, own, own_kinds),
            combined_of(node["name"], columns, (t for t in own if t["column_name"] is None)),
            _former_names(node["name"], node),
        )
    )
    return with_ids(table, _meta(node).get("key"))


def _former_names(where: str, said: Node) -> tuple[str, ...]:
    try:
        return read_former_names(_meta(said).get("renamed_from"))
    except WrongName as error:
        raise DictionaryError(f"{where}: {error}") from error


def _check_names(where: str, former: Mapping[str, tuple[str, ...]]) -> None:
    try:
        check_former_names(former)
    except WrongName as error:
        raise DictionaryError(f"{where}: {error}") from error


def _on_conflict(node: Node) -> OnConflict:
    try:
        return read_on_conflict(_meta(node).get("on_conflict"))
    except WrongOption as error:
        raise DictionaryError(f"{node['name']}{error}") from error


def _row_rules(node: Node, own: Sequence[Node], own_kinds: Collection[str]) -> tuple[Rule, ...]:
    """The rules that are on no column."""
    tests = (
        test
        for test in own
        if test["column_name"] is None
        and test["test_metadata"]["name"] not in (*TABLE_TESTS, *COMBINED_KINDS)
    )
    return tuple(read_rule(node["name"], None, None, test, own_kinds) for test in tests)


def _check_files(node: Node) -> Mapping[str, tuple[str, ...]]:
    """The synonyms of each column; what is said of the table's history must make sense, too."""
    synonyms = {name: _meta(said).get("synonyms") for name, said in node["columns"].items()}
    try:
        return read_files(_meta(node).get("csv"), synonyms)
    except WrongOption as error:
        raise DictionaryError(f"{node['name']}{error}") from error


def _meta(said: Node) -> Mapping[str, Any]:
    """What is said under ``config: {meta: …}``, or under ``meta:`` as dbt had it before."""
    return {**(said.get("meta") or {}), **((said.get("config") or {}).get("meta") or {})}


def _column(
    table: str,
    said: Node,
    tests: Iterable[Node],
    synonyms: tuple[str, ...],
    own_kinds: Collection[str],
) -> Column:
    where = f"{table}.{said['name']}"
    try:
        type_said = read_type_name(said["data_type"] or "")
    except UnknownType as error:
        raise DictionaryError(f"{where}: {error}") from error
    own = [test for test in tests if test["column_name"] == said["name"]]
    rules = _with_length(
        _rule_of_length(where, type_said, said["name"], own),
        [read_rule(where, type_said.kind, said["name"], test, own_kinds) for test in own],
    )
    return Column(
        said["name"],
        type_of(type_said.text),
        said["description"],
        tuple(rules),
        _meta(said).get("example"),
        synonyms,
        _default(where, type_of(type_said.text), _meta(said).get("default")),
        _steps(where, type_said.kind, _meta(said).get("normalise")),
        renamed_from=_former_names(where, said),
    )


def _default(where: str, kind: ColumnType, said: Any) -> str | None:
    """``meta.default`` as a file would write it, and as macros/history/read.sql does."""
    if said is None:
        return None
    text = str(said)
    try:
        kind.from_text(text)
    except Unreadable as error:
        raise DictionaryError(f"{where}: default {text!r} is not {kind.reads}") from error
    return text


def _steps(where: str, kind: str, said: Any) -> tuple[str, ...]:
    if problem := problem_of_steps(said, kind):
        raise DictionaryError(f"{where}: {problem}")
    return tuple(said or ())


def _rule_of_length(
    where: str, type_said: TypeName, column: str, own: Iterable[Node]
) -> Iterable[Rule]:
    """The rule max_length that a varchar(20) has; it must not be said besides."""
    if type_said.kind != "varchar" or not type_said.parameters:
        return
    if any(test["test_metadata"]["name"] == "max_length" for test in own):
        raise DictionaryError(f"{where}: {type_said.text} has the rule max_length already")
    yield Rule("max_length", column, {"length": type_said.parameters[0]})


def _with_length(length: Iterable[Rule], rules: Sequence[Rule]) -> list[Rule]:
    """As macros/dictionary/graph.sql puts it in: before those of kinds that come later."""
    before = [rule for rule in rules if rule.kind <= "max_length"]
    return [*before, *length, *(rule for rule in rules if rule.kind > "max_length")]


def _check_references(tables: Mapping[str, Table]) -> None:
    for table in tables.values():
        for column in table.referring_columns:
            references = [rule for rule in column.rules if rule.kind == "relationships"]
            where = f"{table.name}.{column.name}: rule relationships"
            if len(references) > 1:
                raise DictionaryError(f"{where} stands twice")
            for rule in references:
                _check_reference(where, column, rule.args["field"], tables.get(rule.args["parent"]))
                if rule.args["parent"] == table.name and rule.args["field"] != table.primary_key:
                    raise DictionaryError(
                        f"{where} needs the primary key {table.primary_key},"
                        " as it is in its own table"
                    )


def _check_reference(where: str, column: Column, field: str, target: Table | None) -> None:
    found = None
    if target is not None:
        found = next((each for each in target.unique_columns if each.name == field), None)
    if target is None or found is None:
        parent = column.reference.args["parent"] if column.reference else ""
        raise DictionaryError(f"{where} needs a unique column {parent}.{field} in core")
    if found.type is not column.type:
        types = name_of(part.type.name for part in found.parts)
        raise DictionaryError(f"{where} needs the type of {target.name}.{field}, {types}")


def _parents_first(tables: Mapping[str, Table]) -> list[str]:
    try:
        return list(
            TopologicalSorter(
                {name: sorted(tables[name].parents - {name}) for name in sorted(tables)}
            ).static_order()
        )
    except CycleError as error:
        raise DictionaryError(
            f"tables refer to each other in a circle: {' → '.join(error.args[1])}"
        ) from error
