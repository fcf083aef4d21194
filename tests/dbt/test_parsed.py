"""Builds in tests begin with what dbt has read before: they must not do without it unnoticed."""

import json

import pytest

from service.dbt.runner import BuildFailed, build_offline, parse
from tests.support.projects import SITES, Project


def test_nothing_is_read_anew_for_a_warehouse_elsewhere(settings):
    parse(settings)
    assert _read(settings) == 0


def test_of_a_project_that_was_changed_only_that_is_read(built, tmp_path):
    project = Project(tmp_path)
    project.change("jobs", "in_range: {arguments: {min: 1}}", "in_range: {arguments: {min: 2}}")
    parse(project.settings)
    assert 0 < _read(project.settings) < 15  # with what refers to it; all are hundreds
    project.write("departments", "id,department\n1,One\n")
    project.write("jobs", "id,job\n1,First\n")
    project.write("hired_employees", "id,name,datetime,department_id,job_id\n")
    assert build_offline(project.settings).status == "done"
    assert project.rejections("jobs") == [(2, "id", "in_range")]


def test_of_a_project_of_own_tables_only_those_are_read(tmp_path):
    project = Project(tmp_path)
    project.leave_out_tables()
    project.model("sites", SITES)
    parse(project.settings)
    assert 0 < _read(project.settings) < 15


def test_what_was_read_is_kept_until_a_file_or_a_variable_changes(tmp_path, monkeypatch):
    project = Project(tmp_path)
    project.write("departments", "id,department\n1,One\n")
    kept = parse(project.settings)
    project.build()
    project.append("departments", "2,Two")
    assert parse(project.settings) is kept  # though it was run, and the history has changed
    size = len(kept.flat_graph)
    project.build()
    assert len(kept.flat_graph) == size  # what a run notes there does not outlast it

    def anew(change, *values):
        nonlocal kept
        change(*values)
        said, kept = kept, parse(project.settings)
        assert said is not kept
        assert parse(project.settings) is kept

    yaml = project.core / "jobs.yml"
    anew(project.change, "jobs", "length: 255", "length: 254")
    assert _says(kept, 254)
    macro = project.folder / "dbt_project" / "macros" / "new.sql"
    anew(macro.write_text, "{% macro new() %}{% endmacro %}")
    anew((project.folder / "selectors.yml").write_text, "selectors: []\n")
    anew((project.folder / "seeds" / "raw_more.csv").write_text, "id\n")
    anew(monkeypatch.setenv, "DBT_SOMETHING", "else")
    sound = yaml.read_text()
    yaml.write_text("models: [{name: jobs, columns: [")
    for _ in range(2):
        with pytest.raises(BuildFailed, match="jobs"):
            parse(project.settings)
    anew(yaml.write_text, sound)


def _says(manifest, length):
    return any(
        node.test_metadata.kwargs.get("length") == length
        for node in manifest.nodes.values()
        if node.resource_type == "test"
    )


def _read(settings):
    return json.loads((settings.target / "perf_info.json").read_text())["parsed_path_count"]
