"""Builds in tests begin with what dbt has read before: they must not do without it unnoticed."""

import json

from service.dbt.runner import build_offline, parse
from tests.support.projects import Project


def test_nothing_is_read_anew_for_a_warehouse_elsewhere(settings):
    parse(settings)
    assert _read(settings) == 0


def test_of_a_project_that_was_changed_only_that_is_read(built, tmp_path):
    project = Project(tmp_path)
    project.change("jobs", "in_range: {arguments: {min: 1}}", "in_range: {arguments: {min: 2}}")
    parse(project.settings)
    assert 0 < _read(project.settings) < 5
    project.write("departments", "id,department\n1,One\n")
    project.write("jobs", "id,job\n1,First\n")
    project.write("hired_employees", "id,name,datetime,department_id,job_id\n")
    assert build_offline(project.settings).status == "done"
    assert project.rejections("jobs") == [(2, "id", "in_range")]


def _read(settings):
    return json.loads((settings.target / "perf_info.json").read_text())["parsed_path_count"]
