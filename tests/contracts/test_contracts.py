"""A table's contract: valid by the validator of each standard, and of one mind with the gate."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import avro.schema
import fastavro
import pyarrow as pa
import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.validators import validator_for  # type: ignore[import-untyped]

from service.contracts.contract_files import FORMATS
from service.contracts.json_schema import json_schema
from service.contracts.odcs import DIMENSIONS, LOGICAL, odcs
from service.dictionary import Column, Owner, Rule, Table
from service.dictionary.column_types import TYPES, type_of
from service.dictionary.rules import KINDS
from service.errors import Conflict
from service.formats.bodies.body_rows import rows_of
from service.judge.judge import Judge
from tests.support.cases import READINGS, RULINGS
from tests.support.world import column, key, table

PEOPLE = Owner("People Data", "people@example.org")
# Every kind of rule, every type, columns that may be missing and such as may not.
EVERY = Table(
    "things",
    'One row per thing: "quoted" # é 𝄞. It may be odd.',
    "id",
    (
        Column("id", TYPES["bigint"], "Its number.", key().rules, 7),
        column("code", "varchar", not_null={}, unique={}, max_length={"length": 4}),
        column("note", "varchar", not_blank={}),
        column("shift", "varchar", accepted_values={"values": ["day", "night: 2"]}),
        column("grade", "integer", accepted_values={"values": [1, 2]}, in_range={"min": 1}),
        column("share", "double", in_range={"min": 0.5, "max": 1}),
        column("good", "boolean", not_null={}),
        column("day", "date"),
        column("seen_at", "timestamp"),
        column("hired_at", "timestamp", utc_datetime={}),
        column(
            "of",
            "integer",
            relationships={"to": "ref('departments')", "parent": "departments", "field": "id"},
        ),
    ),
    PEOPLE,
)
FITS = {"id": 7, "code": "ABCD", "good": True}


@cache
def standard() -> Any:
    """The JSON Schema of the Open Data Contract Standard, as its Python package brings it."""
    path = files("open_data_contract_standard") / "schema.json"
    schema = json.loads(path.read_text("utf-8"))
    return validator_for(schema)(schema)


def fits_schema(of: Table, row: Any) -> bool:
    checker = Draft202012Validator.FORMAT_CHECKER
    return bool(Draft202012Validator(json_schema(of), format_checker=checker).is_valid(row))


def fits_gate(of: Table, row: str) -> bool:
    return not Judge(of).judge(rows_of(f"[{row}]".encode(), "application/json")).broken


IN_SQL = {"matches", "min_length", "expression_is_true", "not_in_future"}  # as builds compile them


def test_every_kind_and_type_is_among_the_examples():
    assert {rule.kind for each in EVERY.columns for rule in each.rules} == KINDS.keys() - IN_SQL
    assert {each.type.name for each in EVERY.columns} <= TYPES.keys()
    assert {*TYPES, "decimal"} == LOGICAL.keys()
    assert DIMENSIONS.keys() == KINDS.keys()


def test_the_json_schema_is_one():
    schema = json.loads(FORMATS["json-schema"].write(EVERY))
    assert schema == json_schema(EVERY)
    Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == list(EVERY.column_names)
    assert schema["required"] == ["id", "code", "good"]
    assert schema["properties"]["id"]["examples"] == [7]
    assert FORMATS["json-schema"].write(EVERY).isascii()


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"note": None, "day": None, "grade": None, "shift": None}, True),
        ({"id": 7.0}, True),
        ({"id": "7"}, False),
        ({"id": None}, False),
        ({"id": 1 << 63}, False),
        ({"id": -(1 << 63)}, True),
        ({"code": "ABCDE"}, False),
        ({"code": "𝄞𝄞𝄞𝄞"}, True),
        ({"code": ""}, True),
        ({"code": "a\0"}, False),
        ({"note": "\n x \n"}, True),
        ({"note": "x\0"}, False),
        ({"note": ""}, False),
        ({"shift": "day"}, True),
        ({"shift": "Day"}, False),
        ({"grade": 2}, True),
        ({"grade": 3}, False),
        ({"share": 0.5}, True),
        ({"share": 1}, True),
        ({"share": 0.49}, False),
        ({"share": 1.01}, False),
        ({"good": 1}, False),
        ({"day": "2021-02-28"}, True),
        ({"day": "2021-02-30"}, False),
        ({"seen_at": "2021-07-27 16:02:08+02:00"}, True),
        ({"hired_at": "2021-07-27T16:02:08+02:00"}, False),
        ({"hired_at": "2021-07-27T16:02:08Z"}, True),
        ({"of": 3}, True),
        ({"more": 1}, False),
    ],
)
def test_schema_and_gate_say_the_same_of_a_row(change: dict[str, Any], fits: bool) -> None:
    row = {**FITS, **change}
    assert (fits_schema(EVERY, row), fits_gate(EVERY, json.dumps(row))) == (fits, fits)


is_json = re.compile(r"-?(0|[1-9][0-9]{,999})(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch


def cases() -> Iterator[tuple[Table, str]]:
    """Tables of one more column, and rows in JSON: all values of the table that drives judges."""
    written: list[tuple[str, str, Any]] = [(each.type, each.text, {}) for each in READINGS]
    written += [(each.type, each.text, {each.kind: each.args}) for each in RULINGS]
    for type_name, text, rules in written:
        # Of a decimal as a number JSON Schema knows no digits.
        is_text = type_of(type_name).struct is str or type_name.startswith("decimal")
        value = json.dumps(text) if is_text else text
        if not is_text and not (is_json(value) and abs(float(value)) < float("inf")):
            continue
        if not all(
            kind not in IN_SQL and KINDS[kind].is_quick(type_name, args)
            for kind, args in rules.items()
        ):
            continue  # it is judged in SQL, by what a build compiles
        if "relationships" in rules or text.endswith("\n"):  # in Python $ is before it, too
            continue
        yield table("things", key(), column("x", type_name, **rules)), f'{{"id": 1, "x": {value}}}'


def test_schema_and_gate_say_the_same_of_all_that_judges_are_asked():
    asked, differ = 0, []
    for of, row in cases():
        asked += 1
        if fits_schema(of, json.loads(row)) != fits_gate(of, row):
            differ.append(row)
    # A timestamp's format is stricter than what is taken where no rule asks for UTC, so there only
    # its pattern is said, which knows no calendar and no end of time.
    expected = ("2021-02-30", "0001-01-01T00:00:00+", "9999-12-31T23:59:59-")
    assert [row for row in differ if not any(each in row for each in expected)] == []
    assert asked > 150


def test_every_character_that_is_blank_is_blank_to_the_schema():
    of = table("t", key(), column("x", "varchar", not_null={}, not_blank={}))
    pattern = re.compile(json_schema(of)["properties"]["x"]["pattern"])
    every = [chr(code) for code in range(1, 0xF0000) if not 0xD800 <= code < 0xE000]
    array = pa.array(every, pa.string())
    blank = KINDS["not_blank"].breaks({}, array, array).to_pylist()
    assert [bool(pattern.search(each)) for each in every] == [not each for each in blank]


def test_the_avro_schema_is_one_by_two_libraries():
    written = FORMATS["avro"].write(EVERY)
    parsed: Any = fastavro.parse_schema(json.loads(written))
    assert [field["name"] for field in parsed["fields"]] == list(EVERY.column_names)
    other: Any = avro.schema.parse(written.decode())
    assert other.name == "things"


def test_a_table_that_avro_has_no_name_for_is_told():
    with pytest.raises(Conflict, match=r"no Avro schema: .*größe"):
        FORMATS["avro"].write(table("things", key(), column("größe", "date")))
    assert FORMATS["json-schema"].write(table("t", key(), column("größe", "date")))


def test_the_data_contract_is_one_by_the_standard():
    contract = yaml.safe_load(FORMATS["odcs"].write(EVERY))
    assert contract == odcs(EVERY)
    assert [error.message for error in standard().iter_errors(contract)] == []
    assert contract["team"]["members"] == [
        {"username": "people@example.org", "name": "People Data", "role": "owner"}
    ]
    [said] = contract["schema"]
    assert said["dataGranularityDescription"] == 'One row per thing: "quoted" # é 𝄞.'
    columns = {each["name"]: each for each in said["properties"]}
    for each in EVERY.columns:
        told = [quality["description"] for quality in columns[each.name].get("quality", [])]
        assert told == [rule.words for rule in each.rules]
    assert columns["of"]["relationships"] == [{"type": "foreignKey", "to": "departments.id"}]
    assert columns["share"]["logicalTypeOptions"] == {"format": "f64", "minimum": 0.5, "maximum": 1}


def test_the_standard_refuses_what_is_none():
    contract = odcs(EVERY)
    contract["schema"][0]["properties"][0]["logicalType"] = "whole"
    assert not standard().is_valid(contract)


def test_names_that_the_standard_cannot_refer_to_are_left_out():
    to = {"to": "ref('x')", "parent": "größen", "field": "id"}
    contract = odcs(table("t", key(), column("größe", "integer", relationships=to)))
    assert standard().is_valid(contract)
    assert "relationships" not in contract["schema"][0]["properties"][1]


def test_a_contract_changes_its_version_when_a_rule_changes():
    other = table("t", key(), column("x", "varchar", max_length={"length": 5}))
    same = table("t", key(), column("x", "varchar", max_length={"length": 5}))
    changed = table("t", key(), column("x", "varchar", max_length={"length": 6}))
    assert odcs(other)["version"] == odcs(same)["version"] != odcs(changed)["version"]
    assert Rule("max_length", "x", {"length": 5}).words == "at most 5 characters"
