"""Builds that fail in a service: they say why, and the service goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.inserting import LIVE, Clients, build, rules
from tests.support.projects import Project

pytestmark = pytest.mark.slow


def broken_mart(project: Project) -> None:
    mart = project.marts / "a_mart.sql"
    mart.parent.mkdir()
    mart.write_text(
        "{{ config(contract={'enforced': false}) }}"
        "select nothing_like_it from {{ ref('hired_employees') }}\n"
    )


def broken_table(project: Project) -> None:
    """It fails when it is written: after the lock was taken."""
    (project.core / "jobs.sql").write_text("{{ table_of_record() }} and nothing_like_it\n")
    project.append("jobs", "2,Second")


def broken_yaml(project: Project) -> None:
    (project.core / "jobs.yml").write_text("models: [{name: jobs, columns: [")


def unknown_rule(project: Project) -> None:
    project.change("jobs", "- not_blank", "- not_nice")


def unknown_type(project: Project) -> None:
    project.change("jobs", "data_type: varchar", "data_type: uuid")


def changed_type(project: Project) -> None:
    project.change("jobs", "data_type: integer", "data_type: bigint")


BROKEN: dict[Callable[[Project], None], list[str]] = {
    broken_mart: ["a_mart", "nothing_like_it"],
    broken_table: ["jobs", "nothing_like_it"],
    broken_yaml: ["jobs.yml"],
    unknown_rule: ["not_nice"],
    unknown_type: ["jobs.job", "uuid"],
    changed_type: ["jobs.id", "bigint"],
}


def models(project: Project) -> dict[Path, bytes]:
    """The project's models and their YAML, to put them back."""
    folder = project.folder / "dbt_project" / "models"
    return {path: path.read_bytes() for path in folder.rglob("*.*")}


def put_back(project: Project, sound: dict[Path, bytes]) -> None:
    for path in models(project).keys() - sound.keys():
        path.unlink()
    for path, content in sound.items():
        path.write_bytes(content)


def test_a_build_that_fails_says_why_and_the_service_goes_on(project: Project, clients: Clients):
    project.leave_out_marts()
    sound = models(project)
    for breaking, words in BROKEN.items():
        breaking(project)
        said = build(clients, clients.insert_something)
        clients.insert_something()  # it would wait for ever if the lock were still held
        assert said["status"] == "failed", breaking.__name__
        missing = [word for word in words if word not in said["message"]]
        assert missing == [], (breaking.__name__, said["message"])
        put_back(project, sound)
    project.append("jobs", "3,Third")
    said = build(clients, clients.insert_something)
    assert said["status"] == "done", said["message"]
    late = clients.client.post("/v1/tables/jobs/rows", json=[{"id": 3, "job": "Third"}])
    assert rules(late) == ["unique"]
    ids = f"select id from core.hired_employees where name = '{LIVE}'"
    assert {number for (number,) in project.query(ids)} == clients.accepted()
