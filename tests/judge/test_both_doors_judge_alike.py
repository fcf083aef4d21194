"""The same rows as a history file (SQL, in dbt), as a file that is sent, and as requests in each
format (Python): who differs?

The rows are made at random, from a seed that each failure shows; DOORS_SEED=<n> tries another.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pyarrow as pa
import pytest

from service.dbt.runner import dictionary_of, parse
from service.dictionary import Dictionary, Table
from service.dictionary.rule import CANNOT_BE_EVALUATED
from service.dictionary.rules import KINDS
from service.engines.duckdb import Database
from service.judge.admission import admit
from service.judge.batch import Violation
from service.judge.findings import Findings
from service.judge.judge import Judge
from service.judge.key_index import KeyIndex
from service.runtime.locations import Location
from service.warehouse.warned_rows import told_of
from tests.support import ruled_tables
from tests.support.dealer import Dealer, Line, as_csv
from tests.support.lines_in_formats import (
    avro_batch,
    csv_batch,
    json_batch,
    msgpack_batch,
    ndjson_batch,
)
from tests.support.projects import Project
from tests.support.services import serving
from tests.support.uploads import followed, send

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("DOORS_SEED", "2021"))
ROWS = int(os.environ.get("DOORS_ROWS", "2000"))  # of each table
BATCH = 1_000
FEW = 500  # rows of a backup that are judged at once
THERE = 60
TABLES = (
    "departments",
    "jobs",
    "hired_employees",
    "cities",
    "everything",
    "ruled",
    "exact",
    "adjusted",
)


class Verdict(NamedTuple):
    """What a door says of one row; each violation is (column, rule, message, value)."""

    state: str
    violations: tuple[tuple[Any, ...], ...]


class Answer(NamedTuple):
    """What the requests for one table have come to."""

    verdicts: list[Verdict]
    accepted: list[tuple[Any, ...]]
    warned: dict[int, tuple[tuple[Any, ...], ...]]


@dataclass
class Case:
    """The rows of one table and what each door has made of them."""

    table: Table
    lines: list[Line]
    history: list[Verdict]
    kept: list[tuple[Any, ...]]
    warned: dict[int, tuple[tuple[Any, ...], ...]]  # by the place of the line
    by_file: Answer
    by_csv: Answer
    by_json: Answer
    by_ndjson: Answer
    by_msgpack: Answer
    by_avro: Answer


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """One build takes in all rows as history; the requests meet a copy of what was there before."""
    project = Project(tmp_path_factory.mktemp("doors"))
    ruled_tables.add_to(project)
    randoms = dict.fromkeys(TABLES, Random(SEED)) | {
        name: Random(SEED) for name in ("ruled", "exact", "adjusted")
    }
    declared = dictionary_of(parse(project.settings))
    there: dict[str, list[Line]] = {}
    for name in TABLES:
        random = randoms[name]
        there[name] = _dealer(declared, name, random, there).sound(THERE)
        project.write(name, as_csv(declared.tables[name].column_names, there[name], random))
    project.build()
    dictionary = _dictionary(project.settings.warehouse)
    for name in TABLES:  # a few of those lines break rules of which the dealer knows nothing
        keys = {str(row[0]) for row in project.query(f"select * from core.{name}")}
        there[name] = [line for line in there[name] if line[0] in keys]
    before = project.folder / "before.duckdb"
    shutil.copy(project.settings.warehouse, before)
    dealt = {name: _dealer(dictionary, name, randoms[name], there).deal(ROWS) for name in TABLES}
    files = {
        name: as_csv(dictionary.tables[name].column_names, lines, randoms[name])
        for name, lines in dealt.items()
    }
    for name, text in files.items():
        project.write(name, text)
    project.build()
    sent = _sent(project, before, files)
    by_csv = _requests(before, dictionary, dealt, csv_batch)
    by_json = _requests(before, dictionary, dealt, json_batch)
    by_ndjson = _requests(before, dictionary, dealt, ndjson_batch)
    by_msgpack = _requests(before, dictionary, dealt, msgpack_batch)
    by_avro = _requests(before, dictionary, dealt, avro_batch)
    return {
        name: Case(
            dictionary.tables[name],
            lines,
            *_of_file(project, dictionary.tables[name], lines, there[name]),
            _of_file(sent, dictionary.tables[name], lines, there[name]),
            by_csv[name],
            by_json[name],
            by_ndjson[name],
            by_msgpack[name],
            by_avro[name],
        )
        for name, lines in dealt.items()
    }


def _sent(project: Project, before: Path, files: dict[str, str]) -> Project:
    """The project with the warehouse of a service that was sent the files."""
    folder, sent = project.folder / "sent", copy(project)
    (folder / "backups").mkdir(parents=True)
    sent.settings = msgspec.structs.replace(
        project.settings,
        warehouse=Path(shutil.copy(before, folder / "gatehouse.duckdb")),
        backups=Location(folder / "backups"),
    )
    with serving(sent.settings) as client:
        for name, text in files.items():
            assert followed(client, send(client, name, text))["status"] == "done"
    return sent


def _of_file(project: Project, table: Table, lines: list[Line], there: list[Line]) -> Answer:
    """What the last file of a table has come to."""
    return Answer(
        _verdicts_of_lines(project, table.name, lines),
        _kept(project, table, there),
        _warned_of_lines(project, table.name, lines),
    )


def _dictionary(warehouse: Path) -> Dictionary:
    database = Database(warehouse)
    try:
        return database.dictionary()
    finally:
        database.close()


def _dealer(
    dictionary: Dictionary, name: str, random: Random, there: dict[str, list[Line]]
) -> Dealer:
    table = dictionary.tables[name]
    parents = {
        column.name: [line[0] for line in there[column.reference.args["parent"]]]
        for column in table.columns
        if column.reference
    }
    return Dealer(table, random, there.get(name, []), parents, BATCH)


def _verdicts_of_lines(project: Project, name: str, lines: list[Line]) -> list[Verdict]:
    assert project.last_load(name)[0] == len(lines)
    found = {
        line: Verdict(state, tuple(map(_as_told, json.loads(violations))))
        for line, state, violations in project.query(
            f'select line, state, violations from raw."{name}__exceptions"'
        )
    }
    return [found.get(i, Verdict("accepted", ())) for i in _line_numbers(lines)]


def _line_numbers(lines: list[Line]) -> list[int]:
    behind = accumulate(1 + sum(field.count("\n") for field in line) for line in lines)
    return [2, *(2 + end for end in behind)][:-1]


def _warned_of_lines(
    project: Project, name: str, lines: list[Line]
) -> dict[int, tuple[tuple[Any, ...], ...]]:
    places = {number: place for place, number in enumerate(_line_numbers(lines))}
    found = project.query(
        "select position, warnings from ops.warnings where table_name = ? and load_id ="
        " (select arg_max(load_id, number) from ops.loads where table_name = ?)",
        *(name, name),
    )
    return {places[line]: tuple(map(_as_told, json.loads(warnings))) for line, warnings in found}


def _kept(project: Project, table: Table, there: Sequence[Line]) -> list[tuple[Any, ...]]:
    kept = project.query(f"select * from core.{table.name}")
    before = {line[0] for line in there}
    as_shown = (tuple(map(_as_in_arrow, row)) for row in kept if str(row[0]) not in before)
    return sorted(as_shown)


def _as_in_arrow(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _requests(
    warehouse: Path, dictionary: Dictionary, dealt: dict[str, list[Line]], batch_of: Any
) -> dict[str, Answer]:
    """Every table's rows in batches, parents first, as the writer admits them."""
    database = Database(warehouse)
    keys = KeyIndex(dictionary)
    with database.reading() as connection:
        keys.load(connection, dictionary.tables)
    database.close()
    answers = {}
    for name in TABLES:
        judge, verdicts, accepted = Judge(dictionary.tables[name]), list[Verdict](), []
        warned: dict[int, tuple[tuple[Any, ...], ...]] = {}
        for start in range(0, len(dealt[name]), BATCH):
            lines = dealt[name][start : start + BATCH]
            verdict = admit(judge.judge(batch_of(judge.table, lines), BATCH), keys)
            accepted.append(verdict.accepted)
            warned |= {start + i: tuple(map(_told, said)) for i, said in told_of(verdict)}
            verdicts += [
                Verdict("rejected", tuple(map(_told, verdict.rejected[i])))
                if i in verdict.rejected
                else Verdict("accepted", ())
                for i in range(len(lines))
            ]
        rows = pa.concat_tables(accepted).to_pylist()
        answers[name] = Answer(verdicts, sorted(tuple(row.values()) for row in rows), warned)
    return answers


def _told(violation: Violation) -> tuple[Any, ...]:
    return _as_told(msgspec.structs.asdict(violation))


def _as_told(violation: dict[str, Any]) -> tuple[Any, ...]:
    value = None if violation["value"] is None else str(violation["value"])
    if value and violation["rule"] == "malformed_line":
        value = value.replace('"', "")  # each door has its own writer, with quotes of its own
    return violation["column"], violation["rule"], violation["message"], value


def _differences(case: Case, of_request: Sequence[Verdict]) -> Iterator[str]:
    for i, (history, request) in enumerate(zip(case.history, of_request, strict=True)):
        # A request says `unique` (of each unique column) where history knows the whole row already.
        seen_before = history.state == "already_present" and request.state == "rejected"
        if seen_before and {rule for _, rule, *_ in request.violations} == {"unique"}:
            continue
        if history != request:
            yield f"row {i}: {case.lines[i]}\n  history: {history}\n  request: {request}"


def _same(differences: Iterator[str]) -> None:
    found = list(differences)
    shown = "\n".join(each[:2_000] for each in found[:20])
    assert not found, f"DOORS_SEED={SEED}: {len(found)} rows differ\n{shown}"


def _without_values(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Without what JSON says in its own way: values, and the names of unknown fields."""
    return [
        Verdict(
            state,
            tuple(
                (rule,) if rule == "unknown_field" else (column, rule, message)
                for column, rule, message, _ in violations
            ),
        )
        for state, violations in verdicts
    ]


@pytest.mark.parametrize("name", TABLES)
def test_a_row_meets_the_same_verdict_as_history_and_in_a_csv_request(
    cases: dict[str, Case], name: str
) -> None:
    assert len(cases[name].lines) >= ROWS
    _same(_differences(cases[name], cases[name].by_csv.verdicts))


@pytest.mark.parametrize("name", TABLES)
def test_a_row_meets_the_same_verdict_as_history_and_in_a_file_that_is_sent(
    cases: dict[str, Case], name: str
) -> None:
    case = cases[name]
    _same(_differences(case, case.by_file.verdicts))
    assert case.by_file == (case.history, case.kept, case.warned)


@pytest.mark.parametrize("name", TABLES)
def test_a_row_meets_the_same_verdict_as_history_and_in_a_json_request(
    cases: dict[str, Case], name: str
) -> None:
    case = replace(cases[name], history=_without_values(cases[name].history))
    _same(_differences(case, _without_values(case.by_json.verdicts)))


@pytest.mark.parametrize("door", ["by_ndjson", "by_msgpack", "by_avro"])
@pytest.mark.parametrize("name", TABLES)
def test_a_row_meets_the_same_verdict_in_other_formats_as_in_json(
    cases: dict[str, Case], name: str, door: str
) -> None:
    case, answer = cases[name], getattr(cases[name], door)
    case = replace(case, history=_without_values(case.by_json.verdicts))
    _same(_differences(case, _without_values(answer.verdicts)))
    if (name, door) != ("adjusted", "by_msgpack"):  # whose documents have binary numbers
        assert answer.accepted == case.by_json.accepted


def test_a_row_that_goes_in_is_told_of_with_the_same_warnings(cases: dict[str, Case]) -> None:
    case = cases["ruled"]
    both = {i for i, verdict in enumerate(case.history) if verdict.state == "accepted"}
    assert {i: said for i, said in case.by_csv.warned.items() if i in both} == case.warned
    assert len(case.warned) > 20
    assert {rule for said in case.warned.values() for _, rule, *_ in said} == {
        *("in_range", "not_blank", "utc_datetime", "expression_is_true"),
    }
    for answer in (case.by_json, case.by_ndjson, case.by_msgpack, case.by_avro):
        told = {i: [v[:3] for v in said] for i, said in answer.warned.items() if i in both}
        assert told == {i: [v[:3] for v in said] for i, said in case.warned.items()}


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_a_backup_break_the_rules_that_lines_break(
    cases: dict[str, Case], name: str
) -> None:
    table, readable = cases[name].table, []
    for line, verdict in zip(cases[name].lines, cases[name].history, strict=True):
        unread = {"type", "unknown_field", "malformed_line"} & {v[1] for v in verdict.violations}
        if verdict.state != "already_present" and not unread and len(line) == len(table.columns):
            texts = zip(table.columns, line, strict=True)
            values = [c.adjusted(c.type.from_text(text) if text else None) for c, text in texts]
            readable.append((values, verdict))
    arrays = [
        column.type.array([values[i] for values, _ in readable])
        for i, column in enumerate(table.columns)
    ]
    findings = Findings(table)
    rows = pa.table(arrays, schema=table.arrow_schema)
    for batch in rows.to_batches(max_chunksize=FEW):  # a slow machine judges all of them too long
        findings.look_at(batch)
    expected = Counter(
        (column, rule, message.removesuffix(CANNOT_BE_EVALUATED))
        for _, verdict in readable
        for column, rule, message, _ in verdict.violations
        if rule not in ("unique", "relationships", "utc_datetime")
    )
    found = {
        (breach.rule.column, breach.rule.kind, breach.rule.message()): breach.count
        for breach in findings.breaches
    }
    assert found == expected


@pytest.mark.parametrize("name", TABLES)
def test_what_both_doors_accept_is_kept_as_the_same_values(
    cases: dict[str, Case], name: str
) -> None:
    assert cases[name].kept == cases[name].by_csv.accepted
    assert cases[name].kept == cases[name].by_json.accepted


def test_the_rows_break_every_rule_alone_and_together_and_many_are_sound(
    cases: dict[str, Case],
) -> None:
    verdicts = [verdict for case in cases.values() for verdict in case.history]
    states = Counter(state for state, _ in verdicts)
    alone = Counter(found[0][1] for _, found in verdicts if len(found) == 1)
    assert min(states[state] for state in ("accepted", "rejected", "already_present")) > 200
    assert set(alone) >= {*KINDS, "no_multiple_of", "apart", "type", "unknown_field"}
    assert min(alone.values()) > 5
    assert max(len(violations) for _, violations in verdicts) >= 5
