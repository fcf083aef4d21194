"""docs/rules.md is what the code says, and its examples are true."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml  # type: ignore[import-untyped]

from service.dictionary import Column, Dictionary, Rule, SqlRule, Table
from service.dictionary.column_types import TYPES
from service.dictionary.rule_words import ROW_VIOLATIONS, Words
from service.dictionary.rules import KINDS, fault_of
from service.dictionary.rules_page import TABLE, example_yaml, page
from service.formats.bodies.body_rows import rows_of
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import DialectOptions, expected_columns
from service.formats.csv.reader import PROBLEM
from service.formats.csv.reader import rows_of as rows_of_file
from service.judge.admission import admit
from service.judge.batch import Violation
from service.judge.judge import Judge
from service.judge.key_index import KeyIndex

ROOT = Path(__file__).parents[2]
ALL_WORDS = {name: kind.words for name, kind in KINDS.items()} | {
    name: each.words for name, each in ROW_VIOLATIONS.items()
}
JUDGED = sorted(ALL_WORDS.keys() - {"malformed_line"})
ID = Column("id", TYPES["integer"], "", (Rule("not_null", "id"), Rule("unique", "id")))


def test_the_page_is_what_the_code_says():
    assert (ROOT / "docs/rules.md").read_text("utf-8") == page(), "make docs"


def test_each_fault_has_few_words_of_its_own():
    faults = [fault_of(name) for name in ALL_WORDS]
    assert len(set(faults)) == len(faults)
    assert all(0 < len(fault) <= 30 for fault in faults)
    assert fault_of("of_an_old_project") == "of an old project"


@pytest.mark.parametrize("name", ALL_WORDS)
def test_each_reason_has_a_section(name: str):
    [section] = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", page(), re.MULTILINE | re.DOTALL)
    words = ALL_WORDS[name]
    for said in (words.demands, words.remedy, words.breaks, words.fits):
        assert said.strip()
        assert said in section


def test_the_judge_knows_no_other_reason():
    code = "".join(path.read_text() for path in (ROOT / "service/judge").glob("*.py"))
    found = set(re.findall(r'\bViolation\([^,]+, "(\w+)"', code))
    assert {"type", "unknown_field"} <= found <= ALL_WORDS.keys()


@pytest.mark.parametrize("name", KINDS)
def test_the_arguments_and_the_types_are_those_of_the_kind(name: str):
    kind = KINDS[name]
    assert kind.words.arguments.keys() == kind.arguments - {"parent"}  # which is found out of `to`
    assert kind.words.args.keys() <= kind.arguments
    assert kind.words.column is None or kind.fits(kind.words.type_name)
    assert (kind.words.column is None) <= kind.of_rows
    assert kind.lacks(dict(kind.words.args), kind.words.type_name) is None
    said = yaml.safe_load(example_yaml(name, kind.words))
    rule = {name: {"arguments": dict(kind.words.args)}} if kind.words.args else name
    if kind.words.column is None:
        assert said == {"data_tests": [rule]}
        return
    assert said == [
        {
            "name": kind.words.column,
            "data_type": kind.words.type_name,
            "data_tests": [rule],
        }
    ]


@pytest.mark.parametrize("name", JUDGED)
def test_its_row_breaks_that_and_nothing_else_and_the_mended_one_fits(name: str):
    words = ALL_WORDS[name]
    [violation] = violations(name, words, words.breaks)
    assert violation.rule == name
    assert f"> {violation.message}\n" in page().split(f"## {name}\n")[1].split("## ")[0]
    assert violations(name, words, words.fits) == []


def test_its_line_cannot_be_read_and_the_mended_one_can(tmp_path: Path):
    each = ROW_VIOLATIONS["malformed_line"]
    problems = [
        problem(tmp_path / "a.csv", each.words, line)
        for line in (each.words.breaks, each.words.fits)
    ]
    assert [found and f"the line cannot be read: {found}" for found in problems] == [
        each.message,
        None,
    ]


def violations(name: str, words: Words, row: str) -> list[Violation]:
    """What the judges say of `row`, beside the rows that are there."""
    dictionary = example(name, words)
    keys = KeyIndex(dictionary)
    for table, there in words.there.items():
        known: Mapping[str, Any] = msgspec.json.decode(there)
        for column in dictionary.tables[table].columns:
            if column.is_unique:
                keys.add((table, column.name), [known[column.name]])
    batch = Judge(dictionary.tables[TABLE]).judge(rows_of(row.encode(), "application/json"))
    return admit(batch, keys).rejected.get(0, [])


def example(name: str, words: Words) -> Dictionary:
    """The example's table, and the one that it refers to."""
    args = dict(words.args)
    if name == "relationships":
        [args["parent"]] = words.there
    rules = (Rule(name, words.column, args, sql=compiled(name, args)),) if name in KINDS else ()
    known = {words.column: words.type_name} if words.column else words.others
    columns = [
        ID,
        *(
            Column(column, TYPES[type_name], "", rules if words.column else ())
            for column, type_name in known.items()
        ),
    ]
    tables = {table: Table(table, "", "id", (ID,)) for table in words.there}
    own = () if words.column else rules
    return Dictionary(tables | {TABLE: Table(TABLE, "", "id", tuple(columns), rules=own)}, {})


def compiled(name: str, args: Mapping[str, Any]) -> SqlRule | None:
    """What a build makes of a rule that stands in SQL alone."""
    return SqlRule(args["expression"]) if name == "expression_is_true" else None


def problem(path: Path, words: Words, line: str) -> str | None:
    """What is wrong with a line of a file."""
    table = example("malformed_line", words).tables[TABLE]
    path.write_text(f"id,{words.column}\n{line}\n", "utf-8")
    dialect = detect_dialect(path, expected_columns(table), DialectOptions(), 1 << 20)
    rows = rows_of_file(path, dialect, table.column_names, 1 << 20).read_all()
    return rows[PROBLEM][0].as_py()  # type: ignore[no-any-return]
