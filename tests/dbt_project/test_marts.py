"""Marts: their contracts, grains and comments, and what the manifest says is made of them."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from service.dictionary.manifest import read_dictionary
from tests.support import CHECKOUT
from tests.support.projects import Project

HISTORY = {
    "departments": "id,department\n1,Archives\n",
    "jobs": "id,job\n1,Welder\n2,\n",
    "hired_employees": "id,name,datetime,department_id,job_id\n1,Ada,2021-02-03T00:00:00Z,1,1\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Built as it is shipped; one rejection."""
    project = Project(tmp_path_factory.mktemp("marts"))
    for table, text in HISTORY.items():
        project.write(table, text)
    project.build(marts=True)
    return project


@pytest.fixture(scope="module")
def manifest(project: Project) -> Mapping[str, Any]:
    """What dbt reads of it; no warning is let through."""
    parsed = project.dbt("--warn-error", "parse")
    assert parsed.returncode == 0, parsed.stdout
    found: Mapping[str, Any] = json.loads((project.settings.target / "manifest.json").read_text())
    return found


def models(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_each_model_has_an_owner_a_contract_and_words_for_every_column(
    manifest: Mapping[str, Any],
) -> None:
    owners = {group["name"] for group in manifest["groups"].values()}
    assert models(manifest)
    for node in models(manifest):
        assert node["group"] in owners, node["name"]
        assert node["contract"]["enforced"], node["name"]
        assert node["access"] == "public", node["name"]
        assert node["description"].startswith("One row per "), node["name"]
        for column in node["columns"].values():
            assert column["description"], (node["name"], column["name"])
            assert column["data_type"], (node["name"], column["name"])


def test_each_mart_says_its_grain(manifest: Mapping[str, Any]) -> None:
    tested = {
        node["attached_node"]: node["test_metadata"]["kwargs"]["combination_of_columns"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node["test_metadata"]["name"] == "unique_combination_of_columns"
    }
    for node in models(manifest):
        if node["schema"] == "marts":
            assert set(tested[node["unique_id"]]) <= set(node["columns"])


def test_each_report_is_an_exposure_of_its_mart(manifest: Mapping[str, Any]) -> None:
    exposures = {node["name"]: node for node in manifest["exposures"].values()}
    reports = read_dictionary(manifest["nodes"]).reports
    assert {name for name in exposures if name.startswith("report_")} == {
        f"report_{name}" for name in reports
    }
    for name, report in reports.items():
        said = exposures[f"report_{name}"]
        assert said["depends_on"]["nodes"] == [f"model.gatehouse.{report.model}"]
        assert said["description"] == report.description
    assert {"rest_service", "console"} < exposures.keys()


def test_macros_are_described(manifest: Mapping[str, Any]) -> None:
    """Those that someone may call; what an engine brings is described where it is asked for."""
    described = ("dictionary/", "docs/", "history/", "ops/", "names.sql", "engines/_dispatch.sql")
    words = {
        macro["name"]: macro["description"]
        for macro in manifest["macros"].values()
        if macro["package_name"] == "gatehouse"
        and macro["original_file_path"].removeprefix("dbt_project/macros/").startswith(described)
    }
    assert {name for name, text in words.items() if not text} == set()
    dispatch = (CHECKOUT / "dbt_project" / "macros" / "engines" / "_dispatch.sql").read_text()
    form = r"\{#- ((?:(?!#\}).)*?) -#\}\n\{% macro (\w+)\("
    for comment, name in re.findall(form, dispatch, re.DOTALL):
        assert words[name] == " ".join(comment.split()), name


def test_sources_name_every_column_of_their_tables(
    project: Project, manifest: Mapping[str, Any]
) -> None:
    said = [
        (source["name"], column["name"], column["data_type"])
        for source in manifest["sources"].values()
        for column in source["columns"].values()
        if column["description"]
    ]
    there = project.query(
        "select table_name, column_name, lower(data_type) from information_schema.columns"
        " where table_schema = 'ops'"
        f" and table_name in ({', '.join(repr(name) for name in {name for name, *_ in said})})"
    )
    assert {"loads", "rejections", "replays", "changes"} <= {name for name, *_ in said}
    assert sorted(said) == sorted(there)


def test_comments_stand_in_the_warehouse_in_the_words_of_the_yaml(
    project: Project, manifest: Mapping[str, Any]
) -> None:
    relations = (
        "select schema_name, table_name, comment from duckdb_tables()"
        " union all select schema_name, view_name, comment from duckdb_views()"
    )
    comments = {f"{schema}.{name}": comment for schema, name, comment in project.query(relations)}
    columns = {
        (f"{schema}.{table}", column): comment
        for schema, table, column, comment in project.query(
            "select schema_name, table_name, column_name, comment from duckdb_columns()"
        )
    }
    for node in models(manifest):
        name = f"{node['schema']}.{node['name']}"
        assert comments[name] == node["description"]
        for column in node["columns"].values():
            assert columns[name, column["name"]] == column["description"]


def test_a_build_writes_only_comments_that_have_changed(project: Project) -> None:
    own = project.copied(project.folder.parent / "worded")
    said = own.dbt("--debug", "run", "--select", "jobs").stdout.lower()
    assert "duckdb_columns()" in said
    assert "comment on" not in said
    own.change("jobs", "that an employee can be hired for", "of 'ours'")
    own.build("jobs")
    comments = own.query(
        "select comment from duckdb_tables() where schema_name = 'core' and table_name = 'jobs'"
    )
    assert comments == [("One row per job of 'ours'.",)]


def test_rejections_are_counted_by_rule_and_day(project: Project) -> None:
    mart = "select * exclude (day, year) from marts.rejections_by_rule_and_day"
    assert project.query(mart) == [("jobs", "job", "not_null", 1, 1)]


def test_marts_do_not_name_the_file_of_the_warehouse(project: Project) -> None:
    made = project.query("select sql from duckdb_views() where schema_name = 'marts'")
    assert made
    assert not [sql for (sql,) in made if "gatehouse." in sql.lower()]


@pytest.mark.parametrize(
    ("rows", "fails"),
    [
        ("(2021, 'a', 1), (2021, 'b', 2)", False),
        ("(2021, null, 1), (2021, 'b', 2)", False),  # a column that may be NULL
        ("(2021, 'a', 1), (2021, 'a', 2)", True),  # one grain twice
        ("(2021, null, 1), (2021, null, 2)", True),
        ("(null, 'a', 1)", True),
        ("(2021, 'a', null)", True),
    ],
)
def test_the_test_of_a_grain(
    project: Project, tmp_path_factory: pytest.TempPathFactory, rows: str, fails: bool
) -> None:
    own = grains(project, tmp_path_factory)
    own.query(f"create or replace view marts.sums as from (values {rows}) as t (year, part, total)")
    assert bool(own.failing("sums")) == fails


GRAINS: list[Project] = []


def grains(project: Project, folders: pytest.TempPathFactory) -> Project:
    """A copy with one more mart, whose rows a test makes itself."""
    if not GRAINS:
        own = project.copied(folders.mktemp("grains") / "project")
        folder = own.folder / "dbt_project" / "models" / "marts"
        (folder / "sums.sql").write_text("select 2021 as year, 'a' as part, 1 as total\n")
        (folder / "sums.yml").write_text(
            "models:\n  - name: sums\n    description: One row per year and part.\n"
            "    data_tests:\n      - unique_combination_of_columns:\n"
            "          arguments: {combination_of_columns: [year, part], nullable: [part]}\n"
            "    columns:\n"
            + "".join(
                f"      - {{name: {name}, data_type: {kind}, description: Of it.}}\n"
                for name, kind in [("year", "integer"), ("part", "varchar"), ("total", "integer")]
            )
        )
        GRAINS.append(own)
    return GRAINS[0]
