"""A dictionary that a door could not follow fails the build, and says where."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from service.dictionary import DictionaryError
from service.dictionary.manifest import read_dictionary
from service.formats.csv.dialect import expected_columns
from tests.support.projects import Project

pytestmark = pytest.mark.slow
KEY = """
- name: id
  data_type: integer
  description: Number.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
"""
EVEN = """
{% test even(model, column_name) %} select 1 where false {% endtest %}
{% test not_null_proportion(model, column_name, at_least) %} select 1 where false {% endtest %}
"""
POSITIVE = "{in_range: {arguments: {min: 1}}}"
SOUND = {"departments", "jobs", "hired_employees"}


def with_column(data_type: str, rule: str = "") -> str:
    """The YAML of a key and of one more column."""
    said = f"  data_type: {data_type}\n" if data_type else ""
    return f"{KEY}- name: x\n{said}  description: Something.\n  data_tests: [{rule}]\n"


def to(parent: str, field: str = "id") -> str:
    """A reference."""
    return f"{{relationships: {{arguments: {{to: ref('{parent}'), field: {field}}}}}}}"


def synonyms(said: str) -> str:
    """What the YAML of the last column says of its synonyms."""
    return f"  config: {{meta: {{synonyms: {said}}}}}\n"


SYNONYM_OF_Y = "data_type: integer, description: Y., meta: {synonyms: [NR]}"


class Broken(NamedTuple):
    """A table that cannot be followed, and what both sides must say of it."""

    columns: str
    says: str
    parents: str = ""
    csv: str = ""
    key: str = ""  # what `meta.key` says
    model: str = ""  # what the YAML says of the model besides, a line each


BROKEN = {
    "unknown_kind": Broken(with_column("integer", "even"), "x: rule even is not a known kind"),
    "kind_that_dbt_does_not_know": Broken(
        with_column("integer", "odd"), "x: rule odd is not a known kind"
    ),
    "unknown_type": Broken(with_column("real"), "x: data_type 'real' is not known"),
    **{
        f"sized_{number}": Broken(with_column(said), f"x: data_type '{said}' has parameters that")
        for number, said in enumerate(["integer(9)", "decimal(39,2)", "dec(3,4)", "text(0)"])
    },
    "length_said_twice": Broken(
        with_column("varchar(9)", "{max_length: {arguments: {length: 5}}}"),
        "x: varchar(9) has the rule max_length already",
    ),
    "no_type": Broken(with_column(""), "x: data_type '' is not known"),
    "length_of_number": Broken(
        with_column("integer", "{max_length: {arguments: {length: 5}}}"),
        "x: rule max_length cannot be on a column of type integer",
    ),
    "blank_number": Broken(
        with_column("bigint", "not_blank"), "x: rule not_blank cannot be on a column of type bigint"
    ),
    "range_of_text": Broken(
        with_column("varchar", "{in_range: {arguments: {min: 5}}}"),
        "x: rule in_range cannot be on a column of type varchar",
    ),
    "values_of_boolean": Broken(
        with_column("boolean", "{accepted_values: {arguments: {values: ['true']}}}"),
        "x: rule accepted_values needs values, true or false",
    ),
    "utc_day": Broken(
        with_column("date", "utc_datetime"),
        "x: rule utc_datetime cannot be on a column of type date",
    ),
    "unique_fraction": Broken(
        with_column("double", "unique"), "x: rule unique cannot be on a column of type double"
    ),
    "reference_of_day": Broken(
        with_column("boolean", to("departments")),
        "x: rule relationships cannot be on a column of type boolean",
        "departments",
    ),
    "half": Broken(
        with_column("integer", "{in_range: {arguments: {min: 0.5}}}"), "x: rule in_range "
    ),
    "bound_in_words": Broken(
        with_column("integer", "{in_range: {arguments: {min: '5'}}}"), "x: rule in_range needs"
    ),
    "boundless": Broken(with_column("integer", "in_range"), "x: rule in_range needs min or max"),
    "no_length": Broken(
        with_column("varchar", "{max_length: {arguments: {length: long}}}"),
        "x: rule max_length needs length",
    ),
    "no_values": Broken(
        with_column("varchar", "{accepted_values: {arguments: {values: []}}}"),
        "x: rule accepted_values needs values",
    ),
    "norway": Broken(
        with_column("varchar", "{accepted_values: {arguments: {values: [CH, NO, PE]}}}"),
        "x: rule accepted_values needs values",
    ),
    "numbers_for_texts": Broken(
        with_column("varchar", "{accepted_values: {arguments: {values: [1, 2]}}}"),
        "x: rule accepted_values ",
    ),
    "unique_where": Broken(
        with_column("integer", "{unique: {config: {where: id > 3}}}"),
        "x: rule unique has where or severity, which a rule that needs other rows cannot have",
    ),
    "unique_warns": Broken(
        with_column("integer", "{unique: {config: {severity: warn}}}"),
        "x: rule unique has where or severity, which a rule that needs other rows cannot have",
    ),
    "key_that_may_be_missing_somewhere": Broken(
        KEY.replace("not_null", "{not_null: {config: {where: id > 3}}}"),
        "id: a primary key needs the rules not_null and unique",
    ),
    "range_of_days_by_number": Broken(
        with_column("date", "{in_range: {arguments: {min: 2020}}}"),
        "x: rule in_range needs min or max, texts, each a date",
    ),
    "range_of_no_day": Broken(
        with_column("date", "{in_range: {arguments: {min: '2021-02-30'}}}"), "x: rule in_range "
    ),
    "values_of_no_day": Broken(
        with_column("date", "{accepted_values: {arguments: {values: [tomorrow]}}}"),
        "x: rule accepted_values ",
    ),
    "form_that_is_none": Broken(
        with_column("varchar", "{matches: {arguments: {regex: '['}}}"), "x: rule matches "
    ),
    "form_that_looks_ahead": Broken(
        with_column("varchar", "{matches: {arguments: {regex: 'a(?=b)'}}}"), "x: rule matches "
    ),
    "future_of_text": Broken(
        with_column("varchar", "not_in_future"),
        "x: rule not_in_future cannot be on a column of type varchar",
    ),
    "proportion": Broken(
        with_column("varchar", "{not_null_proportion: {arguments: {at_least: 0.9}}}"),
        "x: rule not_null_proportion is not a known kind",
    ),
    "no_key": Broken(KEY.replace("  constraints: [{type: primary_key}]\n", ""), "primary_key"),
    "key_that_may_be_missing": Broken(
        KEY.replace("not_null, ", ""), "id: a primary key needs the rules not_null and unique"
    ),
    "key_that_may_repeat": Broken(
        KEY.replace(", unique", ""), "id: a primary key needs the rules not_null and unique"
    ),
    "key_of_another_sort": Broken(KEY, ": key: natural is not known: there is", key="natural"),
    "small_ids": Broken(
        KEY, ": key: generated needs id to be a bigint, not integer", key="generated"
    ),
    "judged_ids": Broken(
        KEY.replace("integer", "bigint").replace(
            "unique]", "unique, {in_range: {arguments: {min: 1}}}]"
        ),
        ": key: generated: id has not_null, unique and nothing else",
        key="generated",
    ),
    "refers_to_any": Broken(
        with_column("varchar", to("departments", "department")),
        "x: rule relationships needs a unique column departments.department in core",
        "departments",
    ),
    "refers_to_mart": Broken(
        with_column("integer", to("hires_by_department")),
        "x: rule relationships needs a unique column hires_by_department.id in core",
        "hires_by_department",
    ),
    "refers_to_other_type": Broken(
        with_column("bigint", to("departments")),
        "x: rule relationships needs the type of departments.id, integer",
        "departments",
    ),
    "refers_to_nothing": Broken(with_column("integer", to("nowhere")), "x: rule relationships"),
    "refers_to_two": Broken(
        with_column("integer", f"{to('departments')}, {to('jobs')}"),
        "x: rule relationships stands twice",
        "departments jobs",
    ),
    "history_of_no_options": Broken(KEY, ": csv: it is to say options by their names", csv="[1]"),
    "history_by_a_wrong_name": Broken(
        KEY, ": csv: there is no option delimeter; there are encoding, ", csv='{delimeter: ";"}'
    ),
    "history_by_two_delimiters": Broken(KEY, ": csv: delimiter: it is", csv='{delimiter: ";;"}'),
    "history_without_a_name": Broken(
        KEY, ": csv: columns: there is no column nome", csv='{columns: [id, "-", nome]}'
    ),
    "history_skips_words": Broken(KEY, ": csv: skip: it is how many lines", csv="{skip: two}"),
    "synonym_of_two": Broken(
        with_column("integer") + synonyms("[Nr.]") + f"- {{name: y, {SYNONYM_OF_Y}}}\n",
        ".y: synonym 'NR' is a synonym of x, too",
    ),
    "synonym_that_is_a_name": Broken(
        with_column("integer") + synonyms("[ID]"), ".x: synonym 'ID' is the name of id, too"
    ),
    "synonyms_that_are_no_texts": Broken(
        with_column("integer") + synonyms("[1]"), ".x: synonyms are a list of texts, not [1]"
    ),
}
TWO = (
    KEY.replace("  constraints: [{type: primary_key}]\n", "")
    + with_column("integer", "not_null")[len(KEY) :]
)


def together(*names: str, **more: str) -> str:
    """The YAML of columns that are unique together, with a comma behind."""
    said = "".join(f", {name}: {value}" for name, value in more.items())
    columns = f"combination_of_columns: [{', '.join(names)}]"
    return f"unique_combination_of_columns: {{arguments: {{{columns}}}{said}}}"


def referring(columns: str, to: str, fields: str) -> str:
    """The YAML of columns that refer to a row together."""
    said = f"columns: [{columns}], to: ref('{to}'), fields: [{fields}]"
    return f"relationships_of_columns: {{arguments: {{{said}}}}}"


KEY_OF_TWO = "constraints: [{type: primary_key, columns: [id, x]}]"
BROKEN |= {
    "key_that_is_not_unique_together": Broken(
        TWO,
        ".id,x: a primary key needs the rules not_null and unique_combination_of_columns",
        model=KEY_OF_TWO,
    ),
    "key_of_which_a_part_may_be_missing": Broken(
        TWO.replace("[not_null]", "[]"),
        ".id,x: a primary key needs the rules not_null and unique_combination_of_columns",
        model=f"{KEY_OF_TWO}\ndata_tests: [{{{together('id', 'x')}}}]",
    ),
    "together_with_none": Broken(
        KEY,
        ": rule unique_combination_of_columns: there is no column nope",
        model=f"data_tests: [{{{together('id', 'nope')}}}]",
    ),
    "together_alone": Broken(
        KEY,
        ": rule unique_combination_of_columns needs combination_of_columns, two names or more",
        model=f"data_tests: [{{{together('id')}}}]",
    ),
    "together_with_fractions": Broken(
        with_column("double"),
        ": rule unique_combination_of_columns cannot be on a column of type double: x",
        model=f"data_tests: [{{{together('id', 'x')}}}]",
    ),
    "together_in_part": Broken(
        with_column("integer"),
        ": rule unique_combination_of_columns has where or severity, which a rule that",
        model=f"data_tests: [{{{together('id', 'x', config='{where: id > 3}')}}}]",
    ),
    "refers_by_more_columns_than_fields": Broken(
        with_column("integer"),
        ": rule relationships_of_columns needs fields, two names or more",
        "departments",
        model=f"data_tests: [{{{referring('id, x', 'departments', 'id')}}}]",
    ),
    "refers_to_what_is_not_unique_together": Broken(
        with_column("varchar"),
        ".id,x: rule relationships needs a unique column departments.id,department in core",
        "departments",
        model=f"data_tests: [{{{referring('id, x', 'departments', 'id, department')}}}]",
    ),
    "refers_to_itself_but_not_by_its_key": Broken(
        with_column("integer", f"unique, {to('refers_to_itself_but_not_by_its_key', 'x')}"),
        ".x: rule relationships needs the primary key id, as it is in its own table",
    ),
}
# The order of the builds is dbt's business, so Python has no such error.
NO_PARENTS = Broken(
    with_column("integer", to("jobs")), "x: rule relationships: write table_of_record("
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With every broken table. None of them has a history: the dictionary alone must fail."""
    project = Project(tmp_path_factory.mktemp("broken"))
    (project.folder / "dbt_project" / "macros" / "even.sql").write_text(EVEN)
    for name, broken in {**BROKEN, "no_parents": NO_PARENTS}.items():
        said = {"key": broken.key} if broken.key else {}
        project.model(name, broken.columns, broken.parents, csv=broken.csv, **said)
        if broken.model:
            tests = "    data_tests: [history_accounted_for]\n"
            lines = "".join(f"    {line}\n" for line in broken.model.splitlines())
            project.change(name, tests, lines)
    return project


@pytest.fixture(scope="module")
def said(project: Project) -> str:
    """What `dbt build` says."""
    build = project.dbt("build")
    assert build.returncode == 1, build.stdout
    return build.stdout


@pytest.fixture(scope="module")
def nodes(said: str, project: Project) -> Mapping[str, Any]:
    """What dbt has read."""
    manifest = json.loads((project.settings.target / "manifest.json").read_text())
    return manifest["nodes"]  # type: ignore[no-any-return]


def only(nodes: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The nodes of some models and of their rules."""
    wanted = {f"model.gatehouse.{name}" for name in names}
    return {
        key: node
        for key, node in nodes.items()
        if key in wanted or node.get("attached_node") in wanted
    }


@pytest.mark.parametrize("name", [*BROKEN, "no_parents"])
def test_dbt_build_names_model_column_and_rule(said: str, name: str) -> None:
    expected = {**BROKEN, "no_parents": NO_PARENTS}[name].says
    reasons = [line for line in said.splitlines() if line.strip().startswith(f"{name}")]
    assert any(expected in reason for reason in reasons), reasons


@pytest.mark.parametrize("name", BROKEN)
def test_read_dictionary_names_model_column_and_rule(nodes: Mapping[str, Any], name: str) -> None:
    with pytest.raises(DictionaryError) as error:
        read_dictionary(only(nodes, *SOUND, "hires_by_department", name))
    assert str(error.value).startswith(name)
    assert BROKEN[name].says in str(error.value)


def test_a_broken_table_leaves_the_sound_ones_and_no_dictionary_behind(
    project: Project, said: str
) -> None:
    assert "OK created sql incremental model core.departments" in said
    assert project.query("select * from ops.dictionary") == []


def test_read_dictionary_takes_what_the_checkout_says(nodes: Mapping[str, Any]) -> None:
    dictionary = read_dictionary(only(nodes, *SOUND, "hires_by_quarter"))
    assert list(dictionary.tables) == ["departments", "jobs", "hired_employees"]
    hires = dictionary.tables["hired_employees"]
    assert hires.column_names == ("id", "name", "datetime", "department_id", "job_id")
    assert hires.parents == {"departments", "jobs"}
    assert [rule.kind for rule in hires.column("name").rules] == [
        "max_length",
        "not_blank",
        "not_null",
    ]
    assert list(dictionary.reports) == ["hires_by_quarter"]


def test_synonyms_go_into_the_dictionary_from_config_and_from_meta(
    nodes: Mapping[str, Any],
) -> None:
    said = json.loads(json.dumps(only(nodes, *SOUND)))
    columns = said["model.gatehouse.hired_employees"]["columns"]
    columns["name"]["config"]["meta"]["synonyms"] = ["employee", "full name"]
    columns["job_id"]["meta"] = {"synonyms": ["position"]}
    table = read_dictionary(said).tables["hired_employees"]
    assert {each.name: each.synonyms for each in expected_columns(table)} == {
        "id": (),
        "name": ("employee", "full name"),
        "datetime": (),
        "department_id": (),
        "job_id": ("position",),
    }


def test_tables_in_a_circle_are_named(nodes: Mapping[str, Any]) -> None:
    circle = json.loads(json.dumps(only(nodes, *SOUND)))
    rule = next(node for node in circle.values() if node["name"].startswith("relationships"))
    circle["back"] = rule | {
        "attached_node": "model.gatehouse.departments",
        "column_name": "id",
        "test_metadata": {
            "name": "relationships",
            "kwargs": {"to": "ref('hired_employees')", "field": "id"},
        },
    }
    with pytest.raises(DictionaryError, match=r"in a circle: .*departments.*hired_employees"):
        read_dictionary(circle)


def test_an_argument_that_a_rule_does_not_have_fails_the_build(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.change("jobs", "in_range: {arguments: {min: 1}}", "in_range: {arguments: {least: 1}}")
    message = project.build_fails().message or ""
    assert "in_range_jobs_id" in message  # the rule, its model and its column
    assert "no keyword argument 'least'" in message
    assert not project.settings.warehouse.exists()
